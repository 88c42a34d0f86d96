/**
 * The limits of a connection as numbers, checked and complete.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  bufferLimitMaxBytes,
  rateGraceDefaultMilliseconds,
  timerStepMaxMilliseconds,
  timerStepShare,
} from "../../base/limits.ts";
import { checkOptions, type OptionSchema, wholeNumber } from "../../base/options.ts";
import type { ConnectionTimeoutOptions, RateOptions } from "./types.ts";

const milliseconds = wholeNumber(0, TIMER_DELAY_MAX_MS, "milliseconds");
const bytesPerSecond = wholeNumber(0, bufferLimitMaxBytes, "bytes a second");

/** Keys of {@linkcode ConnectionTimeoutOptions}. */
export const timeoutSchema: OptionSchema = {
  firstByte: milliseconds,
  message: milliseconds,
  writeStall: milliseconds,
  idle: milliseconds,
  lifetime: milliseconds,
};

/** Keys of the time limits of a connect. */
export const connectTimeoutSchema: OptionSchema = {
  ...timeoutSchema,
  connect: milliseconds,
};

/** Keys of {@linkcode RateOptions}. */
export const rateSchema: OptionSchema = {
  receiveRate: bytesPerSecond,
  sendRate: bytesPerSecond,
  rateGrace: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
};

/** The limits of one connection or of all of a configuration. 0 is none. */
export interface Limits {
  readonly firstByte: number;
  readonly message: number;
  readonly writeStall: number;
  readonly idle: number;
  readonly lifetime: number;
  readonly receiveRate: number;
  readonly sendRate: number;
  readonly rateGrace: number;
  /** Milliseconds the timer's end is rounded up to; a power of two. */
  readonly step: number;
}

const none: Limits = {
  firstByte: 0,
  message: 0,
  writeStall: 0,
  idle: 0,
  lifetime: 0,
  receiveRate: 0,
  sendRate: 0,
  rateGrace: rateGraceDefaultMilliseconds,
  step: 1,
};

/** The limits that `given` sets on top of `before`. Nothing is left out for what is undefined in `given`. */
export function limitsOf(given: ConnectionTimeoutOptions & RateOptions, before: Limits = none): Limits {
  const limits = {
    firstByte: given.firstByte ?? before.firstByte,
    message: given.message ?? before.message,
    writeStall: given.writeStall ?? before.writeStall,
    idle: given.idle ?? before.idle,
    lifetime: given.lifetime ?? before.lifetime,
    receiveRate: given.receiveRate ?? before.receiveRate,
    sendRate: given.sendRate ?? before.sendRate,
    rateGrace: given.rateGrace ?? before.rateGrace,
  };
  return { ...limits, step: stepOf(limits) };
}

/** The limits of a configuration. Most have none, and share one object. */
export function configuredLimits(
  { timeouts, limits }: { timeouts?: ConnectionTimeoutOptions; limits?: RateOptions },
): Limits {
  return timeouts === undefined && limits === undefined ? none : limitsOf({ ...timeouts, ...limits });
}

/** Whether any limit is set. */
export function isLimited(limits: Limits): boolean {
  return limits.firstByte > 0 || limits.message > 0 || limits.writeStall > 0 || limits.idle > 0 ||
    limits.lifetime > 0 || limits.receiveRate > 0 || limits.sendRate > 0;
}

/** Whether a rate is among them. */
export function isRated(limits: Limits): boolean {
  return limits.receiveRate > 0 || limits.sendRate > 0;
}

function stepOf(limits: Omit<Limits, "step">): number {
  const grace = limits.receiveRate > 0 || limits.sendRate > 0 ? limits.rateGrace : 0;
  const { firstByte, message, writeStall, idle, lifetime } = limits;
  const lengths = [firstByte, message, writeStall, idle, lifetime, grace].filter((length) => length > 0);
  const wanted = Math.min(...lengths) / timerStepShare;
  let step = 1;
  while (step * 2 <= wanted && step < timerStepMaxMilliseconds) step *= 2;
  return step;
}

/** Checks the `timeouts` and `limits` of a connection; throws an OptionError that names the inner key. */
export function checkTimeLimits(
  operation: string,
  { timeouts, limits }: { timeouts?: unknown; limits?: unknown },
  schemas: { timeouts: OptionSchema; limits: OptionSchema } = { timeouts: timeoutSchema, limits: rateSchema },
): void {
  if (timeouts !== undefined) checkOptions(operation, timeouts, schemas.timeouts);
  if (limits !== undefined) checkOptions(operation, limits, schemas.limits);
}
