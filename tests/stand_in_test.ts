/**
 * The stand-ins of the test tools are tools themselves: each matcher has to fail when it should.
 *
 * @module
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { expect } from "@std/expect";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { connect, listen, type Window } from "../src/mod.ts";
import { listenPeer } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";
import { expectNothingLeft, lookAtOpen, type Open } from "./stand_in/leaks.ts";

/** Pairs of a name, a check that must pass and one that must fail. */
const matchers: [name: string, passes: () => void, fails: () => void][] = [
  ["toBe", () => expect(1).toBe(1), () => expect(0).toBe(-0)],
  [
    "toEqual",
    () => expect({ a: [1, { b: 2 }] }).toEqual({ a: [1, { b: 2 }] }),
    () => expect([1]).toEqual([2]),
  ],
  ["toEqual, missing key", () => expect({ a: undefined }).toEqual({}), () => expect({ a: 1 }).toEqual({})],
  [
    "toEqual, bytes",
    () => expect(new Uint8Array([1, 2])).toEqual(new Uint8Array([1, 2])),
    () => expect(new Uint8Array([1, 2])).toEqual(new Uint8Array([1, 3])),
  ],
  [
    "toEqual, sets and maps",
    () => expect([new Set([1]), new Map([[1, { a: 2 }]])]).toEqual([new Set([1]), new Map([[1, { a: 2 }]])]),
    () => expect(new Map([[1, 2]])).toEqual(new Map([[1, 3]])),
  ],
  [
    "toStrictEqual",
    () => expect({ a: 1 }).toStrictEqual({ a: 1 }),
    () => expect({ a: undefined }).toStrictEqual({}),
  ],
  [
    "toMatchObject",
    () => expect({ a: 1, b: 2 }).toMatchObject({ a: 1 }),
    () => expect({}).toMatchObject({ a: 1 }),
  ],
  ["toBeDefined", () => expect(0).toBeDefined(), () => expect(undefined).toBeDefined()],
  ["toBeUndefined", () => expect(undefined).toBeUndefined(), () => expect(null).toBeUndefined()],
  ["toBeNull", () => expect(null).toBeNull(), () => expect(undefined).toBeNull()],
  ["toBeNaN", () => expect(NaN).toBeNaN(), () => expect(1).toBeNaN()],
  ["toBeTruthy", () => expect(1).toBeTruthy(), () => expect("").toBeTruthy()],
  ["toBeFalsy", () => expect(0).toBeFalsy(), () => expect("a").toBeFalsy()],
  ["toBeInstanceOf", () => expect([]).toBeInstanceOf(Array), () => expect({}).toBeInstanceOf(Map)],
  ["toBeGreaterThan", () => expect(2).toBeGreaterThan(1), () => expect(1).toBeGreaterThan(1)],
  [
    "toBeGreaterThanOrEqual",
    () => expect(1).toBeGreaterThanOrEqual(1),
    () => expect(0).toBeGreaterThanOrEqual(1),
  ],
  ["toBeLessThan", () => expect(1n).toBeLessThan(2n), () => expect(2n).toBeLessThan(2n)],
  ["toBeLessThanOrEqual", () => expect(1).toBeLessThanOrEqual(1), () => expect(2).toBeLessThanOrEqual(1)],
  ["toBeCloseTo", () => expect(0.1 + 0.2).toBeCloseTo(0.3), () => expect(1).toBeCloseTo(1.1)],
  ["toContain", () => expect([1, 2]).toContain(2), () => expect("abc").toContain("d")],
  ["toContainEqual", () => expect([{ a: 1 }]).toContainEqual({ a: 1 }), () => expect([]).toContainEqual({})],
  ["toMatch", () => expect("port 80").toMatch(/\d+/), () => expect("port").toMatch("80")],
  ["toHaveLength", () => expect([1]).toHaveLength(1), () => expect("ab").toHaveLength(1)],
  [
    "toHaveProperty",
    () => expect({ a: { b: 1 } }).toHaveProperty("a.b", 1),
    () => expect({}).toHaveProperty("a"),
  ],
  ["not", () => expect(1).not.toBe(2), () => expect(1).not.toBe(1)],
];

function throwing(error: unknown): () => never {
  return () => {
    throw error;
  };
}

