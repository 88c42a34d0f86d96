/** Minimum rates: senders and readers that are too slow, exactly and on real sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { Connection, TimeoutError } from "../src/mod.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { scaled } from "./helpers/runtime.ts";
import { QUIET, StillLoop, told } from "./helpers/still_loop.ts";
import { delay, within } from "./helpers/wait.ts";

describe("receiveRate", () => {
  const limits = { receiveRate: 100, rateGrace: 1000 };

  it("lets a message pass that comes fast enough", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    connection.messageBegan();
    for (let second = 0; second < 100; second++) {
      loop.timeLimits.received(connection, 110);
      loop.pass(1000);
    }
    expect(kinds).toEqual([]);
  });

  it("ends a message that comes too slowly, after the grace", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    loop.pass(5000);
    connection.messageBegan();
    for (let step = 0; step < 10; step++) {
      expect(kinds).toEqual([]);
      loop.timeLimits.received(connection, 9);
      loop.pass(100);
    }
    loop.pass(100);
    expect(kinds).toEqual(["receiveRate"]);
    expect(connection.state).toBe("aborting");
  });

  it("does not let a fast beginning pay for a slow end", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    connection.messageBegan();
    loop.timeLimits.received(connection, 1 << 20);
    loop.pass(1100);
    expect(kinds).toEqual([]);
    loop.pass(1100);
    expect(kinds).toEqual(["receiveRate"]);
  });

  it("measures nothing between messages, nor while paused", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    loop.pass(10_000);
    connection.messageBegan();
    connection.pause();
    loop.pass(10_000);
    connection.resume();
    loop.pass(1000);
    expect(kinds).toEqual([]);
    loop.timeLimits.received(connection, 500);
    connection.messageEnded();
    loop.pass(10_000);
    expect(kinds).toEqual([]);
  });

  it("cuts a sender that drips on a real socket", async () => {
    const own = { data: (connection: Connection<Log>) => connection.messageBegan() };
    const limits = { receiveRate: 1_000_000, rateGrace: scaled(300, 600) };
    await using server = new TestServer(own, { limits });
    const start = performance.now();
    const { peer, log } = await server.connectPeer();
    const dripping = (async () => {
      while (log.reason === undefined) {
        await peer.write("drip");
        await delay(10);
      }
    })().catch(() => {});
    const reason = await log.closed();
    expect(performance.now() - start).toBeGreaterThan(limits.rateGrace);
    expect(reason.by).toBe("timeout");
    expect((reason.error as TimeoutError).code).toBe("ERR_TIMEOUT_RECEIVE_RATE");
    expect(reason.error?.message).toContain("1000000 bytes per second");
    await dripping;
    peer.close();
  });
});

describe("sendRate", () => {
  const limits = { sendRate: 100, rateGrace: 1000 };

  it("lets a reader be that takes enough, and measures nothing while nothing is buffered", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    loop.pass(10_000);
    loop.write(connection, 5000);
    for (let second = 0; second < 45; second++) {
      loop.pass(1000);
      loop.take(connection, 110);
    }
    loop.take(connection, 50);
    loop.pass(10_000);
    expect(kinds).toEqual([]);
    // Each time nearly the whole grace, and then all of it at once.
    for (let second = 0; second < 20; second++) {
      loop.write(connection, 1000);
      loop.pass(990);
      loop.take(connection, 1000);
    }
    expect(kinds).toEqual([]);
  });

  it("cuts a reader that takes too little", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    loop.pass(400);
    loop.write(connection, 5000);
    for (let step = 0; step < 10; step++) {
      expect(kinds).toEqual([]);
      loop.take(connection, 9);
      // What is written behind does not count as taken.
      loop.write(connection, 500);
      loop.pass(100);
    }
    loop.pass(1100);
    expect(kinds).toEqual(["sendRate"]);
    expect(connection.state).toBe("aborting");
  });

  it("counts what the peer acknowledges, from the first span of which it is known", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { ...QUIET, limits, socket });
    loop.write(connection, 20_000);
    loop.take(connection, 10_000);
    loop.withKernel[connection.slot] = 10_000;
    // The kernel is full and takes nothing; the peer reads with 110 bytes a second.
    for (let second = 0; second < 20; second++) {
      loop.pass(1000);
      loop.withKernel[connection.slot] -= 110;
    }
    expect(kinds).toEqual([]);
    loop.pass(2200);
    expect(kinds).toEqual(["sendRate"]);
  });

  it("goes on while a connection is being closed", () => {
    const loop = new StillLoop();
    const { kinds, socket } = told();
    const connection = loop.open(3, { limits, lingerTimeout: 600_000, socket });
    loop.write(connection, 5000);
    connection.close();
    expect(connection.state).toBe("closing");
    loop.pass(2200);
    expect(kinds).toEqual(["sendRate"]);
    expect(connection.state).toBe("aborting");
  });

  it("cuts a peer that does not read on a real socket, and spares one that does", async () => {
    const limits = { sendRate: 1000, rateGrace: scaled(600, 1_200) };
    await using server = new TestServer({}, { limits, sendBuffer: 16 * 1024 });
    const slow = await server.connectPeer();
    const quick = await server.connectPeer();
    // More than the kernels of both ends take.
    const total = 14 << 20;
    for (const { log } of [slow, quick]) expect(log.connection.write(new Uint8Array(total))).toBe("queued");
    const start = performance.now();
    for (let received = 0; received < total;) {
      received += (await within(quick.peer.read(), "more bytes"))?.length ?? total;
    }
    const reason = await slow.log.closed();
    expect(performance.now() - start).toBeGreaterThan(limits.rateGrace);
    expect(reason.by).toBe("timeout");
    expect((reason.error as TimeoutError).code).toBe("ERR_TIMEOUT_SEND_RATE");
    expect(reason.bytesLost).toBeGreaterThan(0);
    await delay(limits.rateGrace * 1.5);
    expect(quick.log.connection.state).toBe("open");
    slow.peer.close();
    quick.peer.close();
  });
});
