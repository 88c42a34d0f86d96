/**
 * `describe`, `it` and the hooks over the plain tests of a runtime. Every `it` is a test of its own, so that
 * filters and counts see the same tests on both runtimes; and nothing a test opened is open after it
 * (leaks.ts).
 *
 * @module
 */
import type { Bdd, RegisterHook, RegisterTest, TestBody, TestOptions } from "./bdd_port.ts";
import { readTestArguments, TEST_TIMEOUT_MS } from "./bdd_port.ts";
import { expectNothingLeft, lookAtOpen } from "./leaks.ts";

/** One test as the runtime's own runner takes it. */
export interface PlainTest {
  name: string;
  ignore: boolean;
  only: boolean;
  body: () => Promise<void>;
}

/** The runtime's own runner. */
export interface Runner {
  test(test: PlainTest): void;
  /** Registers what is called once after the last test of the file that is being read. */
  afterFile(body: () => Promise<void>): void;
}

/** A `describe` with what was registered in it. The outermost one is the file itself. */
interface Suite {
  readonly name: string;
  readonly parent: Suite | null;
  readonly ignored: boolean;
  readonly only: boolean;
  readonly beforeAll: TestBody[];
  readonly afterAll: TestBody[];
  readonly beforeEach: TestBody[];
  readonly afterEach: TestBody[];
  /** Tests in this suite and below it that have not run yet. */
  testsLeft: number;
  entered: boolean;
}

function newSuite(name: string, parent: Suite | null, ignored: boolean, only: boolean): Suite {
  const hooks = { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] };
  return { name, parent, ignored, only, ...hooks, testsLeft: 0, entered: false };
}

/** The suites from the file down to `suite`. */
function pathTo(suite: Suite): Suite[] {
  return suite.parent === null ? [suite] : [...pathTo(suite.parent), suite];
}

async function within(body: TestBody, timeout: number, what: string): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeout} ms`)), timeout);
  });
  try {
    await Promise.race([Promise.resolve(body()), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs every body, even after one failed, and throws the first failure. */
async function runAll(bodies: TestBody[]): Promise<void> {
  const failures: unknown[] = [];
  for (const body of bodies) {
    try {
      await body();
    } catch (failure) {
      failures.push(failure);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** The suites of one file, from the moment it is read until its last test has run. */
class FileSuites {
  readonly file = newSuite("", null, false, false);
  current = this.file;
  /** A test has run or the file is over, so that what is registered now belongs to another file. */
  began = false;
  /**
   * Suites whose `afterAll` is still to run, innermost last. A filter may leave some tests of a suite out.
   */
  readonly #entered: Suite[] = [];

  async run(suite: Suite, body: TestBody, timeout: number, name: string): Promise<void> {
    this.began = true;
    const path = pathTo(suite);
    for (const member of path) {
      if (member.entered) continue;
      member.entered = true;
      this.#entered.push(member);
      for (const hook of member.beforeAll) await hook();
    }
    const before = lookAtOpen();
    const inside = async () => {
      for (const member of path) for (const hook of member.beforeEach) await hook();
      await within(body, timeout, `the test "${name}"`);
    };
    const afterwards = [...path].reverse();
    await runAll([
      inside,
      ...afterwards.flatMap((member) => member.afterEach),
      () => expectNothingLeft(before),
      ...afterwards.map((member) => async () => {
        member.testsLeft -= 1;
        if (member.testsLeft === 0) await this.#leave(member);
      }),
    ]);
  }

  leaveAll(): Promise<void> {
    return runAll([...this.#entered].reverse().map((suite) => () => this.#leave(suite)));
  }

  async #leave(suite: Suite): Promise<void> {
    this.#entered.splice(this.#entered.indexOf(suite), 1);
    await runAll(suite.afterAll);
  }
}

/** Takes down what the files register, in their order. */
class Registrar {
  readonly #runner: Runner;
  #suites: FileSuites | undefined = undefined;

  constructor(runner: Runner) {
    this.#runner = runner;
  }

  test(flags: { ignore?: boolean; only?: boolean }): RegisterTest {
    return (
      given: string,
      first: TestBody | TestOptions,
      second?: TestBody | TestOptions | number,
    ): void => {
      const { name, body, timeout, ignored } = readTestArguments(given, first, second);
      const file = this.#reading();
      const suite = file.current;
      const path = pathTo(suite);
      const ignore = flags.ignore === true || ignored || path.some((member) => member.ignored);
      const only = flags.only === true || path.some((member) => member.only);
      if (!ignore) { for (const member of path) member.testsLeft += 1; }
      const fullName = [...path.slice(1).map((member) => member.name), name].join(" > ");
      this.#runner.test({ name: fullName, ignore, only, body: () => file.run(suite, body, timeout, name) });
    };
  }

  suite(ignored: boolean, only: boolean): (name: string, body: () => void) => void {
    return (name, body) => {
      const file = this.#reading();
      const outer = file.current;
      file.current = newSuite(name, outer, ignored, only);
      try {
        body();
      } finally {
        file.current = outer;
      }
    };
  }

  hook(list: "beforeAll" | "afterAll" | "beforeEach" | "afterEach"): RegisterHook {
    return (body, timeout = TEST_TIMEOUT_MS) => {
      this.#reading().current[list].push(() => within(body, timeout, `a ${list} hook`));
    };
  }

  /**
   * The suites of the file that is being read. Bun keeps one set of modules for all files, and with it this.
   */
  #reading(): FileSuites {
    if (this.#suites !== undefined && !this.#suites.began) return this.#suites;
    const fresh = this.#suites = new FileSuites();
    this.#runner.afterFile(() => {
      fresh.began = true;
      return fresh.leaveAll();
    });
    return fresh;
  }
}

/** The whole of `@std/testing/bdd` that the tests use, over the runner of one runtime. */
export function suitesOver(runner: Runner): Bdd {
  const registrar = new Registrar(runner);
  const suite = registrar.suite(false, false);
  const ignoredSuite = registrar.suite(true, false);
  const test = registrar.test({});
  const ignoredTest = registrar.test({ ignore: true });
  return {
    describe: Object.assign(registrar.suite(false, false), {
      only: registrar.suite(false, true),
      skip: ignoredSuite,
      ignore: ignoredSuite,
      skipIf: (condition: boolean) => condition ? ignoredSuite : suite,
    }),
    it: Object.assign(registrar.test({}), {
      only: registrar.test({ only: true }),
      skip: ignoredTest,
      ignore: ignoredTest,
      skipIf: (condition: boolean) => condition ? ignoredTest : test,
    }),
    beforeAll: registrar.hook("beforeAll"),
    afterAll: registrar.hook("afterAll"),
    beforeEach: registrar.hook("beforeEach"),
    afterEach: registrar.hook("afterEach"),
  };
}
