/**
 * The clock of a loop.
 *
 * @module
 */
import * as layout from "../../ffi/layout.gen.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { HEADER_NOW_MS_HIGH, HEADER_NOW_MS_LOW } = layout;

/** 2 to the power of 32. */
const wordRange = 0x1_0000_0000;

/** The library's clock, which never goes back; reading it costs a load or two. */
export class Clock {
  readonly #header: Int32Array;
  /** The library's time when the loop last fell asleep, and the host's. */
  #sleptAt: number;
  #since = performance.now();

  constructor(header: Int32Array) {
    this.#header = header;
    this.#sleptAt = header[HEADER_NOW_MS_LOW];
  }

  /**
   * Whole milliseconds modulo 2^32, as a signed number: during a turn the time of its poll, and while the
   * loop sleeps moved on by the host's clock.
   */
  get now(): number {
    const now = this.#header[HEADER_NOW_MS_LOW];
    return now === this.#sleptAt ? (now + performance.now() - this.#since) | 0 : now;
  }

  /** Milliseconds as they were when the last poll ended. */
  get polledAt(): number {
    return this.#header[HEADER_NOW_MS_HIGH] * wordRange + (this.#header[HEADER_NOW_MS_LOW] >>> 0);
  }

  /** The loop goes to sleep after a poll. */
  slept(): void {
    this.#sleptAt = this.#header[HEADER_NOW_MS_LOW];
    this.#since = performance.now();
  }
}
