/**
 * When the loop polls again at once, when it yields to the host loop, and when it goes to sleep: decided from
 * numbers alone.
 *
 * A yield costs 0.5 to 1.4 us and leaves garbage behind, so it is spread over a number of messages; but
 * timers, promises and other input of the host wait meanwhile, so the number is small: at 3.5 us a message a
 * stretch between two yields stays under 0.3 ms.
 *
 * A loop without work spins for a moment before it sleeps, because the answer of a busy peer comes sooner
 * than a doorbell could be armed and rung. How long it pays to spin is learnt from the sleeps: one that was
 * short should have been spent spinning, after a long one spinning was in vain.
 *
 * @module
 */

/** Completions handled before the host loop gets its turn. */
export const completionsPerYieldMax = 64;

/** Polls made before the host loop gets its turn, whatever they brought: 5 to 10 us where they are empty. */
export const pollsPerYieldMax = 16;

/** Polls a spin begins with: about 30 us, the round trip of a peer on the same machine. */
export const spinPollsAtFirst = 64;

/** Polls a spin always has: less than arming the doorbell would cost. */
export const spinPollsMin = 16;

/** Polls a spin may have at most: about 120 us, beyond which a sleep costs less in every regard. */
export const spinPollsMax = 256;

/**
 * Milliseconds. A sleep shorter than this was a mistake, as its end was near enough to spin for it; before a
 * longer one spinning was in vain. Where messages come at random the long ones prevail unless there are very
 * many messages, so that spinning never takes much of a processor that has little to do.
 */
export const shortSleepMilliseconds = 0.1;

/** Polls left to a spin after a wake-up that may have nothing to do. */
export const spinPollsAfterRing = 4;

/** What to do after a poll whose completions are handled. */
export type Verdict = "poll" | "yield" | "sleep";

/** The counts the decision rests on. The engine adds to them; nothing here reads a clock. */
export class WakePolicy {
  /** Completions handled since the last yield. */
  completions = 0;
  /** Polls since the last yield. */
  polls = 0;
  /** Polls without a completion since the last completion. */
  emptyPolls = 0;
  #spinPolls = spinPollsAtFirst;

  /** Polls without a completion after which the loop sleeps. */
  get spinPolls(): number {
    return this.#spinPolls;
  }

  /** The host loop has had its turn. */
  beginTurn(): void {
    this.completions = 0;
    this.polls = 0;
  }

  /** A poll brought `completions`. */
  polled(completions: number): void {
    this.polls += 1;
    this.completions += completions;
    this.emptyPolls = completions > 0 ? 0 : this.emptyPolls + 1;
  }

  /**
   * Decides. `promises`: handlers whose promise has not settled. `workPending`: the library or a ring has
   * work that needs no event.
   */
  decide(promises: number, workPending: boolean): Verdict {
    if (this.emptyPolls >= this.#spinPolls && !workPending) return "sleep";
    // A waiting handler can only go on in the host's turn.
    if (promises > 0) return "yield";
    return this.completions >= completionsPerYieldMax || this.polls >= pollsPerYieldMax ? "yield" : "poll";
  }

  /** The doorbell has rung after `milliseconds` of sleep. Learns, and spins little unless something came. */
  rang(milliseconds: number): void {
    this.#spinPolls = milliseconds < shortSleepMilliseconds
      ? Math.min(spinPollsMax, this.#spinPolls * 2)
      : Math.max(spinPollsMin, this.#spinPolls >> 1);
    this.emptyPolls = Math.max(0, this.#spinPolls - spinPollsAfterRing);
  }

  /** Something was submitted while the loop slept: an answer may follow soon. */
  roused(): void {
    this.emptyPolls = 0;
  }
}
