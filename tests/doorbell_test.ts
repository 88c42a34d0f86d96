/** The doorbell: from a sleeping loop to a task of the host loop, on both runtimes' own ways. */
import { expect } from "@std/expect";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { BunDoorbell } from "../ffi/bun_doorbell.ts";
import { DenoDoorbell } from "../ffi/deno_doorbell.ts";
import { Status, WAIT_MAX_MS } from "../ffi/layout.gen.ts";
import { NativeError, openNative } from "../ffi/mod.ts";
import type { NativeLoop } from "../ffi/port.ts";
import { runScript } from "./helpers/process.ts";
import { bun, type BunSocket, runtime, scaled } from "./helpers/runtime.ts";
import { deferred, delay, errorOf, until, within } from "./helpers/wait.ts";

const SMALL = { segmentCount: 64, slots: 64, timers: 64, sendEntries: 64 };

/** Arms and resolves at the ring. */
function ringOf(loop: NativeLoop, milliseconds?: number): Promise<void> {
  const rung = deferred();
  loop.doorbell.arm(() => rung.resolve(), milliseconds);
  return within(rung.promise, "the doorbell");
}

/** Takes what woke the loop, so that the next arming sleeps. */
function drain(loop: NativeLoop): void {
  while (loop.poll(0) > 0) {
    while (loop.completions.next());
  }
}

describe("the doorbell", () => {
  let loop: NativeLoop;
  beforeAll(async () => {
    loop = openNative().openLoop(SMALL);
    // Bun's doorbell opens its line when it is first armed, and keeps it as long as the loop.
    loop.wake();
    await ringOf(loop);
  });
  afterAll(() => loop.close());

  it("rings at a wake, once, and not before", async () => {
    drain(loop);
    let rings = 0;
    const rung = deferred();
    loop.doorbell.arm(() => {
      rings++;
      rung.resolve();
    });
    expect(loop.doorbell.armed).toBe(true);
    await delay(50);
    expect(rings).toBe(0);
    loop.wake();
    await within(rung.promise, "the doorbell");
    expect(loop.doorbell.armed).toBe(false);
    loop.wake();
    await delay(50);
    expect(rings).toBe(1);
  });

  it("rings at once when the loop has something already", async () => {
    loop.wake();
    await ringOf(loop);
    drain(loop);
  });

  it("rings when its time has run out, and does not before", async () => {
    drain(loop);
    const start = performance.now();
    await ringOf(loop, 80);
    expect(performance.now() - start).toBeGreaterThanOrEqual(75);
  });

  it("keeps the first ring while armed", async () => {
    drain(loop);
    let second = false;
    const first = ringOf(loop);
    loop.doorbell.arm(() => second = true);
    loop.wake();
    await first;
    await delay(20);
    expect(second).toBe(false);
    drain(loop);
  });

  it("may be polled past: the ring comes late and harms nothing", async () => {
    for (let round = 0; round < 50; round++) {
      const ring = ringOf(loop);
      loop.wake();
      drain(loop);
      loop.wake();
      await ring;
      drain(loop);
    }
  });

  it("takes many rounds of arming and ringing", async () => {
    const rounds = scaled(10_000, 500);
    for (let round = 0; round < rounds; round++) {
      const ring = ringOf(loop);
      if (round % 3 !== 0) loop.wake();
      else setTimeout(() => loop.wake(), 0);
      await ring;
      drain(loop);
    }
  });

  it("arms again from within its ring", async () => {
    const done = deferred();
    let left = 100;
    const ring = (): void => {
      drain(loop);
      if (--left === 0) return done.resolve();
      loop.doorbell.arm(ring);
      loop.wake();
    };
    loop.doorbell.arm(ring);
    loop.wake();
    await within(done.promise, "a hundred rings");
  });

  it("is closed while armed, and rings no more", async () => {
    const other = openNative().openLoop(SMALL);
    let rings = 0;
    other.doorbell.arm(() => rings++);
    await delay(20);
    await within(other.close(), "the end of an armed doorbell");
    expect(other.doorbell.armed).toBe(false);
    other.doorbell.arm(() => rings++);
    await delay(20);
    expect(rings).toBe(0);
  });

  it("is closed at every moment of its life", async () => {
    const rounds = scaled(100, 10);
    for (let round = 0; round < rounds; round++) {
      const other = openNative().openLoop(SMALL);
      if (round % 5 > 0) other.doorbell.arm(() => {});
      if (round % 5 > 1) other.wake();
      if (round % 5 > 2) await delay(0);
      if (round % 5 > 3) await delay(2);
      await within(other.close(), "the end of a loop");
    }
  });

  it("holds the process while armed, unless told not to", async () => {
    await using held = runScript("./children/doorbell.ts", import.meta.url, { arguments: ["ref"] });
    await held.line(/armed/);
    await delay(300);
    expect(held.output).not.toContain("ended");
    await using free = runScript("./children/doorbell.ts", import.meta.url, { arguments: ["unref"] });
    const { code, output } = await free.end();
    expect(output).toContain("armed");
    expect(output).not.toContain("rung");
    expect(code).toBe(0);
    expect((await held.end()).output).toContain("rung");
  });

  it("asleep costs no processor time", async () => {
    await using child = runScript("./children/doorbell.ts", import.meta.url, { arguments: ["idle"] });
    const { output } = await child.end();
    const spent = Number(output.match(/spent (\d+)/)?.[1]);
    // Of two seconds; the runtime's own housekeeping is in it.
    expect(spent).toBeLessThan(40);
  });
});

