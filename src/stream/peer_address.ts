/**
 * The peer's address of a connection, kept from the accept on: once the peer has reset the connection, the
 * system no longer knows the address.
 *
 * An IPv4 address is two numbers in the connection, which no engine has to box. The words of an IPv6 address
 * lie in an array beside the others of its loop, by the connection's slot, and move into the connection when
 * it ends.
 *
 * @module
 */
import { AddressFamily } from "../base/layout.ts";
import { AcceptedAddress, type PeerWords } from "../base/peer_address.ts";
import type { Engine } from "../loop/engine.ts";

/**
 * What a connection keeps where no number holds its peer's address. From 0 on: the port of an IPv4 address.
 */
export const noPeer = -1;
/** Below it: an IPv6 address in the loop's array, with its port: `ipv6Peer - port`. */
const ipv6Peer = -2;

/** Words of an address in the array. */
const wordsPerAddress = 4;

/**
 * The peers of a loop's connections. Each has a number in its connection, and beside it the word of an IPv4
 * address; the words of IPv6 addresses lie here by slot, in an array that is made with the first one and
 * grown by doubling.
 */
export class PeerTable {
  #words = new Int32Array(0);

  /** The number for an address; undefined if none can hold it. */
  keep(slot: number, peer: PeerWords): number | undefined {
    const { familyCode, port } = peer;
    if (familyCode === AddressFamily.ipv4) return port;
    if (familyCode !== AddressFamily.ipv6) return undefined;
    this.put(slot, peer.word0, peer.word1, peer.word2, peer.word3);
    return ipv6Peer - port;
  }

  /**
   * Fills `into` with the address of a number, whose word is `word` if it is one of IPv4; its family code is
   * `unspecified` for {@linkcode noPeer}.
   */
  fill(into: AcceptedAddress, slot: number, peer: number, word: number): AcceptedAddress {
    if (peer >= 0) return into.set(AddressFamily.ipv4, word, 0, 0, 0, peer);
    if (peer === noPeer) return into.set(AddressFamily.unspecified, 0, 0, 0, 0, 0);
    const [word0, word1, word2, word3] = this.of(slot);
    return into.set(AddressFamily.ipv6, word0, word1, word2, word3, ipv6Peer - peer);
  }

  /** Whether the address lies here and goes with its slot. */
  holds(peer: number): boolean {
    return peer <= ipv6Peer;
  }

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
    const peer = new AcceptedAddress();
    return family === AddressFamily.unix
      ? peer.set(family, 1, 0, 0, 0, 0)
      : peer.setBytes(family === AddressFamily.ipv4 ? 4 : 6, bytes, scope, port);
  } catch {
    return undefined;
  }
}
