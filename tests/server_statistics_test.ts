/** The figures of a running server: read from memory, whatever its workers do. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AcceptedAddress } from "../src/base/peer_address.ts";
import type { ServerOptions } from "../src/mod.ts";
import { renderPrometheus } from "../src/metrics.ts";
import { AddressLimits } from "../src/server/address_limits/tables.ts";
import { resolveServerOptions } from "../src/server/options/mod.ts";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { runtime, scaled, system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const patience = scaled(20_000, 60_000);

/** Two listeners, of which the second lets nobody in three times. */
function twoListeners(options: ServerOptions): Promise<CommandServer> {
  return CommandServer.start({
    workers: 2,
    ...options,
    listeners: [
      { name: "open", hostname: "127.0.0.1", port: 0 },
      {
        name: "strict",
        hostname: "127.0.0.1",
        port: 0,
        limits: { connectionsPerAddress: 2 },
      },
    ],
  });
}

const spreadings: [string, ServerOptions, string | false][] = [
  ["threads that are handed connections", { spreading: "handOver" }, false],
  ["processes", { isolation: "process" }, false],
  [
    "threads of one port",
    { spreading: "reusePort" },
    system === "windows" && "Windows has no group of listeners",
  ],
];

describe("the figures of listeners", () => {
  for (const [what, options, ignore] of spreadings) {
    it(`count what came to each of them, with ${what}`, { ignore }, async () => {
      await using fixture = await twoListeners(options);
      const { server } = fixture;
      const [open, strict] = server.listeners.map(({ address }) => address.port);
      const clients: LineClient[] = [];
      for (let count = 0; count < 3; count++) clients.push(await LineClient.connect(open));
      for (let count = 0; count < 5; count++) clients.push(await LineClient.connect(strict));
      await until(() => clients.filter(({ gone }) => gone).length === 3, "three were refused", patience);
      server.bans.add("127.0.0.1", 60_000);
      const banned = await LineClient.connect(open);
      await banned.closed(patience);
      const told = () => server.stats().listeners.map(({ accepted, refused }) => [accepted, refused]);
      await until(() => told().flat().join() === "4,1,5,3", `the counts, and not ${told()}`, patience);
      const { listeners, total } = server.stats();
      expect(listeners.map(({ refusals }) => [refusals.connections ?? 0, refusals.banned ?? 0])).toEqual([[
        0,
        1,
      ], [
        3,
        0,
      ]]);
      expect([total.connections.refused.connections, total.connections.refused.banned]).toEqual([3, 1]);
      const text = renderPrometheus(server.stats());
      const labels = `listener="strict",address="127.0.0.1:${strict}",reason="connections"`;
      expect(text).toContain(`ringport_listener_refused_total{${labels}} 3`);
      server.bans.remove("127.0.0.1");
      for (const client of clients) client.end();
      await until(() => server.stats().listeners[1].open === 0, "all have gone", patience);
      const results = await server.selfTest();
      expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect(results.every(({ milliseconds }) => milliseconds! < patience)).toBe(true);
    });
  }
});

describeWorkers("the figures of a worker that is gone", (isolation) => {
  it("stay in the totals, whatever it was doing", async () => {
    await using fixture = await CommandServer.start({ workers: 1, isolation, supervisor: { backOff: 10 } });
    const { server } = fixture;
    const clients = [];
    for (let count = 0; count < 3; count++) clients.push(await fixture.connect());
    for (const client of clients) await client.ask("who", patience);
    clients[0].tell("throw");
    await clients[0].closed(patience);
    clients[1].tell("crash");
    await fixture.event("worker.replaced", patience);
    const { total, listeners } = server.stats();
    expect(total.handlerErrors).toBe(1);
    expect(total.unhandledErrors).toBe(1);
    expect(total.connections).toMatchObject({ open: 0, accepted: 3, handled: 3 });
    expect(total.connections.aborted + total.connections.closed).toBe(3);
    expect(total.operations.end.server).toBe(3);
    expect(listeners[0]).toMatchObject({ accepted: 3, open: 0 });
    const last = await fixture.connect();
    expect(await last.ask("who", patience)).toBe("0.1");
    last.connection.end();
    await last.closed(patience);
    await server.shutdown();
    expect(server.stats().total.connections).toMatchObject({ open: 0, accepted: 4, handled: 4 });
    expect(server.stats().listeners[0].accepted).toBe(4);
    expect(server.stats().total.bytesReceived).toBeGreaterThan(20);
  });
});

