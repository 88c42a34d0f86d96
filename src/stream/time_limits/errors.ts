/**
 * The errors of limits that were reached.
 *
 * @module
 */
import { LimitError, TimeoutError } from "../../base/errors.ts";
import type { Limits } from "./table.ts";
import type { TimeoutKind } from "./types.ts";

/** How each kind shows: its code, what was being done, and the limit in words. */
const told: Record<TimeoutKind, { code: string; operation: string; text: (limits: Limits) => string }> = {
  firstByte: {
    code: "ERR_TIMEOUT_FIRST_BYTE",
    operation: "receive",
    text: ({ firstByte }) => `no byte came within ${firstByte} ms of opening (timeouts.firstByte)`,
  },
  message: {
    code: "ERR_TIMEOUT_MESSAGE",
    operation: "receive",
    text: ({ message }) => `a message was not complete within ${message} ms (timeouts.message)`,
  },
  writeStall: {
    code: "ERR_TIMEOUT_WRITE_STALL",
    operation: "send",
    text: ({ writeStall }) => `the peer took no byte for ${writeStall} ms (timeouts.writeStall)`,
  },
  idle: {
    code: "ERR_TIMEOUT_IDLE",
    operation: "connection",
    text: ({ idle }) => `nothing happened for ${idle} ms (timeouts.idle)`,
  },
  lifetime: {
    code: "ERR_TIMEOUT_LIFETIME",
    operation: "connection",
    text: ({ lifetime }) => `open for ${lifetime} ms (timeouts.lifetime)`,
  },
  receiveRate: {
    code: "ERR_TIMEOUT_RECEIVE_RATE",
    operation: "receive",
    text: ({ receiveRate, rateGrace }) =>
      `a message came in with less than ${receiveRate} bytes a second over ${rateGrace} ms (receiveRate)`,
  },
  sendRate: {
    code: "ERR_TIMEOUT_SEND_RATE",
    operation: "send",
    text: ({ sendRate, rateGrace }) =>
      `the peer took less than ${sendRate} bytes a second over ${rateGrace} ms (sendRate)`,
  },
};

/** The error of a limit that was reached. */
export function timeoutError(kind: TimeoutKind, limits: Limits, connectionId: number): TimeoutError {
  const { code, operation, text } = told[kind];
  return new TimeoutError(`${operation}: ${text(limits)}`, { code, operation, connectionId });
}

/** A connection cannot be watched: without its limits it is not kept. */
export function timersExhausted(connectionId: number): LimitError {
  return new LimitError("timeouts: the loop has no timer left for this connection (createLoop: timers)", {
    code: "ERR_TIMERS_EXHAUSTED",
    operation: "timeouts",
    connectionId,
  });
}
