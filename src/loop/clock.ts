/**
 * The time as the loop sees it.
 *
 * @module
 */
import { HEADER_NOW_MS_LOW } from "../../ffi/layout.gen.ts";

/**
 * The library's clock in whole milliseconds, modulo 2^32 as a signed number: during a turn the time of its poll, and
 * while the loop sleeps moved on by the host's clock.
 */
export class Clock {
  readonly #header: Int32Array;
  /** Whether the last poll was long ago. */
  #behind = true;
  #since = performance.now();

  constructor(header: Int32Array) {
    this.#header = header;
  }

  get now(): number {
    const now = this.#header[HEADER_NOW_MS_LOW];
    return this.#behind ? (now + performance.now() - this.#since) | 0 : now;
  }

  /** The library has just read its clock. */
  polled(): void {
    this.#behind = false;
  }

  /** The loop goes to sleep after a poll. */
  slept(): void {
    this.#behind = true;
    this.#since = performance.now();
  }
}
