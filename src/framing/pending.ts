/**
 * The beginning of a message whose end has not arrived.
 *
 * Bytes that fill their segments to the end are held where they lie, because the next bytes may lie right
 * behind them; then the message is joined without a copy. All others are copied at once into a buffer that
 * grows with them, so that a slow sender pins no segment of the ring; so are those above a share of the ring.
 *
 * @module
 */
import { joinBufferMinBytes, joinHeldShare } from "../base/limits.ts";
import { type Segments, segmentsOutside } from "../memory/segments.ts";
import type { RingWindow } from "../memory/window.ts";
import { ScanState } from "./scan.ts";

/** The received part of one message. */
export class Pending {
  readonly state: ScanState = new ScanState();
  readonly #ring: Segments;
  /** Position of the bytes held in the ring, and how many they are. */
  #position = 0;
  #held = 0;
  #buffer: Uint8Array<ArrayBuffer> | undefined = undefined;
  #copied = 0;

  constructor(ring: Segments) {
    this.#ring = ring;
  }

  /** Bytes that have come. */
  get length(): number {
    return this.#held + this.#copied;
  }

  /** Position of the held bytes when those at `position` lie right behind them, -1 otherwise. */
  heldBefore(position: number): number {
    return this.#held > 0 && this.#position + this.#held === position ? this.#position : -1;
  }

  /** Takes the bytes of a window from `from` to its end, `end`. `crowded`: the ring is short of segments. */
  add(window: RingWindow, from: number, end: number, crowded: boolean): void {
    if (!crowded && this.#canHold(from, end)) {
      const ring = this.#ring;
      window.passHoldFrom(from);
      if (this.#held === 0) this.#position = from;
      this.#held += end - from;
      ring.heldForJoins += Math.ceil((end - from) / ring.size);
      return;
    }
    this.copy(from, end);
  }

  /** Appends a copy of bytes of the ring. */
  copy(from: number, end: number): void {
    const { bytes } = this.#ring;
    if (this.#held > 0) {
      const position = this.#position;
      const held = this.#held;
      this.#append(bytes, position, position + held);
      this.releaseHeld();
    }
    this.#append(bytes, from, end);
  }

  /** All that was copied, as segments of its own: nothing more is added. */
  take(): Segments {
    const ring = this.#ring;
    ring.joinedByCopy += 1;
    ring.joinedBytesCopied += this.#copied;
    return segmentsOutside(this.#buffer!, ring.development);
  }

  /** A copy of the received part. */
  toBytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.length);
    if (this.#buffer !== undefined) bytes.set(this.#buffer.subarray(0, this.#copied));
    const position = this.#position;
    bytes.set(this.#ring.bytes.subarray(position, position + this.#held), this.#copied);
    return bytes;
  }

  /** Gives back what is held. */
  releaseHeld(): void {
    if (this.#held === 0) return;
    const ring = this.#ring;
    ring.heldForJoins -= this.#heldSegments();
    ring.releaseAt(this.#position, this.#held);
    this.#held = 0;
  }

  /** Held bytes end with a segment; the first one may begin within. */
  #heldSegments(): number {
    return Math.ceil(this.#held / this.#ring.size);
  }

  #canHold(from: number, end: number): boolean {
    const { size, count, heldForJoins } = this.#ring;
    if (this.#copied > 0 || end % size !== 0) return false;
    if (this.#held > 0 && this.#position + this.#held !== from) return false;
    return heldForJoins + Math.ceil((end - from) / size) <= count / joinHeldShare;
  }

  #append(bytes: Uint8Array, from: number, end: number): void {
    const length = this.#copied + end - from;
    let buffer = this.#buffer;
    if (buffer === undefined || buffer.length < length) {
      // A peer that announces much gets no memory before it has sent something.
      const { total } = this.state;
      const grown = Math.max(joinBufferMinBytes, 2 * length);
      const larger = new Uint8Array(total >= length ? Math.min(total, grown) : grown);
      if (buffer !== undefined) larger.set(buffer.subarray(0, this.#copied));
      this.#buffer = buffer = larger;
    }
    buffer.set(bytes.subarray(from, end), this.#copied);
    this.#copied = length;
  }
}
