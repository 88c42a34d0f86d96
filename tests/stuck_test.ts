/** Workers that do not come back: each counts, and what they leave behind is bounded. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { RingportError } from "../src/mod.ts";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { runScript } from "./helpers/process.ts";
import { scaled } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const patience = scaled(20_000, 60_000);
const quick = { backOff: 10, interval: 50, slowAfter: 200, stuckAfter: scaled(1_000, 3_000) };
const shutdown = { draining: 100, closing: 100, aborting: 200 };

/** Sends a worker into a handler that does not return; resolves when it is called stuck and cut. */
async function stick(fixture: CommandServer, hold: Hold): Promise<void> {
  const before = fixture.events("worker.stuck").length;
  const client = await fixture.connect();
  client.tell(hold.command);
  await until(() => fixture.events("worker.stuck").length > before, "the worker was stuck", patience);
  await client.closed(patience);
}

describeWorkers("a worker that does not come back", (isolation) => {
  it("is a death, of which a server survives only so many", async () => {
    if (isolation === "thread") leavesThreadBehind();
    const supervisor = { ...quick, maxDeaths: 1, maxAbandoned: 100 };
    await using hold = await Hold.make();
    const fixture = await CommandServer.start({ isolation, workers: 2, supervisor, shutdown });
    const ended = errorOf(() => fixture.server.finished);
    await stick(fixture, hold);
    await until(() => fixture.events("worker.replaced").length === 1, "the first was replaced", patience);
    expect(fixture.server.stats().deaths).toBe(1);
    const client = await fixture.connect();
    client.tell(hold.command);
    const error = await ended as RingportError;
    expect(error.code).toBe("ERR_WORKERS_DIE");
    expect(error.message).toContain("the last one: stuck");
    expect(fixture.events("server.failed")).toHaveLength(1);
    await until(() => fixture.server.phase === "stopped", "the server stopped", patience);
    expect(fixture.server.stats().deaths).toBe(2);
  });
});

describe("a thread that does not come back", () => {
  it("is borne only so many times", async () => {
    leavesThreadBehind();
    const supervisor = { ...quick, maxDeaths: 100, maxAbandoned: 1 };
    await using hold = await Hold.make();
    const fixture = await CommandServer.start({ workers: 2, supervisor, shutdown });
    const ended = errorOf(() => fixture.server.finished);
    await stick(fixture, hold);
    await fixture.event("worker.killed", patience);
    expect(fixture.server.stats().abandonedThreads).toBe(1);
    const client = await fixture.connect();
    client.tell(hold.command);
    const error = await ended as RingportError;
    expect(error.code).toBe("ERR_THREADS_STUCK");
    expect(fixture.events("server.failed")).toHaveLength(1);
    await until(() => fixture.server.phase === "stopped", "the server stopped", patience);
  });

  it("is forgotten when it comes back after all, and ends", async () => {
    leavesThreadBehind();
    const supervisor = { ...quick, maxDeaths: 100, maxAbandoned: 1 };
    await using hold = await Hold.make();
    await using fixture = await CommandServer.start({ workers: 2, supervisor, shutdown });
    for (let round = 1; round <= 3; round++) {
      await stick(fixture, hold);
      await until(() => fixture.events("worker.killed").length === round, "it was given up", patience);
      expect(fixture.server.stats().abandonedThreads).toBe(1);
      await hold.release();
      await until(() => fixture.server.stats().abandonedThreads === 0, "the thread came back", patience);
      await hold.again();
    }
    expect(fixture.events("server.failed")).toEqual([]);
    expect(fixture.server.stats().deaths).toBe(3);
  });

  it("ends a program with 1 and the reason where there are too many", async () => {
    const environment = {
      RINGPORT_SUPERVISOR_INTERVAL: "50",
      RINGPORT_SUPERVISOR_SLOW_AFTER: "200",
      RINGPORT_SUPERVISOR_STUCK_AFTER: String(quick.stuckAfter),
      RINGPORT_SUPERVISOR_MAX_ABANDONED: "0",
      RINGPORT_SHUTDOWN_DRAINING: "100",
      RINGPORT_WORKERS: "2",
    };
    await using child = runScript("./applications/program.ts", import.meta.url, { environment });
    const [, port] = await child.line(/port (\d+)/);
    const client = await LineClient.connect(Number(port));
    // For ever, as far as this test is concerned: the program has to end although the thread does not.
    client.tell("spin 600000");
    const { code, errors } = await child.end(patience);
    expect(errors).toContain("1 stuck threads exceed");
    expect(code).toBe(1);
  });
});
