/** Limits of connections, admission by address, and the limits of the loop as a whole. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop, listen, OptionError, type Window } from "../src/mod.ts";
import type { Admission, Refusal } from "../src/admission.ts";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import { TableAdmission } from "../src/server/address_limits/admission.ts";
import { connectionsPerWorker } from "../src/server/descriptor_budget.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer, type Peer, readText, tryPeer } from "./helpers/peer.ts";
import { binaryHeader, lineHeader } from "./helpers/proxy.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { deferred, delay, until } from "./helpers/wait.ts";

const echo = {
  data: (connection: { write(bytes: Window): unknown }, bytes: Window) => void connection.write(bytes),
};

/** Whether a peer gets an answer; false where it was cut. */
async function isServed(peer: Peer | undefined): Promise<boolean> {
  try {
    await peer?.write("hello");
    return peer !== undefined && await readText(peer, "hello") === "hello";
  } catch {
    return false;
  }
}

/** Peers; undefined where one was cut so early that its connect failed. */
const connectMany = (port: number, count: number): Promise<(Peer | undefined)[]> =>
  Promise.all(Array.from({ length: count }, () => tryPeer(port)));

describe("the limit of connections", () => {
  it("leaves a burst beyond it in the system's queue, where none is lost", async () => {
    await using server = new TestServer(echo, { limits: { connections: 2 } });
    // More than the posted accepts of a completion port, all before the loop turns.
    const peers = await connectMany(server.port, scaled(100, 40));
    let most = 0;
    const served = await Promise.all(peers.map(async (peer) => {
      const answered = await isServed(peer);
      most = Math.max(most, server.listener.connectionCount);
      peer?.close();
      return answered;
    }));
    expect(served).toEqual(peers.map(() => true));
    expect(most).toBeLessThanOrEqual(2);
    expect(server.listener.refusals.limit).toBe(0);
  });

  it("refuses at once where that is asked for, and counts", async () => {
    const told: Refusal[] = [];
    await using server = new TestServer(echo, {
      limits: { connections: 2, atLimit: "refuse" },
      refused: (refusal) => void told.push(refusal),
    });
    const first = [await server.connectPeer(), await server.connectPeer()];
    const late = await connectMany(server.port, 5);
    await until(() => server.listener.refusals.limit === 5, "five were refused");
    expect(await Promise.all(late.map(isServed))).toEqual(late.map(() => false));
    expect(told).toEqual(late.map(() => ({ reason: "limit", address: "127.0.0.1" })));
    for (const { peer } of first) expect(await isServed(peer)).toBe(true);
    first[0].peer.close();
    await until(() => server.listener.connectionCount === 1, "one is gone");
    const next = (await server.connectPeer()).peer;
    expect(await isServed(next)).toBe(true);
    for (const peer of [...late, first[1].peer, next]) peer?.close();
    expect(server.logs.length).toBe(3);
  });

  it("goes together with pausing by the application", async () => {
    await using server = new TestServer(echo, { limits: { connections: 1 } });
    const { peer } = await server.connectPeer();
    server.listener.pause();
    const late = await connectPeer({ port: server.port });
    peer.close();
    await until(() => server.listener.connectionCount === 0, "the first is gone");
    await delay(50);
    expect(server.logs.length).toBe(1);
    server.listener.resume();
    expect(await isServed(late)).toBe(true);
    late.close();
  });

  it("is told apart from nonsense", () => {
    for (const options of [{ limits: 5 }, { admission: 7 }, { refused: {} }, { proxyProtocol: [] }]) {
      expect(() => listen({ hostname: "127.0.0.1", ...options } as never)).toThrow(OptionError);
    }
  });
});

