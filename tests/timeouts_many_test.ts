/** Time-outs in numbers, in races, from the connecting side, and over the fake kernel. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, createLoop, listen, OptionError, TimeoutError } from "../src/mod.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";
const SHORT = scaled(150, 400);

describe("many connections", () => {
  it("that fall silent together all end, and cost nothing before", { timeout: 120_000 }, async () => {
    const count = scaled(10_000, 300);
    const idle = scaled(6000, 8000);
    const loop = createLoop({ connectionSlots: 16_384 });
    let open = 0;
    const ends = new Map<string, number>();
    const listener = listen({
      hostname: LOOPBACK,
      port: 0,
      loop,
      backlog: 4096,
      timeouts: { firstByte: idle * 10, message: idle * 10, writeStall: idle * 10, idle },
      socket: {
        open: () => void (open += 1),
        data() {},
        close: (_, { by }) => void ends.set(by, (ends.get(by) ?? 0) + 1),
      },
    });
    await using child = runScript("./children/idle_clients.ts", import.meta.url, {
      arguments: [String(listener.port), String(count)],
    });
    await child.line(/all open/, 60_000);
    await until(() => open === count, `${count} connections are open`);
    await until(() => (ends.get("timeout") ?? 0) === count, "all have timed out", 60_000);
    expect([...ends]).toEqual([["timeout", count]]);
    const stats = loop.stats();
    expect(stats.timeouts.idle).toBe(count);
    expect(stats.connections).toBe(0);
    expect(stats.timersArmed).toBe(0);
    child.send("go\n");
    expect((await child.end(60_000)).code).toBe(0);
    listener.stop();
    await loop.close();
  });

  it("that come and go leave no timer behind and no limit to the next in their slot", async () => {
    const rounds = scaled(400, 40);
    const loop = createLoop();
    const random = new Random(4);
    let closed = 0;
    let early = 0;
    const listener = listen<number>({
      hostname: LOOPBACK,
      port: 0,
      loop,
      timeouts: { idle: SHORT * 2, firstByte: SHORT * 2 },
      data: 0,
      socket: {
        open(connection) {
          connection.data = performance.now();
        },
        data() {},
        close(connection, { by }) {
          closed += 1;
          if (by === "timeout" && performance.now() - connection.data <= SHORT * 2) early += 1;
        },
      },
    });
    for (let round = 0; round < rounds; round++) {
      const connection = await connect({ hostname: LOOPBACK, port: listener.port, loop });
      const way = random.between(0, 3);
      if (way === 0) connection.abort();
      else if (way === 1) connection.end("bye");
      else if (way === 2) connection.close();
      // The others are left to their limit.
      if (round % 16 === 0) await delay(SHORT / 4);
    }
    await until(() => closed === rounds, "all are gone", 30_000);
    expect(early).toBe(0);
    listener.stop();
    await within(loop.close(), "the loop to close");
    expect(loop.stats().timersArmed).toBe(0);
  });

  it("that end in the moment of their limit end once", { timeout: 60_000 }, async () => {
    const rounds = scaled(60, 12);
    const ends: string[] = [];
    const loop = createLoop();
    const listener = listen({
      hostname: LOOPBACK,
      port: 0,
      loop,
      timeouts: { firstByte: 40 },
      socket: { data() {}, close: (_, { by }) => void ends.push(by) },
    });
    for (let round = 0; round < rounds; round++) {
      const connection = await connect({ hostname: LOOPBACK, port: listener.port, loop });
      setTimeout(() => round % 2 === 0 ? connection.abort() : connection.close(), 34 + round % 12);
    }
    await until(() => ends.length === rounds, "all are gone", 30_000);
    await delay(100);
    expect(ends.length).toBe(rounds);
    listener.stop();
    await within(loop.close(), "the loop to close");
  });
});

describe("a connection that was made", () => {
  it("has limits of its own", async () => {
    const raw = listenPeer();
    const connection = await connect({
      hostname: LOOPBACK,
      port: raw.port,
      timeouts: { firstByte: SHORT, connect: 5000 },
    });
    const peer = await raw.accept();
    const reading = connection.readable.getReader().read();
    const error = await errorOf(() => within(reading, "the end of the stream"));
    expect(error).toBeInstanceOf(TimeoutError);
    expect((error as TimeoutError).code).toBe("ERR_TIMEOUT_FIRST_BYTE");
    const reason = await connection.closed;
    expect(reason.by).toBe("timeout");
    peer.close();
    raw.close();
  });

  it("is told where the time of a connect is written", async () => {
    const options = { hostname: LOOPBACK, port: 1, timeout: 100 };
    const error = await errorOf(() => connect(options)) as OptionError;
    expect(error).toBeInstanceOf(OptionError);
    expect(error.key).toBe("timeout");
    expect(error.message).toContain("timeouts: { connect }");
  });
});

describe("limits that are none", () => {
  const wrong: [unknown, string][] = [
    [{ timeouts: 5 }, "timeouts"],
    [{ timeouts: { idle: -1 } }, "timeouts.idle"],
    [{ timeouts: { sleep: 1 } }, "timeouts.sleep"],
    [{ timeouts: { connect: 1 } }, "timeouts.connect"],
    [{ timeouts: { message: 2 ** 31 } }, "timeouts.message"],
    [{ limits: { receiveRate: 0.5 } }, "limits.receiveRate"],
    [{ limits: { sendRate: "fast" } }, "limits.sendRate"],
    [{ limits: { rateGrace: 0 } }, "limits.rateGrace"],
    [{ receiveRate: 100 }, "receiveRate"],
    [{ socket: { timeout: 5 } }, "timeout"],
  ];
  for (const [options, key] of wrong) {
    it(`are refused by name: ${JSON.stringify(options)}`, async () => {
      const error = await errorOf(() => listen({ hostname: LOOPBACK, ...(options as object) }));
      expect(error).toBeInstanceOf(OptionError);
      expect((error as OptionError).key).toBe(key);
    });
  }

  it("are explained where another name is meant", async () => {
    const options = { hostname: LOOPBACK, idleTimeout: 10 };
    const error = await errorOf(() => listen(options)) as OptionError;
    expect(error.message).toContain("timeouts: { idle }");
    expect(error.message).toContain("milliseconds");
  });

  it("of the longest kind are taken", async () => {
    await using server = new TestServer({}, { timeouts: { lifetime: 2 ** 31 - 1, idle: 2 ** 31 - 1 } });
    const peer = await connectPeer({ port: server.port });
    const log = await server.opened();
    await delay(50);
    expect(log.connection.state).toBe("open");
    peer.close();
  });
});
