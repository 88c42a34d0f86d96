/** A shutdown that is disturbed: by applications that hang or throw, by workers that die, come or go. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { ShutdownReport } from "../src/mod.ts";
import { CommandServer } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";
import { leavesThreadBehind } from "./stand_in/leaks.ts";

const patience = scaled(20_000, 60_000);

function phasesOf(report: ShutdownReport): string[] {
  return report.phases.map(({ phase }) => phase);
}

describe("an application that", () => {
  const shutdown = { draining: 300, maxDraining: 300, closing: scaled(1_000, 4_000), aborting: 2_000 };

  for (const phase of ["refusing", "draining", "closing"]) {
    it(`hangs in ${phase} costs no connection its polite end`, async () => {
      const options = { workers: 1, argument: `${phase} hang`, shutdown };
      const fixture = await CommandServer.start(options, "moody.ts");
      const client = await fixture.connect();
      await client.ask("who");
      const report = await within(fixture.server.shutdown(), "the shutdown", patience);
      expect(phasesOf(report)).toContain("closing");
      expect(report).toMatchObject({ closed: 1, aborted: 0, bytesLost: 0, workersKilled: 0 });
      await client.closed();
      expect(client.error).toBe(undefined);
    });
  }

  it("hangs in aborting holds nothing up", async () => {
    const options = { workers: 1, argument: "aborting hang", shutdown: { ...shutdown, closing: 0 } };
    const fixture = await CommandServer.start(options, "moody.ts");
    const client = await fixture.connect();
    await client.ask("who");
    const report = await within(fixture.server.abort(), "the shutdown", patience);
    expect(report).toMatchObject({ aborted: 1, workersKilled: 0 });
    await client.closed();
  });

  it("hangs in stop is left behind, with its connections gone", async () => {
    leavesThreadBehind();
    const options = { workers: 1, argument: "stop hang", shutdown: { ...shutdown, aborting: 300 } };
    const fixture = await CommandServer.start(options, "moody.ts");
    const client = await fixture.connect();
    await client.ask("who");
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(report).toMatchObject({ closed: 1, aborted: 0, workersKilled: 1 });
    await client.closed();
  });

  it("takes its time in closing speaks its last words", async () => {
    const options = { workers: 1, argument: "closing later 100", shutdown };
    const fixture = await CommandServer.start(options, "moody.ts");
    const client = await fixture.connect();
    await client.ask("who");
    const ended = fixture.server.shutdown();
    await until(() => fixture.server.phase === "closing", "closing began", patience);
    // Within those 100 ms it still answers; where the machine is too slow for that, it is closed.
    client.tell("echo last words");
    const report = await within(ended, "the shutdown", patience);
    expect(report).toMatchObject({ closed: 1, aborted: 0, bytesLost: 0 });
    await client.closed();
  });

  it("throws at every moment of a shutdown stops in order all the same", async () => {
    const argument = "refusing throw, draining throw, closing throw, aborting throw, stop throw";
    const fixture = await CommandServer.start({ workers: 2, argument, shutdown }, "moody.ts");
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) await client.ask("who");
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(report).toMatchObject({ closed: 2, aborted: 0, bytesLost: 0, workersKilled: 0 });
    // Both workers throw in two phases and in the end; equal ones of a worker are one.
    const faults = fixture.events("application.error").map(({ worker, what }) => `${worker} ${what}`);
    expect(faults.filter((fault) => fault.includes("`stopping` failed")).length).toBeGreaterThanOrEqual(4);
    expect(faults.filter((fault) => fault.includes("`stop` failed")).length).toBe(2);
    for (const client of clients) await client.closed();
  });

  it("shuts down from its start lets the server come up and go", async () => {
    const options = { workers: 3, argument: "start shutdown", shutdown };
    const fixture = await CommandServer.start(options, "moody.ts");
    const report = await within(fixture.server.finished, "the shutdown", patience);
    expect(report).toMatchObject({ reason: "application", workersKilled: 0 });
    expect(fixture.server.phase).toBe("stopped");
    expect(fixture.messages.filter((message) => message === "stop")).toHaveLength(3);
    expect(fixture.server.workers).toBe(0);
  });
});

describe("a worker that", () => {
  const supervisor = { backOff: 10, interval: 50, slowAfter: 200, stuckAfter: scaled(1_000, 3_000) };

  for (const command of ["crash", "leave"]) {
    it(`dies while it drains (${command}) is not waited for, and not replaced`, async () => {
      const shutdown = { draining: 60_000, maxDraining: 60_000 };
      const fixture = await CommandServer.start({ workers: 2, shutdown, supervisor });
      const [one, other] = [await fixture.connect(), await fixture.connect()];
      await one.ask("who");
      await other.ask("who");
      const ended = fixture.server.shutdown();
      await until(() => fixture.server.phase === "draining", "draining began", patience);
      one.tell(command);
      // A thread that is just gone says so on Bun alone; on Deno its silence has to be cut short.
      if (command === "crash") await one.closed(patience);
      expect(await other.ask("echo still here")).toBe("still here");
      other.connection.end();
      if (command === "leave") setTimeout(() => void fixture.server.abort(), 500);
      const report = await within(ended, "the shutdown", patience);
      expect(report.drained).toBe(1);
      expect(report.drained + report.closed + report.aborted).toBe(2);
      expect(report.bytesLost).toBe(0);
      expect(fixture.events("worker.replaced")).toEqual([]);
      await one.closed(patience);
    });
  }

  it("is being replaced when the server stops comes up, and goes without having served", async () => {
    const options = { workers: 2, argument: "start later-replaced 600", supervisor };
    const fixture = await CommandServer.start(options, "moody.ts");
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    await one.ask("who");
    await other.ask("who");
    one.tell("crash");
    await fixture.event("worker.died", patience);
    await until(
      () => fixture.messages.filter((text) => text === "started").length === 3,
      "a start",
      patience,
    );
    other.connection.end();
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(report).toMatchObject({ aborted: 0, bytesLost: 0, workersKilled: 0 });
    // Two of the three stop in order, and nothing runs on behind the report.
    expect(fixture.messages.filter((message) => message === "stop")).toHaveLength(2);
    expect(fixture.events("worker.replaced")).toEqual([]);
    expect(fixture.server.workers).toBe(0);
  });

  it("is being replaced and never comes up does not hold the server back", async () => {
    leavesThreadBehind();
    const options = {
      workers: 1,
      argument: "start hang-replaced",
      supervisor,
      shutdown: { aborting: 300 },
    };
    const fixture = await CommandServer.start(options, "moody.ts");
    const one = await fixture.connect();
    one.tell("crash");
    await until(
      () => fixture.messages.filter((text) => text === "started").length === 2,
      "a start",
      patience,
    );
    await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(fixture.server.phase).toBe("stopped");
  });

  it("retires when the server stops is not taken to be empty before it is", async () => {
    const fixture = await CommandServer.start({
      workers: 2,
      minWorkers: 1,
      maxWorkers: 2,
      scaling: { interval: 100, low: 0.9, high: 0.95, holdDown: scaled(10, 30) },
      supervisor: { ...supervisor, interval: 100 },
      shutdown: { draining: 400, maxDraining: 400, closing: 10_000 },
    });
    const clients = [await fixture.connect(), await fixture.connect(), await fixture.connect()];
    const places = await Promise.all(clients.map((client) => client.ask("who", patience)));
    // Who has the fewest goes, with the one connection it has.
    const last = clients.find((_, index) =>
      places.indexOf(places[index]) === places.lastIndexOf(places[index])
    )!;
    await fixture.event("worker.retiring", patience);
    for (const client of clients) {
      if (client === last) continue;
      client.connection.end();
      await client.closed(patience);
    }
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(report).toMatchObject({ drained: 0, closed: 1, aborted: 0, bytesLost: 0, workersKilled: 0 });
    await last.closed(patience);
    expect(last.error).toBe(undefined);
  });

  it("is stuck and whose replacement does not start gets another one", async () => {
    leavesThreadBehind();
    const options = { workers: 1, argument: "start fail-first-replaced", supervisor };
    await using fixture = await CommandServer.start(options, "moody.ts");
    const one = await fixture.connect();
    await using hold = await Hold.make();
    one.tell(hold.command);
    await fixture.event("worker.stuck", patience);
    await fixture.event("worker.failed", patience);
    await one.closed(patience);
    await fixture.event("worker.replaced", patience);
    const fresh = await fixture.connect();
    expect(await fresh.ask("who", patience)).toBe("0.2");
  });
});