describe("the doorbell of Bun", () => {
  it.skipIf(runtime !== "bun")(
    "tells by an error when its thread cannot be started (needs Bun)",
    async () => {
      const functions = {
        ringport_doorbell_open: () => -Status.notSupported,
        ringport_doorbell_arm: () => 0,
        ringport_doorbell_close: () => 0,
      };
      const doorbell = new BunDoorbell(1, functions, "linux");
      const error = await errorOf(() => doorbell.arm(() => {}));
      expect(error).toBeInstanceOf(NativeError);
      expect(error).toMatchObject({ code: "ENOTSUP", operation: "doorbell_open" });
      expect(doorbell.armed).toBe(false);
      await doorbell.close();
    },
  );

  it.skipIf(runtime !== "bun")("believes only the caller that knows the token (needs Bun)", async () => {
    const bellOf = new FakeBell();
    const doorbell = new BunDoorbell(1, bellOf, "windows");
    let rings = 0;
    doorbell.arm(() => rings++);
    const letters = bellOf.token;
    const silent = await bellOf.call([]);
    const stranger = await bellOf.call([letters[0] ^ 1, ...letters.slice(1), 1]);
    await within(stranger.ended, "the stranger to be turned away");
    expect(rings).toBe(0);
    const bell = await bellOf.call(letters.slice(0, 3));
    await delay(30);
    bell.socket.write(new Uint8Array([letters[3]]));
    await within(silent.ended, "the silent caller to be turned away");
    expect(rings).toBe(0);
    bell.socket.write(new Uint8Array([1]));
    await until(() => rings === 1, "the doorbell has rung");
    // Nobody is listened to any more, whatever he knows.
    doorbell.arm(() => rings++);
    const late = await bellOf.call([...letters, 1]).catch(() => undefined);
    await delay(50);
    expect(rings).toBe(1);
    late?.socket.terminate();
    await doorbell.close();
    await within(bell.ended, "the end of the line");
  });

  it.skipIf(runtime !== "bun")("opens a new line when one breaks, but not for ever (needs Bun)", async () => {
    const bellOf = new FakeBell();
    const doorbell = new BunDoorbell(1, bellOf, "windows");
    let rings = 0;
    for (let broken = 1; broken <= 3; broken++) {
      doorbell.arm(() => rings++);
      expect(bellOf.opened).toBe(broken);
      const bell = await bellOf.call(bellOf.token);
      await delay(30);
      bell.socket.terminate();
      // The loop is told, so that it can look for itself.
      await until(() => rings === broken, "the broken line is noticed");
      expect(bellOf.closed).toBe(broken);
    }
    const error = await errorOf(() => doorbell.arm(() => rings++));
    expect(error).toMatchObject({ code: "ECONNABORTED", operation: "doorbell_arm" });
    // What kept the lines from living may be over after a while.
    await delay(1_100);
    doorbell.arm(() => rings++);
    expect(bellOf.opened).toBe(4);
    await doorbell.close();
  });
});

/** The native side of a line over a loopback connection, played by the test. */
class FakeBell {
  opened = 0;
  closed = 0;
  token: number[] = [];
  #port = 0;

  ringport_doorbell_open = (_loop: number, port: number, token: number): number => {
    this.opened += 1;
    this.#port = port;
    this.token = [0, 8, 16, 24].map((shift) => (token >>> shift) & 0xff);
    return 0;
  };

  ringport_doorbell_arm = (): number => 0;

  ringport_doorbell_close = (): number => {
    this.closed += 1;
    return 0;
  };

  /** Connects and says something. */
  async call(said: number[]): Promise<{ socket: BunSocket; ended: Promise<void> }> {
    const ended = deferred();
    const socket = await bun!.connect({
      hostname: "127.0.0.1",
      port: this.#port,
      socket: { data() {}, close: () => ended.resolve(), error: () => ended.resolve() },
    });
    socket.write(new Uint8Array(said));
    return { socket, ended: ended.promise };
  }
}

describe("the doorbell of Deno", () => {
  it.skipIf(runtime !== "deno")("goes on waiting when one wait is not enough (needs Deno)", async () => {
    const asked: number[] = [];
    const wait = (_loop: number, milliseconds: number) => {
      asked.push(milliseconds);
      return Promise.resolve(0);
    };
    const doorbell = new DenoDoorbell(1, wait, { ringport_wake: () => 0 });
    const rung = deferred();
    doorbell.arm(() => rung.resolve(), 2 * WAIT_MAX_MS + 5);
    await within(rung.promise, "the doorbell");
    expect(asked).toEqual([WAIT_MAX_MS, WAIT_MAX_MS, 5]);
    await doorbell.close();
  });
});
