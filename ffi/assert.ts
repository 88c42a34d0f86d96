/**
 * Assertions: what must hold unless this library has a bug. What a peer, the kernel or the application can
 * cause is an error and never an assertion.
 *
 * They are checked in tests (`RINGPORT_ASSERTIONS=1`) and in development mode (`RINGPORT_DEVELOPMENT=1`). In
 * production they cost nothing if they stand behind a constant of their own module, which both engines fold:
 *
 * ```ts
 * import { assert, ASSERTIONS } from "./assert.ts";
 *
 * const asserting = ASSERTIONS;
 *
 * function release(holds: number): number {
 *   if (asserting) assert(holds > 0, "a segment is released once for each hold");
 *   return holds - 1;
 * }
 * ```
 *
 * @module
 */

import { hostVariable } from "./host_variable.ts";

function isOn(name: string): boolean {
  const text = hostVariable(name);
  return text === "1" || text === "true";
}

/** Whether assertions are checked in this process. Read once, when the module is loaded. */
export const ASSERTIONS: boolean = isOn("RINGPORT_ASSERTIONS") || isOn("RINGPORT_DEVELOPMENT");

/** An assertion did not hold: a bug of this library. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
  readonly code = "ERR_ASSERTION";

  constructor(statement: string) {
    super(`assertion failed: ${statement}. This is a bug in Ringport; please report it with this stack`);
  }
}

/** Throws an AssertionError unless `condition` holds. `statement` says what must be true. */
export function assert(condition: boolean, statement: string): asserts condition {
  if (!condition) throw new AssertionError(statement);
}
