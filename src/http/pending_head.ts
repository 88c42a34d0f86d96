/**
 * The beginning of a head, or of trailers, whose end has not come: a copy outside of the ring, so that a slow
 * sender pins no segment of it.
 *
 * @module
 */
import { joinBufferMinBytes } from "../base/limits.ts";

const lineFeed = 0x0a;
/** Bytes without the end of a line after which the parser looks. */
const lookStepBytes = 1024;

/** Bytes that have come. */
export class PendingHead {
  /** How many they are. */
  length = 0;
  /** Those of them that the parser need not look at again. */
  scanned = 0;
  #lookedAt = 0;
  #buffer = new Uint8Array(joinBufferMinBytes);

  /** Appends the bytes from `start` to before `end`. */
  add(bytes: Uint8Array, start: number, end: number): void {
    const length = this.length + end - start;
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
      larger.set(this.#buffer.subarray(0, this.length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes.subarray(start, end), this.length);
    this.length = length;
  }

  /** The parser has looked at them: the first `consumed` mean nothing, the next `scanned` are known. */
  looked(consumed: number, scanned: number): void {
    if (consumed > 0) this.#buffer.copyWithin(0, consumed, this.length);
    this.length -= consumed;
    this.scanned = scanned;
    this.#lookedAt = this.length;
  }

  /**
   * Whether the parser may have something to say of them with the bytes from `start` to before `end`: a line
   * ends in these, much has come since its last look, or they are as many as a head may have.
   */
  isWorthALook(bytes: Uint8Array, start: number, end: number, bytesMax: number): boolean {
    const length = this.length + end - start;
    if (length >= this.#lookedAt + lookStepBytes || length >= bytesMax) return true;
    for (let at = start; at < end; at++) if (bytes[at] === lineFeed) return true;
    return false;
  }

  /** Copies these bytes, and behind them those from `start` on, into `join`. Returns their end. */
  joinWith(bytes: Uint8Array, start: number, end: number, join: Uint8Array): number {
    join.set(this.#buffer.subarray(0, this.length));
    const taken = Math.min(end - start, join.length - this.length);
    join.set(bytes.subarray(start, start + taken), this.length);
    return this.length + taken;
  }

  /** A copy. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.length);
  }
}
