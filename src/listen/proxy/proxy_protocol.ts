/**
 * Reads the PROXY header that a load balancer sends before its client's bytes, in pieces of any size.
 *
 * Source: The PROXY protocol, versions 1 & 2 (haproxy.org, proxy-protocol.txt), section 2.
 *
 * @module
 */
import { proxyHeaderMaxBytes } from "../../base/limits.ts";
import { binaryHeadBytes, readBinary, readBinaryLength } from "./binary.ts";
import type { ProxyHeader } from "../../stream/proxy_header.ts";
import { readProxyLine } from "./text.ts";

/** What a line begins with. */
const linePrefix = Uint8Array.from("PROXY ", (character) => character.charCodeAt(0));
/** What a binary header begins with; no other protocol does. */
const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
/** Bytes of the longest line with its CRLF (section 2.1). */
const lineMaxBytes = 107;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** Takes the bytes of one header as they come. */
export class ProxyParser {
  /** The header, once it is complete. */
  header: ProxyHeader | undefined = undefined;
  /** What is wrong with it, once that is known: `"is of version 3, not 2"`. */
  fault: string | undefined = undefined;
  #bytes = new Uint8Array(lineMaxBytes);
  #length = 0;
  /** Bytes of the whole binary header, once they are known. */
  #needed = binaryHeadBytes;

  /**
   * Takes what belongs to the header and returns how many bytes that was. More are needed while neither
   * `header` nor `fault` is set.
   */
  take(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && this.header === undefined && this.fault === undefined) {
      const before = taken;
      taken += this.#isBinary(bytes) ? this.#takeBinary(bytes, taken) : this.#takeLine(bytes, taken);
      // A fault found in the bytes that are there takes none.
      if (taken === before) break;
    }
    return taken;
  }

  #isBinary(bytes: Uint8Array): boolean {
    return (this.#length > 0 ? this.#bytes[0] : bytes[0]) === signature[0];
  }

  /** One byte, so that nothing behind the line is taken: lines are short. */
  #takeLine(bytes: Uint8Array, at: number): number {
    const byte = bytes[at];
    const position = this.#length;
    if (position < linePrefix.length && byte !== linePrefix[position]) {
      this.fault = "begins with neither form of the PROXY protocol";
      return 0;
    }
    this.#bytes[position] = byte;
    this.#length += 1;
    if (byte === lineFeed && this.#bytes[position - 1] === carriageReturn) {
      this.#finish(readProxyLine(textOf(this.#bytes.subarray(0, position - 1))));
    } else if (this.#length === lineMaxBytes) {
      this.fault = `has no CRLF in its first ${lineMaxBytes} bytes`;
    }
    return 1;
  }

  #takeBinary(bytes: Uint8Array, at: number): number {
    const part = bytes.subarray(at, at + this.#needed - this.#length);
    const position = this.#length;
    for (let index = 0; index < part.length && position + index < signature.length; index++) {
      if (part[index] === signature[position + index]) continue;
      this.fault = "begins with neither form of the PROXY protocol";
      return 0;
    }
    this.#bytes.set(part, position);
    this.#length += part.length;
    if (this.#length < this.#needed) return part.length;
    if (this.#length === binaryHeadBytes) this.#readLength();
    if (this.fault === undefined && this.#length === this.#needed) {
      this.#finish(readBinary(this.#bytes.subarray(0, this.#length)));
    }
    return part.length;
  }

  #readLength(): void {
    const length = readBinaryLength(this.#bytes);
    if (typeof length === "string") {
      this.fault = length;
    } else if (binaryHeadBytes + length > proxyHeaderMaxBytes) {
      this.fault = `has ${binaryHeadBytes + length} bytes, more than ${proxyHeaderMaxBytes}`;
    } else {
      this.#needed = binaryHeadBytes + length;
      if (this.#needed <= this.#bytes.length) return;
      const whole = new Uint8Array(this.#needed);
      whole.set(this.#bytes.subarray(0, binaryHeadBytes));
      this.#bytes = whole;
    }
  }

  #finish(result: ProxyHeader | string): void {
    if (typeof result === "string") this.fault = result;
    else this.header = result;
  }
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
