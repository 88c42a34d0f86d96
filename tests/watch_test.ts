/**
 * The watch over time, exactly: connections without a kernel on a clock that stands still until it is told.
 * What the kernel takes, and when, is up to the test.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { ConnectionCore } from "../src/connection/core.ts";
import type { EventLoop } from "../src/connection/event_loop.ts";
import { Group } from "../src/connection/group.ts";
import type { ConnectionTable } from "../src/connection/table.ts";
import { Watch } from "../src/connection/watch/watch.ts";
import type { Engine } from "../src/loop/engine.ts";
import { noTimeouts } from "../src/loop/timeout_counts.ts";
import { TimerTable } from "../src/loop/timers.ts";
import type { ConnectionOptions, TimeoutKind } from "../src/mod.ts";

/** Timers that can be armed, and slots of the stand-in's send queues. */
const CAPACITY = 512;

/** A loop without a library: the clock, the timers and the kernel's appetite are the test's. */
class Bench {
  clock = { now: 0 };
  readonly timeouts = noTimeouts();
  readonly sendPending = new Uint32Array(CAPACITY);
  readonly segments = undefined;
  turn = 0;
  promises = 0;
  handlerErrors = 0;
  unhandledErrors = 0;
  /** Armed timers: when each is due, in true milliseconds. */
  readonly armed = new Map<number, { due: number; tag: number }>();
  /** Times a timer was submitted. */
  submitted = 0;
  readonly timers: TimerTable;
  readonly watch: Watch;
  #time: number;

  constructor(start = 0, timers = CAPACITY) {
    this.#time = start;
    this.clock.now = start | 0;
    this.timers = new TimerTable({
      submitTimer: (index, delay, tag) => {
        this.submitted += 1;
        this.armed.set(index, { due: this.#time + delay, tag });
      },
      submitTimerCancel: (index) => void this.armed.delete(index),
    }, timers);
    this.watch = new Watch(this as unknown as Engine);
  }

  ref(): void {}
  unref(): void {}
  submit(): void {}
  waitForPoll(): void {}

  open(number: number, options: ConnectionOptions<undefined>): ConnectionCore<undefined> {
    const group = new Group<undefined>(
      undefined as unknown as EventLoop,
      this as unknown as Engine,
      { watch: this.watch } as unknown as ConnectionTable,
      { ...options, socket: { data() {}, ...options.socket } },
    );
    const connection = new ConnectionCore<undefined>(group, number);
    connection.opened(false, false);
    return connection;
  }

  /** Lets time pass, with each timer at its millisecond. */
  pass(milliseconds: number): void {
    const end = this.#time + milliseconds;
    for (;;) {
      const next = Math.min(...[...this.armed.values()].map(({ due }) => due));
      if (next > end) break;
      this.#to(Math.max(next, this.#time));
      this.#fire();
    }
    this.#to(end);
  }

  /** The thread does nothing else for a while, and the timers come after it. */
  hold(milliseconds: number): void {
    this.#to(this.#time + milliseconds);
    this.#fire();
  }

  /** Bytes are written; the kernel takes what the test says later. */
  write(connection: ConnectionCore<undefined>, length: number): void {
    const slot = connection.slot;
    this.watch.written(connection, length, this.sendPending[slot] === 0);
    this.sendPending[slot] += length;
  }

  take(connection: ConnectionCore<undefined>, length: number): void {
    this.sendPending[connection.slot] -= length;
  }

  #to(time: number): void {
    this.#time = time;
    this.clock.now = time | 0;
    this.turn += 1;
  }

  #fire(): void {
    for (const [index, { due, tag }] of [...this.armed]) {
      if (due > this.#time) continue;
      this.armed.delete(index);
      this.timers.fired(index, tag);
    }
  }
}

/** Closing waits for the peer by default, which would be a second timer here. */
const QUIET = { lingerTimeout: 0 };

function told(): { kinds: TimeoutKind[]; socket: { timeout(_: unknown, kind: TimeoutKind): void } } {
  const kinds: TimeoutKind[] = [];
  return { kinds, socket: { timeout: (_, kind) => void kinds.push(kind) } };
}

describe("the watch", () => {
  it("arms one timer for a connection and none for a message", () => {
    const bench = new Bench();
    const connection = bench.open(3, { ...QUIET, timeouts: { idle: 1000, message: 4000, writeStall: 4000 } });
    expect(bench.armed.size).toBe(1);
    for (let message = 0; message < 1000; message++) {
      bench.pass(1);
      bench.watch.received(connection, 64);
      connection.messageBegan();
      bench.write(connection, 64);
      bench.take(connection, 64);
      connection.messageEnded();
    }
    // Begun once, and looked at about as often as the shortest limit fits into the time.
    expect(bench.submitted).toBeLessThan(4);
    expect(bench.armed.size).toBe(1);
    expect(connection.state).toBe("open");
  });

  it("arms nothing where no limit is set", () => {
    const bench = new Bench();
    const connection = bench.open(1, QUIET);
    expect(bench.submitted).toBe(0);
    connection.messageBegan();
    connection.messageEnded();
    connection.setTimeouts({ idle: 100 });
    expect(bench.armed.size).toBe(1);
    connection.setTimeouts({ idle: 0 });
    expect(bench.armed.size).toBe(0);
  });

  for (const start of [0, 5000, 2 ** 31 - 500, 2 ** 32 - 500]) {
    it(`meets each limit, and never early, from clock ${start} on`, () => {
      const limits = { firstByte: 320, idle: 640, lifetime: 1280 } as const;
      for (const [kind, limit] of Object.entries(limits)) {
        const bench = new Bench(start);
        const { kinds, socket } = told();
        const connection = bench.open(7, { ...QUIET, timeouts: { [kind]: limit }, socket });
        bench.pass(limit);
        expect(kinds).toEqual([]);
        bench.pass(limit / 16);
        expect(kinds).toEqual([kind]);
        expect(bench.timeouts[kind as TimeoutKind]).toBe(1);
        expect(connection.state).toBe("closing");
      }
    });
  }

  it("counts idle from the last byte, whichever way it went", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    bench.pass(900);
    bench.watch.received(connection, 1);
    bench.pass(900);
    bench.write(connection, 1);
    bench.take(connection, 1);
    bench.pass(1000);
    expect(kinds).toEqual([]);
    bench.pass(100);
    expect(kinds).toEqual(["idle"]);
  });

  it("does not call a connection idle whose bytes still go out", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    bench.write(connection, 100);
    for (let second = 0; second < 100; second++) {
      bench.pass(700);
      bench.take(connection, 1);
    }
    expect(kinds).toEqual([]);
    bench.pass(2100);
    expect(kinds).toEqual(["idle"]);
  });

