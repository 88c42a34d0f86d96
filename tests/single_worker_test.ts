/**
 * A server whose only worker is a thread: on Linux it accepts for itself, and nothing else may be different
 * from a server that hands connections over.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type ServerOptions } from "../src/mod.ts";
import { CommandServer, type LineClient } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const patience = scaled(20_000, 60_000);
const always = system === "windows" ? "on Windows connections are always handed over" : false;

async function served(client: LineClient): Promise<boolean> {
  return (await client.ask("echo hello", patience)) === "hello";
}

// On Windows both are the same.
const ways = system === "windows" ? ["auto"] as const : ["auto", "handOver"] as const;

for (const spreading of ways) {
  const start = (options: ServerOptions = {}) => CommandServer.start({ workers: 1, spreading, ...options });

  describe(`a server of one worker, spreading being "${spreading}"`, () => {
    it("leaves connections beyond its limit in the kernel's queue until there is room", async () => {
      await using fixture = await start({ limits: { connections: 2 } });
      const clients = [await fixture.connect(), await fixture.connect()];
      for (const client of clients) expect(await served(client)).toBe(true);
      const late = await fixture.connect();
      late.tell("echo hello");
      await delay(scaled(200, 800));
      expect(late.lines).toEqual([]);
      await until(() => fixture.server.stats().listeners[0].paused, "it says so", patience);
      clients[0].connection.end();
      await until(() => late.lines[0] === "hello", "it was served", patience);
      for (const client of [...clients, late]) client.connection.abort();
      await until(() => !fixture.server.stats().listeners[0].paused, "it goes on", patience);
    });

    it("holds the limit of its worker", async () => {
      await using fixture = await start({ limits: { connectionsPerWorker: 1 } });
      const client = await fixture.connect();
      expect(await served(client)).toBe(true);
      const late = await fixture.connect();
      late.tell("echo hello");
      await delay(scaled(200, 800));
      expect(late.lines).toEqual([]);
      client.connection.end();
      await until(() => late.lines[0] === "hello", "it was served", patience);
    });

    it("cuts what is beyond the limit where it is to refuse, and counts it", async () => {
      await using fixture = await start({ limits: { connections: 1, atLimit: "refuse" } });
      const client = await fixture.connect();
      expect(await served(client)).toBe(true);
      const beyond = await fixture.connect();
      await beyond.closed(patience);
      await until(() => fixture.server.stats().listeners[0].refused === 1, "it was counted", patience);
      expect(fixture.server.stats().listeners[0].paused).toBe(false);
      expect(await served(client)).toBe(true);
    });

    it("cuts what comes while its handlers have too much to do, where it is to refuse", async () => {
      await using fixture = await start({ limits: { tasks: 1, atLimit: "refuse" } });
      const clients = [await fixture.connect(), await fixture.connect()];
      for (const client of clients) expect(await served(client)).toBe(true);
      for (const client of clients) client.tell(`later ${scaled(1_500, 5_000)}`);
      await delay(scaled(200, 600));
      const beyond = await fixture.connect();
      await beyond.closed(patience);
      await until(() => clients.every(({ lines }) => lines.includes("later")), "all was done", patience);
      await fixture.roomAgain(patience);
    });

    it("lets no banned address in", async () => {
      await using fixture = await start();
      fixture.server.bans.add("127.0.0.1", 600_000, "a test");
      await (await fixture.connect()).closed(patience);
      await until(() => fixture.server.stats().listeners[0].refused === 1, "it was counted", patience);
      fixture.server.bans.remove("127.0.0.1");
      expect(await served(await fixture.connect())).toBe(true);
    });

    it("lets connections wait for the worker that replaces one that died", async () => {
      await using fixture = await start({ supervisor: { backOff: scaled(500, 1_500) } });
      const client = await fixture.connect();
      client.tell("crash");
      await client.closed(patience);
      const waiting = await fixture.connect();
      expect(await waiting.ask("who", patience)).toBe("0.1");
    });

    it("lets connections wait for the worker that replaces one that is stuck", async () => {
      leavesThreadBehind();
      const supervisor = { interval: 100, slowAfter: scaled(300, 900), stuckAfter: scaled(1_000, 3_000) };
      await using hold = await Hold.make();
      await using fixture = await start({ supervisor });
      const client = await fixture.connect();
      expect(await client.ask("who", patience)).toBe("0.0");
      client.tell(hold.command);
      await fixture.event("worker.slow", patience);
      const waiting = [await fixture.connect(), await fixture.connect()];
      await Promise.all(waiting.map(async (one) => expect(await one.ask("who", patience)).toBe("0.1")));
      await client.closed(patience);
    });

    it("counts what it accepts and what is open", async () => {
      await using fixture = await start();
      const clients = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
      for (const client of clients) expect(await served(client)).toBe(true);
      clients[0].connection.abort();
      await until(() => fixture.server.stats().listeners[0].open === 2, "two are open", patience);
      expect(fixture.server.stats().listeners[0].accepted).toBe(3);
    });

    it("refuses connections from the first phase of its end on", async () => {
      const fixture = await start({ shutdown: { draining: 20_000, maxDraining: 20_000 } });
      const client = await fixture.connect();
      await fixture.heard(client, `later ${scaled(1_000, 4_000)}`);
      const report = fixture.server.shutdown();
      await until(() => fixture.server.phase === "draining", "it drains", patience);
      const error = await errorOf(() => connect({ hostname: "127.0.0.1", port: fixture.server.port }));
      expect((error as { code: string }).code).toBe("ECONNREFUSED");
      await until(() => client.lines.includes("later"), "the answer came", patience);
      client.connection.end();
      expect(await report).toMatchObject({ aborted: 0, bytesLost: 0 });
    });
  });
}

describe("a server of one worker", () => {
  it("answers while the server's own thread is busy", { ignore: always }, async () => {
    await using fixture = await CommandServer.start({ workers: 1 });
    const caller = runScript("./children/caller.ts", import.meta.url, {
      arguments: [String(fixture.server.port)],
    });
    await caller.line(/answered \d+ \d+ end/, patience);
    const begin = Date.now();
    while (Date.now() - begin < 1_000);
    const end = Date.now();
    await delay(200);
    await caller[Symbol.asyncDispose]();
    const calls = [...caller.output.matchAll(/answered (\d+) (\d+) end/g)].map(([, ...times]) =>
      times.map(Number)
    );
    expect(calls.filter(([began, answered]) => began > begin && answered < end).length).toBeGreaterThan(0);
  });
});
