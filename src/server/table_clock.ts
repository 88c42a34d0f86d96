/**
 * The clock of the table of addresses.
 *
 * @module
 */

/** Milliseconds on a clock that all threads of the process read alike; the lower 32 bits of them. */
export function tableNow(): number {
  return Math.floor(performance.timeOrigin + performance.now()) | 0;
}
