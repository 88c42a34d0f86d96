/**
 * What the options of `listen`, `connect` and `createLoop` may be.
 *
 * @module
 */
import { isUnixPath, unixPathMaxBytes } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import {
  abortSignal,
  anything,
  callback,
  checkOptions,
  flag,
  objectOf,
  type OptionCheck,
  type OptionSchema,
  text,
  wholeNumber,
} from "../base/options.ts";
import { checkRetryOptions } from "./connect/retry.ts";
import { EventLoop } from "./event_loop.ts";
import type { ConnectionOptions, ConnectOptions, ListenOptions, SocketHandlers } from "./types.ts";
import { checkOneTimeout, checkTimeouts, rateSchema } from "./watch/limits.ts";

const portMax = 0xffff;
const milliseconds = wholeNumber(0, TIMER_DELAY_MAX_MS, "milliseconds");
const bytes = wholeNumber(1, bufferLimitMaxBytes, "bytes");
/** The largest count the systems take for keep-alive probes. */
const keepAliveCountMax = 127;

/** Keys of keep-alive options. */
export const keepAliveSchema: OptionSchema = {
  idle: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
  interval: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
  count: wholeNumber(1, keepAliveCountMax),
};

const handlerSchema: OptionSchema = {
  open: callback,
  data: callback,
  drain: callback,
  end: callback,
  close: callback,
  error: callback,
  timeout: callback,
};

const connectionSchema: OptionSchema = {
  socket: objectOf("an object of handlers"),
  data: anything,
  loop: { wants: "an EventLoop of createLoop", accepts: (value) => value instanceof EventLoop },
  allowHalfOpen: flag,
  noDelay: flag,
  keepAlive: {
    wants: "true, false or an object of idle, interval and count",
    accepts: (value) => typeof value === "boolean" || (typeof value === "object" && value !== null),
  },
  receiveBuffer: bytes,
  sendBuffer: bytes,
  typeOfService: wholeNumber(0, 0xff),
  highWaterMark: wholeNumber(0, bufferLimitMaxBytes, "bytes"),
  lowWaterMark: wholeNumber(0, bufferLimitMaxBytes, "bytes"),
  bufferLimit: bytes,
  autoPause: flag,
  concurrent: flag,
  lingerTimeout: milliseconds,
  timeouts: objectOf("an object of firstByte, message, writeStall, idle and lifetime"),
  ...rateSchema,
};

const unixPath: OptionCheck = {
  wants: `a path of 1 to ${unixPathMaxBytes} bytes without NUL`,
  accepts: (value) => typeof value === "string" && isUnixPath(value),
};
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
  connections: wholeNumber(1, bufferLimitMaxBytes),
  atLimit: { wants: '"pause" or "refuse"', accepts: (value) => value === "pause" || value === "refuse" },
  admission: objectOf("an object with admit, ticket and leave"),
  refused: callback,
  proxyProtocol: objectOf("an object of trusted and timeout"),
};

const proxySchema: OptionSchema = {
  trusted: { wants: "a list of addresses and networks", accepts: (value) => Array.isArray(value) },
  timeout: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
};

const connectSchema: OptionSchema = {
  ...connectionSchema,
  unix: unixPath,
  hostname: text,
  port: wholeNumber(1, portMax),
  localAddress: text,
  localPort: wholeNumber(0, portMax),
  timeout: wholeNumber(1, TIMER_DELAY_MAX_MS, "milliseconds"),
  retry: objectOf("an object of attempts, delay, maxDelay, factor, jitter, attemptTimeout and when"),
  signal: abortSignal,
};

/** Checks the options of `listen`; throws an OptionError. */
export function checkListenOptions<D>(options: ListenOptions<D>): void {
  checkOptions("listen", options, listenSchema);
  if (options.proxyProtocol !== undefined) {
    checkOptions("listen", options.proxyProtocol, proxySchema, ["trusted"]);
  }
  checkConnectionOptions("listen", options);
}

/** Checks the options of `connect`; throws an OptionError. */
export function checkConnectOptions<D>(options: ConnectOptions<D>): void {
  const required = options?.unix === undefined ? ["hostname", "port"] : [];
  checkOptions("connect", options, connectSchema, required);
  if (options.retry !== undefined) checkRetryOptions("connect", options.retry);
  checkConnectionOptions("connect", options);
  checkOneTimeout(options.timeout, options.timeouts?.connect);
}

/** Checks a handler table; throws an OptionError. */
export function checkHandlers<D>(operation: string, handlers: SocketHandlers<D>): void {
  if (typeof handlers !== "object" || handlers === null) {
    throw new OptionError(operation, "socket", 'option "socket" must be an object of handlers');
  }
  // A class instance keeps its handlers in the prototype: those are found by name, and own keys are checked.
  if (Object.getPrototypeOf(handlers) === Object.prototype) checkOptions(operation, handlers, handlerSchema);
  for (const [name, check] of Object.entries(handlerSchema)) {
    const handler = (handlers as Record<string, unknown>)[name];
    if (handler === undefined || check.accepts(handler)) continue;
    throw new OptionError(operation, name, `handler "${name}" must be ${check.wants}`);
  }
}

function checkConnectionOptions<D>(operation: string, options: ConnectionOptions<D>): void {
  if (options.socket !== undefined) checkHandlers(operation, options.socket);
  if (typeof options.keepAlive === "object") checkOptions(operation, options.keepAlive, keepAliveSchema);
  checkTimeouts(operation, options.timeouts);
  const { highWaterMark, lowWaterMark, bufferLimit } = options;
  if (highWaterMark !== undefined && lowWaterMark !== undefined && lowWaterMark > highWaterMark) {
    throw new OptionError(
      operation,
      "lowWaterMark",
      'option "lowWaterMark" must not be above "highWaterMark"',
    );
  }
  if (bufferLimit !== undefined && highWaterMark !== undefined && highWaterMark > bufferLimit) {
    throw new OptionError(
      operation,
      "highWaterMark",
      'option "highWaterMark" must not be above "bufferLimit"',
    );
  }
}
