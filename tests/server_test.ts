/** A server with workers: start in step, spreading, replacement, shutdown in phases. */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import { AddressInUseError, listen, OptionError, RingportError, Server } from "../src/mod.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { scaled } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const application = new URL("./applications/commands.ts", import.meta.url).href;
const patience = scaled(20_000, 60_000);

describeWorkers("a server", (isolation) => {
  it("serves with all workers, and tells where", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2 });
    const { server } = fixture;
    expect(server.port).toBeGreaterThan(0);
    expect(server.hostname).toBe("127.0.0.1");
    expect(server.listeners).toEqual([
      { name: "main", address: { hostname: "127.0.0.1", port: server.port, family: "IPv4" } },
    ]);
    expect(server.workers).toBe(2);
    expect(server.phase).toBe("running");
    const client = await fixture.connect();
    expect(await client.ask("echo hello there")).toBe("hello there");
    client.connection.end();
    await client.closed();
  });

  it("gives each worker as many connections as the others", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 3 });
    const clients = await Promise.all(Array.from({ length: 30 }, () => fixture.connect()));
    const answers = await Promise.all(clients.map((client) => client.ask("who")));
    const counts = new Map<string, number>();
    for (const answer of answers) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    expect([...counts].sort()).toEqual([["0.0", 10], ["1.0", 10], ["2.0", 10]]);
    // The worker with fewer gets the next ones, but for one that each of the others was still allowed.
    const leaving = clients.filter((_, index) => answers[index] === "1.0");
    for (const client of leaving) client.connection.end();
    for (const client of leaving) await client.closed();
    const open = () => fixture.server.stats().total.connections.open;
    await until(() => open() === 20, "those that left are counted out", patience);
    const fresh = await Promise.all(Array.from({ length: 12 }, () => fixture.connect()));
    const next = await Promise.all(fresh.map((client) => client.ask("who")));
    expect(next.filter((answer) => answer === "1.0").length).toBeGreaterThanOrEqual(9);
  });

  it("starts the applications of all workers before one of them serves", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2 });
    const order = fixture.entries.map(({ event, message }) => message === "started" ? "started" : event);
    expect(order.filter((event) => event === "started")).toHaveLength(2);
    expect(order.indexOf("server.listening")).toBeGreaterThan(order.lastIndexOf("started"));
  });

  it("does not start when its application does not, and frees the address", async () => {
    const port = await freePort();
    const options = { isolation, hostname: "127.0.0.1", port, workers: 2, argument: "fail", log: () => {} };
    const error = await errorOf(() => Server.start(application, options)) as RingportError;
    expect(error).toBeInstanceOf(RingportError);
    expect(error.message).toContain("this application does not start");
    await using listener = listen({ hostname: "127.0.0.1", port });
    expect(listener.port).toBe(port);
  });

  it("does not start where the address is taken", async () => {
    await using listener = listen({ hostname: "127.0.0.1", port: 0 });
    const options = { hostname: "127.0.0.1", port: listener.port, log: () => {} };
    expect(await errorOf(() => Server.start(application, options))).toBeInstanceOf(AddressInUseError);
  });

  it("does not start with a module that is no application", async () => {
    const options = { hostname: "127.0.0.1", port: 0, workers: 1, log: () => {} };
    const nowhere = new URL("./applications/nowhere.ts", import.meta.url);
    const missing = await errorOf(() => Server.start(nowhere, options)) as RingportError;
    expect(missing.code).toBe("ERR_APPLICATION");
    const wrong = new URL("./helpers/wait.ts", import.meta.url);
    const error = await errorOf(() => Server.start(wrong, options)) as RingportError;
    expect(error.message).toContain("no default export");
    expect(await errorOf(() => Server.start(application, { nonsense: 1 } as object))).toBeInstanceOf(
      OptionError,
    );
  });

  it("stops when its application asks", async () => {
    const fixture = await CommandServer.start({
      isolation,
      workers: 1,
      shutdown: { draining: 300, closing: 300 },
    });
    const client = await fixture.connect();
    client.tell("shutdown");
    const report = await fixture.server.finished;
    expect(report.reason).toBe("application");
    expect(fixture.server.phase).toBe("stopped");
    await client.closed();
  });

  it("calls idle when nothing happens", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 1, argument: "tell idle" });
    await until(() => fixture.messages.includes("idle"), "idle was called", patience);
  });
});

