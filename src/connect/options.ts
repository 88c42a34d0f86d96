/**
 * Checks the options of `connect`.
 *
 * @module
 */
import {
  abortSignal,
  checkOptions,
  objectOf,
  type OptionSchema,
  text,
  wholeNumber,
} from "../base/options.ts";
import { checkConnectionOptions, connectionSchema, portMax, unixPath } from "../stream/options.ts";
import { refuseOptions, withoutEffectOnUnix } from "../stream/socket_address.ts";
import { checkTimeLimits, connectTimeoutSchema, rateSchema } from "../stream/time_limits/table.ts";
import { checkRetryOptions } from "./retry.ts";
import type { ConnectOptions } from "./types.ts";

const connectSchema: OptionSchema = {
  ...connectionSchema,
  unix: unixPath,
  hostname: text,
  port: wholeNumber(1, portMax),
  localAddress: text,
  localPort: wholeNumber(0, portMax),
  retry: objectOf("an object of attempts, delay, maxDelay, factor, jitter, attemptTimeout and when"),
  signal: abortSignal,
};

/** Checks the options of `connect`; throws an OptionError. */
export function checkConnectOptions<D>(options: ConnectOptions<D>): void {
  const required = options?.unix === undefined ? ["hostname", "port"] : [];
  checkOptions("connect", options, connectSchema, required);
  if (options.retry !== undefined) checkRetryOptions("connect", options.retry);
  checkConnectionOptions("connect", options);
  checkTimeLimits("connect", options, { timeouts: connectTimeoutSchema, limits: rateSchema });
}

/** Refuses what has no effect on a connect to a Unix socket. */
export function checkUnixConnect<D>(options: ConnectOptions<D>): void {
  refuseOptions(
    "connect",
    options as Readonly<Record<string, unknown>>,
    withoutEffectOnUnix,
    "has no effect on a Unix socket",
  );
}
