/**
 * Offences and bans of an address, each in one word of shared memory. Times are milliseconds in 32 bits;
 * their differences are correct across an overflow.
 *
 * @module
 */

/** Bits of the number of offences; above them stands when the first was. */
const countBits = 8;
const countMask = (1 << countBits) - 1;
/** Offences that can be counted before a ban. */
export const offencesMax = countMask;
/** The time of the first offence is kept in steps of 256 ms: the upper 24 bits of the milliseconds. */
const timeMask = ~countMask;

/**
 * Counts `weight` more at `at`, from none again where the window is over. Returns how many there are now,
 * which may be more than can be stored.
 */
export function countOffence(
  words: Int32Array,
  at: number,
  now: number,
  window: number,
  weight: number,
): number {
  for (;;) {
    const word = Atomics.load(words, at);
    const count = windowOver(word, now, window) ? 0 : word & countMask;
    const first = count === 0 ? now & timeMask : word & timeMask;
    const next = first | Math.min(count + weight, countMask);
    if (Atomics.compareExchange(words, at, word, next) === word) return count + weight;
  }
}

/** Whether the offences of the word are too old to count, or none. */
export function windowOver(word: number, now: number, window: number): boolean {
  return (word & countMask) === 0 || ((now - (word & timeMask)) | 0) >= window;
}

/** The word of a ban that ends at a time: 0 is kept for "no ban". */
export function banWord(now: number, milliseconds: number): number {
  return (now + milliseconds) | 0 || 1;
}

/** Milliseconds a ban still lasts, 0 or less when it is over. */
export function banLeft(word: number, now: number): number {
  return word === 0 ? 0 : (word - now) | 0;
}