describe("admission by address", () => {
  const loopback = "127.0.0.1";

  it("refuses beyond the connections of an address, and lets in when one has left", async () => {
    const table = SharedAddressTable.create({ connections: 2, workers: 2, entries: 64 });
    const told: Refusal[] = [];
    await using server = new TestServer(echo, {
      admission: new TableAdmission(table, 1),
      refused: (refusal) => void told.push(refusal),
    });
    const first = [await server.connectPeer(), await server.connectPeer()];
    expect(table.connections(loopback)).toBe(2);
    const late = await tryPeer(server.port);
    await until(() => server.listener.refusals.connections === 1, "one was refused");
    expect(await isServed(late)).toBe(false);
    expect(told).toEqual([{ reason: "connections", address: "127.0.0.1" }]);
    for (const { peer } of first) expect(await isServed(peer)).toBe(true);
    first[0].peer.close();
    await until(() => table.connections(loopback) === 1, "one has left");
    const next = await server.connectPeer();
    expect(await isServed(next.peer)).toBe(true);
    for (const peer of [late, first[1].peer, next.peer]) peer?.close();
    await until(() => table.connections(loopback) === 0, "all have left");
    expect(server.logs.length).toBe(3);
  });

  it("refuses beyond the rate, with the limit's places free again at once", async () => {
    const table = SharedAddressTable.create({ rate: 0.01, burst: 3, entries: 64 });
    await using server = new TestServer(echo, {
      admission: new TableAdmission(table, 0),
      limits: { connections: 4 },
    });
    const peers = await connectMany(server.port, 20);
    await until(() => server.listener.refusals.rate === 17, "seventeen were refused");
    const served = await Promise.all(peers.map(isServed));
    expect(served.filter((answered) => answered).length).toBe(3);
    expect(server.listener.connectionCount).toBe(3);
    for (const peer of peers) peer?.close();
  });

  it("refuses who is banned while he is, in all listeners of the table", async () => {
    const table = SharedAddressTable.create({ banAfter: 2, entries: 64 });
    await using one = new TestServer(echo, { admission: new TableAdmission(table, 0) });
    await using other = new TestServer(echo, { admission: new TableAdmission(table, 1) });
    const { peer } = await one.connectPeer();
    table.bans.add("127.0.0.0/8", 60_000, "test");
    const refused = [await tryPeer(one.port), await tryPeer(other.port)];
    await until(
      () => one.listener.refusals.banned + other.listener.refusals.banned === 2,
      "both were refused",
    );
    expect(await Promise.all(refused.map(isServed))).toEqual([false, false]);
    // Who was there before stays.
    expect(await isServed(peer)).toBe(true);
    expect(table.bans.remove("127.0.0.0/8")).toBe(true);
    const again = await other.connectPeer();
    expect(await isServed(again.peer)).toBe(true);
    for (const one of [peer, again.peer, ...refused]) one?.close();
  });

  it("survives peers that reset before they are judged", async () => {
    const table = SharedAddressTable.create({ entries: 64 });
    await using server = new TestServer(echo, {
      admission: new TableAdmission(table, 0),
      limits: { connections: 4 },
    });
    server.listener.pause();
    const peers = await connectMany(server.port, 10);
    // Closing with bytes unsent or unread may reset; either way they are gone before the accept.
    for (const peer of peers) {
      await peer?.write("x");
      peer?.close();
    }
    await delay(20);
    server.listener.resume();
    await until(
      () => table.connections(loopback) === 0 && server.listener.connectionCount === 0,
      "all are gone",
    );
    const { peer } = await server.connectPeer();
    expect(await isServed(peer)).toBe(true);
    peer.close();
  });
});

describe("an admission of the application's own", () => {
  /** Admits one connection per address, and notes what it is asked. */
  function oneEach(): { admission: Admission; open: Set<string>; told: string[] } {
    const open = new Set<string>();
    const told: string[] = [];
    const admission: Admission = {
      admit({ hostname, port, family }) {
        told.push(`${hostname} ${family} ${port > 0}`);
        if (open.has(hostname)) return "connections";
        open.add(hostname);
        return "ok";
      },
      leave: ({ hostname }) => void open.delete(hostname),
    };
    return { admission, open, told };
  }

  it("is asked for each address as text, and gets it back", async () => {
    for (const hostname of ["127.0.0.1", "::1"]) {
      const { admission, open, told } = oneEach();
      await using server = new TestServer({}, { admission, hostname });
      const first = await connectPeer({ hostname, port: server.port });
      await until(() => open.has(hostname), "the first was admitted");
      const second = await connectPeer({ hostname, port: server.port }).catch(() => undefined);
      await until(() => server.listener.refusals.connections === 1, "the second was refused");
      expect([...open]).toEqual([hostname]);
      first.close();
      await until(() => open.size === 0, "the first has left");
      const family = hostname === "::1" ? "IPv6" : "IPv4";
      expect(told).toEqual([`${hostname} ${family} true`, `${hostname} ${family} true`]);
      second?.close();
    }
  });

  it("gets the client's address behind a proxy, and none for a proxy that speaks for itself", async () => {
    const { admission, open, told } = oneEach();
    let isLeft = false;
    const leave: Admission["leave"] = (address) => {
      isLeft = true;
      admission.leave(address);
    };
    await using server = new TestServer({}, {
      admission: { admit: (address) => admission.admit(address), leave },
      proxyProtocol: { trusted: ["127.0.0.1"] },
    });
    const own = await connectPeer({ port: server.port });
    await own.write(binaryHeader(0x20, 0, []));
    await server.opened(0);
    own.close();
    await server.logs[0].closed();
    expect([told, isLeft]).toEqual([[], false]);
    const peer = await connectPeer({ port: server.port });
    await peer.write(lineHeader("PROXY TCP6 2001:db8::1 2001:db8::2 1 2"));
    await server.opened(1);
    expect([...open]).toEqual(["2001:db8::1"]);
    peer.close();
    await until(() => open.size === 0, "the client has left");
    expect(told).toEqual(["2001:db8::1 IPv6 true"]);
  });
});

