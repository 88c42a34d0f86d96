/**
 * `describe`, `it` and the hooks over `Deno.test`. Every `it` is a test of its own, so that filters and
 * counts see the same tests as under Bun.
 *
 * @module
 */
import type { Bdd, RegisterHook, RegisterTest, TestBody, TestOptions } from "./bdd_port.ts";
import { readTestArguments, TEST_TIMEOUT_MS } from "./bdd_port.ts";

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

const file = newSuite("", null, false, false);
let current = file;
/** Suites whose `afterAll` is still to run, innermost last. A filter may leave some tests of a suite out. */
const entered: Suite[] = [];

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

async function leave(suite: Suite): Promise<void> {
  entered.splice(entered.indexOf(suite), 1);
  for (const body of suite.afterAll) await body();
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

async function runTest(suite: Suite, body: TestBody, timeout: number, name: string): Promise<void> {
  const path = pathTo(suite);
  for (const member of path) {
    if (member.entered) continue;
    member.entered = true;
    entered.push(member);
    for (const hook of member.beforeAll) await hook();
  }
  const inside = async () => {
    for (const member of path) for (const hook of member.beforeEach) await hook();
    await within(body, timeout, `the test "${name}"`);
  };
  const afterwards = [...path].reverse();
  await runAll([
    inside,
    ...afterwards.flatMap((member) => member.afterEach),
    ...afterwards.map((member) => async () => {
      member.testsLeft -= 1;
      if (member.testsLeft === 0) await leave(member);
    }),
  ]);
}

Deno.test.afterAll(() => runAll([...entered].reverse().map((suite) => () => leave(suite))));

function registering(flags: { ignore?: boolean; only?: boolean }): RegisterTest {
  return (
    given: string,
    first: TestBody | TestOptions,
    second?: TestBody | TestOptions | number,
  ): void => {
    const { name, body, timeout, ignored } = readTestArguments(given, first, second);
    const suite = current;
    const path = pathTo(suite);
    const ignore = flags.ignore === true || ignored || path.some((member) => member.ignored);
    const only = flags.only === true || path.some((member) => member.only);
    if (!ignore) { for (const member of path) member.testsLeft += 1; }
    const names = path.slice(1).map((member) => member.name);
    Deno.test({
      name: [...names, name].join(" > "),
      ignore,
      only,
      // A sleeping loop has a non-blocking native call under way, which is an operation that Deno sees
      // started in one test and ended in another. What a test leaves open is checked by the tests on the
      // loop's own counters.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => runTest(suite, body, timeout, name),
    });
  };
}

function suiteRegistering(ignored: boolean, only: boolean): (name: string, body: () => void) => void {
  return (name, body) => {
    const outer = current;
    current = newSuite(name, outer, ignored, only);
    try {
      body();
    } finally {
      current = outer;
    }
  };
}

function hook(list: "beforeAll" | "afterAll" | "beforeEach" | "afterEach"): RegisterHook {
  return (body, timeout = TEST_TIMEOUT_MS) => {
    current[list].push(() => within(body, timeout, `a ${list} hook`));
  };
}

const suite = suiteRegistering(false, false);
const ignoredSuite = suiteRegistering(true, false);
const test = registering({});
const ignoredTest = registering({ ignore: true });

export const bdd: Bdd = {
  describe: Object.assign(suiteRegistering(false, false), {
    only: suiteRegistering(false, true),
    skip: ignoredSuite,
    ignore: ignoredSuite,
    skipIf: (condition: boolean) => condition ? ignoredSuite : suite,
  }),
  it: Object.assign(registering({}), {
    only: registering({ only: true }),
    skip: ignoredTest,
    ignore: ignoredTest,
    skipIf: (condition: boolean) => condition ? ignoredTest : test,
  }),
  beforeAll: hook("beforeAll"),
  afterAll: hook("afterAll"),
  beforeEach: hook("beforeEach"),
  afterEach: hook("afterEach"),
};
