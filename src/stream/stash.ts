/**
 * Received bytes that wait until their connection reads again: held in place, or copied out of a crowded
 * ring, because a peer that does not read can keep a connection paused forever.
 *
 * @module
 */
import type { Engine } from "../loop/engine.ts";

/** Bytes in the ring, with one hold, or a copy of them outside of it. */
interface Stashed {
  segment: number;
  offset: number;
  length: number;
  /** The copy; undefined where the bytes are held in place. */
  bytes: Uint8Array | undefined;
}

/** What one connection has received and not handled, in order. */
export class Stash {
  readonly #engine: Engine;
  #pieces: Stashed[] = [];
  /** The peer's end came behind the bytes. */
  ended = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** No bytes wait. */
  get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Keeps received bytes, with their hold, behind the others. */
  add(segment: number, offset: number, length: number): void {
    this.#pieces.push(this.#held(segment, offset, length));
  }

  /** Keeps received bytes, with their hold, in front of the others. */
  putBack(segment: number, offset: number, length: number): void {
    this.#pieces.unshift(this.#held(segment, offset, length));
  }

  /** Puts bytes outside of the ring in front of the others. */
  addFirst(bytes: Uint8Array): void {
    this.#pieces.unshift({ segment: -1, offset: 0, length: bytes.length, bytes });
    this.#engine.outboxBytes += bytes.length;
  }

  /** Takes the first bytes, now in the ring; undefined where it has no room for them or none wait. */
  next(): Stashed | undefined {
    const piece = this.#pieces.shift();
    if (piece === undefined || this.#takeIn(piece)) return piece;
    this.#pieces.unshift(piece);
    return undefined;
  }

  /** The copies among them. */
  *copies(): Iterable<Uint8Array> {
    for (const { bytes } of this.#pieces) {
      if (bytes !== undefined) yield bytes;
    }
  }

  /** Gives everything back. True when the peer's end came behind it. */
  drop(): boolean {
    const engine = this.#engine;
    for (const { segment, offset, length, bytes } of this.#pieces) {
      if (bytes === undefined) engine.segments.release(segment, offset, length);
      else engine.outboxBytes -= length;
    }
    this.#pieces = [];
    const { ended } = this;
    this.ended = false;
    return ended;
  }

  #held(segment: number, offset: number, length: number): Stashed {
    const engine = this.#engine;
    if (!engine.crowded) return { segment, offset, length, bytes: undefined };
    const { segments } = engine;
    const position = segment * segments.size + offset;
    const bytes = segments.bytes.slice(position, position + length);
    segments.release(segment, offset, length);
    engine.outboxBytes += length;
    return { segment: -1, offset: 0, length, bytes };
  }

  /** Takes a copy into the ring again, as much as finds room; false where nothing does. */
  #takeIn(piece: Stashed): boolean {
    const { bytes } = piece;
    if (bytes === undefined) return true;
    const engine = this.#engine;
    const { segments } = engine;
    const segment = segments.takeRun(Math.ceil(bytes.length / segments.size));
    if (segment < 0) return false;
    const length = Math.min(bytes.length, segments.runLength * segments.size);
    const part = length === bytes.length ? bytes : bytes.subarray(0, length);
    segments.bytes.set(part, segment * segments.size);
    engine.outboxBytes -= length;
    if (length < bytes.length) {
      const rest = bytes.subarray(length);
      this.#pieces.unshift({ segment: -1, offset: 0, length: rest.length, bytes: rest });
    }
    piece.segment = segment;
    piece.length = length;
    piece.bytes = undefined;
    return true;
  }
}
