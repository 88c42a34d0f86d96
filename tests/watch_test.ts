/**
 * The watch over time, exactly: connections without a kernel on a clock that stands still until it is told.
 * What the kernel takes, and when, is up to the test.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { TimeoutKind } from "../src/mod.ts";
import { QUIET, StillLoop, told } from "./helpers/still_loop.ts";

describe("the watch", () => {
  it("arms one timer for a connection and none for a message", () => {
    const loop = new StillLoop();
    const connection = loop.open(3, { ...QUIET, timeouts: { idle: 1000, message: 4000, writeStall: 4000 } });
    expect(loop.armed.size).toBe(1);
    for (let message = 0; message < 1000; message++) {
      loop.pass(1);
      loop.timeLimits.received(connection, 64);
      connection.messageBegan();
      loop.write(connection, 64);
      loop.take(connection, 64);
      connection.messageEnded();
    }
    // Begun once, and looked at about as often as the shortest limit fits into the time.
    expect(loop.submitted).toBeLessThan(4);
    expect(loop.armed.size).toBe(1);
    expect(connection.state).toBe("open");
  });

  it("arms nothing where no limit is set", () => {
    const loop = new StillLoop();
    const connection = loop.open(1, QUIET);
    expect(loop.submitted).toBe(0);
    connection.messageBegan();
    connection.messageEnded();
    connection.setTimeouts({ idle: 100 });
    expect(loop.armed.size).toBe(1);
    connection.setTimeouts({ idle: 0 });
    expect(loop.armed.size).toBe(0);
  });

  for (const start of [0, 5000, 2 ** 31 - 500, 2 ** 32 - 500]) {
    it(`meets each limit, and never early, from clock ${start} on`, () => {
      const limits = { firstByte: 320, idle: 640, lifetime: 1280 } as const;
      for (const [kind, limit] of Object.entries(limits)) {
        const loop = new StillLoop(start);
        const { kinds, socket } = told();
        const connection = loop.open(7, { ...QUIET, timeouts: { [kind]: limit }, socket });
        loop.pass(limit);
        expect(kinds).toEqual([]);
        loop.pass(limit / 16);
        expect(kinds).toEqual([kind]);
        expect(loop.timeouts[kind as TimeoutKind]).toBe(1);
        expect(connection.state).toBe("closing");
      }
    });
  }

  it("counts idle from the last byte, whichever way it went", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    loop.pass(900);
    loop.timeLimits.received(connection, 1);
    loop.pass(900);
    loop.write(connection, 1);
    loop.take(connection, 1);
    loop.pass(1000);
    expect(kinds).toEqual([]);
    loop.pass(100);
    expect(kinds).toEqual(["idle"]);
  });

  it("does not call a connection idle whose bytes still go out", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    loop.write(connection, 100);
    for (let second = 0; second < 100; second++) {
      loop.pass(700);
      loop.take(connection, 1);
    }
    expect(kinds).toEqual([]);
    loop.pass(2100);
    expect(kinds).toEqual(["idle"]);
  });

  it("counts a message from its first byte, and only while it lasts", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { message: 1000, idle: 500 }, socket });
    loop.pass(400);
    connection.messageBegan();
    loop.pass(300);
    connection.messageBegan();
    loop.pass(300);
    connection.messageEnded();
    loop.pass(400);
    connection.messageBegan();
    // A byte now and then is no excuse.
    for (let step = 0; step < 10; step++) {
      loop.timeLimits.received(connection, 1);
      loop.pass(100);
    }
    expect(kinds).toEqual([]);
    loop.pass(50);
    expect(kinds).toEqual(["message"]);
    expect(connection.state).toBe("aborting");
  });

  it("sees a stalled write by what the kernel takes", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { writeStall: 1000 }, socket });
    loop.pass(777);
    loop.write(connection, 1000);
    for (let step = 0; step < 20; step++) {
      loop.pass(900);
      loop.take(connection, 1);
      // What is written behind is no progress.
      loop.write(connection, 1);
    }
    expect(kinds).toEqual([]);
    loop.pass(1000);
    expect(kinds).toEqual([]);
    loop.pass(500);
    expect(kinds).toEqual(["writeStall"]);
    expect(connection.state).toBe("aborting");
  });

  it("takes for progress what the peer acknowledges, while the kernel takes nothing", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { writeStall: 1000 }, socket });
    loop.write(connection, 10_000);
    loop.take(connection, 5000);
    loop.withKernel[connection.slot] = 5000;
    for (let step = 0; step < 20; step++) {
      loop.pass(900);
      loop.withKernel[connection.slot] -= 10;
    }
    expect(kinds).toEqual([]);
    loop.pass(1500);
    expect(kinds).toEqual(["writeStall"]);
  });

  it("takes a drained and filled buffer for progress", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { writeStall: 1000 }, socket });
    for (let step = 0; step < 10; step++) {
      loop.write(connection, 500);
      loop.pass(900);
      loop.take(connection, 500);
    }
    expect(kinds).toEqual([]);
  });

  it("puts a limit off once when the thread was held up", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    loop.open(2, { ...QUIET, timeouts: { firstByte: 1000 }, socket });
    loop.hold(3000);
    expect(kinds).toEqual([]);
    loop.hold(5000);
    expect(kinds).toEqual(["firstByte"]);
  });

  it("believes a peer whose bytes lay in the kernel while the thread was held up", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    loop.hold(3000);
    loop.timeLimits.received(connection, 1);
    loop.pass(900);
    expect(kinds).toEqual([]);
    loop.pass(200);
    expect(kinds).toEqual(["idle"]);
  });
});

describe("a watched connection", () => {
  it("that is paused owes no byte, and has the rest of its time after", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const options = { ...QUIET, timeouts: { firstByte: 1000, idle: 2000 }, socket };
    const connection = loop.open(2, options);
    loop.pass(600);
    connection.pause();
    loop.pass(60_000);
    expect(kinds).toEqual([]);
    connection.resume();
    loop.pass(400);
    expect(kinds).toEqual([]);
    loop.pass(300);
    expect(kinds).toEqual(["firstByte"]);
  });

  it("that is paused in a message has the rest of its time after", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { message: 1000 }, socket });
    connection.messageBegan();
    loop.pass(500);
    connection.pause();
    loop.pass(5000);
    connection.resume();
    loop.pass(500);
    expect(kinds).toEqual([]);
    loop.pass(300);
    expect(kinds).toEqual(["message"]);
  });

  it("that is paused still has a lifetime", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(2, { ...QUIET, timeouts: { lifetime: 1000 }, socket });
    connection.pause();
    loop.pass(1100);
    expect(kinds).toEqual(["lifetime"]);
  });

  it("is looked at seldom while a limit stands still", () => {
    const loop = new StillLoop();
    const connection = loop.open(2, { ...QUIET, timeouts: { firstByte: 1000 } });
    loop.pass(999);
    connection.pause();
    const before = loop.submitted;
    loop.pass(100_000);
    expect(loop.submitted - before).toBeLessThan(500);
  });

  it("leaves its timer to nobody when its slot is used again", () => {
    const loop = new StillLoop();
    const first = told();
    const second = told();
    const early = loop.open(5, { ...QUIET, timeouts: { idle: 1000 }, socket: first.socket });
    loop.pass(900);
    const [stale] = [...loop.armed];
    early.left(0);
    expect(loop.armed.size).toBe(0);
    // The same slot, the next generation.
    const late = loop.open(5 | 1 << 20, { ...QUIET, timeouts: { idle: 1000 }, socket: second.socket });
    loop.timers.fired(stale[0], stale[1].tag);
    loop.pass(1000);
    expect(first.kinds).toEqual([]);
    expect(second.kinds).toEqual([]);
    expect(late.state).toBe("open");
    loop.pass(100);
    expect(second.kinds).toEqual(["idle"]);
  });

  it("waits for a promise as long as it takes, but for its lifetime", async () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const done = Promise.withResolvers<void>();
    const timeouts = { idle: 100, lifetime: 5000 };
    const connection = loop.open(9, {
      ...QUIET,
      timeouts,
      socket: { ...socket, open: () => done.promise },
    });
    loop.pass(4000);
    expect(kinds).toEqual([]);
    done.resolve();
    await done.promise;
    await Promise.resolve();
    loop.pass(100);
    expect(kinds).toEqual([]);
    loop.pass(20);
    expect(kinds).toEqual(["idle"]);
    expect(connection.state).toBe("closing");
  });

  it("is not kept where the loop has no timer for it", async () => {
    const loop = new StillLoop(0, 1);
    loop.open(1, { ...QUIET, timeouts: { idle: 100 } });
    const second = loop.open(2, { ...QUIET, timeouts: { idle: 100 } });
    expect(second.state).toBe("aborting");
    second.left(0);
    const { by, error } = await second.closed;
    expect(by).toBe("error");
    expect((error as { code?: string }).code).toBe("ERR_TIMERS_EXHAUSTED");
  });
});