  it("counts a message from its first byte, and only while it lasts", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { message: 1000, idle: 500 }, socket });
    bench.pass(400);
    connection.messageBegan();
    bench.pass(300);
    connection.messageBegan();
    bench.pass(300);
    connection.messageEnded();
    bench.pass(400);
    connection.messageBegan();
    // A byte now and then is no excuse.
    for (let step = 0; step < 10; step++) {
      bench.watch.received(connection, 1);
      bench.pass(100);
    }
    expect(kinds).toEqual([]);
    bench.pass(50);
    expect(kinds).toEqual(["message"]);
    expect(connection.state).toBe("aborting");
  });

  it("sees a stalled write by what the kernel takes", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { writeStall: 1000 }, socket });
    bench.pass(777);
    bench.write(connection, 1000);
    for (let step = 0; step < 20; step++) {
      bench.pass(900);
      bench.take(connection, 1);
      // What is written behind is no progress.
      bench.write(connection, 1);
    }
    expect(kinds).toEqual([]);
    bench.pass(1000);
    expect(kinds).toEqual([]);
    bench.pass(500);
    expect(kinds).toEqual(["writeStall"]);
    expect(connection.state).toBe("aborting");
  });

  it("takes a drained and filled buffer for progress", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { writeStall: 1000 }, socket });
    for (let step = 0; step < 10; step++) {
      bench.write(connection, 500);
      bench.pass(900);
      bench.take(connection, 500);
    }
    expect(kinds).toEqual([]);
  });

  it("puts a limit off once when the thread was held up", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    bench.open(2, { ...QUIET, timeouts: { firstByte: 1000 }, socket });
    bench.hold(3000);
    expect(kinds).toEqual([]);
    bench.hold(5000);
    expect(kinds).toEqual(["firstByte"]);
  });

  it("believes a peer whose bytes lay in the kernel while the thread was held up", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { idle: 1000 }, socket });
    bench.hold(3000);
    bench.watch.received(connection, 1);
    bench.pass(900);
    expect(kinds).toEqual([]);
    bench.pass(200);
    expect(kinds).toEqual(["idle"]);
  });
});

