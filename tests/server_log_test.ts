/** What a server logs of its workers: their errors as they are, floods as one, and nothing beside the log. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { until } from "./helpers/wait.ts";

const patience = scaled(30_000, 120_000);
const noSignals = { ignore: system === "windows" && "Windows has no signals to send" };

describeWorkers("the log of a worker", (isolation) => {
  it("keeps name, code and cause of errors", async () => {
    await using fixture = await CommandServer.start({ workers: 1, isolation });
    const client = await fixture.connect();
    expect(await client.ask("log-errors", patience)).toBe("logged");
    await until(() => fixture.messages.includes("taken"), "both messages", patience);
    const error = {
      name: "AddressInUseError",
      message: "taken",
      code: "EADDRINUSE",
      operation: "listen",
      address: "[::1]:1",
      cause: { name: "TypeError", message: "inner" },
    };
    const [failed] = fixture.events("application.message").filter(({ message }) => message === "it failed");
    expect(failed).toMatchObject({ worker: 0, error });
    const [taken] = fixture.events("application.message").filter(({ message }) => message === "taken");
    expect(taken).toMatchObject({ worker: 0, error });
  });

  it("tells equal errors of handlers as one, and counts them all", async () => {
    await using fixture = await CommandServer.start({ workers: 1, isolation });
    const clients = await Promise.all(Array.from({ length: 60 }, () => fixture.connect()));
    for (const client of clients) client.tell("throw");
    const told = () =>
      fixture.events("application.error").reduce((sum, { repeated }) => sum + (Number(repeated) || 1), 0);
    await until(() => told() === 60, `all are told, and not ${told()}`, patience);
    const errors = fixture.events("application.error");
    expect(errors.length).toBeLessThan(20);
    expect(errors[0]).toMatchObject({
      level: "error",
      worker: 0,
      what: "a handler failed and no `error` handler took it",
      error: { name: "Error", message: "a handler threw" },
    });
    expect(errors[0].repeated).toBe(undefined);
    expect(String((errors[0].error as { stack: string }).stack)).toContain("commands");
    await until(() => fixture.server.stats().total.unhandledErrors === 60, "all are counted", patience);
  });
});

describe("the standard error of a server that logs JSON", () => {
  it("has nothing but lines of JSON, whatever its handlers throw", async () => {
    await using child = runScript("./applications/logged.ts", import.meta.url, {
      environment: { LOG: "json" },
    });
    const [, port] = await child.line(/port (\d+)/, patience);
    for (let count = 0; count < 3; count++) {
      const client = await LineClient.connect(Number(port));
      client.tell("throw");
      await client.closed(patience);
    }
    const last = await LineClient.connect(Number(port));
    last.tell("shutdown");
    const { errors, code } = await child.end(patience);
    expect(code).toBe(0);
    const entries = errors.trim().split("\n").map((line) => JSON.parse(line));
    expect(entries.map(({ event }) => event)).toContain("application.error");
    expect(entries.at(-1).event).toBe("server.stopped");
  });

  it("has all figures when the signal asks for them", noSignals, async () => {
    await using child = runScript("./applications/logged.ts", import.meta.url, {
      environment: { LOG: "json" },
    });
    const [, port] = await child.line(/port (\d+)/, patience);
    const client = await LineClient.connect(Number(port));
    await client.ask("who", patience);
    child.signal("SIGUSR1");
    const [line] = await child.errorLine(/.*server\.statistics.*(?=\n)/, patience);
    const { statistics } = JSON.parse(line);
    await using fixture = await CommandServer.start({ workers: 2 });
    const stats = JSON.parse(JSON.stringify(fixture.server.stats()));
    expect(shapeOf(statistics)).toEqual(shapeOf(stats));
    expect(statistics.workers[0].turnLength.counts.length).toBeGreaterThan(20);
    client.tell("shutdown");
    await child.end(patience);
  });
});

/** The names and kinds of values in what JSON holds; lists of numbers by their length. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shapeOf(entry)]));
}
