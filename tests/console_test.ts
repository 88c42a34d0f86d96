/** Windows: Ctrl+C, Ctrl+Break and the closing of the window, really sent to a server and its workers. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { describeWorkers, LineClient } from "./helpers/commands.ts";
import { type Child, runInConsole } from "./helpers/process.ts";
import { system } from "./helpers/runtime.ts";

const patience = 60_000;
const workers = 2;
/** A deadline that no test waits for. */
const never = "600000";

/** The lines of the console that send an event, and the name it has in a program. */
const signals = { c: "SIGINT", break: "SIGBREAK", close: "SIGHUP" } as const;
type Event = keyof typeof signals;

/** A server in a console of its own, with an idle client and one that waits for its answer. */
class ConsoleServer implements AsyncDisposable {
  private constructor(
    readonly child: Child,
    readonly idle: LineClient,
    readonly waiting: LineClient,
    /** Processes that get an event. */
    readonly processes: number,
  ) {}

  static async start(
    isolation: "thread" | "process",
    draining: string,
    answerAfter: number,
  ): Promise<ConsoleServer> {
    const environment = {
      RINGPORT_ISOLATION: isolation,
      RINGPORT_WORKERS: String(workers),
      RINGPORT_SHUTDOWN_DRAINING: draining,
      RINGPORT_SHUTDOWN_MAX_DRAINING: never,
    };
    const child = runInConsole("./applications/program.ts", import.meta.url, { environment });
    const [, port] = await child.line(/port (\d+)/, patience);
    const [idle, waiting] = [await LineClient.connect(Number(port)), await LineClient.connect(Number(port))];
    expect(await idle.ask("who", patience)).toBe("0.0");
    expect(await waiting.ask("who", patience)).toBe("1.0");
    waiting.tell(`later ${answerAfter}`);
    return new ConsoleServer(child, idle, waiting, isolation === "thread" ? 1 : 1 + workers);
  }

  async send(event: Event): Promise<void> {
    this.child.send(`${event}\n`);
    await this.child.line(new RegExp(`${event} to ${this.processes} processes`), patience);
  }

  /** Both clients' connections ended in order. */
  async endedPolitely(): Promise<void> {
    for (const client of [this.idle, this.waiting]) {
      await client.closed(patience);
      expect(client.error).toBe(undefined);
    }
    expect(this.waiting.lines).toEqual(["1.0", "later"]);
  }

  async report(): Promise<string> {
    const { code, output } = await this.child.end(patience);
    expect(code).toBe(0);
    return output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }
}

const ignore = "only Windows has one; signals are in shutdown_test.ts";
if (system === "windows") {
  describeWorkers("a server in a console", testConsole);
  describe("examples/echo.ts in a console", testExample);
} else {
  it("a server in a console", { ignore }, () => {});
}

function testExample(): void {
  it("stops cleanly at Ctrl+C with a client connected", async () => {
    const options = { arguments: ["0"] };
    await using child = runInConsole("../examples/echo.ts", import.meta.url, options);
    const [, port] = await child.line(/listens on .*:(\d+)/, patience);
    const client = await LineClient.connect(Number(port));
    expect(await client.ask("before", patience)).toBe("before");
    child.send("c\n");
    const { code, output } = await child.end(patience);
    expect(output).toContain("stopped");
    expect(code).toBe(0);
    await client.closed(patience);
  });
}

function testConsole(isolation: "thread" | "process"): void {
  for (const event of ["c", "break"] as const) {
    it(`shuts down in phases at "${event}"`, async () => {
      await using server = await ConsoleServer.start(isolation, "3000", 1_000);
      await server.send(event);
      await server.endedPolitely();
      const output = await server.report();
      expect(output).toMatch(/phase refusing\s+phase draining\s+phase closing\s+phase stopped/);
      expect(output).toContain(`reason ${signals[event]}, bytes lost 0, aborted 0, killed 0`);
    });
  }

  for (const [first, second] of [["c", "c"], ["break", "break"], ["c", "break"]] as const) {
    it(`cuts everything at "${second}" after "${first}"`, async () => {
      await using server = await ConsoleServer.start(isolation, never, 300_000);
      await server.send(first);
      await server.child.line(/phase draining/, patience);
      // One is no reason for haste.
      expect(await server.idle.ask("echo still here", patience)).toBe("still here");
      await server.send(second);
      const output = await server.report();
      expect(output).toMatch(/phase draining\s+(.* processes\s+)?phase aborting\s+phase stopped/);
      expect(output).toContain(`reason ${signals[first]}, bytes lost 0, aborted 2, killed 0`);
      for (const client of [server.idle, server.waiting]) await client.closed(patience);
    });
  }

  it("makes haste when its window is closed, and ends politely all the same", async () => {
    // Far longer than Windows waits, so the option must not be waited for.
    await using server = await ConsoleServer.start(isolation, never, 300);
    await server.send("close");
    await server.endedPolitely();
    const output = await server.report();
    expect(output).toMatch(/phase draining\s+phase closing\s+phase stopped/);
    expect(output).toContain("reason SIGHUP, bytes lost 0, aborted 0, killed 0");
  });
}
