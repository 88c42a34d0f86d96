/**
 * Checks the options of `connect`.
 *
 * @module
 */
import { portFrom, text, unixPath } from "../base/option_kinds.ts";
import { abortSignal, checkOptions, objectOf, type OptionSchema } from "../base/options.ts";
import { checkConnectionOptions, connectionSchema } from "../stream/options.ts";
import { refuseOptions, withoutEffectOnUnix } from "../stream/socket_address.ts";
import { connectTimeoutRows } from "../stream/time_limits/table.ts";
import { checkRetryOrder, retrySchema } from "./retry.ts";
import type { ConnectOptions } from "./types.ts";

const connectSchema: OptionSchema = {
  ...connectionSchema,
  ...connectTimeoutRows,
  unix: unixPath,
  hostname: text(),
  port: portFrom(1),
  localAddress: text(),
  localPort: portFrom(0),
  retry: objectOf(
    "an object of attempts, delay, maxDelay, factor, jitter, attemptTimeout and when",
    retrySchema,
  ),
  signal: abortSignal,
};

/** Checks the options of `connect`; throws an OptionError. */
export function checkConnectOptions<D>(options: ConnectOptions<D>): void {
  const required = options?.unix === undefined ? ["hostname", "port"] : [];
  checkOptions("connect", options, connectSchema, { required });
  if (options.retry !== undefined) checkRetryOrder(options.retry);
  checkConnectionOptions("connect", options);
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
