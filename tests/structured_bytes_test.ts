/** Values as bytes: what comes back is what structuredClone gives, and what it would not copy is refused. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { bytesOfValue, valueOfBytes } from "../src/base/structured_bytes.ts";
import { OptionError } from "../src/mod.ts";
import { Random } from "./helpers/random.ts";
import { errorOf } from "./helpers/wait.ts";

const back = (value: unknown): unknown => valueOfBytes(bytesOfValue(value)!);

describe("a value that goes as bytes", () => {
  it("comes back the same, of every plain kind", () => {
    const values: unknown[] = [
      undefined,
      null,
      true,
      false,
      0,
      1,
      -1,
      63,
      64,
      -64,
      -65,
      2 ** 31 - 1,
      -(2 ** 31),
      2 ** 53,
      0.1,
      NaN,
      Infinity,
      -Infinity,
      0n,
      -1n,
      123456789012345678901234567890n,
      -(2n ** 200n),
      "",
      "text",
      "ünï😀",
      "half \ud800 of it",
      [],
      [1, [2, [3]]],
      {},
      { a: 1, "b c": { d: null }, e: undefined },
      new Date(0),
      /a+/giu,
      new Map<unknown, unknown>([[1, "a"], ["b", new Set([1, "2"])]]),
      new Set(["a", "b"]),
      new Uint8Array([1, 2, 3]).buffer,
    ];
    for (const value of values) expect(back(value)).toEqual(structuredClone(value));
    expect([...back(new Map([[{ k: 1 }, 2]])) as Map<unknown, unknown>]).toEqual([[{ k: 1 }, 2]]);
    expect(Object.is(back(-0), -0)).toBe(true);
    expect((back(new Date(NaN)) as Date).getTime()).toBe(NaN);
  });

  it("keeps the types of views, and only the bytes they show", () => {
    const types = [
      Uint8Array,
      Uint8ClampedArray,
      Int8Array,
      Uint16Array,
      Int16Array,
      Uint32Array,
      Int32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
      DataView,
    ];
    for (const type of types) {
      const view: ArrayBufferView = new (type as typeof Uint8Array)(
        new Uint8Array(64).map((_, index) => index).buffer,
        8,
        2,
      );
      const copy = back(view) as ArrayBufferView;
      expect(copy).toBeInstanceOf(type);
      expect(copy.byteLength).toBe(view.byteLength);
      expect(copy.buffer.byteLength).toBe(view.byteLength);
      expect([...new Uint8Array(copy.buffer)].slice(0, 2)).toEqual([8, 9]);
    }
  });

  it("keeps holes, shared parts and circles", () => {
    const sparse = [1, , 3]; // deno-lint-ignore-line no-sparse-arrays
    const copy = back(sparse) as unknown[];
    expect([copy.length, 1 in copy]).toEqual([3, false]);
    const shared = { a: 1 };
    const [one, other] = back([shared, shared]) as object[];
    expect(one).toBe(other);
    const circle: Record<string, unknown> = { list: [] };
    (circle.list as unknown[]).push(circle, new Map([["self", circle]]));
    const round = back(circle) as { list: [unknown, Map<string, unknown>] };
    expect(round.list[0]).toBe(round);
    expect(round.list[1].get("self")).toBe(round);
    expect((back([Object("a"), shared, shared]) as unknown[])[1]).toEqual(shared);
  });

  it("keeps an error's name, message, stack and cause", () => {
    const error = new RangeError("too far", { cause: new Error("begun there") });
    const copy = back(error) as RangeError;
    expect(copy).toBeInstanceOf(RangeError);
    expect([copy.message, copy.stack, (copy.cause as Error).message])
      .toEqual(["too far", error.stack, "begun there"]);
    const odd = back(new OptionError("a", "b", "c")) as Error;
    expect([odd.name, odd instanceof Error]).toEqual(["OptionError", true]);
  });

  it("pollutes nothing", () => {
    const copy = back(JSON.parse('{"__proto__":{"polluted":true}}')) as Record<string, unknown>;
    expect(Object.hasOwn(copy, "__proto__")).toBe(true);
    expect(({} as Record<string, unknown>).polluted).toBe(undefined);
  });

  it("is refused by its place where it is no plain data", async () => {
    class Own {}
    const deep: unknown[] = [];
    let inner = deep;
    for (let level = 0; level < 1_000; level++) inner.push(inner = []);
    const cases: [value: unknown, part: string][] = [
      [() => {}, "message is a function"],
      [Symbol("a"), "message is a symbol"],
      [{ a: [1, () => {}] }, "message.a[1] is a function"],
      [{ own: new Own() }, "message.own is an instance of Own"],
      [Promise.resolve(), "an instance of Promise"],
      [new WeakMap(), "an instance of WeakMap"],
      [new SharedArrayBuffer(8), "an instance of SharedArrayBuffer"],
      [new Map([["k", () => {}]]), "an entry of message is a function"],
      [deep, "more than 500 levels deep"],
    ];
    for (const [value, part] of cases) {
      const error = await errorOf(() => bytesOfValue(value)) as OptionError;
      expect(error).toBeInstanceOf(OptionError);
      expect(error.message).toContain(part);
    }
  });

  it("is not made where it has more bytes than are wanted", () => {
    expect(bytesOfValue("x".repeat(1_000), 1_003)?.length).toBe(1_003);
    expect(bytesOfValue("x".repeat(1_001), 1_003)).toBe(undefined);
    const endless = new Array(100_000).fill("y".repeat(1_000));
    expect(bytesOfValue(endless, 10_000)).toBe(undefined);
  });

  it("comes back the same whatever it is made of by chance", () => {
    const random = new Random(1);
    const below = (end: number) => random.between(0, end - 1);
    const make = (depth: number): unknown => {
      const kind = below(depth > 4 ? 5 : 9);
      const some = <T>(one: () => T): T[] => Array.from({ length: below(5) }, one);
      switch (kind) {
        case 0:
          return below(2 ** 30) * (below(2) === 0 ? -1 : 1);
        case 1:
          return String.fromCharCode(...some(() => below(0xffff)));
        case 2:
          return below(1_000_000) / 7;
        case 3:
          return BigInt(below(2 ** 30)) ** BigInt(below(9));
        case 4:
          return [undefined, null, true][below(3)];
        case 5:
          return some(() => make(depth + 1));
        case 6:
          return Object.fromEntries(some(() => [`k${below(99)}`, make(depth + 1)]));
        case 7:
          return new Map(some(() => [below(99), make(depth + 1)] as const));
        default:
          return new Set(some(() => below(99)));
      }
    };
    for (let round = 0; round < 2_000; round++) {
      const value = make(0);
      expect(back(value)).toEqual(value);
    }
  });

  it("is no value where bytes are cut off or made up", async () => {
    const bytes = bytesOfValue({ list: [1, "two", new Date(3)], map: new Map([[4, 5n]]) })!;
    for (let length = 0; length < bytes.length; length++) {
      const error = await errorOf(() => valueOfBytes(bytes.subarray(0, length)));
      expect(error).toMatchObject({ code: "ERR_MESSAGE" });
    }
    const error = await errorOf(() => valueOfBytes(new Uint8Array([200])));
    expect(error).toMatchObject({ code: "ERR_MESSAGE" });
  });
});