describe("the limits of the loop", () => {
  it("accepting pauses while too many handlers wait, and goes on after", async () => {
    await using loop = createLoop({ tasks: 2, segmentCount: 256, connectionSlots: 64 });
    const gates = Array.from({ length: 3 }, () => deferred());
    let calls = 0;
    await using server = new TestServer({
      async data(connection, bytes) {
        const copy = bytes.slice();
        if (calls < 3) await gates[calls++].promise;
        connection.write(copy);
      },
    }, { loop });
    const early = [await server.connectPeer(), await server.connectPeer(), await server.connectPeer()];
    const answers: Promise<boolean>[] = [];
    for (const { peer } of early) {
      answers.push(isServed(peer));
      // Each has its gate before the next one asks.
      await until(() => calls === answers.length, "the handler was called");
    }
    await until(() => loop.stats().tasksReached === 1, "the limit was reached");
    expect(loop.stats().handlersWaiting).toBe(3);
    const late = await connectPeer({ port: server.port });
    await delay(100);
    expect(server.logs.length).toBe(3);
    // Two are still more than three quarters of the limit.
    gates[0].resolve();
    expect(await answers[0]).toBe(true);
    await delay(100);
    expect(server.logs.length).toBe(3);
    gates[1].resolve();
    expect(await isServed(late)).toBe(true);
    gates[2].resolve();
    expect(await Promise.all(answers)).toEqual([true, true, true]);
    expect(loop.stats().tasksReached).toBe(1);
    for (const peer of [late, ...early.map(({ peer }) => peer)]) peer.close();
  });

  it("what comes while too many tasks run is cut where the listener is to refuse", async () => {
    await using loop = createLoop({ tasks: 1, segmentCount: 64, connectionSlots: 64 });
    const gate = Promise.withResolvers<void>();
    await using server = new TestServer({ data: () => gate.promise }, {
      loop,
      limits: { atLimit: "refuse" },
    });
    const peers = [(await server.connectPeer()).peer, (await server.connectPeer()).peer];
    for (const peer of peers) await peer.write("begin");
    await until(() => loop.stats().tasksReached === 1, "the limit was reached");
    const beyond = await tryPeer(server.port);
    await until(() => server.listener.refusals.limit === 1, "it was cut");
    expect(server.logs.length).toBe(2);
    gate.resolve();
    const late: (Peer | undefined)[] = [];
    await until(async () => {
      const cut = server.listener.refusals.limit;
      late.push(await tryPeer(server.port));
      const isCut = () => server.listener.refusals.limit > cut;
      await until(() => server.logs.length > 2 || isCut(), "it is accepted or cut");
      return server.logs.length > 2;
    }, "accepting went on");
    for (const one of [...peers, beyond, ...late]) one?.close();
  });

  it("accepting pauses while too much memory is held, and goes on after", async () => {
    const segmentSize = 4096;
    await using loop = createLoop({
      memory: 8 * segmentSize,
      segmentSize,
      segmentCount: 256,
      connectionSlots: 64,
    });
    const kept: Window[] = [];
    await using server = new TestServer({ data: (_, bytes) => void kept.push(bytes.keep()) }, { loop });
    const { peer, log } = await server.connectPeer();
    await peer.write(new Uint8Array(16 * segmentSize));
    await log.gotBytes(16 * segmentSize);
    await until(() => loop.stats().memoryReached === 1, "the limit was reached");
    expect(loop.stats().memoryHeld).toBeGreaterThan(8 * segmentSize);
    const late = await connectPeer({ port: server.port });
    await delay(100);
    expect(server.logs.length).toBe(1);
    // A listener that begins meanwhile accepts nothing either.
    await using other = new TestServer({}, { loop });
    const waiting = await connectPeer({ port: other.port });
    await delay(50);
    expect(other.logs.length).toBe(0);
    for (const window of kept) window.release();
    await until(() => server.logs.length === 2 && other.logs.length === 1, "both were accepted");
    for (const one of [peer, late, waiting]) one.close();
  });

  it("counts what waits behind a reader that does not read", async () => {
    await using loop = createLoop({ memory: 1 << 20, segmentCount: 64, connectionSlots: 64 });
    await using server = new TestServer({}, { loop });
    const { peer, log } = await server.connectPeer();
    const block = new Uint8Array(1 << 18);
    let most = 0;
    while (loop.stats().memoryReached === 0) {
      expect(log.connection.write(block)).not.toBe("refused");
      most = Math.max(most, loop.stats().memoryHeld);
      await delay(1);
    }
    expect(most).toBeGreaterThan(1 << 20);
    log.connection.abort();
    await until(() => loop.stats().memoryHeld === 0, "all is given back");
    peer.close();
  });
});

describe("the budget of descriptors", () => {
  it("leaves room for the process and its workers", () => {
    expect(connectionsPerWorker(1, 1024)).toBe(1024 - 128 - 32);
    expect(connectionsPerWorker(4, 1024)).toBe(192);
    expect(connectionsPerWorker(4, 100)).toBe(1);
    expect(connectionsPerWorker(2, Infinity)).toBeGreaterThan(100_000);
  });

  it("is that of the system", () => {
    const own = connectionsPerWorker(1);
    if (system === "windows") expect(own).toBe(connectionsPerWorker(1, Infinity));
    else expect(own).toBeGreaterThan(0);
  });
});
