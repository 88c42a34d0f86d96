/**
 * The peer's address of a connection, kept from the accept on: once the peer has reset it, the system knows
 * the address no more.
 *
 * An IPv4 address and its port are one number in the connection. The words of an IPv6 address lie in an array
 * beside the others of its loop, by the connection's slot, and move into the connection when it ends.
 *
 * @module
 */
import { formatAddress, type SocketAddress, unmapped } from "../base/address.ts";
import { AddressFamily } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import type { StreamConnection } from "./connection.ts";
import { Origin } from "./origin.ts";
import { readAddress } from "./socket_options.ts";

/** The peer of an accepted socket as the record of its accept tells it. */
export interface PeerWords {
  /** An `AddressFamily`. */
  family: number;
  /**
   * The sixteen bytes of the address in network order, as they lie in memory; IPv4 is the first word. The
   * second one of a link-local IPv6 address is the number of its interface. Of a Unix socket the first is 1
   * where it has a path.
   */
  word0: number;
  word1: number;
  word2: number;
  word3: number;
  port: number;
}

/** Of a peer nobody knows. */
export const unknownPeer: PeerWords = {
  family: AddressFamily.unspecified,
  word0: 0,
  word1: 0,
  word2: 0,
  word3: 0,
  port: 0,
};

/** What {@linkcode StreamConnection.peer} is where no address is kept. */
export const noPeer = -1;
/** Below it: an IPv6 address in the loop's array, with its port: `ipv6Peer - port`. */
const ipv6Peer = -2;

const words32 = 2 ** 32;
/** Words of an address in the array. */
export const wordsPerAddress = 4;

/** Addresses of a loop's IPv6 connections by slot; made with the first one, and grown by doubling. */
export class PeerTable {
  #words = new Int32Array(0);

  put(slot: number, word0: number, word1: number, word2: number, word3: number): void {
    const at = slot * wordsPerAddress;
    if (at >= this.#words.length) {
      const larger = new Int32Array(Math.max(2 * this.#words.length, at + wordsPerAddress));
      larger.set(this.#words);
      this.#words = larger;
    }
    const words = this.#words;
    words[at] = word0;
    words[at + 1] = word1;
    words[at + 2] = word2;
    words[at + 3] = word3;
  }

  /** The four words of a slot, in place. */
  of(slot: number): Int32Array {
    return this.#words.subarray(slot * wordsPerAddress, (slot + 1) * wordsPerAddress);
  }
}

/** Asks the system for the peer of a socket that came without it; undefined once the peer has gone. */
export function readPeer(engine: Engine, id: number): PeerWords | undefined {
  try {
    const { family, bytes, scope, port } = engine.address(id, "remote");
    if (family === AddressFamily.unix) return { family, word0: 1, word1: 0, word2: 0, word3: 0, port: 0 };
    const whole = new Uint8Array(4 * wordsPerAddress);
    whole.set(bytes);
    const [word0, word1, word2, word3] = new Int32Array(whole.buffer);
    return { family, word0, word1: isLinkLocal(bytes) ? scope : word1, word2, word3, port };
  } catch {
    return undefined;
  }
}

/** Keeps the address an accept record tells. */
export function keepPeer<D>(
  connection: StreamConnection<D>,
  family: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
  port: number,
): void {
  if (family === AddressFamily.ipv4) {
    connection.peer = port * words32 + (word0 >>> 0);
  } else if (family === AddressFamily.ipv6) {
    connection.config.table.peers.put(connection.slot, word0, word1, word2, word3);
    connection.peer = ipv6Peer - port;
  } else if (family === AddressFamily.unix && word0 !== 0) {
    keepPeerRead(connection);
  }
}

/**
 * Keeps the address the system tells now, or, where the peer has gone already, the one it was reached at:
 * for connections that `connect` has made.
 */
export function keepPeerRead<D>(connection: StreamConnection<D>, reachedAt?: SocketAddress): void {
  let address: SocketAddress | undefined;
  try {
    address = connectedAddress(connection, "remote");
  } catch {
    address = reachedAt;
  }
  if (address === undefined) return;
  (connection.origin ??= new Origin()).peer = address;
}

/** The peer's end; undefined where it was never told and the system does not know it. */
export function peerOf<D>(connection: StreamConnection<D>): SocketAddress | undefined {
  const { peer, origin, config } = connection;
  if (origin?.peer !== undefined) return { ...origin.peer };
  if (peer >= 0) {
    const bytes = bytesOf(Int32Array.of(peer % words32), 4);
    const hostname = formatAddress({ family: 4, bytes, scope: 0 });
    return { hostname, port: Math.floor(peer / words32), family: "IPv4" };
  }
  if (peer <= ipv6Peer) {
    const words = config.table.peers.of(connection.slot);
    return ipv6Address(words, ipv6Peer - peer);
  }
  return config.isUnix ? { hostname: "", port: 0, family: "Unix", path: "" } : undefined;
}

/** The slot goes to another connection: what lies there moves into this one. */
export function takePeerAlong<D>(connection: StreamConnection<D>): void {
  if (connection.peer > ipv6Peer) return;
  const origin = connection.origin ??= new Origin();
  origin.peer = peerOf(connection);
}

/** One end of an open socket. IPv4 addresses mapped into IPv6 become IPv4, as in accept records. */
export function connectedAddress<D>(connection: StreamConnection<D>, end: "local" | "remote"): SocketAddress {
  return unmapped(readAddress(connection.config.engine, connection.number, end));
}

function ipv6Address(words: Int32Array, port: number): SocketAddress {
  const bytes = bytesOf(words, 16);
  let scope = 0;
  if (isLinkLocal(bytes)) {
    scope = words[1] >>> 0;
    bytes.fill(0, 4, 8);
  }
  return { hostname: formatAddress({ family: 6, bytes, scope }), port, family: "IPv6" };
}

/** Link-local unicast: fe80::/10 (RFC 4291, 2.5.6). */
function isLinkLocal(bytes: Uint8Array): boolean {
  return bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80;
}

/** The bytes of words as they lie in memory. */
function bytesOf(words: Int32Array, length: number): Uint8Array {
  return new Uint8Array(words.slice().buffer).subarray(0, length);
}
