/** The queue of bytes that wait in TypeScript, against a plain array. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { outboxChunkBytes } from "../src/base/limits.ts";
import { Outbox } from "../src/stream/outbox.ts";
import { Random } from "./helpers/random.ts";

describe("an outbox", () => {
  it("gives back every byte in order, whatever the pieces", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      const outbox = new Outbox();
      const model: number[] = [];
      const target = new Uint8Array(200_000);
      for (let step = 0; step < 200; step++) {
        if (random.oneIn(2)) {
          const bytes = random.bytes(random.between(1, random.oneIn(20) ? 3 * outboxChunkBytes : 3000));
          outbox.push(bytes);
          for (const byte of bytes) model.push(byte);
          // What is pushed is a copy.
          bytes.fill(0);
        } else {
          const position = random.between(0, 1000);
          const limit = random.between(1, 100_000);
          const moved = outbox.take(target, position, limit);
          expect(moved).toBe(Math.min(limit, model.length));
          const expected = model.splice(0, moved);
          expect(expected.every((byte, index) => target[position + index] === byte)).toBe(true);
        }
        expect(outbox.length).toBe(model.length);
      }
    }
  });

  it("shares chunks that are free with other ones, and none in use", () => {
    const random = new Random(3);
    const queues = Array.from({ length: 4 }, () => ({ outbox: new Outbox(), model: [] as Uint8Array[] }));
    const target = new Uint8Array(4 * outboxChunkBytes);
    for (let step = 0; step < 400; step++) {
      const { outbox, model } = queues[random.between(0, queues.length - 1)];
      if (random.oneIn(2)) {
        const bytes = random.bytes(random.between(outboxChunkBytes, 3 * outboxChunkBytes));
        outbox.push(bytes);
        model.push(bytes);
      } else if (random.oneIn(8)) {
        outbox.clear();
        model.length = 0;
      } else if (model.length > 0) {
        const bytes = model.shift()!;
        expect(outbox.take(target, 0, bytes.length)).toBe(bytes.length);
        expect(bytes.every((byte, index) => target[index] === byte)).toBe(true);
      }
    }
  });

  it("is empty after clear and can be used again", () => {
    const outbox = new Outbox();
    outbox.push(new Uint8Array([1, 2, 3]));
    outbox.clear();
    expect(outbox.length).toBe(0);
    outbox.push(new Uint8Array([4]));
    const target = new Uint8Array(4);
    expect(outbox.take(target, 0, 4)).toBe(1);
    expect([...target]).toEqual([4, 0, 0, 0]);
  });
});
