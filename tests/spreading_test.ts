/**
 * How connections come to the workers: accepted in turn, handed over, or by a group on one port, evenly, on
 * Unix sockets too.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, listen, Server } from "../src/mod.ts";
import { CommandServer, LineClient } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const patience = scaled(20_000, 60_000);
const noGroups = system === "windows" ? "Windows has no groups of listeners on one port" : false;

/** The workers accept in turn with the first of them, except on Windows. */
const evenly = ["auto", "handOver"] as const;

for (const spreading of evenly) {
  it(`spreads a thousand connections within a fifth of the mean, with "${spreading}"`, async () => {
    const count = scaled(1_000, 150);
    await using fixture = await CommandServer.start({ workers: 3, spreading });
    const clients: LineClient[] = [];
    for (let index = 0; index < count; index++) {
      clients.push(await fixture.connect());
      // Each third one leaves again, whoever serves it.
      if (index % 3 === 0) clients[index].connection.abort();
    }
    const open = clients.filter((client) => client.connection.state === "open");
    await Promise.all(open.map((client) => client.ask("who", patience)));
    const counted = () => fixture.server.stats().total.connections.open <= open.length;
    await until(counted, "those that left are counted out", patience);
    expect(fixture.server.stats().skew).toBeLessThanOrEqual(1.2);
    for (const client of open) client.connection.abort();
  });

  it(`spreads a few connections that stay, with "${spreading}"`, async () => {
    await using fixture = await CommandServer.start({ workers: 2, spreading });
    const places: string[] = [];
    for (let count = 0; count < 6; count++) {
      places.push(await (await fixture.connect()).ask("who", patience));
    }
    expect(places.filter((place) => place === "0.0").length).toBe(3);
  });
}

describe("connections accepted in turn", () => {
  it("do not wait for a worker that is stuck and has the fewest", async () => {
    leavesThreadBehind();
    const supervisor = { interval: 100, slowAfter: scaled(300, 900), stuckAfter: scaled(1_000, 3_000) };
    await using hold = await Hold.make();
    await using fixture = await CommandServer.start({ workers: 2, supervisor });
    const [first, second] = [await fixture.connect(), await fixture.connect()];
    for (const client of [first, second]) await client.ask("who", patience);
    const leaving = await fixture.connect();
    const stuck = await leaving.ask("who", patience) === first.lines[0] ? second : first;
    stuck.tell(hold.command);
    const clients = await Promise.all(Array.from({ length: 6 }, () => fixture.connect()));
    const places = await Promise.all(clients.map((client) => client.ask("who", patience)));
    expect(places).not.toContain(stuck.lines[0]);
  });

  it("come to the replacement of a worker that died, and to the others meanwhile", async () => {
    await using fixture = await CommandServer.start({
      workers: 2,
      supervisor: { backOff: scaled(500, 1_500) },
    });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) await client.ask("who", patience);
    const [lost, kept] = clients;
    const index = lost.lines[0][0];
    expect(kept.lines[0]).toBe(index === "0" ? "1.0" : "0.0");
    lost.tell("crash");
    await lost.closed(patience);
    const who = async () => await (await fixture.connect()).ask("who", patience);
    for (let count = 0; count < 4; count++) expect([kept.lines[0], `${index}.1`]).toContain(await who());
    await fixture.event("worker.replaced", patience);
    const places: string[] = [];
    for (let count = 0; count < 10; count++) places.push(await who());
    expect(places.filter((place) => place === `${index}.1`).length).toBeGreaterThanOrEqual(5);
  });
});

describe("a group on one port", () => {
  it("serves with all workers, and is replaced and ended like any other", { ignore: noGroups }, async () => {
    await using fixture = await CommandServer.start({
      workers: 2,
      spreading: "reusePort",
      supervisor: { backOff: 10 },
    });
    const places = new Set<string>();
    const clients = await Promise.all(Array.from({ length: 40 }, () => fixture.connect()));
    for (const client of clients) places.add(await client.ask("who", patience));
    expect([...places].sort()).toEqual(["0.0", "1.0"]);
    const lost = clients[0];
    lost.tell("crash");
    await lost.closed(patience);
    await fixture.event("worker.replaced", patience);
    const fresh = await fixture.connect();
    expect(await fresh.ask("echo hello", patience)).toBe("hello");
    await until(() => fixture.server.stats().total.connections.accepted >= 41, "all were counted", patience);
    const report = await fixture.server.shutdown({ draining: 200 });
    expect(report.bytesLost).toBe(0);
  });

  for (const isolation of ["thread", "process"] as const) {
    it(`shows the queue of each listener, and gets a worker for it, in a ${isolation}`, {
      ignore: noGroups,
    }, async () => {
      await using fixture = await CommandServer.start({
        spreading: "reusePort",
        isolation,
        workers: 1,
        minWorkers: 1,
        maxWorkers: 2,
        listeners: ["first", "second"].map((name) => ({ name, hostname: "127.0.0.1", port: 0 })),
        // Each worker takes four, and has nothing to do: only the queue speaks for another worker.
        limits: { connections: 8 },
        scaling: { interval: 100, holdUp: 2 },
      });
      const { server } = fixture;
      const [first, second] = server.listeners.map(({ address }) => address.port);
      const clients = await Promise.all(Array.from({ length: 30 }, () => LineClient.connect(second)));
      const queues = () => server.stats().listeners.map(({ acceptQueue }) => acceptQueue!.length);
      await until(() => queues().join() === "0,26", `the queues, and not ${queues()}`, patience);
      await fixture.event("worker.added", patience);
      await until(() => server.workers === 2, "two workers", patience);
      // The kernel gives what comes now to both.
      const places = new Set<string>();
      await until(
        async () => {
          const client = await LineClient.connect(first);
          client.tell("who");
          await delay(scaled(50, 200));
          places.add(client.lines[0] ?? "waits");
          client.connection.abort();
          return places.has("0.0") && places.has("1.0");
        },
        "both workers serve",
        patience,
      );
      for (const client of clients) client.connection.abort();
    });
  }

  it("joins no port that is somebody else's", { ignore: noGroups }, async () => {
    await using listener = listen({ hostname: "127.0.0.1", port: 0, reusePort: true });
    const options = { workers: 1, spreading: "reusePort", port: listener.port } as const;
    const error = await errorOf(() => CommandServer.start(options)) as { code: string };
    expect(error.code).toBe("EADDRINUSE");
  });

  it("is for ports only", { ignore: noGroups }, async () => {
    const options = {
      spreading: "reusePort",
      unix: "never.sock",
      hostname: undefined,
      port: undefined,
    } as const;
    const error = await errorOf(() => CommandServer.start(options)) as Error;
    expect(error.message).toContain("has no port");
  });
});

