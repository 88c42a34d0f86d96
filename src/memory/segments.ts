/**
 * The ring of segments as TypeScript sees it: counting holds, taking free segments, releasing them.
 *
 * The library takes segments for received bytes at the same cursor and with the same hold counts. Both sides
 * run on one thread, one after the other, so plain reads and writes suffice.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { ownWindowsShare } from "../base/limits.ts";
import * as layout from "../base/layout.ts";
import { RingWindow, type WindowMemory } from "./window.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { HEADER_SEGMENT_CURSOR, HEADER_SEGMENTS_HELD, SEGMENT_HOLDS_MAX } = layout;

/** What a byte of a released segment becomes in development mode, so that late readers see it at once. */
const poison = 0xdd;
const asserting = ASSERTIONS;

/** The memory of one opened loop. */
interface SegmentMemory {
  /** All segments, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many hold each segment. */
  readonly holds: Uint16Array;
  /** The shared header as words. */
  readonly header: Int32Array;
  readonly segmentSize: number;
  readonly segmentCount: number;
}

/** Bytes outside the ring as segments of their own: a single one, which is held once. */
export function segmentsOutside(bytes: Uint8Array<ArrayBuffer>, development: boolean): Segments {
  const header = new Int32Array(HEADER_SEGMENTS_HELD + 1);
  header[HEADER_SEGMENTS_HELD] = 1;
  const holds = new Uint16Array([1]);
  return new Segments({ bytes, holds, header, segmentSize: bytes.length, segmentCount: 1 }, development);
}

