/** Where a sender puts bytes in the ring, and what it touches of the segments around them. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { HEADER_SEGMENTS_HELD, HEADER_WORDS } from "../ffi/layout.gen.ts";
import type { Engine } from "../src/loop/engine.ts";
import { Segments } from "../src/memory/segments.ts";
import { Sender, type SendTarget } from "../src/stream/sender.ts";
import { Outbox } from "../src/stream/outbox.ts";
import { Random } from "./helpers/random.ts";

const SIZE = 64;
const COUNT = 16;
const FILL = 0xaa;

/** A ring whose sends are noted instead of being submitted. */
class Ring {
  readonly bytes = new Uint8Array(SIZE * COUNT).fill(FILL);
  readonly holds = new Uint16Array(COUNT);
  readonly header = new Int32Array(HEADER_WORDS);
  readonly segments = new Segments(
    { bytes: this.bytes, holds: this.holds, header: this.header, segmentSize: SIZE, segmentCount: COUNT },
    false,
  );
  readonly sendPending = new Uint32Array(8);
  crowded = false;
  sendBudget = 100;
  segmentBudget = COUNT;
  inFlightMax = COUNT;
  turn = 1;
  outboxBytes = 0;
  writesRefused = 0;
  readonly sends: { position: number; length: number }[] = [];
  readonly sender = new Sender(this as unknown as Engine);
  waits = 0;
  readonly aside: Uint8Array[] = [];

  submitSend(_: number, segment: number, offset: number, length: number, __: number, covered: number): void {
    this.sendBudget -= 1;
    this.segmentBudget -= covered;
    this.sends.push({ position: segment * SIZE + offset, length });
  }

  extendSend(_: number, segment: number, offset: number, length: number): boolean {
    const last = this.sends.at(-1);
    if (last === undefined || last.position + last.length !== segment * SIZE + offset) return false;
    last.length += length;
    return true;
  }

  writeLost(): void {}

  target(limits: { highWaterMark?: number; bufferLimit?: number } = {}): SendTarget {
    const config = {
      highWaterMark: 100_000,
      bufferLimit: 1_000_000,
      autoPause: false,
      handlers: {},
      loop: { development: false },
      ...limits,
    };
    const outbox = {
      length: 0,
      isEmpty: true,
      isIdle: true,
      push: (bytes: Uint8Array) => void this.aside.push(bytes.slice()),
    };
    return {
      ...{ number: 1, id: 1, config, flags: 0, turn: 0, turnBytes: 0, inFlight: 0, outbox },
      needOutbox: () => outbox,
      waitForPoll: () => void (this.waits += 1),
      pauseFor() {},
      refused() {},
    } as unknown as SendTarget;
  }

  /** All bytes of the sends, one after the other. */
  sent(): number[] {
    return this.sends.flatMap((
      { position, length },
    ) => [...this.bytes.subarray(position, position + length)]);
  }

  /** The sends are done: their holds end, and the ring is empty unless others hold something of it. */
  finish(): number {
    this.segments.endCopies();
    for (const { position, length } of this.sends) this.segments.releaseAt(position, length);
    this.segments.invariants();
    return this.header[HEADER_SEGMENTS_HELD];
  }
}

describe("pieces that are copied together", () => {
  it("fill a segment to its last byte and leave the next one as it is", () => {
    for (
      const [head, body, tail] of [[4, 40, 20], [0, 44, 20], [4, 60, 0], [64, 0, 0], [0, 0, 64], [0, 64, 0]]
    ) {
      const ring = new Ring();
      const target = ring.target();
      const random = new Random(head + 1);
      const first = ring.segments.takeRun(1);
      const pieces = [head, body, tail].map((length) => random.bytes(length));
      expect(ring.sender.writePieces(target, pieces[0], pieces[1], pieces[2])).toBe("sent");
      const [{ position, length }] = ring.sends;
      expect([position, length]).toEqual([(first + 1) * SIZE, SIZE]);
      expect(ring.sent()).toEqual(pieces.flatMap((piece) => [...piece]));
      // What lies in front and behind belongs to others.
      expect(ring.bytes.subarray(0, position).every((byte) => byte === FILL)).toBe(true);
      expect(ring.bytes.subarray(position + length).every((byte) => byte === FILL)).toBe(true);
      ring.segments.release(first, 0, 1);
      expect(ring.finish()).toBe(0);
    }
  });
});

