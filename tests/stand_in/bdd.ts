/**
 * Stands in for `@std/testing/bdd` on both runtimes, so that the tests need no package from a registry.
 *
 * @module
 */
import "./assertions.ts";
import type { Bdd, Describe, It, RegisterHook } from "./bdd_port.ts";

export type { TestBody, TestOptions } from "./bdd_port.ts";
export { TEST_TIMEOUT_MS } from "./bdd_port.ts";

const chosen: Bdd = "Bun" in globalThis
  ? (await import("./bdd_bun.ts")).bdd
  : (await import("./bdd_deno.ts")).bdd;

export const describe: Describe = chosen.describe;
export const it: It = chosen.it;
export const test: It = chosen.it;
export const beforeAll: RegisterHook = chosen.beforeAll;
export const before: RegisterHook = chosen.beforeAll;
export const afterAll: RegisterHook = chosen.afterAll;
export const after: RegisterHook = chosen.afterAll;
export const beforeEach: RegisterHook = chosen.beforeEach;
export const afterEach: RegisterHook = chosen.afterEach;