/** The segments of one loop. */
export class Segments implements WindowMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly size: number;
  readonly count: number;
  /** True where mistakes with windows are looked for and memory is poisoned on release. */
  readonly development: boolean;
  /** Number of segments the last {@linkcode takeRun} took. */
  runLength = 0;
  /** The segment of the last {@linkcode reserve}. */
  reservedSegment = -1;
  /** Segments that messages which have not come whole hold in place, over all connections. */
  heldForJoins = 0;
  /** Messages that came in several receives and were joined where they lay. */
  joinedInPlace = 0;
  /** Messages that came in several receives and were copied together. */
  joinedByCopy = 0;
  /** Bytes that were copied for it. */
  joinedBytesCopied = 0;
  /** Called when a segment becomes free after none was: somebody may be waiting for it. */
  whenFreed: (() => void) | undefined = undefined;
  /** Segments of windows that the application has made for itself. */
  heldByOwn = 0;
  readonly #holds: Uint16Array;
  readonly #header: Int32Array;
  /** One window object for each segment, made on first use; unused in development mode. */
  readonly #windows: (RingWindow | undefined)[];
  /** Segment small writes are gathered in until the next poll; -1 for none. */
  #copySegment = -1;
  #copyTail = 0;
  /** The window of the last part that was lent; unused in development mode. */
  #part: RingWindow | undefined = undefined;

  constructor(memory: SegmentMemory, development: boolean) {
    this.bytes = memory.bytes;
    this.size = memory.segmentSize;
    this.count = memory.segmentCount;
    this.development = development;
    this.#holds = memory.holds;
    this.#header = memory.header;
    this.#windows = new Array<RingWindow | undefined>(memory.segmentCount).fill(undefined);
    if (asserting) {
      assert(this.bytes.length >= this.size * this.count, "every segment has its bytes");
      assert(this.#holds.length >= this.count, "every segment has a count of holds");
      this.invariants();
    }
  }

  /** Segments with at least one hold. */
  get held(): number {
    return this.#header[HEADER_SEGMENTS_HELD];
  }

  /** How many segments the bytes touch. `offset` lies within the first one. */
  covered(offset: number, length: number): number {
    if (offset + length <= this.size) return 1;
    // Both numbers may come from a record in shared memory: no bytes touch more than there are.
    return Math.min(1 + Math.floor((offset + length - 1) / this.size), this.count);
  }

  /**
   * The window of received bytes, whose one hold it takes over. In production there is one object a segment,
   * used again and again; in development each is new, so that a window kept too long is always found out.
   */
  borrow(segment: number, offset: number, length: number): RingWindow {
    const window = this.#windows[segment];
    if (window !== undefined) {
      window.renew(segment, offset, length);
      return window;
    }
    const made = new RingWindow(this, segment, offset, length);
    if (!this.development) this.#windows[segment] = made;
    return made;
  }

  /**
   * A window on some of the bytes of `whole` for one callback; where there is none, on bytes the caller holds
   * until {@linkcode takeBack}. In production it is one object for all parts, in development each is new.
   */
  lend(whole: RingWindow | undefined, position: number, length: number): RingWindow {
    const segment = Math.floor(position / this.size);
    const offset = position - segment * this.size;
    const part = this.#part ?? new RingWindow(this, segment, offset, length);
    this.#part = undefined;
    return part.renewPart(whole, segment, offset, length);
  }

  /** The callback of a lent part is over; one that was kept stays its keeper's. */
  takeBack(part: RingWindow): void {
    part.endBorrow();
    if (!this.development && !part.live) this.#part = part;
  }

  /** Adds one hold to each segment the bytes touch; false, and nothing done, when one has no room for it. */
  hold(segment: number, offset: number, length: number): boolean {
    const end = segment + this.covered(offset, length);
    if (asserting) assert(segment >= 0 && end <= this.count, "only segments of the ring are held");
    for (let index = segment; index < end; index++) {
      if (this.#holds[index] >= SEGMENT_HOLDS_MAX) return false;
    }
    for (let index = segment; index < end; index++) {
      if (this.#holds[index]++ === 0) this.#header[HEADER_SEGMENTS_HELD] += 1;
    }
    return true;
  }

  /** Takes one hold off each segment the bytes touch. */
  release(segment: number, offset: number, length: number): void {
    const end = offset + length <= this.size ? segment + 1 : segment + this.covered(offset, length);
    if (asserting) assert(segment >= 0 && end <= this.count, "only segments of the ring are released");
    for (let index = segment; index < end; index++) {
      if (asserting) assert(this.#holds[index] > 0, "a segment is released once for each hold");
      if (--this.#holds[index] !== 0) continue;
      if (this.#header[HEADER_SEGMENTS_HELD]-- === this.count) this.whenFreed?.();
      if (this.development) this.bytes.fill(poison, index * this.size, (index + 1) * this.size);
    }
  }

  /** As {@linkcode hold}, for bytes given by their position in {@linkcode bytes}. */
  holdAt(position: number, length: number): boolean {
    return this.hold(Math.floor(position / this.size), position % this.size, length);
  }

  /** As {@linkcode release}, for bytes given by their position in {@linkcode bytes}. */
  releaseAt(position: number, length: number): void {
    this.release(Math.floor(position / this.size), position % this.size, length);
  }

  /**
   * Takes up to `segmentsMax` free segments that lie side by side, one hold on each, and returns the first;
   * -1 when none is free. How many it took stands in {@linkcode runLength}.
   */
  takeRun(segmentsMax: number): number {
    if (asserting) assert(segmentsMax >= 1, "a run has a segment or more");
    const holds = this.#holds;
    const header = this.#header;
    if (header[HEADER_SEGMENTS_HELD] >= this.count) return -1;
    let start = header[HEADER_SEGMENTS_HELD] === 0 ? 0 : header[HEADER_SEGMENT_CURSOR];
    if (start >>> 0 >= this.count) start = 0;
    for (let tried = 0; tried < this.count; tried++) {
      if (holds[start] === 0) break;
      start = start + 1 === this.count ? 0 : start + 1;
    }
    if (holds[start] !== 0) return -1;
    const end = Math.min(this.count, start + segmentsMax);
    let next = start;
    while (next < end && holds[next] === 0) holds[next++] = 1;
    header[HEADER_SEGMENTS_HELD] += next - start;
    header[HEADER_SEGMENT_CURSOR] = next === this.count ? 0 : next;
    this.runLength = next - start;
    if (asserting) {
      assert(this.runLength >= 1 && this.runLength <= segmentsMax, "a run is as long as it was asked for");
      assert(this.held <= this.count, "no more segments are held than there are");
    }
    return start;
  }

  /**
   * Copies bytes into segments of their own, which lie side by side. Undefined where no run of that length is
   * free, or these windows have their share of the ring. The caller releases the window, which is kept.
   */
  ownWindow(bytes: Uint8Array): RingWindow | undefined {
    const needed = Math.max(1, Math.ceil(bytes.length / this.size));
    if (this.heldByOwn + needed > this.ownMax) return undefined;
    const start = this.#takeLast(needed);
    if (start < 0) return undefined;
    this.bytes.set(bytes, start * this.size);
    this.heldByOwn += needed;
    const window = new RingWindow(this, start, 0, bytes.length);
    return window.asOwn(() => {
      this.heldByOwn -= needed;
    });
  }

  /** Segments that windows of the application's own may take. */
  get ownMax(): number {
    return Math.floor(this.count / ownWindowsShare);
  }

  /**
   * Takes exactly this number of segments, side by side and as far behind as possible, where they do not cut
   * the runs that receive. Returns the first; -1 where there is no such run.
   */
  #takeLast(needed: number): number {
    const holds = this.#holds;
    let free = 0;
    for (let index = this.count - 1; index >= 0; index--) {
      free = holds[index] === 0 ? free + 1 : 0;
      if (free < needed) continue;
      holds.fill(1, index, index + needed);
      this.#header[HEADER_SEGMENTS_HELD] += needed;
      return index;
    }
    return -1;
  }

  /**
   * Finds `length` bytes (at most one segment) to copy a small write into, behind the small writes of this
   * turn. Returns their position in {@linkcode bytes}, or -1 when no segment is free. The caller holds the
   * segment itself for what it uses, and says how much that was with {@linkcode copied}.
   */
  copySpace(length: number): number {
    if (asserting) assert(length >= 1 && length <= this.size, "a small write fits a segment");
    if (this.#copySegment >= 0 && this.#copyTail + length <= this.size) {
      return this.#copySegment * this.size + this.#copyTail;
    }
    this.endCopies();
    const segment = this.takeRun(1);
    if (segment < 0) return -1;
    this.#copySegment = segment;
    this.#copyTail = 0;
    return segment * this.size;
  }

  /** The first `length` bytes of the last {@linkcode copySpace} are in use. */
  copied(length: number): void {
    if (asserting) {
      assert(this.#copySegment >= 0, "bytes are copied into a segment that was taken for them");
      assert(this.#copyTail + length <= this.size, "copied bytes end within their segment");
    }
    this.#copyTail += length;
  }

  /**
   * Reserves the rest of the segment of small writes, at least `length` bytes, to be written in place.
   * Returns their position, or -1 when no segment is free. The caller has one hold on
   * {@linkcode reservedSegment}, and says with {@linkcode endReservation} how much it has used.
   */
  reserve(length: number): number {
    const position = this.copySpace(length);
    if (position < 0) return -1;
    const segment = this.#copySegment;
    if (this.#holds[segment] >= SEGMENT_HOLDS_MAX) return -1;
    this.#holds[segment] += 1;
    this.#copyTail = this.size;
    this.reservedSegment = segment;
    return position;
  }

  /** What lies behind `used` bytes of a reserved segment is free for small writes again. */
  endReservation(segment: number, used: number): void {
    if (asserting) assert(used <= this.size, "what was reserved lies in one segment");
    // Where others wrote meanwhile, they have a segment of their own.
    if (this.#copySegment === segment) this.#copyTail = used;
  }

  /** Before a poll: the segment of small writes belongs to its senders alone from now on. */
  endCopies(): void {
    if (this.#copySegment < 0) return;
    this.release(this.#copySegment, 0, this.size);
    this.#copySegment = -1;
  }

  /** Asserts that the counts of holds and the shared header agree. Checks every segment. */
  invariants(): void {
    let held = 0;
    for (let index = 0; index < this.count; index++) if (this.#holds[index] > 0) held += 1;
    assert(this.held === held, "the header counts the segments that are held");
    assert(this.heldByOwn >= 0, "windows of the application's own give back no more than they took");
    assert(this.heldForJoins >= 0, "joins give back no more segments than they hold");
    if (this.#copySegment < 0) return;
    assert(this.#holds[this.#copySegment] > 0, "the segment of small writes is held");
    assert(this.#copyTail <= this.size, "small writes end within their segment");
  }
}
