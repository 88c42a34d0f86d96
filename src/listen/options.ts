/**
 * Checks the options of `listen`.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import {
  abortSignal,
  callback,
  checkOptions,
  flag,
  objectOf,
  type OptionSchema,
  text,
  wholeNumber,
} from "../base/options.ts";
import { checkConnectionOptions, connectionSchema, portMax, unixPath } from "../stream/options.ts";
import { checkTimeLimits, rateSchema, timeoutSchema } from "../stream/time_limits/table.ts";
import type { ListenOptions } from "./types.ts";

/** Permission bits of a path. */
const modeMax = 0o777;
const descriptorMax = 0x7fff_ffff;

const listenSchema: OptionSchema = {
  ...connectionSchema,
  unix: unixPath,
  mode: wholeNumber(1, modeMax),
  replaceStale: flag,
  removePath: flag,
  inherited: {
    wants: "the name of a socket, or its position from 0 on",
    accepts: (value) => text.accepts(value) || (Number.isInteger(value) && (value as number) >= 0),
  },
  fd: wholeNumber(0, descriptorMax),
  duplicate: flag,
  hostname: text,
  port: wholeNumber(0, portMax),
  backlog: wholeNumber(1, bufferLimitMaxBytes),
  ipv6Only: flag,
  reusePort: flag,
  signal: abortSignal,
  admission: objectOf("an object with admit and leave"),
  refused: callback,
  proxyProtocol: objectOf("an object of trusted and timeout"),
};

const limitSchema: OptionSchema = {
  connections: wholeNumber(0, bufferLimitMaxBytes),
  atLimit: { wants: '"pause" or "refuse"', accepts: (value) => value === "pause" || value === "refuse" },
  ...rateSchema,
};

const proxySchema: OptionSchema = {
  trusted: { wants: "a list of addresses and networks", accepts: (value) => Array.isArray(value) },
  timeout: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
};

/** Checks the options of `listen`; throws an OptionError. */
export function checkListenOptions<D>(options: ListenOptions<D>): void {
  checkOptions("listen", options, listenSchema);
  if (options.proxyProtocol !== undefined) {
    checkOptions("listen", options.proxyProtocol, proxySchema, ["trusted"]);
  }
  checkConnectionOptions("listen", options);
  checkTimeLimits("listen", options, { timeouts: timeoutSchema, limits: limitSchema });
}
