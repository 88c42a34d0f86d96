/**
 * Decides from numbers alone when the loop polls again at once, yields to the host loop, rests or goes to
 * sleep.
 *
 * A yield costs 0.5 to 1.4 us and leaves garbage behind, so it is spread over a number of messages; but
 * timers, promises and other input of the host wait meanwhile, so the number is small: at 3.5 us a message
 * a stretch between two yields stays under 0.3 ms.
 *
 * A sleep in the host's loop is ended by the doorbell, which costs as much as several messages: another
 * thread has to wake first. So where the next event is likely to be near the loop rests: it waits in the
 * kernel for at most 1.5 milliseconds, ready for its own events alone, and gives the processor to those
 * who want it. Whether it is likely is learnt from how long the loop was idle before. Nothing of the
 * host's may wait for it: the loop rests only when the host has had its turn since the last completion,
 * and no handler waits for a promise.
 *
 * Where the system cannot wait as briefly (Windows) the loop spins for a moment instead, because the
 * answer of a busy peer comes sooner than a doorbell could be armed and rung. How long it pays to spin is
 * learnt from the sleeps: one that was short should have been spent spinning, after a long one spinning
 * was wasted.
 *
 * @module
 */

/** Completions handled before the host loop gets its turn. */
export const completionsPerYieldMax = 64;

/**
 * Polls made before the host loop gets its turn, whatever they brought: 5 to 10 us where they are empty.
 */
export const pollsPerYieldMax = 16;

/** Polls a spin begins with: about 30 us, the round trip of a peer on the same machine. */
export const spinPollsAtFirst = 64;

/** Polls a spin always has: less than arming the doorbell would cost. */
export const spinPollsMin = 16;

/** Polls a spin may have at most: about 120 us, beyond which a sleep costs less in every regard. */
export const spinPollsMax = 256;

/**
 * Milliseconds. A sleep shorter than this was a mistake, as its end was near enough to spin for it; before
 * a longer one spinning was wasted. Where messages come at random the long ones prevail unless there are
 * very many messages, so that spinning never takes much of a processor that has little to do.
 */
export const shortSleepMilliseconds = 0.1;

/** Polls left to a spin after a wake-up that may have nothing to do. */
export const spinPollsAfterRing = 4;

/**
 * Empty polls before a sleep in a loop that can rest, while a handler waits for its promise; each has the
 * host's turn behind it.
 */
export const pollsBeforeSleep = 4;

/**
 * Microseconds of one rest. The timers of both runtimes count in milliseconds, so that a host hardly
 * notices; and a thousand messages a second, with what jitter they have, are met by one rest each.
 */
export const restMicroseconds = 1_500;

/** Rests one after the other, with the host's turn between, before the loop sleeps. */
export const restsMax = 2;

/**
 * Milliseconds. An idle time up to this would have been met by the rests. Many times the cost of a rest in
 * vain, and as long as the loop may rest at all.
 */
export const shortIdleMilliseconds = restsMax * restMicroseconds / 1_000;

/** Wasted rests that one useful rest makes up for: a rest costs a fraction of a doorbell. */
export const restWorth = 4;

/** Idle times in a row, longer than the rests, after which the loop rests no more. */
const patienceMax = 8;

/** Short sleeps after which resting is tried once more, at first; twice as many after each wasted attempt. */
const sleepsBeforeTrial = 2;
export const sleepsBeforeTrialMax = 1_024;

/** What to do after a poll whose completions are handled. */
type Verdict = "poll" | "flush" | "yield" | "rest" | "sleep";

/** The counts the decision rests on. The engine adds to them; nothing here reads a clock. */
export class WakePolicy {
  /** Completions handled since the last yield. */
  completions = 0;
  /** Polls since the last yield. */
  polls = 0;
  /** Polls without a completion since the last completion. */
  emptyPolls = 0;
  readonly #canRest: boolean;
  #spinPolls = spinPollsAtFirst;
  /** Idle times longer than the rests that are still put up with. */
  #patience = restWorth;
  /** Short sleeps since the loop has given up resting, and how many it takes to try again. */
  #shortSleeps = 0;
  #trialAfter = sleepsBeforeTrial;
  /** Wasted rests since the last completion. */
  #rests = 0;
  /** The host has had no turn since the last rest. */
  #hostWaits = false;
  /**
   * A rest has met one message: what it is answered with goes out, and the next rest meets what follows.
   */
  #isLone = false;

