/**
 * `describe`, `it` and the hooks over `bun:test`.
 *
 * @module
 */
import * as runner from "bun:test";
import type { Bdd, RegisterTest, TestBody, TestOptions } from "./bdd_port.ts";
import { readTestArguments, TEST_TIMEOUT_MS } from "./bdd_port.ts";

type Register = (name: string, body: TestBody, timeout?: number) => void;

/**
 * The body of a test without its result: Bun waits on promises only, and any other value is none of its
 * business.
 */
function registering(register: Register, skip: Register): RegisterTest {
  return (
    name: string,
    first: TestBody | TestOptions,
    second?: TestBody | TestOptions | number,
  ): void => {
    const { name: fullName, body, timeout, ignored } = readTestArguments(name, first, second);
    (ignored ? skip : register)(fullName, async () => void (await body()), timeout);
  };
}

function hook(register: (body: TestBody, options?: { timeout: number }) => void): Bdd["beforeAll"] {
  return (body, timeout) =>
    register(async () => void (await body()), { timeout: timeout ?? TEST_TIMEOUT_MS });
}

const { describe, test } = runner;
const skip = registering(test.skip, test.skip);

export const bdd: Bdd = {
  describe: Object.assign(
    (name: string, body: () => void): void => describe(name, body),
    {
      // Looked up when it is called: with CI set, Bun throws as soon as anybody touches `only`.
      only: (name: string, body: () => void): void => describe.only(name, body),
      skip: (name: string, body: () => void): void => describe.skip(name, body),
      ignore: (name: string, body: () => void): void => describe.skip(name, body),
      skipIf: (condition: boolean) => condition ? describe.skip : describe,
    },
  ),
  it: Object.assign(registering(test, test.skip), {
    only: registering((name, body, timeout) => test.only(name, body, timeout), test.skip),
    skip,
    ignore: skip,
    skipIf: (condition: boolean) => condition ? skip : registering(test, test.skip),
  }),
  beforeAll: hook(runner.beforeAll),
  afterAll: hook(runner.afterAll),
  beforeEach: hook(runner.beforeEach),
  afterEach: hook(runner.afterEach),
};