describe("a reservation", () => {
  it("is sent from where it was written, with the room of a stage around it", () => {
    const ring = new Ring();
    const target = ring.target();
    ring.sender.write(target, new Uint8Array([1, 2, 3]));
    const position = ring.sender.reserve(target, 10, 5, 6);
    expect(position).toBe(3 + 5);
    // The stage puts two bytes in front and one behind.
    ring.bytes.set([8, 9, 10, 11, 12, 13], position - 2);
    expect(ring.sender.commitReserved(target, position - 2, 6)).toBe("sent");
    expect(ring.sends).toEqual([{ position: 0, length: 3 }, { position: 6, length: 6 }]);
    expect(ring.sender.write(target, new Uint8Array([14]))).toBe("sent");
    expect(ring.sent()).toEqual([1, 2, 3, 8, 9, 10, 11, 12, 13, 14]);
    expect(target.turnBytes).toBe(10);
    expect(ring.finish()).toBe(0);
  });

  it("takes segments side by side and gives back those that were not needed", () => {
    for (
      const [front, used, held] of [[0, 200, 4], [0, 65, 2], [0, 64, 1], [70, 64, 2], [64, 64, 1], [0, 0, 0]]
    ) {
      const ring = new Ring();
      const target = ring.target();
      const position = ring.sender.reserve(target, 200, front, 20);
      expect(position).toBe(front);
      for (let index = 0; index < used; index++) ring.bytes[position + index] = index;
      expect(ring.sender.commitReserved(target, position, used)).toBe("sent");
      expect(ring.header[HEADER_SEGMENTS_HELD]).toBe(held);
      expect(ring.sent()).toEqual(Array.from({ length: used }, (_, index) => index));
      expect(ring.sends.length).toBe(used === 0 ? 0 : 1);
      expect(ring.finish()).toBe(0);
      // It is over: another one can be made.
      expect(ring.sender.reserve(target, 1)).toBeGreaterThanOrEqual(0);
      ring.sender.commitReserved(target, 0, 0);
    }
  });

  it("goes past the end of the ring and past segments that are held", () => {
    const ring = new Ring();
    const target = ring.target();
    // The cursor stands two segments before the end, and one further on is held.
    ring.segments.takeRun(14);
    for (const free of [0, 1, 2, 4, 5, 6, 7, 8]) ring.segments.release(free, 0, 1);
    const position = ring.sender.reserve(target, 5 * SIZE);
    expect(position).toBe(4 * SIZE);
    expect(ring.sender.commitReserved(target, position, 5 * SIZE)).toBe("sent");
    expect(ring.bytes.every((byte) => byte === FILL)).toBe(true);
    expect([...ring.holds]).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
    expect(ring.sender.reserve(target, 4 * SIZE)).toBe(-1);
    expect([...ring.holds]).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
  });

  it("is refused before anything is written where a write would be, or would have to wait", () => {
    const refused = (change: (ring: Ring) => void, limits = {}) => {
      const ring = new Ring();
      const target = ring.target(limits);
      change(ring);
      const position = ring.sender.reserve(target, 3 * SIZE);
      if (position >= 0) ring.sender.commitReserved(target, position, 0);
      expect(ring.finish()).toBe(0);
      expect(ring.writesRefused).toBe(0);
      return position < 0;
    };
    expect(refused(() => {})).toBe(false);
    expect(refused(() => {}, { bufferLimit: 3 * SIZE })).toBe(false);
    expect(refused(() => {}, { bufferLimit: 3 * SIZE - 1 })).toBe(true);
    expect(refused((ring) => ring.sendPending[1] = 1, { bufferLimit: 3 * SIZE })).toBe(true);
    expect(refused((ring) => ring.sendBudget = 0)).toBe(true);
    expect(refused((ring) => ring.segmentBudget = 2)).toBe(true);
    expect(refused((ring) => ring.segmentBudget = 3)).toBe(false);
    expect(refused((ring) => ring.inFlightMax = 2)).toBe(true);
    expect(refused((ring) => ring.inFlightMax = 3)).toBe(false);
    expect(refused(() => {}, { highWaterMark: SIZE })).toBe(false);
  });

  it("answers queued above the high mark", () => {
    const ring = new Ring();
    const target = ring.target({ highWaterMark: SIZE });
    const position = ring.sender.reserve(target, 3 * SIZE);
    expect(ring.sender.commitReserved(target, position, 2 * SIZE)).toBe("queued");
    expect(ring.finish()).toBe(0);
  });
});

