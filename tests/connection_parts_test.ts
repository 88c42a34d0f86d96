/** The parts of a connection that stand alone: its stash, its linger timer, and its handlers at work. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { HEADER_SEGMENTS_HELD, HEADER_WORDS } from "../ffi/layout.gen.ts";
import type { Engine } from "../src/loop/engine.ts";
import { Segments } from "../src/memory/segments.ts";
import type { RingWindow } from "../src/memory/window.ts";
import { HandlerTasks } from "../src/stream/handler_tasks.ts";
import { Linger, lingerRounds } from "../src/stream/linger.ts";
import { Stash } from "../src/stream/stash.ts";
import { Random } from "./helpers/random.ts";

const SIZE = 16;
const COUNT = 8;

/** What a stash needs of an engine, with a ring of its own. */
function ring() {
  const header = new Int32Array(HEADER_WORDS);
  const holds = new Uint16Array(COUNT);
  const bytes = new Uint8Array(SIZE * COUNT);
  const segments = new Segments({ bytes, holds, header, segmentSize: SIZE, segmentCount: COUNT }, false);
  const engine = { segments, crowded: false, outboxBytes: 0 };
  /** Bytes come into a free segment. */
  const receive = (content: Uint8Array) => {
    const segment = segments.takeRun(1);
    bytes.set(content, segment * SIZE);
    return segment;
  };
  return { engine, segments, bytes, receive, held: () => header[HEADER_SEGMENTS_HELD] };
}

describe("a stash", () => {
  it("gives every byte back in order, from a roomy and from a crowded ring, and holds nothing then", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new Random(seed);
      const { engine, segments, bytes, receive, held } = ring();
      const stash = new Stash(engine as unknown as Engine);
      const model: number[] = [];
      for (let step = 0; step < 100; step++) {
        engine.crowded = random.oneIn(2);
        if (random.oneIn(2) && held() < COUNT) {
          const content = random.bytes(random.between(1, SIZE));
          const segment = receive(content);
          if (random.oneIn(4)) {
            stash.putBack(segment, 0, content.length);
            model.unshift(...content);
          } else {
            stash.add(segment, 0, content.length);
            model.push(...content);
          }
        } else if (random.oneIn(8)) {
          const content = random.bytes(random.between(1, 3 * SIZE));
          stash.addFirst(content);
          model.unshift(...content);
        } else {
          const piece = stash.next();
          if (piece === undefined) {
            expect(stash.empty || held() === COUNT).toBe(true);
            continue;
          }
          const start = piece.segment * SIZE + piece.offset;
          const given = [...bytes.subarray(start, start + piece.length)];
          expect(given).toEqual(model.splice(0, piece.length));
          segments.release(piece.segment, piece.offset, piece.length);
        }
        expect(stash.empty).toBe(model.length === 0);
      }
      stash.ended = true;
      expect(stash.drop()).toBe(true);
      expect(stash.drop()).toBe(false);
      expect([stash.empty, held(), engine.outboxBytes]).toEqual([true, 0, 0]);
    }
  });
});

describe("a linger timer", () => {
  it("gives up after the last silent round, and any sign of life starts the count again", () => {
    const linger = new Linger();
    linger.begin();
    for (let round = 1; round < lingerRounds; round++) expect(linger.silent(false, 0)).toBe(false);
    expect(linger.silent(true, 0)).toBe(false);
    for (let round = 1; round < lingerRounds; round++) expect(linger.silent(false, 0)).toBe(false);
    expect(linger.silent(false, 0)).toBe(true);
  });

  it("takes bytes that the peer acknowledges for a sign of life, in the first round any on their way", () => {
    const linger = new Linger();
    linger.begin();
    expect(linger.silent(false, 100)).toBe(false);
    for (let round = 1; round < lingerRounds; round++) expect(linger.silent(false, 100)).toBe(false);
    expect(linger.silent(false, 99)).toBe(false);
    for (let round = 1; round < lingerRounds; round++) expect(linger.silent(false, 99)).toBe(false);
    expect(linger.silent(false, 99)).toBe(true);
  });

  it("waits for the end of a peer that has everything while it shows life, and all rounds at most", () => {
    const silent = new Linger();
    expect(silent.flushed(false)).toBe(true);
    const alive = new Linger();
    for (let round = 1; round < lingerRounds; round++) expect(alive.flushed(true)).toBe(false);
    expect(alive.flushed(true)).toBe(true);
  });
});

describe("handlers at work", () => {
  it("tell by how much their number has changed, whatever they wait for", () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new Random(seed);
      const tasks = new HandlerTasks();
      let atWork = 0;
      let running = 0;
      let waits = 0;
      for (let step = 0; step < 200; step++) {
        switch (random.between(0, 4)) {
          case 0:
            atWork += tasks.began(random.oneIn(3));
            running += 1;
            break;
          case 1:
            if (running === 0) break;
            atWork += tasks.ended();
            running -= 1;
            break;
          case 2:
            atWork += tasks.waitsForConnection(1);
            waits += 1;
            break;
          case 3:
            if (waits === 0) break;
            atWork += tasks.waitsForConnection(-1);
            waits -= 1;
            break;
          default:
            atWork += random.oneIn(4) ? tasks.endHasCome() : tasks.waitsForEnd();
        }
        expect(tasks.atWork).toBe(atWork);
        expect(tasks.running).toBe(running > 0);
        if (waits > 0) expect(atWork).toBe(0);
        expect(atWork).toBeLessThanOrEqual(running);
      }
    }
  });

  it("remember in which callback the end was asked for, once and for its turn alone", () => {
    const tasks = new HandlerTasks();
    const [first, second] = [{} as RingWindow, {} as RingWindow];
    tasks.askedForClosed(first, 7);
    expect(tasks.hasAskedForClosed(second, 7)).toBe(false);
    expect(tasks.hasAskedForClosed(first, 7)).toBe(true);
    expect(tasks.hasAskedForClosed(first, 7)).toBe(false);
    tasks.askedForClosed(first, 7);
    expect(tasks.hasAskedForClosed(first, 8)).toBe(false);
    expect(tasks.closedAsked).toBe(2);
  });
});
