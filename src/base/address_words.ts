/**
 * IP addresses as numbers, for the path of an accepted connection, where text would cost too much.
 *
 * @module
 */
import { type AddressBytes, formatAddress, parseAddress } from "./address.ts";
import { AddressFamily } from "./layout.ts";
import type { PeerWords } from "./peer_address.ts";

/** The third word of an IPv4 address mapped into IPv6 (RFC 4291 section 2.5.5.2). */
const mappedMark = 0xffff;
/** Link-local unicast addresses, fe80::/10 (RFC 4291, section 2.5.6), in the first word. */
const linkLocalMask = 0xffc0_0000 | 0;
const linkLocalPrefix = 0xfe80_0000 | 0;

/**
 * One address: its family and four words of 32 bits, each the number its bytes in network order make
 * (192.0.2.1 is 0xc0000201). IPv4 has only the first. Objects of this class are filled again and again, so
 * that an accept allocates nothing.
 */
export class AddressWords {
  /** 4 or 6; 0 for a peer without an address, as on Unix sockets. */
  family: 0 | 4 | 6 = 0;
  w0 = 0;
  w1 = 0;
  w2 = 0;
  w3 = 0;

  /**
   * Takes an address. An IPv4 one mapped into IPv6, as a listener of both kinds sees it, becomes IPv4: it is
   * the same peer.
   */
  set(family: 0 | 4 | 6, w0: number, w1: number, w2: number, w3: number): this {
    const mapped = family === 6 && (w0 | w1) === 0 && w2 === mappedMark;
    this.family = mapped ? 4 : family;
    this.w0 = (mapped ? w3 : w0) | 0;
    const longer = this.family === 6;
    this.w1 = longer ? w1 | 0 : 0;
    this.w2 = longer ? w2 | 0 : 0;
    this.w3 = longer ? w3 | 0 : 0;
    return this;
  }

  /**
   * Takes the address of an accept's record: its bytes lie in network order, and the words are as a machine
   * with the small end first, as all we run on are, reads them.
   */
  setPeer({ familyCode, word0, word1, word2, word3 }: PeerWords): this {
    const known = familyCode === AddressFamily.ipv4 ? 4 : familyCode === AddressFamily.ipv6 ? 6 : 0;
    const first = swapped(word0);
    // Of a link-local address (fe80::/10) the second word is the interface it was met at: no part of it.
    const second = known === 6 && (first & linkLocalMask) === linkLocalPrefix ? 0 : swapped(word1);
    return this.set(known, first, second, swapped(word2), swapped(word3));
  }

  /** Takes the address of bytes in network order. */
  setBytes(family: 4 | 6, bytes: Uint8Array): this {
    if (family === 4) return this.set(4, wordAt(bytes, 0), 0, 0, 0);
    return this.set(6, wordAt(bytes, 0), wordAt(bytes, 4), wordAt(bytes, 8), wordAt(bytes, 12));
  }

  /** The address as bytes. */
  toBytes(): AddressBytes {
    const bytes = new Uint8Array(this.family === 4 ? 4 : 16);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, this.w0);
    if (this.family === 4) return { family: 4, bytes, scope: 0 };
    view.setInt32(4, this.w1);
    view.setInt32(8, this.w2);
    view.setInt32(12, this.w3);
    return { family: 6, bytes, scope: 0 };
  }

  /** The address as text; empty where there is none. */
  toString(): string {
    return this.family === 0 ? "" : formatAddress(this.toBytes());
  }
}

/** Reads an address; undefined if the text is not one. The zone is ignored: it is not part of the number. */
export function parseAddressWords(text: string): AddressWords | undefined {
  const address = parseAddress(text, () => 0);
  return address === undefined ? undefined : new AddressWords().setBytes(address.family, address.bytes);
}

/** The word with its bytes the other way round. */
function swapped(word: number): number {
  return word << 24 | (word & 0xff00) << 8 | (word >>> 8 & 0xff00) | word >>> 24;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
}