describe("the figures of a server", () => {
  it("count connections, bytes and operations of all workers", async () => {
    await using fixture = await CommandServer.start({ workers: 2 });
    const clients = await Promise.all(Array.from({ length: 10 }, () => fixture.connect()));
    for (const client of clients) expect(await client.ask("echo 12345")).toBe("12345");
    await until(() => fixture.server.stats().total.connections.open === 10, "ten connections", patience);
    const stats = fixture.server.stats();
    expect(stats.phase).toBe("running");
    expect(stats.runtime).toBe(runtime);
    expect(stats.workers.map(({ worker }) => worker)).toEqual([0, 1]);
    expect(stats.workers.map(({ connections }) => connections.open)).toEqual([5, 5]);
    expect(stats.skew).toBe(1);
    expect(stats.total.connections.accepted).toBe(10);
    expect(stats.total.connections.byState.open).toBe(10);
    expect(stats.total.bytesReceived).toBe(110);
    expect(stats.total.bytesSent).toBe(60);
    expect(stats.total.operations.receive.server).toBeGreaterThanOrEqual(10);
    expect(stats.total.operations.receive.client).toBe(0);
    expect(stats.listeners).toHaveLength(1);
    expect(stats.listeners[0]).toMatchObject({ name: "main", accepted: 10, refused: 0, paused: false });
    for (const client of clients) client.connection.end();
    await until(() => fixture.server.stats().total.connections.open === 0, "no connection", patience);
    expect(fixture.server.stats().total.connections.handled).toBe(10);
  });

  it("tell of the process and of addresses", async () => {
    await using fixture = await CommandServer.start({ workers: 1, limits: { banAfter: 2 } });
    const { server } = fixture;
    const { process, addresses } = server.stats();
    expect(process.residentBytes).toBeGreaterThan(10_000_000);
    // Wine does not count handles.
    if (system !== "windows") expect(process.openDescriptors).toBeGreaterThan(10);
    expect(process.cpuTime).toBeGreaterThan(0);
    expect(process.started).toBe(server.stats().process.started);
    expect(addresses).toEqual({ bans: 0, offences: 0, uncounted: 0 });
    server.bans.add("192.0.2.1", 60_000);
    expect(server.stats().addresses.bans).toBe(1);
  });

  it("count connections that a full table of addresses does not", () => {
    const options = resolveServerOptions({ limits: { connectionsPerAddress: 5 } });
    const limits = AddressLimits.create(options, 1);
    const admission = limits.admission(0, 0);
    const peer = new AcceptedAddress();
    for (let host = 0; host < 40_000; host++) {
      peer.setBytes(4, Uint8Array.of(10, host >> 16, host >> 8, host), 0, 1);
      expect(admission.admit(peer)).toBe("ok");
    }
    expect(limits.statistics().uncounted).toBeGreaterThan(20_000);
  });

  it("can be read while a worker is stuck, and keep what a lost worker has done", async () => {
    leavesThreadBehind();
    const supervisor = { interval: 50, slowAfter: 200, stuckAfter: scaled(1_000, 3_000), backOff: 10 };
    await using fixture = await CommandServer.start({ workers: 2, supervisor });
    const client = await fixture.connect();
    await client.ask("who");
    await using hold = await Hold.make();
    client.tell(hold.command);
    await until(
      () => fixture.server.stats().workers.some(({ health }) => health === "slow"),
      "a worker is told to be slow",
      patience,
    );
    const { workers } = fixture.server.stats();
    expect(workers.filter(({ health }) => health === "healthy")).toHaveLength(1);
    expect(workers.find(({ health }) => health === "slow")!.heartbeatAge).toBeGreaterThanOrEqual(200);
    await fixture.event("worker.killed", patience);
    const { total, deaths } = fixture.server.stats();
    expect(total.connections.accepted).toBeGreaterThanOrEqual(1);
    expect(total.bytesReceived).toBeGreaterThan(0);
    expect(deaths).toBe(1);
  });

  it("count failures by code, and handlers that threw", async () => {
    await using fixture = await CommandServer.start({ workers: 1 });
    const client = await fixture.connect();
    client.tell("throw");
    await client.closed();
    const other = await fixture.connect();
    await other.ask("who");
    other.connection.abort();
    await until(
      () => {
        const { errors } = fixture.server.stats().total;
        return errors.ERR_HANDLER === 1 && (errors.ECONNRESET ?? 0) + (errors.ECONNABORTED ?? 0) === 1;
      },
      `both errors were counted: ${JSON.stringify(fixture.server.stats().total.errors)}`,
      patience,
    );
  });

  it("tell how busy the loops are", async () => {
    await using fixture = await CommandServer.start({ workers: 1, supervisor: { interval: 100 } });
    const client = await fixture.connect();
    await client.ask("who");
    await delay(500);
    expect(fixture.server.stats().workers[0].utilisation).toBeLessThan(0.5);
    await using hold = await Hold.make();
    await fixture.heard(client, hold.command);
    const began = performance.now();
    await until(
      () => fixture.server.stats().workers[0].utilisation > 0.8,
      "the worker was told to be busy",
      patience,
    );
    const spun = performance.now() - began;
    await hold.release();
    await until(() => client.lines.includes("let go"), "the handler returned", patience);
    await client.ask("who");
    const { turnLength, turns } = fixture.server.stats().workers[0];
    expect(turnLength.counts.reduce((sum, count) => sum + count, 0)).toBe(turns);
    expect(turnLength.sum).toBeGreaterThan(spun - 1);
    // The turn that spun stands in the last buckets.
    const long = turnLength.counts.slice(turnLength.bounds.findIndex((bound) => bound >= 8));
    expect(long.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(1);
  });

  it("are handed out where the option says, for people and programs", async () => {
    await using fixture = await CommandServer.start({ workers: 1, metrics: { port: 0 } });
    const { address } = await fixture.event("metrics.listening") as unknown as { address: string };
    const answer = await fetch(`http://${address}/metrics`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("ringport_info{");
    expect(renderPrometheus(fixture.server.stats())).toContain(
      'ringport_worker_health{worker="0",health="healthy"} 1',
    );
    expect(await (await fetch(`http://${address}/healthz`)).text()).toContain("running");
    const told = await (await fetch(`http://${address}/stats.json`)).json();
    expect(told.workers).toHaveLength(1);
  });

  it("count what an application's own connections do apart", async () => {
    await using fixture = await CommandServer.start({ workers: 1 });
    await using other = await CommandServer.start({ workers: 1 });
    const client = await fixture.connect();
    client.tell(`dial ${other.server.port}`);
    await until(() => client.lines.length > 0, "an answer", patience);
    expect(client.lines[0]).toBe("dialled 0.0");
    await until(
      () => fixture.server.stats().total.connections.connected === 1,
      "one made connection",
      patience,
    );
    const { operations } = fixture.server.stats().total;
    expect(operations.send.client).toBeGreaterThanOrEqual(1);
    expect(operations.receive.client).toBeGreaterThanOrEqual(1);
  });
});
