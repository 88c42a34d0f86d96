/**
 * What the options of `udpSocket` may be.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { DATAGRAM_BYTES_MAX } from "../base/layout.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import {
  abortSignal,
  anything,
  callback,
  checkOptions,
  flag,
  objectOf,
  type OptionSchema,
  text,
  wholeNumber,
} from "../base/options.ts";
import { EventLoop } from "../loop/event_loop.ts";
import type { UdpHandlers, UdpSocketOptions } from "./types.ts";

const portMax = 0xffff;
const byteMax = 0xff;
const bytes = wholeNumber(1, bufferLimitMaxBytes, "bytes");

const handlerSchema: OptionSchema = { data: callback, drain: callback, error: callback };
const connectSchema: OptionSchema = { hostname: text, port: wholeNumber(1, portMax) };

const schema: OptionSchema = {
  hostname: text,
  port: wholeNumber(0, portMax),
  inherited: {
    wants: "the name of a socket, or its position from 0 on",
    accepts: (value) => text.accepts(value) || (Number.isInteger(value) && (value as number) >= 0),
  },
  fd: wholeNumber(0, 0x7fff_ffff),
  connect: objectOf("an object of hostname and port"),
  socket: objectOf("an object of handlers"),
  data: anything,
  loop: { wants: "an EventLoop of createLoop", accepts: (value) => value instanceof EventLoop },
  datagramSize: wholeNumber(1, DATAGRAM_BYTES_MAX, "bytes"),
  receiveBuffer: bytes,
  sendBuffer: bytes,
  highWaterMark: wholeNumber(0, bufferLimitMaxBytes, "bytes"),
  lowWaterMark: wholeNumber(0, bufferLimitMaxBytes, "bytes"),
  bufferLimit: bytes,
  ipv6Only: flag,
  reuseAddress: flag,
  reusePort: flag,
  broadcast: flag,
  ttl: wholeNumber(1, byteMax),
  multicastTTL: wholeNumber(0, byteMax),
  multicastLoopback: flag,
  multicastInterface: text,
  typeOfService: wholeNumber(0, byteMax),
  signal: abortSignal,
};

/** A socket that is bound already has its address, and what has to be set before. */
function checkBound<D>(options: UdpSocketOptions<D>): void {
  const [kind, other] = (["inherited", "fd"] as const).filter((key) => options[key] !== undefined);
  if (kind === undefined) return;
  const bound = ["hostname", "port", "connect", "ipv6Only", "reuseAddress", "reusePort"] as const;
  const key = other ?? bound.find((name) => options[name] !== undefined && options[name] !== false);
  if (key === undefined) return;
  throw new OptionError("udpSocket", key, `option "${key}" and option "${kind}" exclude each other`);
}

/** Checks the options of `udpSocket`; throws an OptionError. */
export function checkUdpOptions<D>(options: UdpSocketOptions<D>): void {
  checkOptions("udpSocket", options, schema);
  if (options.connect !== undefined) {
    checkOptions("udpSocket", options.connect, connectSchema, ["hostname", "port"]);
  }
  checkBound(options);
  if (options.socket !== undefined) checkUdpHandlers("udpSocket", options.socket);
  const { highWaterMark, lowWaterMark, bufferLimit } = options;
  if (highWaterMark !== undefined && lowWaterMark !== undefined && lowWaterMark > highWaterMark) {
    throw new OptionError(
      "udpSocket",
      "lowWaterMark",
      'option "lowWaterMark" must not be above "highWaterMark"',
    );
  }
  if (bufferLimit !== undefined && highWaterMark !== undefined && highWaterMark > bufferLimit) {
    throw new OptionError(
      "udpSocket",
      "highWaterMark",
      'option "highWaterMark" must not be above "bufferLimit"',
    );
  }
}

/** Checks a handler table; throws an OptionError. */
export function checkUdpHandlers<D>(operation: string, handlers: UdpHandlers<D>): void {
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
