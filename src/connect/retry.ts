/**
 * Retrying a connect: after which failures, and after what delay.
 *
 * @module
 */
import { RingportError } from "../base/errors.ts";
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import {
  connectAttemptsDefault,
  connectAttemptsMax,
  retryDelayDefaultMilliseconds,
  retryDelayMaxDefaultMilliseconds,
  retryFactorDefault,
  retryJitterDefault,
} from "../base/limits.ts";
import { milliseconds, numberBetween, wholeNumber } from "../base/option_kinds.ts";
import { callback, checkOrder, type OptionSchema } from "../base/options.ts";

/**
 * How `connect` retries. Each delay is `factor` times the one before, from `delay` up to `maxDelay`. The
 * whole of it ends with its `timeouts.connect` or its `signal`.
 */
export interface ConnectRetryOptions {
  /** Attempts in all, the first one included. 5 by default. */
  attempts?: number;
  /** Milliseconds before the second attempt. 100 by default. */
  delay?: number;
  /** Milliseconds between two attempts at most. 5,000 by default. */
  maxDelay?: number;
  /** How much longer each delay is than the one before, from 1 to 10. 2 by default. */
  factor?: number;
  /**
   * The part of each delay that is random, from 0 (none) to 1 (any delay up to the full one). 0.5 by default:
   * a delay of 100 ms becomes one between 50 and 100.
   */
  jitter?: number;
  /** Milliseconds one attempt may take. Left out: as long as `timeouts.connect` allows. */
  attemptTimeout?: number;
  /**
   * Whether to retry after `error`, the failure of attempt number `attempt` (1 is the first). Left out: after
   * the failures that pass, with the codes `ECONNREFUSED`, `ECONNRESET`, `ECONNABORTED`, `ETIMEDOUT`,
   * `EHOSTUNREACH`, `ENETUNREACH`, `ENETDOWN`, `ENOTFOUND`, and `ENOENT` for the path of a Unix socket.
   */
  when?: (error: RingportError, attempt: number) => boolean;
}

/** Codes of failures that pass: the server restarts, the network or the resolver comes back. */
const passingCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "ENOENT",
]);

/** A factor above this reaches the longest delay within a few attempts anyway. */
const factorMax = 10;

/** A delay that has grown so often is the longest one; growing it further would leave the numbers' range. */
const growthsMax = 300;

/** The options of retrying. */
export const retrySchema: OptionSchema = {
  attempts: wholeNumber(1, connectAttemptsMax),
  delay: milliseconds(0, TIMER_DELAY_MAX_MS),
  maxDelay: milliseconds(0, TIMER_DELAY_MAX_MS),
  factor: numberBetween(1, factorMax),
  jitter: numberBetween(0, 1),
  attemptTimeout: milliseconds(1, TIMER_DELAY_MAX_MS),
  when: callback,
};

/** Throws an OptionError where the delays are not in order. */
export function checkRetryOrder({ delay, maxDelay }: ConnectRetryOptions): void {
  checkOrder("connect", [["retry.delay", delay, "retry.maxDelay", maxDelay]]);
}

/** Whether attempt number `attempt` is followed by another one. Throws what `when` throws. */
export function retries(
  { attempts = connectAttemptsDefault, when }: ConnectRetryOptions,
  attempt: number,
  error: unknown,
): boolean {
  if (attempt >= attempts || !(error instanceof RingportError)) return false;
  // A promise, as returned by an async function, does not count as true.
  return when === undefined ? passingCodes.has(error.code) : when(error, attempt) === true;
}

/** Milliseconds between attempt number `attempt` and the next. `random`: from 0 to below 1. */
export function retryDelay(options: ConnectRetryOptions, attempt: number, random: number): number {
  const {
    delay = Math.min(retryDelayDefaultMilliseconds, options.maxDelay ?? Infinity),
    maxDelay = Math.max(retryDelayMaxDefaultMilliseconds, delay),
    factor = retryFactorDefault,
    jitter = retryJitterDefault,
  } = options;
  const full = Math.min(delay * factor ** Math.min(attempt - 1, growthsMax), maxDelay);
  return Math.max(Math.round(full * (1 - jitter * random)), 1);
}
