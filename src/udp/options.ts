/**
 * Options of `udpSocket`, which the UDP sockets of a server share.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { DATAGRAM_BYTES_DEFAULT, DATAGRAM_BYTES_MAX } from "../base/layout.ts";
import {
  bufferLimitDefaultBytes,
  bufferLimitMaxBytes,
  highWaterMarkDefaultBytes,
  lowWaterMarkDefaultBytes,
} from "../base/limits.ts";
import {
  bytes,
  flag,
  nameOrNumber,
  type OptionRow,
  portFrom,
  row,
  text,
  unset,
  wholeNumber,
} from "../base/option_kinds.ts";
import { abortSignal, anything, checkOptions, objectOf, type OptionSchema } from "../base/options.ts";
import { isEventLoop } from "../loop/event_loop.ts";
import { checkMarks, socketRows } from "../stream/options.ts";
import { checkUdpHandlers } from "./handlers.ts";
import type { UdpSocketOptions } from "./socket.ts";

const byteMax = 0xff;

const connectSchema: OptionSchema = { hostname: text(), port: portFrom(1) };

/** Options of `udpSocket` that the UDP sockets of a server share. */
export const udpRows = {
  datagramSize: row(
    bytes(1, DATAGRAM_BYTES_MAX),
    DATAGRAM_BYTES_DEFAULT,
    "bytes of a received datagram at most; the rest is cut off",
    "above what one Ethernet frame carries",
  ),
  receiveBuffer: socketRows.receiveBuffer,
  sendBuffer: socketRows.sendBuffer,
  typeOfService: socketRows.typeOfService,
  broadcast: row(flag, false, "allow sending to broadcast addresses", "few servers broadcast"),
  ttl: unset(wholeNumber(1, byteMax), "the system's", "routers a datagram may pass", "networks differ"),
  highWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    highWaterMarkDefaultBytes,
    'waiting bytes above which send returns "queued"',
    "as for connections",
  ),
  lowWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    lowWaterMarkDefaultBytes,
    "waiting bytes at which datagramDrain is called",
    "far enough below the high mark not to flap",
  ),
  bufferLimit: row(
    bytes(1, bufferLimitMaxBytes),
    bufferLimitDefaultBytes,
    "waiting bytes above which send refuses",
    "a network that takes nothing must not fill the memory",
  ),
} satisfies Partial<Record<keyof UdpSocketOptions, OptionRow>>;

const schema: OptionSchema = {
  ...udpRows,
  hostname: text(),
  port: portFrom(0),
  inherited: nameOrNumber,
  fd: wholeNumber(0, 0x7fff_ffff),
  connect: objectOf("an object of hostname and port"),
  socket: objectOf("an object of handlers"),
  data: anything,
  loop: { wants: "a loop made by createLoop", accepts: isEventLoop },
  ipv6Only: flag,
  reuseAddress: flag,
  reusePort: flag,
  multicastTTL: wholeNumber(0, byteMax),
  multicastLoopback: flag,
  multicastInterface: text(),
  signal: abortSignal,
};

/** A socket that is bound already has its address, and what has to be set before. */
function checkBound<D>(options: UdpSocketOptions<D>): void {
  const [kind, other] = (["inherited", "fd"] as const).filter((key) => options[key] !== undefined);
  if (kind === undefined) return;
  const bound = ["hostname", "port", "connect", "ipv6Only", "reuseAddress", "reusePort"] as const;
  const key = other ?? bound.find((name) => options[name] !== undefined && options[name] !== false);
  if (key === undefined) return;
  throw new OptionError("udpSocket", key, `option "${key}" and option "${kind}" cannot be combined`);
}

/** Checks the options of `udpSocket`; throws an OptionError. */
export function checkUdpOptions<D>(options: UdpSocketOptions<D>): void {
  checkOptions("udpSocket", options, schema);
  if (options.connect !== undefined) {
    const required = ["hostname", "port"];
    checkOptions("udpSocket", options.connect, connectSchema, { required, prefix: "connect." });
  }
  checkBound(options);
  if (options.socket !== undefined) checkUdpHandlers("udpSocket", options.socket);
  checkMarks("udpSocket", options);
}
