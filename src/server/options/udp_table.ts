/**
 * The table of the options that an entry of `udp` may have.
 *
 * @module
 */
import { DATAGRAM_BYTES_DEFAULT, DATAGRAM_BYTES_MAX } from "../../base/layout.ts";
import {
  bufferLimitDefaultBytes,
  bufferLimitMaxBytes,
  highWaterMarkDefaultBytes,
  lowWaterMarkDefaultBytes,
} from "../../base/limits.ts";
import { bytes, count, flag, text } from "./kinds.ts";
import { socketTable } from "./listener_table.ts";
import { type OptionRow, row, unset } from "./row.ts";
import type { UdpListenerOptions } from "./types.ts";

const udpRows = {
  name: unset(
    text("<name>"),
    "its place in the list",
    "name in statistics and log",
    "it tells sockets apart",
  ),
  application: socketTable.application,
  hostname: socketTable.hostname,
  port: socketTable.port,
  inherited: socketTable.inherited,
  ipv6Only: socketTable.ipv6Only,
  datagramSize: row(
    bytes(1, DATAGRAM_BYTES_MAX),
    DATAGRAM_BYTES_DEFAULT,
    "bytes of a received datagram at most; the rest is cut off",
    "above what one Ethernet frame carries",
  ),
  receiveBuffer: socketTable.receiveBuffer,
  sendBuffer: socketTable.sendBuffer,
  typeOfService: socketTable.typeOfService,
  broadcast: row(flag, false, "allow sending to broadcast addresses", "few servers broadcast"),
  ttl: unset(count(1, 0xff), "the system's", "routers a datagram may pass", "networks differ"),
  highWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    highWaterMarkDefaultBytes,
    'bytes waiting above which send answers "queued"',
    "as for connections",
  ),
  lowWaterMark: row(
    bytes(0, bufferLimitMaxBytes),
    lowWaterMarkDefaultBytes,
    "bytes waiting at which datagramDrain is called",
    "far enough below the high mark not to flap",
  ),
  bufferLimit: row(
    bytes(1, bufferLimitMaxBytes),
    bufferLimitDefaultBytes,
    "bytes waiting above which send refuses",
    "a network that takes nothing must not fill the memory",
  ),
} satisfies Record<keyof Required<UdpListenerOptions>, OptionRow>;

/** Every option of an entry of `udp` by its name. */
export const udpOptionTable: Readonly<Record<keyof UdpListenerOptions, OptionRow>> = udpRows;

/** The names of the options of an entry of `udp`. */
export const udpOptionPaths: readonly (keyof UdpListenerOptions)[] = Object.keys(
  udpRows,
) as (keyof UdpListenerOptions)[];