  /** `canRest`: the system can wait for less than a millisecond. */
  constructor(canRest = false) {
    this.#canRest = canRest;
  }

  /** Polls without a completion after which the loop sleeps, where it cannot rest. */
  get spinPolls(): number {
    return this.#spinPolls;
  }

  /** Whether the loop would rest, were it idle. */
  get restsPay(): boolean {
    return this.#canRest && this.#patience > 0;
  }

  /** The host loop has had its turn. */
  beginTurn(): void {
    this.completions = 0;
    this.polls = 0;
    this.#hostWaits = false;
  }

  /** Whether the first poll of a turn may be a rest: the last turn has ended because it ran out of work. */
  restsFirst(promises: number, workPending: boolean): boolean {
    return this.emptyPolls > 0 && promises === 0 && !workPending && this.#mayRest;
  }

  /** A poll brought `completions`; it was a rest or not. */
  polled(completions: number, rested = false): void {
    this.polls += 1;
    this.completions += completions;
    if (rested) this.#hostWaits = true;
    if (completions === 0) {
      this.#isLone = false;
      this.emptyPolls += 1;
      if (rested) this.#rests += 1;
      return;
    }
    this.#isLone = rested && completions === 1;
    if (rested) {
      this.#patience = Math.min(patienceMax, this.#patience + restWorth);
      this.#trialAfter = sleepsBeforeTrial;
    }
    this.emptyPolls = 0;
    this.#rests = 0;
  }

  /**
   * Decides. `promises`: handlers whose promise has not settled. `workPending`: the library or a ring has
   * work that needs no event. `waiting`: somebody waits for the next poll.
   */
  decide(promises: number, workPending: boolean, waiting = false): Verdict {
    if (!workPending && this.emptyPolls > 0) {
      const spins = !this.#canRest || waiting;
      const verdict = spins ? this.#decideSpin() : this.#decideIdle(promises);
      if (verdict !== "poll") return verdict;
    }
    // A waiting handler can only continue in the host's turn.
    if (promises > 0) return "yield";
    if (this.#isLone && !waiting) return "flush";
    return this.completions >= completionsPerYieldMax || this.polls >= pollsPerYieldMax ? "yield" : "poll";
  }

  #decideSpin(): Verdict {
    return this.emptyPolls >= this.#spinPolls ? "sleep" : "poll";
  }

  #decideIdle(promises: number): Verdict {
    // Promises that the last completions have settled, and whatever else the host has, come first.
    if (this.completions > 0 || this.#hostWaits) return "yield";
    if (promises > 0) return this.emptyPolls >= pollsBeforeSleep ? "sleep" : "poll";
    return this.#mayRest ? "rest" : "sleep";
  }

  get #mayRest(): boolean {
    return this.#canRest && this.#patience > 0 && this.#rests < restsMax;
  }

  /**
   * The doorbell has rung after `milliseconds` of sleep. Learns, and spins little unless something came.
   */
  rang(milliseconds: number): void {
    this.#learn(milliseconds);
    // Where something has come the first poll finds it.
    this.#rests = restsMax;
    this.#spinPolls = milliseconds < shortSleepMilliseconds
      ? Math.min(spinPollsMax, this.#spinPolls * 2)
      : Math.max(spinPollsMin, this.#spinPolls >> 1);
    this.emptyPolls = Math.max(0, this.#spinPolls - spinPollsAfterRing);
  }

  /** Something was submitted while the loop slept: an answer may follow soon. */
  roused(): void {
    this.emptyPolls = 0;
    this.#rests = 0;
  }

  /**
   * From a sleep that is over. One after wasted rests says that resting does not pay, however short it
   * was: the rests may be what kept the event from coming, as it is the host's to cause it.
   */
  #learn(milliseconds: number): void {
    if (this.#patience > 0) {
      if (this.#rests === 0) return;
      this.#patience -= 1;
      if (this.#patience === 0) this.#trialAfter = Math.min(this.#trialAfter * 2, sleepsBeforeTrialMax);
      this.#shortSleeps = 0;
      return;
    }
    if (milliseconds >= shortIdleMilliseconds) return;
    this.#shortSleeps += 1;
    if (this.#shortSleeps < this.#trialAfter) return;
    this.#shortSleeps = 0;
    this.#patience = 1;
  }
}
