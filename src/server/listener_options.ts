/**
 * A listener's resolved options as those of `listen`.
 *
 * @module
 */
import type { ConnectionOptions, ListenOptions } from "../connection/types.ts";
import type { ResolvedListenerOptions } from "./options.ts";

/** What concerns each connection; options of the sockets themselves are inherited from the listening one. */
export function connectionOptionsOf(options: ResolvedListenerOptions): ConnectionOptions<unknown> {
  const { highWaterMark, lowWaterMark, bufferLimit, lingerTimeout, allowHalfOpen } = options;
  const { firstByte, message, writeStall, idle, lifetime } = options.timeouts;
  const { receiveRate, sendRate, rateGrace } = options.limits;
  return {
    allowHalfOpen,
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

/** What concerns the listening socket: only what has an effect on a socket of its kind. */
export function bindingOptionsOf(options: ResolvedListenerOptions): ListenOptions<unknown> {
  const { unix, mode, inherited, hostname, port, backlog, ipv6Only, noDelay, keepAlive } = options;
  const { receiveBuffer, sendBuffer, typeOfService } = options;
  if (unix !== undefined) return { unix, mode, backlog, sendBuffer };
  const sockets = { noDelay, keepAlive, receiveBuffer, sendBuffer, typeOfService };
  if (inherited !== undefined) return { inherited, ...withoutDefaults(sockets) };
  return { hostname, port, backlog, ipv6Only, ...sockets };
}

/** An inherited socket may be of either kind: only what was asked for is asked of it. */
function withoutDefaults({ noDelay, keepAlive, ...sizes }: ListenOptions<unknown>): ListenOptions<unknown> {
  return {
    ...sizes,
    ...(noDelay === true ? {} : { noDelay }),
    ...(keepAlive === false ? {} : { keepAlive }),
  };
}
