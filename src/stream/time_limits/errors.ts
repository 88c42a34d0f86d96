/**
 * The errors of time limits.
 *
 * @module
 */
import { LimitError, TimeoutError } from "../../base/errors.ts";
import { type Limits, limitTable, timeoutCode, timeoutOption } from "./table.ts";
import type { TimeoutKind } from "./types.ts";

/** The error of a limit that was reached. */
export function timeoutError(kind: TimeoutKind, limits: Limits, connectionId: number): TimeoutError {
  const { operation, text } = limitTable[kind];
  const message = `${operation}: ${text(limits[kind], limits.rateGrace)} (${timeoutOption(kind)})`;
  return new TimeoutError(message, { code: timeoutCode(kind), operation, connectionId });
}

/** A connection cannot be watched: without its limits it is not kept. */
export function timersExhausted(connectionId: number): LimitError {
  return new LimitError("timeouts: the loop has no timer left for this connection (createLoop: timers)", {
    code: "ERR_TIMERS_EXHAUSTED",
    operation: "timeouts",
    connectionId,
  });
}
