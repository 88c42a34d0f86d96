/**
 * When the loop polls again at once, when it yields to the host loop, and when it goes to sleep: decided from
 * numbers alone.
 *
 * A yield costs 0.5 to 1.4 us, so it is spread over a number of messages; but timers, promises and other
 * input of the host wait meanwhile, so the number is small: at 3.5 us a message a stretch between two yields
 * stays under 0.3 ms. A loop without work spins for a moment before it sleeps, because the answer of a busy
 * peer comes sooner than a doorbell could be armed and rung.
 *
 * @module
 */

/** Completions handled before the host loop gets its turn. */
export const completionsPerYieldMax = 64;

/** Polls made before the host loop gets its turn, whatever they brought. */
export const pollsPerYieldMax = 8;

/** Polls that found nothing, one after the other, before the host loop gets its turn. */
export const emptyPollsPerYield = 4;

/** Polls that found nothing before the loop sleeps: about the round trip of a peer on the same machine. */
export const emptyPollsBeforeSleep = 80;

/** What to do after a poll whose completions are handled. */
export type Verdict = "poll" | "yield" | "sleep";

/** Counts since the last yield and since the last completion. */
export interface WakeNumbers {
  /** Completions handled since the last yield. */
  completions: number;
  /** Polls since the last yield. */
  polls: number;
  /** Polls without a completion since the last completion. */
  emptyPolls: number;
  /** Handlers whose promise has not settled. */
  promises: number;
  /** The library says that it has work which needs no event. */
  workPending: boolean;
}

/** Decides from the numbers. */
export function decide(numbers: WakeNumbers): Verdict {
  if (numbers.emptyPolls >= emptyPollsBeforeSleep && !numbers.workPending) return "sleep";
  // A waiting handler can only go on in the host's turn, and nothing else may come in for it meanwhile.
  if (numbers.promises > 0) return "yield";
  if (numbers.completions >= completionsPerYieldMax || numbers.polls >= pollsPerYieldMax) return "yield";
  if (numbers.emptyPolls > 0 && numbers.emptyPolls % emptyPollsPerYield === 0) return "yield";
  return "poll";
}
