/**
 * Opening datagram sockets.
 *
 * @module
 */
import { socketsOf } from "../stream/table.ts";
import { type AddressBytes, asFamily, formatHostAndPort, parseAddress } from "../base/address.ts";
import { OptionError, ResolveError, StateError } from "../base/errors.ts";
import { DATAGRAM_BYTES_DEFAULT, Operation } from "../base/layout.ts";
import {
  bufferLimitDefaultBytes,
  highWaterMarkDefaultBytes,
  lowWaterMarkDefaultBytes,
} from "../base/limits.ts";
import { environment, interfaceIndex, processId, resolve } from "../loop/native.ts";
import { type EventLoop, loopFor } from "../loop/event_loop.ts";
import { findInherited, readInherited } from "../base/inherited_sockets.ts";
import { addressWithZone } from "../stream/socket_address.ts";
import type { AddressAndPort } from "../stream/requests.ts";
import { socketAddress } from "../stream/socket_address.ts";
import { checkUdpOptions } from "./options.ts";
import { openDatagramNow } from "./requests.ts";
import { makeUdpSocket, type UdpSocket, type UdpSocketOptions } from "./socket.ts";

/**
 * Opens a UDP socket. It is bound, and connected where that was asked for, when the promise resolves.
 *
 * Without a `data` handler, datagrams wait in the kernel's buffer until the socket is iterated.
 *
 * @throws {AddressInUseError} and the like when the system refuses, with `code`, address and system number.
 * @throws {ResolveError} when the name in `connect` has no address.
 * @throws {OptionError} for an unknown key or a wrong type.
 *
 * @example
 * ```ts
 * import { udpSocket } from "@ringport/ringport/udp";
 *
 * await using server = await udpSocket({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     data(socket, datagram) {
 *       socket.reply(datagram);
 *     },
 *   },
 * });
 * await using client = await udpSocket({ connect: { hostname: "127.0.0.1", port: server.port } });
 * client.send("hello");
 * for await (const { bytes, sender } of client) {
 *   console.log(new TextDecoder().decode(bytes), "from port", sender.port);
 *   break;
 * }
 * ```
 */
export async function udpSocket<D = undefined>(options: UdpSocketOptions<D> = {}): Promise<UdpSocket<D>> {
  checkUdpOptions(options);
  options.signal?.throwIfAborted();
  const local = localAddress(options);
  const loop = loopFor(options.loop);
  loop.retain("udpSocket");
  try {
    const remote = await remoteEndpoint(options, local);
    options.signal?.throwIfAborted();
    if (loop.ending || loop.engine.lost) {
      throw new StateError("udpSocket: the loop is closed", { code: "ERR_STATE", operation: "udpSocket" });
    }
    return open(loop, options, local, remote);
  } catch (error) {
    loop.release();
    throw error;
  }
}

/** The address to bind, undefined where the peer's family decides. */
function localAddress<D>({ hostname }: UdpSocketOptions<D>): AddressBytes | undefined {
  if (hostname === undefined) return undefined;
  const text = hostname === "localhost" ? "127.0.0.1" : hostname;
  const address = addressWithZone("udpSocket", "hostname", text);
  if (address !== undefined) return address;
  throw new OptionError(
    "udpSocket",
    "hostname",
    `option "hostname" must be an IP address or "localhost", not ${JSON.stringify(hostname)}`,
  );
}

async function remoteEndpoint<D>(
  { connect, ipv6Only }: UdpSocketOptions<D>,
  local: AddressBytes | undefined,
): Promise<AddressAndPort | undefined> {
  if (connect === undefined) return undefined;
  const { hostname, port } = connect;
  const given = addressWithZone("udpSocket", "connect.hostname", hostname);
  const texts = given !== undefined ? [hostname] : await resolved(hostname);
  for (const text of texts) {
    const address = parseAddress(text, interfaceIndex);
    if (address === undefined) continue;
    if (local === undefined || address.family === local.family) return { address, port };
    const other = local.family === 6 && ipv6Only === true ? undefined : asFamily(address, local.family);
    if (other !== undefined) return { address: other, port };
  }
  if (texts.length > 0) {
    throw new OptionError(
      "udpSocket",
      "connect",
      `${JSON.stringify(hostname)} has no address of the family of "hostname"`,
    );
  }
  throw notFound(hostname);
}

async function resolved(hostname: string): Promise<string[]> {
  try {
    return await resolve(hostname);
  } catch (cause) {
    throw notFound(hostname, cause);
  }
}

function notFound(hostname: string, cause?: unknown): ResolveError {
  return new ResolveError(`udpSocket: ${hostname} has no address: ENOTFOUND`, {
    code: "ENOTFOUND",
    operation: "udpSocket",
    address: hostname,
    cause,
  });
}

/** The descriptor of a socket this process was started with; throws an OptionError where there is none. */
export function inheritedDatagram(wanted: string | number): number {
  return findInherited(readInherited(environment, processId()), wanted, "udpSocket").descriptor;
}

function open<D>(
  loop: EventLoop,
  options: UdpSocketOptions<D>,
  local: AddressBytes | undefined,
  remote: AddressAndPort | undefined,
): UdpSocket<D> {
  const family = local?.family ?? remote?.address.family ?? 4;
  const address = local ?? { family, bytes: new Uint8Array(family === 4 ? 4 : 16), scope: 0 };
  const { engine } = loop;
  const table = socketsOf(loop);
  const limit = options.bufferLimit ?? Math.max(bufferLimitDefaultBytes, options.highWaterMark ?? 0);
  const high = options.highWaterMark ?? Math.min(highWaterMarkDefaultBytes, limit);
  const low = options.lowWaterMark ?? Math.min(lowWaterMarkDefaultBytes, high);
  const port = options.port ?? 0;
  const descriptor = options.inherited === undefined ? options.fd : inheritedDatagram(options.inherited);
  const id = openDatagramNow(
    engine,
    {
      local: { address, port },
      remote,
      datagramSize: options.datagramSize ?? DATAGRAM_BYTES_DEFAULT,
      ipv6Only: options.ipv6Only ?? false,
      reuseAddress: options.reuseAddress ?? false,
      reusePort: options.reusePort ?? false,
      broadcast: options.broadcast ?? false,
      descriptor,
    },
    table.nextTag(),
    descriptor === undefined
      ? formatHostAndPort(options.hostname ?? (family === 4 ? "0.0.0.0" : "::"), port)
      : `descriptor ${descriptor}`,
  );
  try {
    const connected = remote !== undefined;
    const isBound = descriptor !== undefined;
    const familyThere = isBound && socketAddress(engine, id, "local").family === "IPv6" ? 6 : family;
    return makeUdpSocket<D>(
      { loop, id, family: familyThere, connected, marks: { high, low, limit } },
      options,
    );
  } catch (error) {
    engine.submit(Operation.close, id);
    throw error;
  }
}
