/** Limits of a running server: connections, addresses, bans, pressure, the PROXY protocol. */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import { host } from "../src/host/mod.ts";
import { connect, ConnectionResetError, Server } from "../src/mod.ts";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);
const onlyLinux = { ignore: system === "windows" && "Windows has no group of listeners on one port" };

/** Whether a new connection is served; it is left open. */
async function isServed(fixture: CommandServer): Promise<boolean> {
  try {
    return await served(await fixture.connect());
  } catch (error) {
    // One that is refused may be so while it is being made.
    if (error instanceof ConnectionResetError) return false;
    throw error;
  }
}

/** As many clients as are wanted, all at once. */
async function crowd(port: number, count: number): Promise<LineClient[]> {
  return await Promise.all(Array.from({ length: count }, () => LineClient.connect(port)));
}

/** Four connections that are served, two by each of two workers. */
async function fourOnTwo(fixture: CommandServer): Promise<LineClient[]> {
  const clients = [];
  for (let count = 0; count < 4; count++) clients.push(await fixture.connect());
  const workers = await Promise.all(clients.map((client) => client.ask("who", patience)));
  expect(workers.toSorted()).toEqual(["0.0", "0.0", "1.0", "1.0"]);
  return clients;
}

async function served(client: LineClient): Promise<boolean> {
  return (await client.ask("echo hello", patience)) === "hello";
}

