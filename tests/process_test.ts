/** Workers in processes of their own: killed, stuck, left alone, and told to stop by the terminal. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { openNative } from "../ffi/mod.ts";
import { host } from "../src/host/mod.ts";
import { Server } from "../src/mod.ts";
import { CommandServer, LineClient } from "./helpers/commands.ts";
import { Child, runScript } from "./helpers/process.ts";
import { executablePath, openDescriptors, pathOf, runtime, scaled, system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

const isolation = "process";
const patience = scaled(20_000, 60_000);
const quick = { backOff: 10, interval: 100, slowAfter: 400, stuckAfter: scaled(1_000, 4_000) };
const onlyLinux = { ignore: system === "windows" && "Windows has no list of what is mapped to read" };
const noSignals = { ignore: system === "windows" && "Windows has no signals to send" };

/**
 * Whether a process is gone. Windows tells of those that are as long as somebody remembers them: not asked.
 */
async function isGone(pid: number): Promise<boolean> {
  if (system === "windows") return true;
  const text = await host.readText(`/proc/${pid}/stat`);
  return text === undefined || text.includes(") Z ");
}

async function pidOf(client: LineClient): Promise<number> {
  return Number(await client.ask("pid", patience));
}

describe("a worker's process", () => {
  it("is another one than the server's, and gone when the server has stopped", async () => {
    const fixture = await CommandServer.start({ isolation, workers: 2, shutdown: { draining: 100 } });
    const clients = [await fixture.connect(), await fixture.connect()];
    const pids = await Promise.all(clients.map(pidOf));
    expect(new Set([...pids, host.pid]).size).toBe(3);
    await fixture.server.shutdown();
    for (const pid of pids) expect(await isGone(pid)).toBe(true);
  });

  it("imports the application's module, which is not the main one there", async () => {
    const program = new URL("./applications/program.ts", import.meta.url);
    const options = { hostname: "127.0.0.1", port: 0, workers: 1, segmentCount: 256, log: () => {} };
    await using server = await Server.start(program, { ...options, isolation });
    const client = await LineClient.connect(server.port);
    expect(await client.ask("who")).toBe("0.0");
    client.connection.end();
    await client.closed();
  });

  it("that is killed from outside is replaced, and the others go on", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    const [index] = (await one.ask("who")).split(".");
    const pid = await pidOf(one);
    await other.ask("who");
    expect(host.kill(pid, "SIGKILL")).toBe(true);
    await one.closed(patience);
    const died = await fixture.event("worker.died", patience);
    expect(died.reason).toContain("the process ended without a word");
    expect(await other.ask("echo still here")).toBe("still here");
    await fixture.event("worker.replaced", patience);
    await until(() => fixture.server.workers === 2, "two workers serve again", patience);
    const fresh = await fixture.connect();
    expect(await fresh.ask("who")).toBe(`${index}.1`);
  });

  it("that is killed while connections come loses none that it had not taken", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    const first = await fixture.connect();
    const pid = await pidOf(first);
    host.kill(pid, "SIGKILL");
    // Some of these are on their way to it, some come while it is already gone.
    const clients = await Promise.all(Array.from({ length: 20 }, () => fixture.connect()));
    const answers = await Promise.all(clients.map((client) => client.ask("echo here", patience)));
    // Those it took before it was killed are cut.
    const lost = answers.filter((answer) => answer === "gone").length;
    expect(answers.filter((answer) => answer === "here").length).toBe(20 - lost);
    expect(lost).toBeLessThanOrEqual(10);
    await until(() => fixture.server.workers === 2, "two workers serve again", patience);
  });

  it("that does not come back is killed", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    const [one, other] = [await fixture.connect(), await fixture.connect()];
    const pid = await pidOf(one);
    await other.ask("who");
    one.tell("spin 1000000000");
    await fixture.event("worker.killed", patience);
    await one.closed(patience);
    await until(() => isGone(pid), "the process is gone");
    expect(await other.ask("echo still here")).toBe("still here");
  });

  it("leaves no descriptor behind in the server", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2 });
    const round = async () => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => fixture.connect()));
      await Promise.all(clients.map((client) => client.ask("who")));
      for (const client of clients) client.connection.end();
      for (const client of clients) await client.closed();
    };
    await round();
    const before = await openDescriptors();
    for (let count = 0; count < scaled(10, 2); count++) await round();
    const all = 20 + 20 * scaled(10, 2);
    await until(
      () => {
        const { open, accepted } = fixture.server.stats().total.connections;
        return open === 0 && accepted >= all;
      },
      "the figures came",
      patience,
    );
    expect(fixture.server.stats().total.connections.accepted).toBe(all);
    const after = await openDescriptors();
    if (before !== undefined) expect(after! - before).toBeLessThan(20);
  });

  it("shows what it does at once, even while it is stuck, and what it did is not lost with it", async () => {
    const supervisor = { ...quick, stuckAfter: 60_000, slowAfter: 60_000 };
    await using fixture = await CommandServer.start({ isolation, workers: 1, supervisor });
    const received = () => fixture.server.stats().total.bytesReceived;
    const client = await fixture.connect();
    for (let count = 1; count <= 5; count++) {
      expect(await client.ask("echo hello")).toBe("hello");
      expect(received()).toBe(count * "echo hello\n".length);
    }
    const pid = await pidOf(client);
    client.tell("spin 1000000000");
    const all = 5 * "echo hello\n".length + "pid\n".length + "spin 1000000000\n".length;
    await until(() => received() === all, "the figures of the stuck worker came", patience);
    const [worker] = fixture.server.stats().workers;
    expect([worker.connections.accepted, worker.operations.receive.server]).toEqual([1, 7]);
    host.kill(pid, "SIGKILL");
    await client.closed(patience);
    await fixture.event("worker.replaced", patience);
    expect(received()).toBe(all);
    expect(fixture.server.stats().total.connections.accepted).toBe(1);
    expect(fixture.server.stats().total.connections.open).toBe(0);
  });

  it("leaves no memory behind in the server when it is gone, nor does the server", onlyLinux, async () => {
    const mapped = async () => (await host.readText("/proc/self/maps"))!.split("memfd:ringport").length - 1;
    const before = await mapped();
    {
      await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
      // One for all, and one for each worker.
      expect(await mapped()).toBe(before + 3);
      for (let round = 1; round <= 3; round++) {
        const client = await fixture.connect();
        host.kill(await pidOf(client), "SIGKILL");
        const replaced = () => fixture.events("worker.replaced").length === round;
        await until(replaced, "the worker was replaced", patience);
        expect(await mapped()).toBe(before + 3);
      }
    }
    expect(await mapped()).toBe(before);
  });

  it("that sleeps is healthy all the time", async () => {
    await using fixture = await CommandServer.start({ isolation, workers: 2, supervisor: quick });
    await delay(2 * quick.stuckAfter);
    const told = ["worker.slow", "worker.stuck", "worker.died"].flatMap((event) => fixture.events(event));
    expect(told.filter(({ event }) => event !== "worker.slow")).toEqual([]);
    expect(fixture.server.workers).toBe(2);
  });
});

