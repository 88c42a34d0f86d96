/** The loop: its own sizes and counters, its beginning and end, and what it means for the process. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, createLoop, listen, type RingportError, StateError } from "../src/mod.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

/** Sizes for a handful of connections. */
const SMALL = {
  segmentCount: 64,
  connectionSlots: 16,
  timers: 16,
  sendEntries: 64,
  submissionRecords: 64,
  completionRecords: 64,
};

const MEBIBYTE = 1 << 20;

describe("a loop", () => {
  it("opened and closed a thousand times leaves no descriptor and no memory behind", async () => {
    const rounds = scaled(1000, 200);
    await using child = runScript("./children/loop_growth.ts", import.meta.url, {
      arguments: [String(rounds)],
    });
    const { code, output, errors } = await child.end(60_000);
    expect(errors).toBe("");
    expect(code).toBe(0);
    const [, descriptors, bytes] = output.match(/descriptors (-?\d+) bytes (-?\d+)/)!.map(Number);
    expect(descriptors).toBeLessThanOrEqual(2);
    // A ring of 256 KiB lost in each round would be 250 MiB; what is allowed is the runtime's own breathing:
    // V8 holds 45 to 65 MB more after a thousand rounds and 25 after four thousand.
    expect(bytes).toBeLessThan(128 * MEBIBYTE);
  });

  it("closes although its connections and listeners are open", async () => {
    const loop = createLoop(SMALL);
    const server = new TestServer({}, { loop });
    const { peer, log } = await server.connectPeer();
    await within(loop.close(), "the loop to close");
    expect(log.reason?.by).toBe("local");
    expect(await peer.read().catch(() => null)).toBe(null);
    peer.close();
    const error = await errorOf(() => listen({ hostname: "127.0.0.1", port: 0, loop })) as RingportError;
    expect(error).toBeInstanceOf(StateError);
    expect(error.code).toBe("ERR_STATE");
    expect(await errorOf(() => connect({ hostname: "127.0.0.1", port: 1, loop }))).toBeInstanceOf(StateError);
    await loop.close();
  });

  it("counts what happens on it", async () => {
    await using loop = createLoop(SMALL);
    {
      await using server = new TestServer({
        data: (connection, bytes) => void connection.write(bytes),
      }, { loop });
      const { peer, log } = await server.connectPeer();
      await peer.write("0123456789");
      expect(await readText(peer, "0123456789")).toBe("0123456789");
      const stats = loop.stats();
      expect(Number(stats.connectionsAccepted)).toBe(1);
      expect(Number(stats.bytesReceived)).toBe(10);
      expect(Number(stats.bytesSent)).toBe(10);
      expect(Number(stats.polls)).toBeGreaterThan(0);
      peer.close();
      await log.closed();
    }
    expect(Number(loop.stats().connectionsClosed)).toBeGreaterThan(0);
  });

  it("runs beside others on the same thread", async () => {
    await using one = createLoop(SMALL);
    await using other = createLoop(SMALL);
    await using server = new TestServer({ data: (c, bytes) => void c.write(bytes) }, { loop: one });
    const { near } = await server.connectPair({}, { loop: other });
    near.connection.write("across");
    await near.gotText("across");
    near.connection.abort();
    await near.closed();
    expect(Number(one.stats().connectionsAccepted)).toBe(1);
    expect(Number(other.stats().connectionsConnected)).toBe(1);
  });

  it("brings no more completions in a turn than it was told", async () => {
    for (const completionsPerTurn of [3, 32]) {
      await using one = createLoop({ segmentCount: 64, completionsPerTurn });
      await using other = createLoop({ segmentCount: 64 });
      const perTurn = new Map<number, number>();
      await using server = new TestServer({
        data() {
          const turn = one.stats().polls;
          perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
        },
      }, { loop: one });
      const pairs: { near: Log; far: Log }[] = [];
      while (pairs.length < 16) pairs.push(await server.connectPair({}, { loop: other }));
      // All of them go out in one turn of the other loop, before this one turns.
      for (const { near } of pairs) near.connection.write("x");
      for (const { far } of pairs) await far.gotText("x");
      const most = Math.max(...perTurn.values());
      if (completionsPerTurn < 16) expect(most).toBeLessThanOrEqual(completionsPerTurn);
      else expect(most).toBe(16);
      for (const { near } of pairs) near.connection.abort();
    }
  });

  it("refuses more connections than it was made for and serves on after", async () => {
    await using loop = createLoop({ ...SMALL, connectionSlots: 4 });
    await using server = new TestServer({
      data: (connection, bytes) => void connection.write(bytes),
    }, { loop });
    // The listener takes a slot too, so three connections fit.
    const peers = await Promise.all(Array.from({ length: 8 }, () => connectPeer({ port: server.port })));
    await until(
      () => Number(loop.stats().acceptSlotsExhausted) > 0 || server.logs.length >= 3,
      "the slots to fill",
    );
    await delay(50);
    expect(server.logs.length).toBeLessThanOrEqual(3);
    for (const peer of peers) peer.close();
    await until(() => server.listener.connectionCount === 0, "the slots were free again");
    await until(async () => {
      const index = server.logs.length;
      const peer = await connectPeer({ port: server.port });
      await delay(30);
      const taken = server.logs.length > index;
      if (taken) {
        await peer.write("again");
        expect(await readText(peer, "again")).toBe("again");
      }
      peer.close();
      return taken;
    }, "a slot was used again");
  });

  it("wakes from sleep for a wake call", async () => {
    await using loop = createLoop(SMALL);
    await using server = new TestServer({}, { loop });
    await delay(50);
    const before = Number(loop.stats().polls);
    loop.wake();
    await until(() => Number(loop.stats().polls) > before, "the loop took a turn");
    expect(server.logs.length).toBe(0);
  });

  it("sleeps when there is nothing to do", async () => {
    await using loop = createLoop(SMALL);
    await using server = new TestServer({}, { loop });
    const { peer } = await server.connectPeer();
    await delay(100);
    const before = loop.stats().polls;
    await delay(400);
    expect(Number(loop.stats().polls - before)).toBeLessThan(100);
    peer.close();
  });
});

describe("a process", () => {
  const script = "./children/lifetime.ts";

  it("ends by itself once all is closed", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["close"] });
    const { code, output, errors } = await child.end();
    expect(errors).toBe("");
    expect(output).toContain("closed");
    expect(code).toBe(0);
  });

  it("stays while a listener is open", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["stay"] });
    await child.line(/listening/);
    const stays = await Promise.race([child.end(30_000).then(() => "ended"), delay(700).then(() => "stays")]);
    expect(stays).toBe("stays");
  });

  it("ends in spite of an unreferenced listener", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["unref"] });
    expect((await child.end()).code).toBe(0);
  });

  it("ends in spite of an unreferenced connection", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["unref-connection"] });
    expect((await child.end()).code).toBe(0);
  });

  it("stays for a listener that was referenced again", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["ref-again"] });
    await child.line(/listening/);
    const stays = await Promise.race([child.end(30_000).then(() => "ended"), delay(700).then(() => "stays")]);
    expect(stays).toBe("stays");
  });

  it("ends after an explicit loop is closed", async () => {
    await using child = runScript(script, import.meta.url, { arguments: ["loop"] });
    expect((await child.end()).code).toBe(0);
  });
});