describe("a server", () => {
  it(
    "says clearly where a group is not to be had",
    { ignore: !noGroups && "this system has them" },
    async () => {
      const error = await errorOf(() => CommandServer.start({ spreading: "reusePort" })) as Error;
      expect(error.message).toContain("on Linux only");
    },
  );

  it("calls itself to see that it accepts", async () => {
    await using fixture = await CommandServer.start({ workers: 1, supervisor: { selfTest: 200 } });
    const [result] = await fixture.server.selfTest();
    expect(result).toMatchObject({ listener: "main", error: undefined });
    expect(result.milliseconds).toBeGreaterThanOrEqual(0);
    await until(() => fixture.server.stats().listeners[0].accepted >= 3, "it goes on calling", patience);
    expect(fixture.events("server.selfTestFailed")).toEqual([]);
  });

  it("tells the length of its accept queue where the system does", async () => {
    await using fixture = await CommandServer.start({ workers: 1, limits: { connections: 1 }, backlog: 64 });
    const first = await fixture.connect();
    await first.ask("who");
    const late = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
    if (system === "windows") {
      expect(fixture.server.stats().listeners[0].acceptQueue).toBe(undefined);
    } else {
      await until(
        () => (fixture.server.stats().listeners[0].acceptQueue?.length ?? 0) >= 2,
        "connections wait in the kernel",
        patience,
      );
      expect(fixture.server.stats().listeners[0].acceptQueue?.max).toBe(64);
      expect(fixture.server.stats().acceptQueueOverflows).toBeGreaterThanOrEqual(0);
    }
    for (const client of [first, ...late]) client.connection.abort();
  });

  it("follows the load with the number of its workers", async () => {
    await using fixture = await CommandServer.start({
      workers: 1,
      minWorkers: 1,
      maxWorkers: 2,
      supervisor: { interval: 100 },
      scaling: { interval: 100, holdUp: 2, holdDown: 5, high: 0.5, low: 0.2 },
    });
    const client = await fixture.connect();
    const begun = performance.now();
    while (fixture.events("worker.added").length === 0) {
      await client.ask("spin 300", patience);
      expect(performance.now() - begun).toBeLessThan(patience);
    }
    await until(() => fixture.server.workers === 2, "there are two", patience);
    const other = await fixture.connect();
    expect(await other.ask("who", patience)).toBe("1.0");
    // Now nothing happens any more.
    await fixture.event("worker.retiring", patience);
    await until(() => fixture.server.workers === 1, "one has retired", patience);
    const still = client.gone ? other : client;
    expect(await still.ask("echo still served", patience)).toBe("still served");
    expect(fixture.events("worker.died")).toEqual([]);
  });
});

describe("a server on a Unix socket", () => {
  const application = new URL("./applications/commands.ts", import.meta.url);
  const unix = `ringport-server-${crypto.randomUUID().slice(0, 8)}.sock`;
  const options = {
    unix,
    workers: 2,
    segmentCount: 256,
    connectionSlots: 4096,
    timers: 8192,
    log: "off",
  } as const;

  it(
    "serves, spreads, and leaves no file behind",
    { ignore: noGroups && "Wine has no Unix sockets" },
    async () => {
      const server = await Server.start(application, options);
      const { family, path } = server.listeners[0].address;
      expect(family).toBe("Unix");
      expect(path).toBe(unix);
      const answers = new Set<string>();
      for (let index = 0; index < 4; index++) {
        const connection = await connect({ unix });
        connection.write("who\n");
        for await (const bytes of connection.readable) {
          answers.add(new TextDecoder().decode(bytes));
          break;
        }
        connection.abort();
      }
      expect([...answers].sort()).toEqual(["0.0\n", "1.0\n"]);
      await server.abort();
      const error = await errorOf(() => connect({ unix })) as { code: string };
      expect(error.code).toBe("ENOENT");
    },
  );
});
