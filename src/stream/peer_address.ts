/**
 * The peer's address of a connection, kept from the accept on: once the peer has reset it, the system knows
 * the address no more.
 *
 * An IPv4 address and its port are one number in the connection. The words of an IPv6 address lie in an array
 * beside the others of its loop, by the connection's slot, and move into the connection when it ends.
 *
 * @module
 */
import { type SocketAddress, unmapped } from "../base/address.ts";
import { AddressFamily } from "../base/layout.ts";
import { PeerAddress, type PeerWords } from "../base/peer_address.ts";
import type { Engine } from "../loop/engine.ts";
import type { StreamConnection } from "./connection.ts";
import { Origin } from "./origin.ts";
import { readAddress } from "./socket_options.ts";

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
    const peer = new PeerAddress();
    return family === AddressFamily.unix
      ? peer.set(family, 1, 0, 0, 0, 0)
      : peer.setBytes(family === AddressFamily.ipv4 ? 4 : 6, bytes, scope, port);
  } catch {
    return undefined;
  }
}

/** Keeps the address an accept record tells. */
export function keepPeer<D>(connection: StreamConnection<D>, peer: PeerWords): void {
  const { familyCode, word0, port } = peer;
  if (familyCode === AddressFamily.ipv4) {
    connection.peer = port * words32 + (word0 >>> 0);
  } else if (familyCode === AddressFamily.ipv6) {
    connection.config.table.peers.put(connection.slot, word0, peer.word1, peer.word2, peer.word3);
    connection.peer = ipv6Peer - port;
  } else if (familyCode === AddressFamily.unix && word0 !== 0) {
    keepPeerRead(connection);
  }
}

/** Fills `into` with the address that is kept; its family code is `unspecified` where none is. */
export function keptPeer<D>(
  { peer, origin, config, slot }: StreamConnection<D>,
  into: PeerAddress,
): PeerAddress {
  if (origin?.peer !== undefined) return into.setText(origin.peer);
  if (peer >= 0) {
    return into.set(AddressFamily.ipv4, (peer % words32) | 0, 0, 0, 0, Math.floor(peer / words32));
  }
  if (peer > ipv6Peer) return into.set(AddressFamily.unspecified, 0, 0, 0, 0, 0);
  const [word0, word1, word2, word3] = config.table.peers.of(slot);
  return into.set(AddressFamily.ipv6, word0, word1, word2, word3, ipv6Peer - peer);
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
  const { origin, config } = connection;
  if (origin?.peer !== undefined) return { ...origin.peer };
  const { familyCode, hostname, port, family } = keptPeer(connection, new PeerAddress());
  if (familyCode !== AddressFamily.unspecified) return { hostname, port, family };
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