describeWorkers("a worker that fails", (isolation) => {
  const quick = { backOff: 10, interval: 100, slowAfter: 400, stuckAfter: scaled(1_000, 3_000) };

  for (const command of ["crash", "reject"]) {
    it(`is replaced after a ${command}, and the others go on`, async () => {
      await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
      const [one, other] = [await fixture.connect(), await fixture.connect()];
      expect([await one.ask("who"), await other.ask("who")].sort()).toEqual(["0.0", "1.0"]);
      const [index] = (await one.ask("who")).split(".");
      one.tell(command);
      await one.closed(patience);
      await fixture.event("worker.replaced", patience);
      expect(await other.ask("echo still here")).toBe("still here");
      await until(() => fixture.server.workers === 2, "two workers serve again", patience);
      const fresh = await fixture.connect();
      expect(await fresh.ask("who")).toBe(`${index}.1`);
    });
  }

  it("is replaced when its application ends the thread", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    const [index] = (await one.ask("who")).split(".");
    await other.ask("who");
    one.tell("leave");
    await fixture.event("worker.replaced", patience);
    await one.closed(patience);
    expect(await other.ask("echo still here")).toBe("still here");
    await until(() => fixture.server.workers === 2, "two workers serve again", patience);
    const fresh = await fixture.connect();
    expect(await fresh.ask("who")).toBe(`${index}.1`);
  });

  it("harms nobody when a handler throws", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 1 });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    one.tell("throw");
    await one.closed();
    expect(await other.ask("who")).toBe("0.0");
  });

  it("is replaced when it does not come back, and loses its connections", async () => {
    if (isolation === "thread") leavesThreadBehind();
    await using hold = await Hold.make();
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    const [index] = (await one.ask("who")).split(".");
    one.tell(hold.command);
    await fixture.event("worker.stuck", patience);
    await fixture.event("worker.killed", patience);
    await one.closed(patience);
    expect(await other.ask("echo still here")).toBe("still here");
    const fresh = await fixture.connect();
    expect(await fresh.ask("who")).toBe(`${index}.1`);
    const order = fixture.entries.map(({ event }) => event);
    expect(order.indexOf("worker.replaced")).toBeLessThan(order.indexOf("worker.killed"));
  });

  it("is called slow and healthy again when it comes back in time", async () => {
    const supervisor = { ...quick, slowAfter: 300, stuckAfter: 60_000 };
    await using fixture = await CommandServer.start({ isolation, workers: 1, supervisor });
    const client = await fixture.connect();
    await using hold = await Hold.make();
    const answer = client.ask(hold.command, patience);
    await fixture.event("worker.slow", patience);
    await hold.release();
    expect(await answer).toBe("let go");
    await fixture.event("worker.recovered", patience);
    expect(fixture.events("worker.stuck")).toEqual([]);
  });

  it("stops the server when it fails again and again, with the reason", async () => {
    const fixture = await CommandServer.start({
      isolation,
      workers: 1,
      supervisor: { ...quick, maxDeaths: 2 },
      shutdown: { draining: 100, closing: 100 },
    });
    const ended = errorOf(() => fixture.server.finished);
    const crashes = (async () => {
      while (fixture.server.phase === "running") {
        try {
          const client = await fixture.connect();
          client.tell("crash");
          await client.closed(patience);
        } catch {
          // Between two workers, or at the end.
        }
      }
    })();
    const error = await ended as RingportError;
    expect(error.code).toBe("ERR_WORKERS_DIE");
    expect(error.message).toContain("nobody catches this");
    await crashes;
    await until(() => fixture.server.phase === "stopped", "the server stopped", patience);
  });
});

async function freePort(): Promise<number> {
  const listener = listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener;
  await listener.close();
  return port;
}
