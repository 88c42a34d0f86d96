/**
 * A listener's resolved options as those of `listen`.
 *
 * @module
 */
import type { ConnectionOptions, ListenOptions } from "../connection/types.ts";
import type { ResolvedListenerOptions } from "./options.ts";

/** What concerns each connection. */
export function connectionOptionsOf(options: ResolvedListenerOptions): ConnectionOptions<unknown> {
  const { allowHalfOpen, noDelay, keepAlive, receiveBuffer, sendBuffer, typeOfService } = options;
  const { highWaterMark, lowWaterMark, bufferLimit, lingerTimeout } = options;
  const { firstByte, message, writeStall, idle, lifetime } = options.timeouts;
  const { receiveRate, sendRate, rateGrace } = options.limits;
  return {
    allowHalfOpen,
    noDelay,
    keepAlive,
    receiveBuffer,
    sendBuffer,
    typeOfService,
    highWaterMark,
    lowWaterMark,
    bufferLimit,
    lingerTimeout,
    timeouts: { firstByte, message, writeStall, idle, lifetime },
    receiveRate,
    sendRate,
    rateGrace,
  };
}

/** What concerns the listening socket. */
export function bindingOptionsOf(options: ResolvedListenerOptions): ListenOptions<unknown> {
  const { hostname, port, backlog, ipv6Only, noDelay, keepAlive } = options;
  const { receiveBuffer, sendBuffer, typeOfService } = options;
  return { hostname, port, backlog, ipv6Only, noDelay, keepAlive, receiveBuffer, sendBuffer, typeOfService };
}