describe("expect", () => {
  for (const [name, passes, fails] of matchers) {
    it(name, () => {
      passes();
      let failed = false;
      try {
        fails();
      } catch {
        failed = true;
      }
      if (!failed) throw new Error(`${name} let a wrong value pass`);
    });
  }

  it("toThrow looks at class and message", () => {
    const refused = new RangeError("port 99999 is refused");
    expect(throwing(refused)).toThrow();
    expect(throwing(refused)).toThrow(RangeError, "99999");
    expect(throwing(refused)).toThrow(/refused$/);
    expect(throwing(refused)).not.toThrow(SyntaxError);
    expect(() => expect(() => {}).toThrow()).toThrow("it did not");
    expect(() => expect(throwing(refused)).toThrow("another")).toThrow();
  });

  it("resolves and rejects wait for the promise", async () => {
    await expect(Promise.resolve(3)).resolves.toBe(3);
    await expect(Promise.reject(new TypeError("wrong"))).rejects.toThrow(TypeError, "wrong");
    await expect(Promise.reject(new TypeError("wrong"))).rejects.toBeInstanceOf(TypeError);
    await expect(Promise.resolve(3)).resolves.not.toBe(4);
    await expect(expect(Promise.resolve(3)).rejects.toThrow()).rejects.toThrow("fulfilled");
    await expect(expect(Promise.resolve(3)).resolves.toBe(4)).rejects.toThrow("to be");
  });
});

describe("describe, it and the hooks", () => {
  const events: string[] = [];
  beforeAll(() => void events.push("all"));
  beforeEach(() => void events.push("each"));
  afterEach(() => void events.push("after"));
  afterAll(() => {
    if (events.at(-1) !== "after") throw new Error("afterAll came before the last afterEach");
  });

  it("runs beforeAll once and beforeEach first", () => expect(events).toEqual(["all", "each"]));

  describe("inside another suite", () => {
    beforeEach(() => void events.push("inner"));
    it("runs the outer hooks before the inner ones", () => {
      expect(events).toEqual(["all", "each", "after", "each", "inner"]);
    });
  });

  it("leaves a skipped test out", { ignore: "that it does not run is what this tests" }, () => {
    throw new Error("a skipped test ran");
  });
});

describe("what a test leaves open", () => {
  /** The message of the failure such a test would have. */
  async function failure(before: Open): Promise<string> {
    return (await errorOf(() => expectNothingLeft(before, 50)) as Error).message;
  }

  it("is seen where it is a loop", async () => {
    const before = lookAtOpen();
    const loop = createEventLoop();
    expect(await failure(before)).toContain("a loop with 0 ids");
    await loop.close();
    await expectNothingLeft(before);
  });

  it("is seen where it is an id", async () => {
    await using loop = createEventLoop();
    const before = lookAtOpen();
    const listener = listen({ hostname: "127.0.0.1", loop });
    expect(await failure(before)).toContain("1 ids of a loop");
    await listener.close();
    await expectNothingLeft(before);
  });

  it("is seen where it is a segment", async () => {
    await using loop = createEventLoop();
    const before = lookAtOpen();
    let kept: Window | undefined;
    const listener = listen({
      hostname: "127.0.0.1",
      loop,
      socket: { data: (_, window) => void (kept = window.keep()) },
    });
    const client = await connect({ hostname: "127.0.0.1", port: listener.port, loop });
    client.write("hello");
    await until(() => kept !== undefined, "the bytes came");
    client.abort();
    await listener.stop(true);
    expect(await failure(before)).toContain("1 segments of a loop");
    kept?.release();
    await expectNothingLeft(before);
  });

  it("is seen where it is a segment of a loop that has ended meanwhile", async () => {
    const before = lookAtOpen();
    const loop = createEventLoop();
    expect(loop.engine.segments.copySpace(10)).toBeGreaterThanOrEqual(0);
    loop.engine.segments.hold(0, 0, 10);
    await loop.close();
    expect(await failure(before)).toContain("1 segments of a loop that has ended");
    lookAtOpen();
  });

  const unlisted = system === "windows" ? "Windows lists no descriptors" : false;
  it("is seen where it is a descriptor", { ignore: unlisted }, async () => {
    const before = lookAtOpen();
    const listener = listenPeer();
    expect(await failure(before)).toMatch(/descriptor \d+ \(socket/);
    listener.close();
    await expectNothingLeft(before);
  });
});
