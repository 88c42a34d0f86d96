/**
 * What the two stand-ins of `@std/testing/bdd` give, so that one test file runs on both runtimes.
 *
 * @module
 */

/** Milliseconds one test or hook may take: for hangs only, so above what any single wait may last. */
export const TEST_TIMEOUT_MS = 180_000;

export type TestBody = () => unknown;

export interface TestOptions {
  /** Milliseconds until the test counts as failed. */
  timeout?: number;
  /** The reason why this test does not run here, or false when it does. */
  ignore?: string | false;
}

export interface RegisterTest {
  (name: string, body: TestBody, options?: TestOptions | number): void;
  (name: string, options: TestOptions, body: TestBody): void;
}

/** One test. `skip` wants the reason in its name. */
export interface It extends RegisterTest {
  only: RegisterTest;
  skip: RegisterTest;
  ignore: RegisterTest;
  /** Skips when the condition holds: `it.skipIf(onWindows)("name", body)`. */
  skipIf(condition: boolean): RegisterTest;
}

export interface RegisterSuite {
  (name: string, body: () => void): void;
}

export interface Describe extends RegisterSuite {
  only: RegisterSuite;
  skip: RegisterSuite;
  ignore: RegisterSuite;
  skipIf(condition: boolean): RegisterSuite;
}

export type RegisterHook = (body: TestBody, timeout?: number) => void;

export interface Bdd {
  describe: Describe;
  it: It;
  beforeAll: RegisterHook;
  afterAll: RegisterHook;
  beforeEach: RegisterHook;
  afterEach: RegisterHook;
}

export interface TestArguments {
  name: string;
  body: TestBody;
  timeout: number;
  ignored: boolean;
}

/** Brings the argument orders of `it` to one form. The reason of a skip becomes part of the name. */
export function readTestArguments(
  name: string,
  first: TestBody | TestOptions,
  second: TestBody | TestOptions | number | undefined,
): TestArguments {
  const body = typeof first === "function" ? first : second;
  if (typeof body !== "function") throw new TypeError(`the test "${name}" has no body`);
  const given = typeof first === "function" ? second : first;
  const options: TestOptions = typeof given === "number" ? { timeout: given } : (given ?? {}) as TestOptions;
  const reason = options.ignore;
  return {
    name: reason ? `${name} (skipped: ${reason})` : name,
    body: body as TestBody,
    timeout: options.timeout ?? TEST_TIMEOUT_MS,
    ignored: Boolean(reason),
  };
}
