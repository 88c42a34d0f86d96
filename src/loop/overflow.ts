/**
 * Submissions that found the ring full, in order. Rare: only mass closing or thousands of timers in one turn
 * get here; sends have their own budget.
 *
 * @module
 */
import type { SubmissionRing } from "../../ffi/submission_ring.ts";

type Entry = [
  operation: number,
  id: number,
  segment: number,
  offset: number,
  length: number,
  tag: number,
  argument: number,
  flags: number,
];

export class Overflow {
  #entries: Entry[] = [];

  get length(): number {
    return this.#entries.length;
  }

  push(...entry: Entry): void {
    this.#entries.push(entry);
  }

  /** Forgets all, and reports the length field of each of `operation`. */
  takeBack(operation: number, each: (length: number) => void): void {
    for (const entry of this.#entries.splice(0)) if (entry[0] === operation) each(entry[4]);
  }

  /** Moves as many as fit into the ring. */
  drain(ring: SubmissionRing): void {
    let moved = 0;
    while (moved < this.#entries.length && ring.push(...this.#entries[moved])) moved += 1;
    this.#entries = this.#entries.slice(moved);
  }
}
