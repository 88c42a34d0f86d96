/**
 * The address of an accepted socket's peer, as the record of its accept has it.
 *
 * @module
 */
import { formatAddress, parseAddress, type SocketAddress } from "./address.ts";
import { AddressFamily } from "./layout.ts";

/** A peer's address as plain numbers, which can be kept, put into a ring or sent as JSON. */
export interface PeerWords {
  /** An `AddressFamily`. */
  familyCode: number;
  /**
   * The sixteen bytes of the address in network order, as they lie in memory; IPv4 is the first word. The
   * second word of a link-local IPv6 address is the number of its interface. For a Unix socket the first word
   * is 1 if it has a path.
   */
  word0: number;
  word1: number;
  word2: number;
  word3: number;
  port: number;
}

/**
 * The address of an accepted connection. One object serves all accepts of a loop: the next accept overwrites
 * it, so read what you need during the call.
 */
export interface PeerAddress {
  /** The address as text, made at each access: `"192.0.2.1"`, `"2001:db8::1"`; empty for a Unix socket. */
  readonly hostname: string;
  /** The port; 0 for a Unix socket. */
  readonly port: number;
  /** The kind of address. */
  readonly family: SocketAddress["family"];
}

/** A {@linkcode PeerAddress} as the library handles it. */
export class AcceptedAddress implements PeerAddress, PeerWords {
  /** An `AddressFamily`. */
  familyCode: number = AddressFamily.unspecified;
  word0 = 0;
  word1 = 0;
  word2 = 0;
  word3 = 0;
  /** The port; 0 for a Unix socket. */
  port = 0;
  /** A number that an admission keeps with the connection, -1 for none. */
  ticket = -1;

  /** Takes another address. */
  set(familyCode: number, word0: number, word1: number, word2: number, word3: number, port: number): this {
    this.familyCode = familyCode;
    this.word0 = word0;
    this.word1 = word1;
    this.word2 = word2;
    this.word3 = word3;
    this.port = port;
    this.ticket = -1;
    return this;
  }

  /** Takes the address of `other`. */
  copy({ familyCode, word0, word1, word2, word3, port }: PeerWords): this {
    return this.set(familyCode, word0, word1, word2, word3, port);
  }

  /** Takes an IP address as bytes in network order. */
  setBytes(family: 4 | 6, bytes: Uint8Array, scope: number, port: number): this {
    const whole = new Uint8Array(16);
    whole.set(bytes);
    const [word0, word1, word2, word3] = new Int32Array(whole.buffer);
    const familyCode = family === 4 ? AddressFamily.ipv4 : AddressFamily.ipv6;
    return this.set(familyCode, word0, isLinkLocal(bytes) ? scope : word1, word2, word3, port);
  }

  /** Takes an address that is written as text. */
  setText({ hostname, port, family }: SocketAddress): this {
    const address = family === "Unix" ? undefined : parseAddress(hostname);
    if (address === undefined) return this.set(AddressFamily.unspecified, 0, 0, 0, 0, 0);
    return this.setBytes(address.family, address.bytes, address.scope, port);
  }

  get family(): SocketAddress["family"] {
    if (this.familyCode === AddressFamily.unix) return "Unix";
    return this.familyCode === AddressFamily.ipv6 ? "IPv6" : "IPv4";
  }

  get hostname(): string {
    if (this.familyCode !== AddressFamily.ipv4 && this.familyCode !== AddressFamily.ipv6) return "";
    const words = Int32Array.of(this.word0, this.word1, this.word2, this.word3);
    const bytes = new Uint8Array(words.buffer);
    if (this.familyCode === AddressFamily.ipv4) {
      return formatAddress({ family: 4, bytes: bytes.subarray(0, 4), scope: 0 });
    }
    let scope = 0;
    if (isLinkLocal(bytes)) {
      scope = this.word1 >>> 0;
      bytes.fill(0, 4, 8);
    }
    return formatAddress({ family: 6, bytes, scope });
  }
}

/** Link-local unicast: fe80::/10 (RFC 4291, 2.5.6). */
function isLinkLocal(bytes: Uint8Array): boolean {
  return bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80;
}
