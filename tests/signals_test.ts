/** What signals do to a server's program from its first moment on. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { describeWorkers } from "./helpers/commands.ts";
import { Child, runScript } from "./helpers/process.ts";
import { executablePath, pathOf, runtime, system } from "./helpers/runtime.ts";
import { delay } from "./helpers/wait.ts";

const PROGRAM = "./applications/slow_start.ts";

function start(argument: string, environment: Record<string, string> = {}): Child {
  return runScript(PROGRAM, import.meta.url, {
    environment: { RINGPORT_ARGUMENT: argument, ...environment },
  });
}

function skipped(): boolean {
  if (system === "windows") console.log("(skipped: Windows has no signals to send; see console_test.ts)");
  return system === "windows";
}

describeWorkers("SIGTERM while a server starts", (isolation) => {
  const RINGPORT_ISOLATION = isolation;

  it("shuts it down with a report, and tells the applications that have started", async () => {
    if (skipped()) return;
    await using child = start("slow 400", { RINGPORT_ISOLATION });
    await child.line(/starting/);
    child.signal("SIGTERM");
    const { code, output } = await child.end();
    expect(output).toContain("server.signal SIGTERM");
    expect(output).toContain("reason SIGTERM, killed 0, bytes lost 0");
    expect(output.match(/message started/g)).toHaveLength(1);
    expect(output.match(/message stop$/gm)).toHaveLength(1);
    expect(output).not.toContain("serving");
    expect(code).toBe(0);
  });

  it("lets a start that watches its signal end at once", async () => {
    if (skipped()) return;
    await using child = start("obey", { RINGPORT_ISOLATION });
    await child.line(/starting/);
    child.signal("SIGTERM");
    const { code, output } = await child.end();
    expect(output).toContain("reason SIGTERM, killed 0");
    expect(code).toBe(0);
  });

  it("cuts a start that never ends", async () => {
    if (skipped()) return;
    await using child = start("hang", { RINGPORT_ISOLATION, RINGPORT_SHUTDOWN_DRAINING: "100" });
    await child.line(/starting/);
    child.signal("SIGTERM");
    const { code, output } = await child.end();
    expect(output).toContain("reason SIGTERM, killed 1");
    // A process can be killed; a thread that was left behind is told by the code.
    expect(code).toBe(isolation === "thread" ? 1 : 0);
  });

  it("is not lost just after the start", async () => {
    if (skipped()) return;
    await using child = start("at once", { RINGPORT_ISOLATION, SIGNAL_WHEN_STARTED: "1" });
    const { code, output } = await child.end();
    expect(output).toContain("reason SIGTERM, killed 0");
    expect(code).toBe(0);
  });
});

describe("a server that is process 1", () => {
  it("takes SIGTERM from its first worker's start on", async () => {
    if (skipped()) return;
    const run = runtime === "bun" ? ["run"] : ["run", "--quiet", "--no-check", "-A"];
    const command = [executablePath(), ...run, pathOf(PROGRAM, import.meta.url)];
    const unshare = ["unshare", "--pid", "--fork", "--kill-child"];
    await using probe = new Child([...unshare, "true"], {});
    if ((await probe.end()).code !== 0) {
      return console.log("(skipped: only root, or a user with namespaces, begins a tree of processes)");
    }
    await using child = new Child([...unshare, ...command], {
      environment: { RINGPORT_ARGUMENT: "signal" },
    });
    const { code, output } = await child.end();
    expect(output).toContain("reason SIGTERM");
    expect(code).toBe(0);
  });
});

describe("SIGHUP on Linux", () => {
  it("is ignored, and told, where there is no terminal or the option says so", async () => {
    if (skipped()) return;
    const environments: Record<string, string>[] = [{}, { RINGPORT_HANGUP: "ignore" }];
    for (const environment of environments) {
      await using child = start("at once", environment);
      await child.line(/serving/);
      child.signal("SIGHUP");
      await child.line(/server\.signal SIGHUP/);
      await delay(100);
      expect(child.output).not.toContain("server.stopping");
      child.signal("SIGTERM");
      expect((await child.end()).output).toContain("reason SIGTERM");
    }
  });

  it("shuts the server down where the option says so", async () => {
    if (skipped()) return;
    await using child = start("at once", { RINGPORT_HANGUP: "shutdown" });
    await child.line(/serving/);
    child.signal("SIGHUP");
    const { code, output } = await child.end();
    expect(output).toContain("reason SIGHUP, killed 0");
    expect(code).toBe(0);
  });
});

describe("SIGTERM while ringport run loads the application", () => {
  it("ends it with 0", async () => {
    if (skipped()) return;
    await using child = runScript("../src/cli.ts", import.meta.url, {
      arguments: ["run", pathOf("./applications/slow_to_load.ts", import.meta.url), "--port=0"],
    });
    await child.line(/loading/);
    child.signal("SIGTERM");
    expect((await child.end()).code).toBe(0);
  });
});
