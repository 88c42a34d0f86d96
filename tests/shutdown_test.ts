/** A shutdown of a real server with idle, half-sent and streaming connections, and by signals. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type ShutdownReport } from "../src/mod.ts";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { Hold } from "./helpers/hold.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

function phasesOf(report: ShutdownReport): string[] {
  return report.phases.map(({ phase }) => phase);
}

describeWorkers("a shutdown", (isolation) => {
  it("of a server without connections takes no time and tells the application", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 2, shutdown: { draining: 60_000 } });
    const report = await fixture.server.shutdown();
    expect(phasesOf(report)).toEqual(["refusing", "draining"]);
    expect(report).toMatchObject({ reason: "shutdown", drained: 0, closed: 0, aborted: 0, bytesLost: 0 });
    expect(fixture.messages.filter((message) => message === "stopping draining")).toHaveLength(2);
    expect(fixture.messages.filter((message) => message === "stop")).toHaveLength(2);
    // No worker frees anything before all have drained.
    expect(fixture.messages.lastIndexOf("stopping draining")).toBeLessThan(fixture.messages.indexOf("stop"));
    expect(fixture.server.phase).toBe("stopped");
    await errorOf(() => LineClient.connect(fixture.server.port));
  });

  it("accepts no more, and serves on what is there", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 2, shutdown: { draining: 60_000 } });
    const clients = [await fixture.connect(), await fixture.connect()];
    for (const client of clients) await client.ask("who");
    const ended = fixture.server.shutdown();
    await until(() => fixture.server.phase === "draining", "draining began");
    await errorOf(() => fixture.connect());
    for (const client of clients) expect(await client.ask("echo still")).toBe("still");
    for (const client of clients) client.connection.end();
    const report = await ended;
    expect(phasesOf(report)).toEqual(["refusing", "draining"]);
    expect(report).toMatchObject({ drained: 2, closed: 0, aborted: 0, bytesLost: 0 });
  });

  it("ends idle connections politely when they do not end by themselves", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 2, shutdown: { draining: 200 } });
    const clients = await Promise.all(Array.from({ length: 6 }, () => fixture.connect()));
    for (const client of clients) await client.ask("who");
    const report = await fixture.server.shutdown();
    expect(phasesOf(report)).toEqual(["refusing", "draining", "closing"]);
    expect(report).toMatchObject({ closed: 6, aborted: 0, bytesLost: 0 });
    for (const client of clients) {
      await client.closed();
      expect(client.error).toBe(undefined);
    }
  });

  it("finishes what handlers have begun", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 1, shutdown: { draining: 60_000 } });
    const client = await fixture.connect();
    await client.ask("who");
    await fixture.heard(client, "later 400");
    const ended = fixture.server.shutdown();
    await until(() => client.lines.includes("later"), "the answer came", patience);
    client.connection.end();
    expect(await ended).toMatchObject({ drained: 1, bytesLost: 0 });
  });

  it("waits for a peer that takes its bytes slowly, and loses none", async () => {
    const fixture = await CommandServer.start({
      isolation,
      workers: 1,
      shutdown: { draining: scaled(400, 2_000), maxDraining: 60_000, closing: 30_000 },
    });
    const size = scaled(8_000_000, 1_000_000);
    let received = 0;
    let reading = false;
    const client = await connect({
      hostname: "127.0.0.1",
      port: fixture.server.port,
      receiveBuffer: 16_384,
      socket: {
        data(connection, window) {
          received += window.length;
          if (received >= size) return void connection.end();
          connection.pause();
          setTimeout(() => connection.resume(), 1);
          reading = true;
        },
      },
    });
    client.write(`bytes ${size}\n`);
    await until(() => reading, "the bytes began to come", patience);
    const report = await fixture.server.shutdown();
    await client.closed;
    expect(received).toBe(size);
    expect(report).toMatchObject({ aborted: 0, bytesLost: 0, bytesCut: 0 });
    // It took longer than the deadline, because data still moved.
    expect(report.drained + report.closed).toBe(1);
  });

  it("cuts a peer that takes nothing, and tells how much it did not get", async () => {
    const fixture = await CommandServer.start({
      isolation,
      workers: 1,
      shutdown: { draining: 100, closing: 200, aborting: 2_000 },
    });
    const size = 8_000_000;
    const client = await connect({ hostname: "127.0.0.1", port: fixture.server.port, receiveBuffer: 16_384 });
    // Nobody reads.
    const line = `bytes ${size}\n`;
    client.write(line);
    const received = () => fixture.server.stats().total.bytesReceived;
    await until(() => received() === line.length, "the worker answers", patience);
    const report = await fixture.server.shutdown();
    expect(phasesOf(report)).toEqual(["refusing", "draining", "closing", "aborting"]);
    expect(report.aborted).toBe(1);
    expect(report.bytesLost).toBe(0);
    expect(report.bytesCut).toBeGreaterThan(0);
    client.abort();
    await client.closed;
  });

  // The half that is sent comes with a whole line, which the application tells of.
  const half = "log half is there\necho half a li";

  it("keeps a half-sent message's connection, and answers the whole of it", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 1, shutdown: { draining: 60_000 } });
    const client = await fixture.connect();
    client.connection.write(half);
    await until(() => fixture.messages.includes("half is there"), "the half has come", patience);
    const ended = fixture.server.shutdown();
    await until(() => fixture.server.phase === "draining", "draining began");
    expect(await client.ask("ne")).toBe("half a line");
    client.connection.end();
    expect(await ended).toMatchObject({ drained: 1, closed: 0, aborted: 0, bytesLost: 0 });
  });

  it("closes a half-sent message's connection when its time is over", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 1, shutdown: { draining: 100 } });
    const client = await fixture.connect();
    client.connection.write(half);
    await until(() => fixture.messages.includes("half is there"), "the half has come", patience);
    const report = await fixture.server.shutdown();
    expect(phasesOf(report)).toEqual(["refusing", "draining", "closing"]);
    expect(report).toMatchObject({ drained: 0, closed: 1, aborted: 0, bytesLost: 0 });
    await client.closed();
  });

  it("gives the same promise twice, and can be hurried", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 2, shutdown: { draining: 60_000 } });
    const client = await fixture.connect();
    await client.ask("who");
    const first = fixture.server.shutdown();
    expect(fixture.server.shutdown()).toBe(first);
    await until(() => fixture.server.phase === "draining", "draining began");
    void fixture.server.abort();
    const report = await first;
    expect(phasesOf(report)).toEqual(["refusing", "draining", "aborting"]);
    expect(report.aborted).toBe(1);
    await client.closed();
  });

  it("takes the sockets of a worker that does not come back", async () => {
    await using hold = await Hold.make();
    const fixture = await CommandServer.start({
      isolation,
      workers: 2,
      // Long enough for the other worker to end by itself.
      shutdown: { draining: 200, closing: 200, aborting: scaled(2_000, 5_000) },
    });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    await one.ask("who");
    await other.ask("who");
    await fixture.heard(one, hold.command);
    const report = await fixture.server.shutdown();
    expect(report.workersKilled).toBe(1);
    await one.closed(patience);
    await other.closed(patience);
  });

  it("refuses options it does not know", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 1 });
    const error = await errorOf(async () => await fixture.server.shutdown({ drain: 5 } as object)) as Error;
    expect(error.message).toContain('unknown option "drain"');
  });
});

describe("a server's program", () => {
  const program = "./applications/program.ts";

  it("stops in order at SIGTERM", async () => {
    if (system === "windows") return console.log("(skipped: it takes signals; see console_test.ts)");
    await using child = runScript(program, import.meta.url, { environment: { RINGPORT_WORKERS: "2" } });
    const [, port] = await child.line(/port (\d+)/);
    const client = await LineClient.connect(Number(port));
    expect(await client.ask("echo hello")).toBe("hello");
    child.signal("SIGUSR1");
    await child.line(/dumped 1 connection/);
    child.signal("SIGTERM");
    await client.closed(patience);
    const { code, output, errors } = await child.end(patience);
    expect(`${code} ${errors}`.startsWith("0 ")).toBe(true);
    expect(output).toContain("reason SIGTERM, bytes lost 0");
  });

  it("cuts everything at a second signal", async () => {
    if (system === "windows") {
      return console.log("(skipped: it takes a console; see console_test.ts)");
    }
    const environment = { RINGPORT_SHUTDOWN_DRAINING: "600000", RINGPORT_SHUTDOWN_MAX_DRAINING: "600000" };
    await using child = runScript(program, import.meta.url, { environment });
    const [, port] = await child.line(/port (\d+)/);
    const client = await LineClient.connect(Number(port));
    await client.ask("who");
    child.signal("SIGINT");
    await child.line(/phase draining/);
    child.signal("SIGINT");
    const { code, output } = await child.end(patience);
    expect(code).toBe(0);
    expect(output).toContain("reason SIGINT");
    expect(output).toContain("aborted 1");
    await client.closed();
  });

  it("ends although one of its threads never comes back", async () => {
    const environment = {
      RINGPORT_WORKERS: "1",
      RINGPORT_SHUTDOWN_DRAINING: "200",
      RINGPORT_SHUTDOWN_CLOSING: "200",
      RINGPORT_SHUTDOWN_ABORTING: "500",
      RINGPORT_SUPERVISOR_INTERVAL: "100",
      RINGPORT_SUPERVISOR_SLOW_AFTER: "300",
      RINGPORT_SUPERVISOR_STUCK_AFTER: "1000000",
      STOP_AT_LINE: "1",
    };
    await using child = runScript(program, import.meta.url, { environment });
    const [, port] = await child.line(/port (\d+)/);
    const client = await LineClient.connect(Number(port));
    client.tell("spin 1000000000");
    await child.line(/slow/, patience);
    child.send("stop\n");
    const { code, output } = await child.end(patience);
    expect(output).toContain("killed 1");
    expect(code).toBe(1);
    await client.closed();
  });
});
