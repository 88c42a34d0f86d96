/**
 * The beginning of a head, or of trailers, whose end has not come: a copy outside of the ring, so that a slow
 * sender pins no segment of it.
 *
 * @module
 */
import { joinBufferMinBytes } from "../base/limits.ts";

const lineFeed = 0x0a;

/** Bytes that have come. */
export class PendingHead {
  /** How many they are. */
  length = 0;
  /** Those of them that the parser has looked at. */
  scanned = 0;
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

  /** Forgets the first bytes, which mean nothing. */
  drop(count: number): void {
    if (count === 0) return;
    this.#buffer.copyWithin(0, count, this.length);
    this.length -= count;
  }

  /** Copies these bytes, and those from `start` on behind them, to the beginning of `join`. Returns their end. */
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

/** Whether a line ends among the bytes: before that nothing more can be said of a head. */
export function hasLineEnd(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === lineFeed) return true;
  return false;
}