describe("the outbox of a connection", () => {
  it("is fed where there is none or an empty one, and waits for nothing", () => {
    const ring = new Ring();
    const target = ring.target();
    expect(ring.sender.feed(target)).toBe(true);
    expect(ring.sender.feed({ ...target, outbox: undefined } as SendTarget)).toBe(true);
    expect(ring.waits).toBe(0);
    expect(ring.sender.drop({ ...target, outbox: undefined } as SendTarget, () => new Error("lost"))).toBe(0);
  });

  it("takes what finds no room, which is sent in order as room comes", () => {
    const ring = new Ring();
    const outbox = new Outbox();
    const target = { ...ring.target(), outbox, needOutbox: () => outbox } as SendTarget;
    const bytes = new Random(5).bytes(10 * SIZE);
    const others = ring.segments.takeRun(COUNT - 3);
    ring.inFlightMax = 2;
    expect(ring.sender.write(target, bytes)).toBe("sent");
    expect([outbox.length, ring.outboxBytes, ring.sends.length]).toEqual([8 * SIZE, 8 * SIZE, 1]);
    expect(ring.sender.bufferedBytes(target)).toBe(10 * SIZE);
    // Later writes go behind, whatever room there is.
    ring.inFlightMax = COUNT;
    expect(ring.sender.write(target, new Uint8Array([1]))).toBe("sent");
    expect(ring.sends.length).toBe(1);
    expect(ring.sender.feed(target)).toBe(false);
    expect(outbox.length).toBe(7 * SIZE + 1);
    ring.segments.release(others, 0, (COUNT - 3) * SIZE);
    expect(ring.sender.feed(target)).toBe(true);
    expect(ring.sent()).toEqual([...bytes, 1]);
    expect(ring.outboxBytes).toBe(0);
    expect(ring.finish()).toBe(0);
  });
});

describe("long text", () => {
  const encoder = new TextEncoder();

  it("is encoded where it is sent from", () => {
    for (const text of ["x".repeat(SIZE), "x".repeat(150), "ä€😀".repeat(20), "\ud800".repeat(SIZE)]) {
      const ring = new Ring();
      const target = ring.target();
      expect(ring.sender.write(target, text)).toBe("sent");
      expect(ring.sent()).toEqual([...encoder.encode(text)]);
      expect(ring.sends.length).toBe(1);
      expect(ring.header[HEADER_SEGMENTS_HELD]).toBe(Math.ceil(ring.sends[0].length / SIZE));
      expect(target.turnBytes).toBe(ring.sends[0].length);
      expect(ring.finish()).toBe(0);
    }
  });

  it("goes as bytes where three bytes for each unit find no room", () => {
    const ring = new Ring();
    const target = ring.target();
    const text = "x".repeat(8 * SIZE);
    expect(ring.sender.write(target, text)).toBe("sent");
    expect(ring.sent()).toEqual([...encoder.encode(text)]);
    expect(ring.finish()).toBe(0);
  });
});
