/**
 * How busy a loop was between two readings.
 *
 * @module
 */
import type { LoadReading } from "./counters.ts";

/**
 * Utilisation out of two readings: the time of turns, measured by the processor's counter, over the time of
 * the reader's own clock. A turn counts when it has ended; one that lasts longer than the time between two
 * readings counts as busy throughout.
 */
export class LoadMeter {
  #at = Infinity;
  #busyTicks = 0;
  #polls = -1;

  /**
   * Busy time by wall time since the last reading, 0 to 1; the first answers 0. `now`: milliseconds of
   * `performance.now`.
   */
  sample(reading: LoadReading, now: number = performance.now()): number {
    const wallTicks = (now - this.#at) * reading.ticksPerMillisecond;
    const busyTicks = reading.busyTicks - this.#busyTicks;
    const stuck = reading.inTurn && reading.polls === this.#polls;
    this.#at = now;
    this.#busyTicks = reading.busyTicks;
    this.#polls = reading.polls;
    if (stuck) return 1;
    return wallTicks > 0 ? Math.min(Math.max(busyTicks / wallTicks, 0), 1) : 0;
  }
}
