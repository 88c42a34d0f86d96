/**
 * `describe`, `it` and the hooks over `bun:test`.
 *
 * @module
 */
import * as runner from "bun:test";
import { suitesOver } from "./bdd_suites.ts";

/**
 * Milliseconds after which Bun itself gives a test up. The suites end it before, with a message that names
 * what took too long; this is for what they cannot see: hooks, and the wait for what a test left open.
 */
const GIVEN_UP_AFTER_MILLISECONDS = 600_000;

export const bdd = suitesOver({
  test({ name, body, ignore, only }) {
    // Looked up when it is called: with CI set, Bun throws as soon as anybody touches `only`.
    const register = ignore ? runner.test.skip : only ? runner.test.only : runner.test;
    register(name, body, GIVEN_UP_AFTER_MILLISECONDS);
  },
  afterFile: (body) => runner.afterAll(body, { timeout: GIVEN_UP_AFTER_MILLISECONDS }),
});
