/**
 * Checks the options that accepted connections and those of `connect` have in common.
 *
 * @module
 */
import { isUnixPath, unixPathMaxBytes } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import {
  anything,
  callback,
  checkOptions,
  flag,
  objectOf,
  type OptionCheck,
  type OptionSchema,
  wholeNumber,
} from "../base/options.ts";
import { isEventLoop } from "../loop/event_loop.ts";
import { keepAliveSchema } from "./socket_options.ts";
import type { ConnectionOptions, SocketHandlers } from "./types.ts";

/** The largest port. */
export const portMax = 0xffff;
const milliseconds = wholeNumber(0, TIMER_DELAY_MAX_MS, "milliseconds");
const bytes = wholeNumber(1, bufferLimitMaxBytes, "bytes");

const handlerSchema: OptionSchema = {
  open: callback,
  data: callback,
  drain: callback,
  end: callback,
  close: callback,
  error: callback,
  timeout: callback,
};

/** Options of each connection. */
export const connectionSchema: OptionSchema = {
  socket: objectOf("an object of handlers"),
  data: anything,
  loop: { wants: "an EventLoop of createLoop", accepts: isEventLoop },
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
  limits: objectOf("an object of limits"),
};

/** The path of a Unix socket. */
export const unixPath: OptionCheck = {
  wants: `a path of 1 to ${unixPathMaxBytes} bytes without NUL`,
  accepts: (value) => typeof value === "string" && isUnixPath(value),
};
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

/** Checks what `connectionSchema` cannot, but for `timeouts` and `limits`; throws an OptionError. */
export function checkConnectionOptions<D>(operation: string, options: ConnectionOptions<D>): void {
  if (options.socket !== undefined) checkHandlers(operation, options.socket);
  if (typeof options.keepAlive === "object") checkOptions(operation, options.keepAlive, keepAliveSchema);
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
