/**
 * How long a dead worker's place stays empty, and when too many have died: decided from times alone.
 *
 * @module
 */

/** The limits, in milliseconds and counts. */
export interface DeathLimits {
  /** Before the first replacement; doubled with each further death. */
  backOff: number;
  maxBackOff: number;
  /** Deaths within the window after which the server stops. */
  maxDeaths: number;
  deathsWindow: number;
}

/** The deaths of all workers of a server. */
export class Deaths {
  readonly #limits: DeathLimits;
  #times: number[] = [];
  /** All deaths so far. */
  count = 0;

  constructor(limits: DeathLimits) {
    this.#limits = limits;
  }

  /** A worker has died. Milliseconds to wait before it is replaced, or undefined: too many have died. */
  died(now: number): number | undefined {
    const { backOff, maxBackOff, maxDeaths, deathsWindow } = this.#limits;
    this.count += 1;
    this.#times = this.#times.filter((time) => now - time < deathsWindow);
    this.#times.push(now);
    if (this.#times.length > maxDeaths) return undefined;
    return Math.min(maxBackOff, backOff * 2 ** (this.#times.length - 1));
  }
}