describe("a watched connection", () => {
  it("that is paused owes no byte, and has the rest of its time after", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const options = { ...QUIET, timeouts: { firstByte: 1000, idle: 2000 }, socket };
    const connection = bench.open(2, options);
    bench.pass(600);
    connection.pause();
    bench.pass(60_000);
    expect(kinds).toEqual([]);
    connection.resume();
    bench.pass(400);
    expect(kinds).toEqual([]);
    bench.pass(300);
    expect(kinds).toEqual(["firstByte"]);
  });

  it("that is paused in a message has the rest of its time after", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { message: 1000 }, socket });
    connection.messageBegan();
    bench.pass(500);
    connection.pause();
    bench.pass(5000);
    connection.resume();
    bench.pass(500);
    expect(kinds).toEqual([]);
    bench.pass(300);
    expect(kinds).toEqual(["message"]);
  });

  it("that is paused still has a lifetime", () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const connection = bench.open(2, { ...QUIET, timeouts: { lifetime: 1000 }, socket });
    connection.pause();
    bench.pass(1100);
    expect(kinds).toEqual(["lifetime"]);
  });

  it("is looked at seldom while a limit stands still", () => {
    const bench = new Bench();
    const connection = bench.open(2, { ...QUIET, timeouts: { firstByte: 1000 } });
    bench.pass(999);
    connection.pause();
    const before = bench.submitted;
    bench.pass(100_000);
    expect(bench.submitted - before).toBeLessThan(500);
  });

  it("leaves its timer to nobody when its slot is used again", () => {
    const bench = new Bench();
    const first = told();
    const second = told();
    const early = bench.open(5, { ...QUIET, timeouts: { idle: 1000 }, socket: first.socket });
    bench.pass(900);
    const [stale] = [...bench.armed];
    early.left(0);
    expect(bench.armed.size).toBe(0);
    // The same slot, the next generation.
    const late = bench.open(5 | 1 << 20, { ...QUIET, timeouts: { idle: 1000 }, socket: second.socket });
    bench.timers.fired(stale[0], stale[1].tag);
    bench.pass(1000);
    expect(first.kinds).toEqual([]);
    expect(second.kinds).toEqual([]);
    expect(late.state).toBe("open");
    bench.pass(100);
    expect(second.kinds).toEqual(["idle"]);
  });

  it("waits for a promise as long as it takes, but for its lifetime", async () => {
    const bench = new Bench();
    const { kinds, socket } = told();
    const done = Promise.withResolvers<void>();
    const timeouts = { idle: 100, lifetime: 5000 };
    const connection = bench.open(9, {
      ...QUIET,
      timeouts,
      socket: { ...socket, open: () => done.promise },
    });
    bench.pass(4000);
    expect(kinds).toEqual([]);
    done.resolve();
    await done.promise;
    await Promise.resolve();
    bench.pass(100);
    expect(kinds).toEqual([]);
    bench.pass(20);
    expect(kinds).toEqual(["idle"]);
    expect(connection.state).toBe("closing");
  });

  it("is not kept where the loop has no timer for it", async () => {
    const bench = new Bench(0, 1);
    bench.open(1, { ...QUIET, timeouts: { idle: 100 } });
    const second = bench.open(2, { ...QUIET, timeouts: { idle: 100 } });
    expect(second.state).toBe("aborting");
    second.left(0);
    const { by, error } = await second.closed;
    expect(by).toBe("error");
    expect((error as { code?: string }).code).toBe("ERR_TIMERS_EXHAUSTED");
  });
});