async function start(): Promise<{ child: Child; clients: LineClient[]; pids: number[] }> {
  const environment = { RINGPORT_ISOLATION: "process", RINGPORT_WORKERS: "2" };
  const child = runScript("./applications/program.ts", import.meta.url, { environment });
  const [, port] = await child.line(/port (\d+)/, patience);
  const clients = [await LineClient.connect(Number(port)), await LineClient.connect(Number(port))];
  return { child, clients, pids: await Promise.all(clients.map(pidOf)) };
}

describe("a program with workers in processes", () => {
  it("leaves no process behind when it is killed, and those end politely", async () => {
    const { child, clients, pids } = await start();
    await child[Symbol.asyncDispose]();
    for (const client of clients) {
      await client.closed(patience);
      expect(client.error).toBe(undefined);
    }
    for (const pid of pids) await until(() => isGone(pid), "the worker's process is gone");
  });

  it("stops in order when all of its processes get the signal", noSignals, async () => {
    const { child, clients, pids } = await start();
    await using _ = child;
    for (const pid of pids) host.kill(pid, "SIGINT");
    for (const pid of pids) host.kill(pid, "SIGTERM");
    await delay(200);
    // A worker that gets them alone goes on: it obeys its server.
    for (const client of clients) expect(await client.ask("echo on")).toBe("on");
    for (const pid of pids) host.kill(pid, "SIGINT");
    child.signal("SIGINT");
    for (const client of clients) {
      await client.closed(patience);
      expect(client.error).toBe(undefined);
    }
    const { code, output } = await child.end(patience);
    expect(output).toContain("reason SIGINT, bytes lost 0, aborted 0, killed 0");
    expect(code).toBe(0);
    for (const pid of pids) expect(await isGone(pid)).toBe(true);
  });
});

describe("a program that is started in place of a worker", () => {
  it("starts no server with workers in processes, and so no further one", async () => {
    const environment = { RINGPORT_ISOLATION: "process", RINGPORT_CHANNEL: "{}" };
    await using child = runScript("./applications/program.ts", import.meta.url, { environment });
    const { code, errors } = await child.end(patience);
    expect(code).not.toBe(0);
    expect(errors).toContain("a compiled program cannot have workers in processes");
  });
});

describe("a process that cannot be started", () => {
  const denoOnly = { ignore: runtime === "bun" && "Bun has no permissions to withhold" };
  it("is an error that says why", denoOnly, async () => {
    const path = pathOf("./applications/program.ts", import.meta.url);
    const flags = ["--allow-ffi", "--allow-read", "--allow-env", "--allow-net", "--allow-sys"];
    const command = [executablePath(), "run", "--quiet", "--no-check", "--no-prompt", ...flags, path];
    await using child = new Child(command, { environment: { RINGPORT_ISOLATION: "process" } });
    const { code, errors } = await child.end(patience);
    expect(code).not.toBe(0);
    expect(errors).toContain("the process could not be started");
    expect(errors).toContain("run");
  });

  it("for want of shared memory is an error that says why", denoOnly, async () => {
    const path = pathOf("./applications/program.ts", import.meta.url);
    const { libraryPath } = openNative();
    const flags = [`--allow-ffi=${libraryPath}`, "--allow-read", "--allow-env", "--allow-net", "--allow-sys"];
    const command = [executablePath(), "run", "--quiet", "--no-check", "--no-prompt", ...flags, path];
    await using child = new Child(command, { environment: { RINGPORT_ISOLATION: "process" } });
    const { code, errors } = await child.end(patience);
    expect(code).not.toBe(0);
    expect(errors).toContain('is not available (option "isolation")');
    expect(errors).toContain("--allow-ffi for every library");
  });
});
