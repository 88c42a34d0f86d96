/**
 * The wait for the peer after this side has ended: its time is divided into rounds, and only rounds without a
 * sign of life count.
 *
 * @module
 */

/** Parts the linger time is divided into: a silent peer may be cut late by one of them. */
export const lingerRounds = 4;

/** The linger timer of one connection. */
export class Linger {
  /** The armed timer, -1 for none. */
  timer = -1;
  /**
   * Bytes the peer had not acknowledged, here or with the kernel, when the timer was armed; -1 in the first
   * round, for which nobody asks.
   */
  #untaken = -1;
  /** Rounds without a sign of life. */
  #silent = 0;
  /** Rounds since everything was flushed. */
  #flushed = 0;

  /** The first round begins. */
  begin(): void {
    this.#untaken = -1;
  }

  /** A round is over after which everything is flushed. True when the wait is over. */
  flushed(alive: boolean): boolean {
    this.#flushed += 1;
    return !alive || this.#flushed >= lingerRounds;
  }

  /**
   * A round is over. True when the peer was silent for as many rounds as the time is divided into.
   *
   * What the peer acknowledges is a sign of life. The first round has nothing to compare with: where bytes
   * are still on their way it counts as one.
   */
  silent(alive: boolean, onTheirWay: number): boolean {
    const taken = this.#untaken < 0 ? onTheirWay > 0 : onTheirWay < this.#untaken;
    this.#untaken = onTheirWay;
    this.#silent = alive || taken ? 0 : this.#silent + 1;
    return this.#silent >= lingerRounds;
  }
}
