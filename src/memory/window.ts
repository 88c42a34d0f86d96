/**
 * Windows: borrowed views of the bytes where the kernel put them.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { OptionError, WindowError } from "../base/errors.ts";

/** What a window lies in: the segments of a ring, or bytes outside of it. */
export interface WindowMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of one segment. */
  readonly size: number;
  /** How many segments the bytes touch. `offset` lies within the first one. */
  covered(offset: number, length: number): number;
  /** Adds one hold to each segment the bytes touch; false, and nothing done, when one has no room for it. */
  hold(segment: number, offset: number, length: number): boolean;
  /** Takes one hold off each segment the bytes touch. */
  release(segment: number, offset: number, length: number): void;
}

/** The time of the window is over. */
const expired = 0;
/** Inside its callback, and the hold of the received bytes is this window's. */
const borrowed = 1;
/** Inside its callback, the hold went along with a write; the bytes stay in place until the callback ends. */
const spent = 2;
/** Its callback is over; it lives by `keep`. */
const kept = 3;

const decoder = new TextDecoder();
const asserting = ASSERTIONS;

/**
 * Received bytes, in place. A window given to `data` is valid until the callback returns (for an async
 * handler: until its first `await`). To use the bytes longer, copy them with {@linkcode Window.slice}, or
 * hold them with {@linkcode Window.keep} and give them back with {@linkcode Window.release}.
 *
 * Writing the window to a connection sends the same memory without a copy. Changing
 * {@linkcode Window.bytes} changes what is sent, until the callback ends.
 *
 * Use after its time throws a WindowError. Window objects are used again, so in production a window that was
 * kept in a variable without `keep` may instead show the bytes of a later message; in development mode it
 * always throws, and released memory is filled with `0xdd`.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 *
 * using listener = listen({
 *   port: 0,
 *   socket: {
 *     data(connection, window) {
 *       if (window.at(0) === 0x3f) connection.write("a question\n");
 *       else connection.write(window);
 *     },
 *   },
 * });
 * console.log(listener.port);
 * ```
 */
export interface Window extends Disposable {
  /** Number of bytes. */
  readonly length: number;
  /** The bytes in place, not a copy. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether the window may be used. */
  readonly live: boolean;
  /** The byte at `index`, counted from the end if negative; undefined outside. */
  at(index: number): number | undefined;
  /** The bytes as UTF-8 text; invalid sequences become U+FFFD. */
  text(): string;
  /** A copy of the bytes from `start` to before `end`, counted as in `Uint8Array.slice`. */
  slice(start?: number, end?: number): Uint8Array<ArrayBuffer>;
  /**
   * A window on the bytes from `start` to before `end`, counted as in `Uint8Array.subarray`. It is borrowed
   * as this one is, and lives no longer unless it is kept itself.
   */
  subarray(start?: number, end?: number): Window;
  /**
   * Holds the bytes beyond the callback, until {@linkcode Window.release} is called as often as `keep` was. A
   * kept window pins whole segments of the ring: copy small messages instead if you keep many.
   *
   * @returns this window.
   * @throws {WindowError} after its time.
   */
  keep(): this;
  /**
   * Gives up the window, or one `keep` of it. Without any `keep` it ends the window before its callback does.
   * On an expired window it does nothing. `using window = data.keep()` calls it at the end of the scope.
   */
  release(): void;
}

/** A {@linkcode Window} as the library handles it: a span of the segments of a ring, with its holds. */
export class RingWindow implements Window {
  readonly #segments: WindowMemory;
  #segment: number;
  #offset: number;
  #length: number;
  #state = borrowed;
  /** Calls of `keep` without their `release`. */
  #keeps = 0;
  #view: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Of a part: the window it is a part of, which must live as long. */
  #whole: RingWindow | undefined;
  /** Of a window that the application has made for itself: called when its last `keep` is given back. */
  #whenReleased: (() => void) | undefined = undefined;

