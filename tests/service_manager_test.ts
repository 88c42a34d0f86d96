/** What a service manager is told, by a socket in place of systemd's, and the unit files of the guides. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { host } from "../src/host/mod.ts";
import { readManagerVariables } from "../src/worker/service_manager.ts";
import { Folder } from "./helpers/folder.ts";
import { Child, runScript } from "./helpers/process.ts";
import { executablePath, pathOf, scaled, system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";
import { readSource } from "./house/files.ts";

const PROGRAM = "./applications/program.ts";
const patience = scaled(20_000, 60_000);

async function has(...command: string[]): Promise<boolean> {
  try {
    await using child = new Child(command, {});
    return (await child.end()).code === 0;
  } catch {
    return false;
  }
}

const isLinux = system === "linux";
const noPython = !isLinux
  ? "only Linux has service managers of this kind"
  : !(await has("python3", "--version")) &&
    "python3 is not there to stand in for the manager";

/** The socket of a manager, and what it was told. */
class Manager implements AsyncDisposable {
  readonly #child: Child;
  readonly path: string;

  private constructor(child: Child, path: string) {
    this.#child = child;
    this.path = path;
  }

  static async open(path: string): Promise<Manager> {
    const script = pathOf("./children/notify_socket.py", import.meta.url);
    const child = new Child(["python3", "-u", script, path], {});
    await child.line(/bound/);
    return new Manager(child, path);
  }

  /** The notices so far, each as its lines. */
  get notices(): string[][] {
    return this.#child.output.split("\n").slice(1, -1).map((line) => JSON.parse(line) as string[]);
  }

  /** All lines of all notices but the signs of life. */
  get lines(): string[] {
    return this.notices.flat().filter((line) => line !== "WATCHDOG=1");
  }

  get signsOfLife(): number {
    return this.notices.filter(([first]) => first === "WATCHDOG=1").length;
  }