describeWorkers("a server's limit of connections", (isolation) => {
  it("leaves those beyond it in the kernel's queue, and serves them when there is room", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits: { connections: 3 } });
    const clients = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
    for (const client of clients) expect(await served(client)).toBe(true);
    const late = [await fixture.connect(), await fixture.connect()];
    for (const client of late) client.tell("echo hello");
    await delay(scaled(200, 800));
    expect(late.map(({ lines }) => lines.length)).toEqual([0, 0]);
    expect(fixture.server.stats().listeners[0].paused).toBe(true);
    clients[0].connection.end();
    clients[1].connection.end();
    await until(() => late.every(({ lines }) => lines.length === 1), "both were served", patience);
    expect(fixture.server.stats().total.connections.open).toBeLessThanOrEqual(3);
  });

  it("is exact in a crowd: nobody is accepted who has to wait", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits: { connections: 3 } });
    const { server } = fixture;
    const clients = await crowd(server.port, 40);
    await until(() => server.stats().listeners[0].accepted >= 3, "the first are accepted", patience);
    await delay(scaled(200, 800));
    expect(server.stats().listeners[0]).toMatchObject({ accepted: 3, open: 3, waiting: 0, paused: true });
    if (system === "linux") expect(server.stats().listeners[0].acceptQueue?.length).toBe(37);
    for (const client of clients) client.tell("echo hello");
    let served = 0;
    while (served < clients.length) {
      await until(
        () => clients.some(({ lines, gone }) => lines.length > 0 && !gone),
        "one is served",
        patience,
      );
      expect(server.stats().listeners[0].open).toBeLessThanOrEqual(3);
      const client = clients.find(({ lines, gone }) => lines.length > 0 && !gone)!;
      client.connection.abort();
      client.gone = true;
      served += 1;
    }
    await until(() => server.stats().listeners[0].open === 0, "all have gone", patience);
    expect(server.stats().listeners[0].accepted).toBe(40);
  });

  it("is exact over several listeners, none of which keeps the others out", async () => {
    const listeners = ["a", "b"].map((name) => ({ name, hostname: "127.0.0.1", port: 0 }));
    const limits = { connections: 4 };
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits, listeners });
    const { server } = fixture;
    const ports = server.listeners.map(({ address }) => address.port);
    const first = await crowd(ports[0], 20);
    await until(() => server.stats().listeners[0].accepted === 4, "the first are accepted", patience);
    const second = await crowd(ports[1], 20);
    await delay(scaled(200, 800));
    expect(server.stats().listeners.map(({ accepted }) => accepted)).toEqual([4, 0]);
    for (const client of first) client.connection.abort();
    await until(() => server.stats().listeners[1].accepted === 4, "the others get in", patience);
    await delay(scaled(200, 800));
    expect(server.stats().listeners[1]).toMatchObject({ accepted: 4, open: 4, waiting: 0 });
    second[0].tell("echo hello");
    await until(() => second.some(({ lines }) => lines.length > 0), "one is served", patience);
    for (const client of second) client.connection.abort();
  });

  it("holds while a worker retires with connections of its own", async () => {
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      minWorkers: 1,
      maxWorkers: 2,
      limits: { connections: 4 },
      scaling: { interval: 50, holdDown: 2 },
      shutdown: { draining: 60_000 },
    });
    const clients = [];
    for (let count = 0; count < 4; count++) clients.push(await fixture.connect());
    for (const client of clients) expect(await served(client)).toBe(true);
    await fixture.event("worker.retiring", patience);
    const late = await fixture.connect();
    late.tell("echo hello");
    await delay(scaled(300, 1_000));
    expect(late.lines).toEqual([]);
    expect(fixture.server.stats().listeners[0]).toMatchObject({ open: 4, accepted: 4 });
    for (const client of [...clients, late]) client.connection.abort();
  });

  it("cuts those beyond it where the option says so, and counts them", async () => {
    const limits = { connections: 2, atLimit: "refuse" } as const;
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) expect(await served(client)).toBe(true);
    const beyond = await fixture.connect();
    await beyond.closed(patience);
    expect(fixture.server.stats().listeners[0].refused).toBe(1);
    clients[0].connection.end();
    await clients[0].closed();
    await fixture.roomAgain(patience);
  });

  it("can be a worker's", async () => {
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      limits: { connectionsPerWorker: 1 },
    });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) expect(await served(client)).toBe(true);
    const late = await fixture.connect();
    late.tell("who");
    await delay(scaled(200, 800));
    expect(late.lines).toEqual([]);
    const place = await clients[1].ask("who");
    clients[1].connection.end();
    await until(() => late.lines.length === 1, "it was served", patience);
    expect(late.lines[0]).toBe(place);
  });

  it("can be a listener's, and the other one goes on", async () => {
    const application = new URL("./applications/commands.ts", import.meta.url);
    const small = { segmentCount: 256, connectionSlots: 4096, timers: 8192, log: "off" } as const;
    await using server = await Server.start(application, {
      ...small,
      isolation,
      workers: 2,
      listeners: [
        { name: "few", hostname: "127.0.0.1", port: 0, limits: { connections: 1 } },
        { name: "many", hostname: "127.0.0.1", port: 0 },
      ],
    });
    const [few, many] = server.listeners.map(({ address }) => (address as { port: number }).port);
    const first = await connect({ hostname: "127.0.0.1", port: few });
    first.write("who\n");
    await first.readable.getReader().read();
    const second = await connect({ hostname: "127.0.0.1", port: few });
    second.write("who\n");
    const answer = second.readable.getReader().read();
    const others = await Promise.all(
      Array.from({ length: 4 }, () => connect({ hostname: "127.0.0.1", port: many })),
    );
    for (const other of others) {
      other.write("echo hello\n");
      const { value } = await other.readable.getReader().read();
      expect(new TextDecoder().decode(value)).toBe("hello\n");
    }
    const waits = Symbol("waits");
    expect(await Promise.race([answer, delay(scaled(100, 500)).then(() => waits)])).toBe(waits);
    first.abort();
    expect((await answer).done).toBe(false);
    for (const connection of [second, ...others]) connection.abort();
    await server.abort();
  });
});

