/** Holds on segments and windows on them, with the library's part played by hand. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { HEADER_SEGMENT_CURSOR, HEADER_SEGMENTS_HELD, HEADER_WORDS } from "../ffi/layout.gen.ts";
import { Segments } from "../src/memory/segments.ts";
import { Random } from "./helpers/random.ts";

const SIZE = 16;
const COUNT = 8;

function ring(development = false) {
  const header = new Int32Array(HEADER_WORDS);
  const holds = new Uint16Array(COUNT);
  const bytes = new Uint8Array(SIZE * COUNT);
  const memory = { bytes, holds, header, segmentSize: SIZE, segmentCount: COUNT };
  const segments = new Segments(memory, development);
  /** Received bytes: every segment they touch is held once. */
  const receive = (segment: number, offset: number, content: number[]) => {
    bytes.set(content, segment * SIZE + offset);
    for (let index = segment; index < segment + segments.covered(offset, content.length); index++) {
      holds[index] = 1;
      header[HEADER_SEGMENTS_HELD] += 1;
    }
    return segments.borrow(segment, offset, content.length);
  };
  return { header, holds, bytes, segments, receive };
}

describe("segments", () => {
  it("are covered by bytes as far as these reach", () => {
    const { segments } = ring();
    expect(segments.covered(0, 1)).toBe(1);
    expect(segments.covered(0, SIZE)).toBe(1);
    expect(segments.covered(0, SIZE + 1)).toBe(2);
    expect(segments.covered(SIZE - 1, 1)).toBe(1);
    expect(segments.covered(SIZE - 1, 2)).toBe(2);
    expect(segments.covered(4, 3 * SIZE)).toBe(4);
  });

  it("are taken at the cursor, side by side, and never twice", () => {
    const random = new Random(3);
    const { segments, holds, header } = ring();
    const taken: { first: number; length: number }[] = [];
    for (let step = 0; step < 2000; step++) {
      if (random.oneIn(2)) {
        const before = [...holds];
        const first = segments.takeRun(random.between(1, 4));
        if (first < 0) {
          expect(before.every((held) => held > 0)).toBe(true);
          continue;
        }
        const length = segments.runLength;
        for (let index = first; index < first + length; index++) {
          expect(before[index]).toBe(0);
          expect(holds[index]).toBe(1);
        }
        taken.push({ first, length });
      } else if (taken.length > 0) {
        const [{ first, length }] = taken.splice(random.between(0, taken.length - 1), 1);
        segments.release(first, 0, length * SIZE);
      }
      expect(header[HEADER_SEGMENTS_HELD]).toBe([...holds].filter((held) => held > 0).length);
      expect(header[HEADER_SEGMENT_CURSOR]).toBeLessThan(COUNT);
    }
  });

  it("tell when one is free again after none was", () => {
    const { segments } = ring();
    let told = 0;
    segments.whenFreed = () => told++;
    expect(segments.takeRun(COUNT)).toBe(0);
    expect(segments.takeRun(1)).toBe(-1);
    segments.release(0, 0, SIZE);
    segments.release(1, 0, SIZE);
    expect(told).toBe(1);
  });

  it("gather small writes of one turn in one segment", () => {
    const { segments, holds } = ring();
    const first = segments.copySpace(10);
    segments.copied(10);
    segments.holdAt(first, 10);
    expect(segments.copySpace(6)).toBe(first + 10);
    segments.copied(6);
    segments.holdAt(first + 10, 6);
    const second = segments.copySpace(1);
    expect(second).toBe(first + SIZE);
    segments.copied(1);
    segments.holdAt(second, 1);
    segments.endCopies();
    expect([...holds.slice(0, 3)]).toEqual([2, 1, 0]);
    segments.releaseAt(first, 10);
    segments.releaseAt(first + 10, 6);
    segments.releaseAt(second, 1);
    expect(segments.held).toBe(0);
  });
});

describe("the hold of a window", () => {
  it("ends with the callback", () => {
    const { receive, holds } = ring();
    const window = receive(2, 4, [1, 2, 3]);
    window.endBorrow();
    expect(holds[2]).toBe(0);
    expect(window.live).toBe(false);
  });

  it("goes along with the first write, and a second write takes one more", () => {
    const { receive, holds, segments } = ring();
    const window = receive(1, 0, [1, 2, 3]);
    expect(window.passHold()).toBe(true);
    expect(holds[1]).toBe(1);
    expect(window.passHold()).toBe(true);
    expect(holds[1]).toBe(2);
    window.endBorrow();
    expect(holds[1]).toBe(2);
    segments.release(1, 0, 3);
    segments.release(1, 0, 3);
    expect(segments.held).toBe(0);
  });

  it("stays with keep, until as many releases", () => {
    const { receive, holds } = ring();
    const window = receive(0, 0, [7]).keep().keep();
    window.endBorrow();
    window.release();
    expect(holds[0]).toBe(1);
    expect(window.at(0)).toBe(7);
    window.release();
    expect(holds[0]).toBe(0);
    expect(() => window.bytes).toThrow();
    window.release();
    expect(holds[0]).toBe(0);
  });

  it("is one for the writer and one for the keeper, in either order", () => {
    for (const keepFirst of [true, false]) {
      const { receive, holds, segments } = ring();
      const window = receive(3, 0, [1]);
      if (keepFirst) window.keep();
      window.passHold();
      if (!keepFirst) window.keep();
      window.endBorrow();
      expect(holds[3]).toBe(2);
      segments.release(3, 0, 1);
      expect(window.at(0)).toBe(1);
      window.release();
      expect(segments.held).toBe(0);
    }
  });

  it("is taken by a part only for the segments the part touches", () => {
    const { receive, holds, segments } = ring();
    const content = Array.from({ length: 40 }, (_, index) => index);
    const window = receive(1, 8, content);
    expect([...holds]).toEqual([0, 1, 1, 1, 0, 0, 0, 0]);
    const part = window.subarray(10, 12).keep();
    expect([...part.bytes]).toEqual([10, 11]);
    expect([...holds]).toEqual([0, 1, 2, 1, 0, 0, 0, 0]);
    window.endBorrow();
    expect([...holds]).toEqual([0, 0, 1, 0, 0, 0, 0, 0]);
    expect([...part.bytes]).toEqual([10, 11]);
    part.release();
    expect(segments.held).toBe(0);
    expect(part.live).toBe(false);
  });

  it("is not needed by an empty part", () => {
    const { receive, segments } = ring();
    const window = receive(COUNT - 1, 0, Array.from({ length: SIZE }, () => 1));
    const part = window.subarray(SIZE).keep();
    expect(part.length).toBe(0);
    window.endBorrow();
    part.release();
    expect(segments.held).toBe(0);
  });

  it("of a window whose memory was given away in mid-callback shows nothing more", () => {
    const { receive } = ring();
    const window = receive(0, 0, [1]);
    window.passHold();
    window.endSpent();
    expect(() => window.at(0)).toThrow();
    window.endBorrow();
  });

  it("leaves poison behind in development mode", () => {
    const { receive, bytes } = ring(true);
    receive(5, 2, [1, 2, 3]).endBorrow();
    expect([...bytes.subarray(5 * SIZE, 6 * SIZE)].every((byte) => byte === 0xdd)).toBe(true);
  });

  it("is checked in development mode although the segment is in use again", () => {
    const { receive } = ring(true);
    const stale = receive(0, 0, [1]);
    stale.endBorrow();
    receive(0, 0, [2]);
    expect(() => stale.at(0)).toThrow();
  });
});
