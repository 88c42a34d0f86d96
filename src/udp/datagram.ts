/**
 * Received datagrams, in place, with the sender's address in front.
 *
 * @module
 */
import { formatAddress, type SocketAddress } from "../base/address.ts";
import {
  ADDRESS_BYTES_BYTE,
  ADDRESS_FAMILY_BYTE,
  ADDRESS_PORT_BYTE,
  ADDRESS_SCOPE_BYTE,
  ADDRESS_SIZE,
  AddressFamily,
} from "../base/layout.ts";
import type { Segments } from "../memory/segments.ts";
import { RingWindow, type Window } from "../memory/window.ts";

/** A received datagram: a window on its bytes that knows its sender. */
export interface Datagram extends Window {
  /** The address of the sender. */
  readonly sender: DatagramSender;
  /**
   * Bytes of the datagram as it was sent, if its end was cut off and the system reports it; otherwise the
   * bytes of this window.
   */
  readonly originalLength: number;
  /** Whether its end was cut off because it is longer than `datagramSize` of the socket. */
  readonly truncated: boolean;
}

/**
 * The sender of a datagram, read from the ring at each access, and valid as long as its datagram is. To keep
 * it, copy the fields: `const { hostname, port } = sender`.
 */
export interface DatagramSender extends SocketAddress {
  /** The address as text; of IPv4 on a socket of IPv6 as `"::ffff:127.0.0.1"`. */
  readonly hostname: string;
  /** The port. */
  readonly port: number;
  /** The kind of address. */
  readonly family: "IPv4" | "IPv6";
  /** A copy as plain values, which remains valid. */
  toJSON(): SocketAddress;
}

/** A {@linkcode Datagram} as the library handles it. */
export class RingDatagram extends RingWindow implements Datagram {
  readonly sender: RingSender;
  originalLength: number;
  truncated: boolean;

  constructor(segments: Segments, segment: number, offset: number, length: number, originalLength: number) {
    super(segments, segment, offset, length);
    this.sender = new RingSender(this);
    this.truncated = originalLength >= 0;
    this.originalLength = originalLength > 0 ? originalLength : length;
  }

  /** Uses the object again for another datagram. */
  receive(segment: number, offset: number, length: number, originalLength: number): void {
    this.renew(segment, offset, length);
    this.truncated = originalLength >= 0;
    this.originalLength = originalLength > 0 ? originalLength : length;
  }

  /** Where the sender's address lies in the ring. */
  get addressPosition(): number {
    return this.segment * this.segments.size + this.offset - ADDRESS_SIZE;
  }

  /** The sender's address as it lies in the ring. */
  get addressRecord(): Uint8Array {
    this.checkLive();
    const at = this.addressPosition;
    return this.segments.bytes.subarray(at, at + ADDRESS_SIZE);
  }
}

/** A {@linkcode DatagramSender}: the address in front of its datagram. */
export class RingSender implements DatagramSender {
  readonly #datagram: RingDatagram;
  /** The address last written as text: that of the same peer most often. */
  #text = "";
  readonly #textOf = new Uint8Array(ADDRESS_SIZE);

  constructor(datagram: RingDatagram) {
    this.#datagram = datagram;
  }

  get hostname(): string {
    const { bytes, position } = this.#place();
    const known = this.#textOf;
    let same = this.#text !== "";
    for (let index = 0; index < ADDRESS_SIZE; index++) {
      if (known[index] === bytes[position + index]) continue;
      known[index] = bytes[position + index];
      // The port is not part of the text.
      if (index !== ADDRESS_PORT_BYTE && index !== ADDRESS_PORT_BYTE + 1) same = false;
    }
    return same ? this.#text : this.#text = this.#format();
  }

  get port(): number {
    const { bytes, position } = this.#place();
    return bytes[position + ADDRESS_PORT_BYTE] | bytes[position + ADDRESS_PORT_BYTE + 1] << 8;
  }

  get family(): "IPv4" | "IPv6" {
    const { bytes, position } = this.#place();
    return bytes[position + ADDRESS_FAMILY_BYTE] === AddressFamily.ipv4 ? "IPv4" : "IPv6";
  }

  toJSON(): SocketAddress {
    return { hostname: this.hostname, port: this.port, family: this.family };
  }

  /** Its datagram. */
  get datagram(): RingDatagram {
    return this.#datagram;
  }

  #place(): { bytes: Uint8Array; position: number } {
    this.#datagram.checkLive();
    return { bytes: this.#datagram.segments.bytes, position: this.#datagram.addressPosition };
  }

  #format(): string {
    const record = this.#textOf;
    const ipv4 = record[ADDRESS_FAMILY_BYTE] === AddressFamily.ipv4;
    const scope = new DataView(record.buffer).getUint32(ADDRESS_SCOPE_BYTE, true);
    const bytes = record.subarray(ADDRESS_BYTES_BYTE, ADDRESS_BYTES_BYTE + (ipv4 ? 4 : 16));
    return formatAddress({ family: ipv4 ? 4 : 6, bytes, scope });
  }
}