describeWorkers("a server's limits by address", (isolation) => {
  it("refuse more connections of one address, over all workers, and let in again", async () => {
    const limits = { connectionsPerAddress: 4 };
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits });
    const clients = await fourOnTwo(fixture);
    const beyond = await fixture.connect();
    await beyond.closed(patience);
    await until(
      () => fixture.server.stats().total.connections.refused.connections === 1,
      "it was counted",
      patience,
    );
    clients[0].connection.end();
    await clients[0].closed();
    await fixture.roomAgain(patience);
  });

  it("hold where the workers accept by themselves", onlyLinux, async () => {
    const limits = { connectionsPerAddress: 4 };
    const spreading = "reusePort";
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits, spreading });
    const clients = [];
    for (let count = 0; count < 4; count++) clients.push(await fixture.connect());
    for (const client of clients) expect(await served(client)).toBe(true);
    for (let count = 0; count < 4; count++) expect(await isServed(fixture)).toBe(false);
    clients[0].connection.end();
    await clients[0].closed();
    await until(() => isServed(fixture), "there was room again", patience);
  });

  it("let in new ones at the rate alone, over all workers", async () => {
    const limits = { ratePerAddress: 1, burstPerAddress: 4 };
    await using fixture = await CommandServer.start({ isolation, workers: 2, limits });
    const begun = performance.now();
    const all = await Promise.all(Array.from({ length: 12 }, () => isServed(fixture)));
    const seconds = Math.ceil((performance.now() - begun) / 1000);
    const count = all.filter((one) => one).length;
    expect(count).toBeGreaterThanOrEqual(4);
    expect(count).toBeLessThanOrEqual(4 + seconds);
    await until(
      () => fixture.server.stats().total.connections.refused.rate === 12 - count,
      "they were counted",
      patience,
    );
  });

  it("are taken back from a worker that died, exactly", async () => {
    const limits = { connectionsPerAddress: 4 };
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      limits,
      supervisor: { backOff: 10 },
    });
    const clients = await fourOnTwo(fixture);
    const lost = await clients[0].ask("who");
    const pid = Number(await clients[0].ask("pid"));
    const killed = [];
    for (const client of clients) if (await client.ask("who") === lost) killed.push(client);
    if (isolation === "process") expect(host.kill(pid, "SIGKILL")).toBe(true);
    else clients[0].tell("crash");
    for (const client of killed) await client.closed(patience);
    await fixture.event("worker.replaced", patience);
    // Those of the worker that is left still count, and so do those of the one that came.
    for (let count = 0; count < 2; count++) expect(await served(await fixture.connect())).toBe(true);
    await (await fixture.connect()).closed(patience);
  });

  it("are taken back from a worker that crashed", async () => {
    const limits = { connectionsPerAddress: 2 };
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      limits,
      supervisor: { backOff: 10 },
    });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) expect(await served(client)).toBe(true);
    clients[0].tell("crash");
    await clients[0].closed(patience);
    await fixture.event("worker.replaced", patience);
    const next = await fixture.connect();
    expect(await served(next)).toBe(true);
    expect(await served(clients[1])).toBe(true);
  });

  it("ban an address while the server runs, and let it in again", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2 });
    const { bans } = fixture.server;
    const client = await fixture.connect();
    expect(await served(client)).toBe(true);
    bans.add("127.0.0.0/8", 600_000, "a test");
    expect(bans.has("127.0.0.1")).toBe(true);
    expect(bans.list()).toMatchObject([{ address: "127.0.0.0/8", reason: "a test" }]);
    const banned = await fixture.connect();
    await banned.closed(patience);
    // It concerns new connections only.
    expect(await served(client)).toBe(true);
    expect(bans.remove("127.0.0.0/8")).toBe(true);
    expect(await served(await fixture.connect())).toBe(true);
    expect(() => bans.add("nonsense", 1)).toThrow("nonsense");
  });

  it("ban an address that keeps the server waiting too often", async () => {
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      timeouts: { firstByte: 150 },
      limits: { banAfter: 4, banTime: 60_000 },
    });
    // The first one alone: two workers that meet an address at the same moment may count apart that once.
    await (await fixture.connect()).closed(patience);
    const clients = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
    for (const client of clients) await client.closed(patience);
    const { address } = await fixture.event("address.banned", patience);
    expect(address).toBe("127.0.0.1");
    await (await fixture.connect()).closed(patience);
    expect(fixture.server.bans.list()).toMatchObject([{ address: "127.0.0.1", reason: "abuse" }]);
    expect(fixture.server.bans.remove("127.0.0.1")).toBe(true);
    expect(await served(await fixture.connect())).toBe(true);
  });

  it("ban for a worker that comes later, too, and can be read when the server has stopped", async () => {
    const limits = { connectionsPerAddress: 10 };
    const supervisor = { backOff: 10 };
    const fixture = await CommandServer.start({ isolation, workers: 1, limits, supervisor });
    const { bans } = fixture.server;
    bans.add("192.0.2.0/24", 600_000);
    const client = await fixture.connect();
    expect(await served(client)).toBe(true);
    bans.add("127.0.0.1", 600_000, "a test");
    client.tell("crash");
    await fixture.event("worker.replaced", patience);
    await (await fixture.connect()).closed(patience);
    await until(() => fixture.server.stats().total.connections.refused.banned === 1, "counted", patience);
    await fixture.server.shutdown();
    expect(bans.list().map(({ address }) => address).sort()).toEqual(["127.0.0.1", "192.0.2.0/24"]);
    expect(bans.remove("127.0.0.1")).toBe(true);
    expect(bans.has("127.0.0.1")).toBe(false);
    bans.add("127.0.0.1", 1_000);
    expect(bans.has("127.0.0.1")).toBe(true);
  });
});

