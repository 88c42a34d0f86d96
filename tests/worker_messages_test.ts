/** Messages between the workers of a server, be they threads or processes. */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import type { OptionError, RingportError } from "../src/mod.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

interface Heard {
  by: number;
  from: number | string;
  message: Record<string, unknown>;
}

/** What was heard with this text, in the order of the workers that heard it. */
function heard(fixture: CommandServer, text: string): Heard[] {
  return fixture.events("application.message")
    .map(({ worker, from, message, ...entry }) => ({ by: worker as number, from, message, entry }))
    .filter(({ entry }) => JSON.stringify(entry).includes(`"${text}"`))
    .map(({ by, from, entry }) => ({ by, from: from as number | string, message: entry }))
    .sort((one, other) => one.by - other.by);
}

describeWorkers("messages between workers", (isolation) => {
  const start = (options = {}) =>
    CommandServer.start({ isolation, workers: 3, supervisor: { backOff: 10 }, ...options }, "chatty.ts");

  it("come to all others and to the server, in order", async () => {
    await using fixture = await start();
    const server: [unknown, number | undefined][] = [];
    fixture.server.onMessage((message, from) => void server.push([message, from]));
    const client = await fixture.connect();
    const [index] = (await client.ask("who")).split(".").map(Number);
    const others = [0, 1, 2].filter((worker) => worker !== index);
    for (const text of ["one", "two", "three"]) expect(await client.ask(`say ${text}`)).toBe("said");
    await until(() => heard(fixture, "three").length === 2, "the others heard it", patience);
    expect(heard(fixture, "three").map(({ by, from }) => [by, from])).toEqual(
      others.map((by) => [by, index]),
    );
    await until(() => server.length === 3, "the server heard it", patience);
    expect(server.map(([message]) => (message as { text: string }).text)).toEqual(["one", "two", "three"]);
    const [message, from] = server[0] as [{ at: Date; bytes: Uint8Array }, number];
    expect(from).toBe(index);
    expect(message.at).toEqual(new Date(0));
    expect([...message.bytes]).toEqual([..."say"].map((letter) => letter.charCodeAt(0)));
  });

  it("of the server come to all workers, also to one that comes later", async () => {
    await using fixture = await start();
    expect(fixture.server.broadcast({ text: "hello" })).toBe(3);
    await until(() => heard(fixture, "hello").length === 3, "all heard it", patience);
    expect(heard(fixture, "hello").map(({ by, from }) => `${by} ${from}`))
      .toEqual(["0 server", "1 server", "2 server"]);
    const client = await fixture.connect();
    const [index] = (await client.ask("who")).split(".").map(Number);
    client.tell("crash");
    await fixture.event("worker.replaced", patience);
    // The new one told the others, and had all of them there, before it served.
    const greetings = () =>
      fixture.entries.filter((entry) => JSON.stringify(entry).includes('"generation":1')).length;
    await until(() => greetings() === 2, "the others heard that it started", patience);
    fixture.server.broadcast({ text: "again" });
    await until(() => heard(fixture, "again").length === 3, "all heard it", patience);
    expect(heard(fixture, "again").map(({ by }) => by)).toContain(index);
  });

  it("are answered, and no longer heard by a handler that was taken away", async () => {
    await using fixture = await start();
    let pongs = 0;
    const forget = fixture.server.onMessage((message) => {
      if ((message as { text: string }).text === "pong") pongs += 1;
    });
    fixture.server.broadcast({ text: "ping" });
    await until(() => pongs === 3, "three answers", patience);
    forget();
    fixture.server.broadcast({ text: "ping" });
    await until(() => heard(fixture, "pong").length >= 12, "they answered again", patience);
    expect(pongs).toBe(3);
  });

  it("harm nobody where a handler throws", async () => {
    await using fixture = await start();
    fixture.server.onMessage((message) => {
      if ((message as { text: string }).text === "pong") throw new Error("the server's handler threw");
    });
    fixture.server.broadcast("throw");
    fixture.server.broadcast({ text: "ping" });
    await fixture.event("loop.exception", patience);
    await fixture.event("application.error", patience);
    await until(() => heard(fixture, "pong").length === 6, "they go on", patience);
    expect(fixture.server.stats().deaths).toBe(0);
  });

  it("are refused where they cannot be sent or are too long", async () => {
    await using fixture = await start();
    const own = await errorOf(() => fixture.server.broadcast({ job: () => {} })) as OptionError;
    expect(own.message).toContain("message.job is a function");
    const long = await errorOf(() => fixture.server.broadcast("x".repeat(300_000))) as RingportError;
    expect(long.code).toBe("ERR_MESSAGE_TOO_LONG");
    expect(fixture.server.broadcast("x".repeat(262_000))).toBe(3);
  });

  it("are dropped, counted and logged for a worker that hears nothing", async () => {
    await using fixture = await start({ workers: 2 });
    const client = await fixture.connect();
    const [index] = (await client.ask("who")).split(".").map(Number);
    await using hold = await Hold.make();
    await fixture.heard(client, hold.command);
    const big = "x".repeat(200_000);
    let reached = 0;
    for (let number = 0; number < 60; number++) {
      reached += fixture.server.broadcast({ number, big });
      // The other one hears them, and has room again.
      await delay(5);
    }
    // Twenty of them are 4 MB, which is all that may wait.
    const { messagesDropped } = fixture.server.stats();
    expect(messagesDropped).toBeGreaterThanOrEqual(39);
    expect(reached + messagesDropped).toBe(120);
    expect(fixture.events("worker.messagesDropped")[0].worker).toBe(index);
    // There is room again when it has come back.
    await hold.release();
    await until(
      () => {
        fixture.server.broadcast({ text: "later" });
        return new Set(heard(fixture, "later").map(({ by }) => by)).size === 2;
      },
      "both hear again",
      patience,
    );
  });

  it("are an error for a worker that sends faster than the server takes them", async () => {
    await using fixture = await start({ workers: 2 });
    const client = await fixture.connect();
    // 4 MiB may wait; nothing is taken while a handler runs.
    expect(await client.ask("flood 1000", patience)).toBe("ERR_MESSAGES_WAITING");
    expect(await client.ask("say still", patience)).toBe("said");
    expect(fixture.server.stats().deaths).toBe(0);
  });
});