  async told(line: string | RegExp): Promise<void> {
    const matches = (told: string) => typeof line === "string" ? told === line : line.test(told);
    await until(() => this.lines.some(matches), `the notice ${line}`, patience).catch((error: Error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.notices)}`);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

function start(manager: Manager, environment: Record<string, string> = {}): Child {
  return runScript(PROGRAM, import.meta.url, {
    environment: { NOTIFY_SOCKET: manager.path, RINGPORT_WORKERS: "2", ...environment },
  });
}

describe("a service manager", () => {
  it(
    "is told that the server serves and that it stops, at a path and at a name",
    { ignore: noPython },
    async () => {
      await using folder = await Folder.make();
      for (const path of [folder.file("notify"), `@ringport-test-${crypto.randomUUID()}`]) {
        await using manager = await Manager.open(path);
        await using child = start(manager);
        const [, port] = await child.line(/port (\d+)/);
        await manager.told("READY=1");
        expect(manager.lines).toEqual(["READY=1", `STATUS=serving 127.0.0.1:${port} with 2 workers`]);
        expect(manager.signsOfLife).toBe(0);
        child.signal("SIGTERM");
        expect((await child.end()).code).toBe(0);
        await manager.told("STATUS=stopped");
        expect(manager.lines.slice(2, 5)).toEqual([
          "STOPPING=1",
          "STATUS=stopping: SIGTERM",
          "STATUS=refusing",
        ]);
      }
    },
  );

  it(
    "gets signs of life twice within its time, and a start that is over at once",
    { ignore: noPython },
    async () => {
      await using folder = await Folder.make();
      await using manager = await Manager.open(folder.file("notify"));
      await using child = start(manager, { WATCHDOG_USEC: "400000" });
      await manager.told("READY=1");
      const before = manager.signsOfLife;
      await until(() => manager.signsOfLife >= before + 3, "three signs of life", patience);
      child.signal("SIGTERM");
      await child.end();
    },
  );

  it("gets none that is meant for another process", { ignore: noPython }, async () => {
    await using folder = await Folder.make();
    await using manager = await Manager.open(folder.file("notify"));
    await using child = start(manager, { WATCHDOG_USEC: "200000", WATCHDOG_PID: "1" });
    await manager.told("READY=1");
    await delay(400);
    expect(manager.signsOfLife).toBe(0);
    child.signal("SIGTERM");
    await child.end();
  });

  it("gets none while no worker serves", { ignore: noPython }, async () => {
    await using folder = await Folder.make();
    await using manager = await Manager.open(folder.file("notify"));
    await using child = start(manager, {
      WATCHDOG_USEC: "200000",
      RINGPORT_WORKERS: "1",
      RINGPORT_SUPERVISOR_BACK_OFF: "60000",
      RINGPORT_SUPERVISOR_MAX_BACK_OFF: "60000",
    });
    const [, port] = await child.line(/port (\d+)/);
    await manager.told("READY=1");
    await until(() => manager.signsOfLife > 1, "signs of life", patience);
    const { LineClient } = await import("./helpers/commands.ts");
    const client = await LineClient.connect(Number(port));
    client.tell("crash");
    await child.line(/died/, patience);
    const before = manager.signsOfLife;
    await delay(800);
    expect(manager.signsOfLife).toBe(before);
    // The place of the worker would be filled after a minute, which the end does not wait for.
    child.signal("SIGTERM");
    expect((await child.end()).code).toBe(0);
  });

  it("is answered when it asks for a reload, with the time", { ignore: noPython }, async () => {
    await using folder = await Folder.make();
    await using manager = await Manager.open(folder.file("notify"));
    await using child = start(manager, { RINGPORT_HANGUP: "ignore" });
    await manager.told("READY=1");
    const before = await uptime();
    child.signal("SIGHUP");
    await manager.told(/^MONOTONIC_USEC=\d+$/);
    await until(
      () => manager.lines.filter((line) => line === "READY=1").length === 2,
      "ready again",
      patience,
    );
    const reload = manager.notices.find(([first]) => first === "RELOADING=1")!;
    const stamp = Number(reload.find((line) => line.startsWith("MONOTONIC_USEC="))!.split("=")[1]);
    // The clock of the kernel's uptime goes on while the machine sleeps; it does not sleep during a test.
    expect(Math.abs(stamp / 1_000_000 - before)).toBeLessThan(60);
    child.signal("SIGTERM");
    await child.end();
  });

  it("is told by a successor that it is the one to watch", { ignore: noPython }, async () => {
    await using folder = await Folder.make();
    await using manager = await Manager.open(folder.file("notify"));
    const environment = { RINGPORT_RESTART_PATH: folder.file("hand_over") };
    await using first = start(manager, environment);
    await manager.told("READY=1");
    await using second = start(manager, environment);
    await manager.told(/^MAINPID=\d+$/);
    expect((await first.end()).code).toBe(0);
    expect(manager.lines).toContain("STATUS=a successor takes over");
    expect(manager.lines).not.toContain("STOPPING=1");
    second.signal("SIGTERM");
    expect((await second.end()).code).toBe(0);
    await manager.told("STOPPING=1");
  });

  it(
    "that is not there harms nobody, and is logged",
    { ignore: !isLinux && "only Linux has them" },
    async () => {
      await using child = runScript("./applications/slow_start.ts", import.meta.url, {
        environment: { NOTIFY_SOCKET: "/nowhere/at/all" },
      });
      await child.line(/manager\.unreachable/);
      await child.line(/serving/);
      child.signal("SIGTERM");
      expect((await child.end()).code).toBe(0);
    },
  );
});

describe("the variables of a service manager", () => {
  it("are read as it writes them, and passed over where they say something else", () => {
    const read = (variables: Record<string, string>) => readManagerVariables((name) => variables[name], 7);
    expect(read({})).toBe(undefined);
    expect(read({ NOTIFY_SOCKET: "" })).toBe(undefined);
    expect(read({ NOTIFY_SOCKET: "vsock:2:1234" })).toBe(undefined);
    expect(read({ NOTIFY_SOCKET: "/run/n" })).toEqual({ path: "/run/n", watchdog: undefined });
    expect(read({ NOTIFY_SOCKET: "@n" })).toEqual({ path: "\0n", watchdog: undefined });
    const watchdog = (more: Record<string, string>) => read({ NOTIFY_SOCKET: "/run/n", ...more })!.watchdog;
    expect(watchdog({ WATCHDOG_USEC: "30000000" })).toBe(30_000);
    expect(watchdog({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" })).toBe(30_000);
    expect(watchdog({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" })).toBe(undefined);
    for (const odd of ["0", "-1", "soon", ""]) expect(watchdog({ WATCHDOG_USEC: odd })).toBe(undefined);
  });
});

/** Seconds since the machine was started. */
async function uptime(): Promise<number> {
  return Number((await host.readText("/proc/uptime"))!.split(" ")[0]);
}

/** The unit files in a guide, by their names, which stand in their first lines. */
function unitsOf(page: string): Map<string, string> {
  const blocks = [...page.matchAll(/```ini\n([\s\S]*?)```/g)].map(([, text]) => text);
  const units = new Map<string, string>();
  for (const block of blocks) {
    for (const part of block.split(/^(?=# \S+\.(?:service|socket)$)/m)) {
      const name = /^# (\S+\.(?:service|socket))$/m.exec(part)?.[1];
      if (name !== undefined) units.set(name, part);
    }
  }
  return units;
}

describe("the unit files of the guides", () => {
  const noSystemd = !isLinux ? "only Linux has systemd" : false;
  for (const page of ["docs/systemd.md", "docs/restart.md", "docs/deployment.md"]) {
    it(`are found good by systemd: ${page}`, { ignore: noSystemd }, async () => {
      const units = unitsOf(await readSource(page));
      expect(units.size).toBeGreaterThan(0);
      if (!(await has("systemd-analyze", "--version"))) {
        return console.log("(skipped: systemd-analyze is not there)");
      }
      await using folder = await Folder.make();
      const paths: string[] = [];
      for (const [name, text] of units) {
        const path = folder.file(name);
        // The runtime is elsewhere on this machine, and the user is not there.
        const here = text.replace(/^(ExecStart=)\S+/m, `$1${executablePath()}`);
        await host.writeText(path, here);
        paths.push(path);
      }
      await using child = new Child(["systemd-analyze", "verify", "--man=no", ...paths], {});
      const { code, output, errors } = await child.end(patience);
      const ours = `${output}${errors}`.split("\n").filter((line) =>
        [...units.keys()].some((name) => line.includes(name))
      );
      expect(ours.join("\n")).toBe("");
      expect(code, errors).toBe(0);
    });
  }
});