describeWorkers("a worker that has taken on too much", (isolation) => {
  it("gets no connections until its handlers are done", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 1, limits: { tasks: 2 } });
    await fillTasks(fixture);
  });

  it("gets none that others accept for it, and says so", async () => {
    await using fixture = await CommandServer.start({
      isolation,
      workers: 1,
      spreading: "handOver",
      limits: { tasks: 2 },
    });
    await fillTasks(fixture);
    expect(fixture.events("limit.reached")[0]).toMatchObject({ level: "warn", worker: 0, limit: "tasks" });
    expect(await fixture.event("limit.released", patience)).toMatchObject({ worker: 0, limit: "tasks" });
  });
});

/** Three handlers wait, one more than there may be; a client that comes meanwhile waits for one of them. */
async function fillTasks(fixture: CommandServer): Promise<void> {
  const clients = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
  for (const client of clients) expect(await served(client)).toBe(true);
  for (const client of clients) await fixture.heard(client, "wait");
  await fixture.event("limit.reached", patience);
  const late = await fixture.connect();
  late.tell("echo hello");
  // Accepting goes on once three quarters of the limit are left: that is one of the three.
  for (let went = 0; went < 2; went++) {
    await until(
      () => clients.filter(({ lines }) => lines.includes("went")).length === went,
      "it went",
      patience,
    );
    await delay(scaled(100, 400));
    expect(late.lines).toEqual([]);
    expect(fixture.server.stats().listeners[0].waiting).toBe(0);
    fixture.server.broadcast("go");
  }
  await until(() => late.lines[0] === "hello", "it was served", patience);
  fixture.server.broadcast("go");
}

describeWorkers("a server behind a balancer", (isolation) => {
  it("believes the PROXY header of a trusted source, and judges the client by it", async () => {
    await using fixture = await CommandServer.start({
      isolation,
      workers: 2,
      proxyProtocol: { trusted: ["127.0.0.0/8"] },
      limits: { connectionsPerAddress: 1 },
    });
    const one = await fixture.connect();
    one.connection.write("PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n");
    expect(await one.ask("peer", patience)).toBe("192.0.2.1 of 127.0.0.1");
    const other = await fixture.connect();
    other.connection.write("PROXY TCP4 192.0.2.2 192.0.2.9 1000 80\r\n");
    expect(await other.ask("peer", patience)).toBe("192.0.2.2 of 127.0.0.1");
    const again = await fixture.connect();
    again.connection.write("PROXY TCP4 192.0.2.1 192.0.2.9 1001 80\r\n");
    await again.closed(patience);
    const broken = await fixture.connect();
    broken.connection.write("GET / HTTP/1.1\r\n\r\n");
    await broken.closed(patience);
    await until(() => fixture.server.stats().total.connections.refused.proxy === 1, "counted", patience);
  });
});
