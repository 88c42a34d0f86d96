/**
 * Repeatable randomness: a failing seed fails again.
 *
 * @module
 */

/** A small generator (xorshift, 32 bits) with the few draws the tests need. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed | 0) === 0 ? 0x9e3779b9 | 0 : seed | 0;
  }

  /** The next 32 bits as a number of 0 or more. */
  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + (this.next() % (high - low + 1));
  }

  /** True once in `times` draws. */
  oneIn(times: number): boolean {
    return this.next() % times === 0;
  }

  /** Fills `bytes` with noise. */
  fill(bytes: Uint8Array): Uint8Array {
    const whole = bytes.length - (bytes.length % 4);
    for (let index = 0; index < whole; index += 4) {
      const word = this.next();
      bytes[index] = word;
      bytes[index + 1] = word >>> 8;
      bytes[index + 2] = word >>> 16;
      bytes[index + 3] = word >>> 24;
    }
    for (let index = whole; index < bytes.length; index++) bytes[index] = this.next();
    return bytes;
  }

  /** New noise of some length. */
  bytes(length: number): Uint8Array {
    return this.fill(new Uint8Array(length));
  }
}