  constructor(segments: WindowMemory, segment: number, offset: number, length: number, whole?: RingWindow) {
    this.#segments = segments;
    this.#segment = segment;
    this.#offset = offset;
    this.#length = length;
    this.#whole = whole;
  }

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    this.#checkLive();
    const { bytes, size } = this.#segments;
    const start = this.#segment * size + this.#offset;
    const view = this.#view;
    // Messages of one size at one place are usual: the view of the last one serves again.
    if (
      view !== undefined && view.byteOffset === bytes.byteOffset + start && view.length === this.#length
    ) return view;
    return this.#view = bytes.subarray(start, start + this.#length);
  }

  at(index: number): number | undefined {
    this.#checkLive();
    const position = index < 0 ? index + this.#length : index;
    if (position < 0 || position >= this.#length) return undefined;
    return this.#segments.bytes[this.#segment * this.#segments.size + this.#offset + position];
  }

  text(): string {
    return decoder.decode(this.bytes);
  }

  slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(start, end);
  }

  subarray(start = 0, end: number = this.#length): RingWindow {
    this.#checkLive();
    const from = clamp(start, this.#length);
    const to = Math.max(from, clamp(end, this.#length));
    const size = this.#segments.size;
    const position = this.#offset + from;
    const skipped = Math.floor(position / size);
    return new RingWindow(
      this.#segments,
      this.#segment + skipped,
      position - skipped * size,
      to - from,
      this.#whole ?? this,
    ).#asPart();
  }

  keep(): this {
    this.#checkLive();
    if (this.#keeps === 0 && this.#state !== borrowed) this.#hold();
    // A borrowed window keeps by its own hold, which then no write takes along.
    this.#keeps += 1;
    return this;
  }

  release(): void {
    if (this.#state === expired) return;
    if (this.#keeps > 0) {
      this.#keeps -= 1;
      if (this.#keeps > 0 || this.#state === borrowed) return;
      this.#drop();
      if (this.#state === kept) this.#state = expired;
      this.#whenReleased?.();
      this.#whenReleased = undefined;
      return;
    }
    if (this.#state === borrowed) this.#drop();
    this.#state = expired;
  }

  [Symbol.dispose](): void {
    this.release();
  }

  get live(): boolean {
    return this.#state !== expired && (this.#keeps > 0 || this.#whole === undefined || this.#whole.live);
  }

  /** Its bytes were made by the application and not received: sending them pins no further memory. */
  get isOwn(): boolean {
    return this.#whenReleased !== undefined || (this.#whole !== undefined && this.#whole.isOwn);
  }

  /** Makes it a window that lives until `release`, which then calls `whenReleased`. */
  asOwn(whenReleased: () => void): this {
    this.#whenReleased = whenReleased;
    this.keep();
    this.endBorrow();
    return this;
  }

  /** First segment of the bytes. */
  get segment(): number {
    return this.#segment;
  }

  /** Offset of the bytes in their first segment. */
  get offset(): number {
    return this.#offset;
  }

  /** The ring the bytes lie in. */
  get segments(): WindowMemory {
    return this.#segments;
  }

  /** Uses the object again for other bytes. */
  renew(segment: number, offset: number, length: number): void {
    if (asserting) {
      assert(offset >= 0 && offset < this.#segments.size, "a window begins within its first segment");
      assert(this.#keeps === 0, "a window that is kept is not used again");
    }
    this.#segment = segment;
    this.#offset = offset;
    this.#length = length;
    this.#state = borrowed;
    this.#keeps = 0;
  }

  /**
   * Uses the object for a part of other bytes, which live as long as `whole` does, or, where there is none,
   * until {@linkcode endBorrow}. A part has no hold of its own: a send and `keep` take one.
   */
  renewPart(whole: RingWindow | undefined, segment: number, offset: number, length: number): this {
    this.renew(segment, offset, length);
    this.#whole = whole;
    return this.#asPart();
  }

  /**
   * Gives one hold on the bytes to a send: this window's own where it can be spared, otherwise a new one.
   * False when the segments carry no further hold.
   */
  passHold(): boolean {
    if (this.#state === borrowed && this.#keeps === 0) {
      this.#state = spent;
      return true;
    }
    this.#checkLive();
    return this.#segments.hold(this.#segment, this.#offset, this.#length);
  }

  /**
   * Within the callback of a window that nobody keeps: its hold on the bytes from `position` in the ring on
   * goes to the caller, that on the segments before ends.
   */
  passHoldFrom(position: number): void {
    if (asserting) {
      assert(this.#state === borrowed && this.#keeps === 0, "the hold of a window passes on once");
    }
    this.passHold();
    const { size } = this.#segments;
    const before = Math.floor(position / size) - this.#segment;
    if (asserting) {
      assert(before >= 0, "the rest of a window lies within it");
      assert(
        this.#segments.covered(this.#offset, this.#length) > before,
        "the rest of a window lies within it",
      );
    }
    if (before > 0) this.#segments.release(this.#segment, 0, before * size);
  }

  /** The callback is over. */
  endBorrow(): void {
    if (asserting) assert(this.#state !== kept, "a callback ends once");
    if (this.#keeps > 0) {
      this.#state = kept;
      return;
    }
    if (this.#state === borrowed) this.#segments.release(this.#segment, this.#offset, this.#length);
    this.#state = expired;
  }

  /**
   * The ring is about to be given to the library within the callback: bytes whose hold went away with a
   * write are no longer safe to look at.
   */
  endSpent(): void {
    if (this.#state === spent && this.#keeps === 0) this.#state = expired;
  }

  /** Throws a WindowError unless the window may be used. */
  checkLive(): void {
    this.#checkLive();
  }

  #checkLive(): void {
    if (this.#state !== expired && this.#whole === undefined) return;
    if (!this.live) {
      throw new WindowError(
        "the window was used after its callback or its release; " +
          "copy the bytes with slice() or hold them with keep()",
        { code: "ERR_WINDOW_EXPIRED", operation: "window", origin: "application" },
      );
    }
  }

  #hold(): void {
    // A part without bytes has no hold; an empty datagram has one, on the segment of its address.
    if (this.#length === 0 && this.#whole !== undefined) return;
    if (this.#segments.hold(this.#segment, this.#offset, this.#length)) return;
    throw new OptionError(
      "window",
      "keep",
      "too many windows hold the same segment; copy the bytes with slice()",
    );
  }

  #drop(): void {
    if (this.#length === 0 && this.#whole !== undefined) return;
    if (asserting) assert(this.#keeps === 0, "a window that is kept does not give up its bytes");
    this.#segments.release(this.#segment, this.#offset, this.#length);
  }

  /** A part has no hold of its own until it is kept. */
  #asPart(): this {
    this.#state = spent;
    return this;
  }
}

/** A position as the methods of typed arrays count it. */
function clamp(position: number, length: number): number {
  const whole = Math.trunc(position) || 0;
  return whole < 0 ? Math.max(0, whole + length) : Math.min(whole, length);
}
