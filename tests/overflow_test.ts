/** Submissions that found the ring full: kept in order, moved as there is room, and taken back at the end. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { SubmissionRing } from "../ffi/submission_ring.ts";
import { Overflow } from "../src/loop/overflow.ts";

/** A ring that takes so many records. */
function ringOf(room: number): { ring: SubmissionRing; taken: number[][] } {
  const taken: number[][] = [];
  const push = (...record: number[]) => taken.length < room && taken.push(record) > 0;
  return { ring: { push } as unknown as SubmissionRing, taken };
}

function overflowOf(...operations: number[]): Overflow {
  const overflow = new Overflow();
  operations.forEach((operation, index) => overflow.push(operation, 100 + index, 2, 3, 40 + index, 5, 6, 7));
  return overflow;
}

describe("the overflow of the submission ring", () => {
  it("moves as many as fit, the oldest first, and keeps the others", () => {
    const overflow = overflowOf(1, 1, 1, 1, 1);
    const first = ringOf(2);
    overflow.drain(first.ring);
    expect(first.taken).toEqual([[1, 100, 2, 3, 40, 5, 6, 7], [1, 101, 2, 3, 41, 5, 6, 7]]);
    expect(overflow.length).toBe(3);
    const second = ringOf(10);
    overflow.drain(second.ring);
    expect(second.taken.map(([, id]) => id)).toEqual([102, 103, 104]);
    expect(overflow.length).toBe(0);
    overflow.drain(second.ring);
    expect(second.taken).toHaveLength(3);
  });

  it("keeps all where nothing fits", () => {
    const overflow = overflowOf(1, 1);
    overflow.drain(ringOf(0).ring);
    expect(overflow.length).toBe(2);
  });

  it("gives back the lengths of one operation and forgets all", () => {
    const overflow = overflowOf(9, 1, 9);
    const lengths: number[] = [];
    overflow.takeBack(9, (length) => void lengths.push(length));
    expect(lengths).toEqual([40, 42]);
    expect(overflow.length).toBe(0);
  });
});
