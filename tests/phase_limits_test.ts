/** Time limits of what a protocol of requests is doing, on a clock that stands still until it is moved. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Flag } from "../src/stream/state.ts";
import { TimedPhase } from "../src/stream/time_limits/words.ts";
import { QUIET, StillLoop, told } from "./helpers/still_loop.ts";

const LIMITS = { head: 1000, body: 2000, handler: 4000, keepAlive: 8000 } as const;
type Kind = keyof typeof LIMITS;

function opened(timeouts: object, start = 0) {
  const loop = new StillLoop(start);
  const { kinds, socket } = told();
  const connection = loop.open(2, { ...QUIET, timeouts, socket });
  return { loop, kinds, connection };
}

describe("the limits of phases", () => {
  for (const start of [0, 2 ** 31 - 500, 2 ** 32 - 500]) {
    it(`are met, and never early, from clock ${start} on`, () => {
      for (const kind of Object.keys(LIMITS) as Kind[]) {
        const { loop, kinds, connection } = opened(LIMITS, start);
        loop.pass(30_000);
        expect(kinds).toEqual([]);
        connection.phaseBegan(TimedPhase[kind]);
        loop.pass(LIMITS[kind]);
        expect(kinds).toEqual([]);
        loop.pass(LIMITS[kind] / 8);
        expect(kinds).toEqual([kind]);
        expect(loop.timeouts[kind]).toBe(1);
        const isGentle = kind === "handler" || kind === "keepAlive";
        expect(connection.state).toBe(isGentle ? "closing" : "aborting");
        expect((connection.error as { code?: string } | undefined)?.code)
          .toBe(`ERR_TIMEOUT_${kind === "keepAlive" ? "KEEP_ALIVE" : kind.toUpperCase()}`);
      }
    });
  }

  it("cost a connection nothing whose protocol reports no phases", () => {
    const { loop } = opened(LIMITS);
    const before = loop.submitted;
    loop.pass(100_000);
    expect(loop.submitted).toBe(before);
    expect(loop.armed.size).toBe(0);
  });

  it("arm no timer for a change of phase", () => {
    const { loop, kinds, connection } = opened({ ...LIMITS, idle: 8000 });
    for (let request = 0; request < 1000; request++) {
      loop.timeLimits.received(connection, 64);
      connection.phaseBegan(TimedPhase.head);
      connection.phaseBegan(TimedPhase.handler);
      loop.pass(1);
      connection.phaseBegan(TimedPhase.keepAlive);
    }
    expect(loop.submitted).toBeLessThan(4);
    expect(kinds).toEqual([]);
    loop.pass(8200);
    expect(kinds).toEqual(["keepAlive"]);
  });

  it("end with their phase", () => {
    const { loop, kinds, connection } = opened(LIMITS);
    for (const phase of [TimedPhase.head, TimedPhase.body, TimedPhase.handler]) {
      connection.phaseBegan(phase);
      loop.pass(900);
    }
    connection.phaseEnded();
    loop.pass(100_000);
    expect(kinds).toEqual([]);
  });

  it("count a head from its first byte, a body from its last", () => {
    const { loop, kinds, connection } = opened(LIMITS);
    connection.phaseBegan(TimedPhase.body);
    for (let second = 0; second < 20; second++) {
      loop.pass(1500);
      loop.timeLimits.received(connection, 1);
    }
    connection.phaseBegan(TimedPhase.head);
    for (let step = 0; step < 10; step++) {
      expect(kinds).toEqual([]);
      loop.timeLimits.received(connection, 1);
      loop.pass(100);
    }
    loop.pass(100);
    expect(kinds).toEqual(["head"]);
  });

  it("stand still for head and body while this side does not read", () => {
    for (const kind of ["head", "body"] as const) {
      const { loop, kinds, connection } = opened(LIMITS);
      connection.phaseBegan(TimedPhase[kind]);
      loop.pass(LIMITS[kind] / 2);
      connection.pauseFor(Flag.heldBack);
      loop.pass(LIMITS[kind] * 10);
      expect(kinds).toEqual([]);
      connection.resumeFrom(Flag.heldBack);
      loop.pass(LIMITS[kind] / 4);
      expect(kinds).toEqual([]);
      loop.pass(LIMITS[kind]);
      expect(kinds).toEqual([kind]);
    }
  });

  it("start a connection that waits for its next request when the answer is out", () => {
    const { loop, kinds, connection } = opened({ keepAlive: 1000 });
    connection.phaseBegan(TimedPhase.keepAlive);
    loop.write(connection, 100);
    loop.pass(5000);
    expect(kinds).toEqual([]);
    loop.take(connection, 100);
    loop.pass(2200);
    expect(kinds).toEqual(["keepAlive"]);
  });

  it("start again where the handler keeps the connection", () => {
    const loop = new StillLoop();
    let asked = 0;
    const connection = loop.open(2, {
      ...QUIET,
      timeouts: { handler: 1000 },
      socket: { timeout: () => ++asked < 3 ? "keep" : undefined },
    });
    connection.phaseBegan(TimedPhase.handler);
    loop.pass(2500);
    expect([asked, connection.state]).toEqual([2, "open"]);
    loop.pass(1000);
    expect([asked, connection.state]).toEqual([3, "closing"]);
  });

  it("let the timeout handler answer, and end the connection in its own way", () => {
    const loop = new StillLoop();
    const kinds: string[] = [];
    const connection = loop.open(2, {
      ...QUIET,
      timeouts: { head: 1000 },
      socket: {
        timeout(socket, kind) {
          kinds.push(kind);
          void socket.close();
        },
      },
    });
    connection.phaseBegan(TimedPhase.head);
    loop.pass(1200);
    expect(kinds).toEqual(["head"]);
    expect(connection.state).toBe("closing");
  });
});

describe("idleness of a connection with phases", () => {
  it("is not that of a request in a handler, nor of an answer that takes its time", () => {
    for (const phase of [TimedPhase.handler, TimedPhase.answer]) {
      const { loop, kinds, connection } = opened({ idle: 1000 });
      connection.phaseBegan(phase);
      loop.pass(50_000);
      expect(kinds).toEqual([]);
      connection.phaseEnded();
      loop.pass(2200);
      expect(kinds).toEqual(["idle"]);
    }
  });

  it("is that of a head or body that has no limit of its own, and of a wait for the next request", () => {
    for (const kind of ["head", "body", "keepAlive"] as const) {
      const { loop, kinds, connection } = opened({ idle: 1000 });
      connection.phaseBegan(TimedPhase[kind]);
      loop.pass(1200);
      expect(kinds).toEqual(["idle"]);
    }
    const { loop, kinds, connection } = opened({ idle: 1000, head: 5000 });
    connection.phaseBegan(TimedPhase.head);
    loop.pass(4900);
    expect(kinds).toEqual([]);
    loop.pass(400);
    expect(kinds).toEqual(["head"]);
  });
});

describe("the receive rate", () => {
  it("is judged while a body comes in", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const limits = { receiveRate: 1000, rateGrace: 1000 };
    const connection = loop.open(2, { ...QUIET, limits, socket });
    loop.pass(10_000);
    connection.phaseBegan(TimedPhase.body);
    for (let second = 0; second < 10; second++) {
      loop.timeLimits.received(connection, 1200);
      loop.pass(1000);
    }
    expect(kinds).toEqual([]);
    loop.pass(2500);
    expect(kinds).toEqual(["receiveRate"]);
  });
});
