/** Zero-downtime restart: taking the place of a server that runs, and sockets from a service manager. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { processId } from "../src/loop/native.ts";
import { connect } from "../src/mod.ts";
import { resolveServerOptions } from "../src/server/options/mod.ts";
import { rendezvousAt } from "../src/worker/restart/rendezvous.ts";
import { matchListeners } from "../src/worker/restart/predecessor.ts";
import { type OfferedListener, restartProtocol } from "../src/worker/restart/messages.ts";
import { Folder } from "./helpers/folder.ts";
import { Child, runScript } from "./helpers/process.ts";
import { pathOf, runtime, scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const script = "./applications/successor.ts";
/** Wine has no Unix sockets, and a service manager gives sockets on Linux alone. */
const hasUnix = { ignore: system === "windows" && "there are no Unix sockets here" };
const onlyLinux = { ignore: system === "windows" && "sockets from a service manager are a matter of Linux" };
const patience = scaled(30_000, 90_000);

/** One running program. */
class Program implements AsyncDisposable {
  readonly child: Child;

  private constructor(child: Child) {
    this.child = child;
  }

  static start(environment: Record<string, string>, command?: string[]): Program {
    const all = { RINGPORT_PORT: "0", ...environment };
    const child = command === undefined
      ? runScript(script, import.meta.url, { environment: all })
      : new Child([...command, pathOf(script, import.meta.url)], { environment: all });
    return new Program(child);
  }

  async port(): Promise<number> {
    return Number((await this.child.line(/serving (\d+)/, patience))[1]);
  }

  /** Of each listener by its name. */
  async ports(): Promise<Record<string, number>> {
    const [, text] = await this.child.line(/listeners (.*) \./, patience);
    const pairs = text.split(" ").map((pair) => pair.split("="));
    return Object.fromEntries(pairs.map(([name, port]) => [name, Number(port)]));
  }

  /** Tells it to stop; resolves with its report. */
  async stop(): Promise<void> {
    if (system === "windows") this.child.send("SIGTERM\n");
    else this.child.signal("SIGTERM");
    expect((await this.report()).reason).toBe("SIGTERM");
  }

  async report(): Promise<{ reason: string; bytesLost: number; aborted: number }> {
    return JSON.parse((await this.child.line(/report (.*)\n/, patience))[1]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.child[Symbol.asyncDispose]();
  }
}

/** Connect, ask, read the answer, end; again and again. */
class Clients {
  readonly answers: string[] = [];
  readonly failures: string[] = [];
  readonly #to: { hostname: string; port: number } | { unix: string };
  readonly #runs: Promise<void>[];
  #stopped = false;

  constructor(count: number, to: { hostname: string; port: number } | { unix: string }) {
    this.#to = to;
    this.#runs = Array.from({ length: count }, () => this.#run());
  }

  async further(count: number): Promise<void> {
    const wanted = this.answers.length + count;
    await until(
      () => this.answers.length >= wanted || this.failures.length > 0,
      `${count} answers`,
      patience,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await within(Promise.all(this.#runs), "the clients to end", patience);
  }

  async #run(): Promise<void> {
    while (!this.#stopped && this.answers.length < 200_000) {
      try {
        this.answers.push(await ask(this.#to));
      } catch (error) {
        this.failures.push(String(error));
        await delay(20);
      }
    }
  }
}

async function ask(to: { hostname: string; port: number } | { unix: string }): Promise<string> {
  const answer = Promise.withResolvers<string>();
  const connection = await connect({
    ...to,
    timeouts: { connect: patience },
    socket: {
      data: (_, window) => answer.resolve(window.text()),
      close: (_, reason) => answer.reject(reason.error ?? new Error("closed without an answer")),
    },
  });
  connection.write("x\n");
  const text = await within(answer.promise, "an answer", patience);
  connection.end();
  await within(connection.closed, "the end", patience);
  return text.trim();
}

async function restart(
  environment: Record<string, string>,
  times: number,
  commands: (string[] | undefined)[] = [],
): Promise<void> {
  await using folder = await Folder.make();
  const shared = { RINGPORT_RESTART_PATH: folder.file("h"), ...environment };
  let program = Program.start({ ...shared, PROGRAM: "0" }, commands[0]);
  const port = await program.port();
  const to = environment.RINGPORT_UNIX === undefined
    ? { hostname: "127.0.0.1", port }
    : { unix: environment.RINGPORT_UNIX };
  const clients = new Clients(4, to);
  try {
    await clients.further(20);
    for (let time = 1; time <= times; time++) {
      const successor = Program.start({ ...shared, PROGRAM: String(time) }, commands[time]);
      try {
        expect(await successor.port()).toBe(port);
        expect(await program.report()).toMatchObject({ reason: "restart", bytesLost: 0, aborted: 0 });
        expect((await program.child.end(patience)).code).toBe(0);
      } finally {
        await program[Symbol.asyncDispose]();
        program = successor;
      }
      await clients.further(20);
      expect(clients.failures).toEqual([]);
    }
    const last = clients.answers.length;
    await clients.further(20);
    expect(new Set(clients.answers.slice(last + 4))).toEqual(new Set([`x ${times}`]));
    await clients.stop();
    expect(clients.failures).toEqual([]);
    expect(new Set(clients.answers).size).toBe(times + 1);
    await program.stop();
    expect(await folder.look("h")).toBe("");
  } finally {
    await clients.stop();
    await program[Symbol.asyncDispose]();
  }
}

describe("a server that takes the place of one that runs", () => {
  it("loses no attempt and no exchange, again and again", async () => {
    await restart({}, scaled(3, 2));
  });

  it("does so with workers in processes", async () => {
    await restart({ RINGPORT_ISOLATION: "process" }, scaled(2, 1));
  });

  it("does so at a Unix socket", hasUnix, async () => {
    await using folder = await Folder.make();
    await restart({ RINGPORT_UNIX: folder.file("u"), RINGPORT_PORT: "" }, 2);
    expect(await folder.look("u")).toBe("");
  });

  it("may run on the other runtime", async () => {
    const ending = system === "windows" ? ".exe" : "";
    const other = runtime === "bun"
      ? [`deno${ending}`, "run", "--quiet", "--no-check", "-A"]
      : [`bun${ending}`, "run"];
    const there = await errorOf(async () => {
      await using child = new Child([other[0], "--version"], {});
      throw (await child.end()).code === 0 ? "there" : "absent";
    });
    if (there !== "there") return console.log(`(skipped: there is no ${other[0]} here)`);
    await restart({}, 2, [undefined, other, undefined]);
  });

  it("leaves it in its place where it does not start itself", async () => {
    await using folder = await Folder.make();
    const environment = { RINGPORT_RESTART_PATH: folder.file("h") };
    await using first = Program.start({ ...environment, PROGRAM: "first" });
    const port = await first.port();
    const clients = new Clients(2, { hostname: "127.0.0.1", port });
    await clients.further(5);
    await using failing = Program.start({ ...environment, RINGPORT_ARGUMENT: "fail" });
    expect((await failing.child.end(patience)).output).toContain("this one does not start");
    await first.child.line(/event successor.failed/, patience);
    await clients.further(20);
    expect(new Set(clients.answers)).toEqual(new Set(["x first"]));
    expect(clients.failures).toEqual([]);
    await using second = Program.start({ ...environment, PROGRAM: "second" });
    expect(await second.port()).toBe(port);
    expect((await first.report()).reason).toBe("restart");
    await clients.further(20);
    await clients.stop();
    expect(clients.failures).toEqual([]);
    await second.stop();
  });

  it("binds what the other has not, and the other closes what nobody takes", async () => {
    await using folder = await Folder.make();
    const environment = { RINGPORT_RESTART_PATH: folder.file("h"), RINGPORT_PORT: "" };
    const start = (program: string, ...names: string[]) => {
      const listeners = names.map((name) => ({ name, hostname: "127.0.0.1", port: 0 }));
      const own = { PROGRAM: program, RINGPORT_LISTENERS: JSON.stringify(listeners) };
      return Program.start({ ...environment, ...own });
    };
    await using first = start("a", "one", "two");
    const before = await first.ports();
    expect(await ask({ hostname: "127.0.0.1", port: before.two })).toBe("x a");
    await using second = start("b", "three", "one");
    const after = await second.ports();
    await first.report();
    expect(after.one).toBe(before.one);
    expect(await ask({ hostname: "127.0.0.1", port: after.one })).toBe("x b");
    expect(await ask({ hostname: "127.0.0.1", port: after.three })).toBe("x b");
    expect(await errorOf(() => ask({ hostname: "127.0.0.1", port: before.two }))).toMatchObject({
      code: "ECONNREFUSED",
    });
    await second.stop();
  });

  it("is the only one, and of a version that is understood", async () => {
    await using folder = await Folder.make();
    const path = folder.file("h");
    await using first = Program.start({ RINGPORT_RESTART_PATH: path });
    await first.port();
    await using loop = createEventLoop({ segmentCount: 64 });
    const visit = async (message: unknown, stays = false) => {
      const heard: { kind: string; reason?: string }[] = [];
      const channel = await rendezvousAt(path).dial(loop, {
        received: (message) => heard.push(message as { kind: string }),
        closed: () => heard.push({ kind: "closed" }),
      });
      channel!.post(message);
      await until(() => heard.length > 0, "an answer came", patience);
      if (!stays) channel!.end();
      return { channel: channel!, heard };
    };
    const hello = { kind: "hello", protocol: restartProtocol, pid: processId() };
    const old = await visit({ ...hello, protocol: 0 });
    expect(old.heard[0].reason).toContain("version 3 of the protocol, not 0");
    expect((await visit({ kind: "ready", listeners: [0] })).heard).toEqual([{ kind: "closed" }]);
    expect((await visit(null)).heard).toEqual([{ kind: "closed" }]);
    const waiting = await visit(hello, true);
    expect(waiting.heard[0].kind).toBe("listener");
    expect((await visit(hello)).heard[0].reason).toContain("another server is about to take its place");
    waiting.channel.abort();
    await first.child.line(/event successor.failed/, patience);
    const next = await visit(hello, true);
    expect(next.heard[0].kind).toBe("listener");
    next.channel.abort();
    expect(first.child.output).not.toContain("server.stopping");
    await first.stop();
    expect(await folder.look("h")).toBe("");
  });
});

/** Binds, and becomes the program, as a service manager does. */
const launcher = `
import os, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(100)
print("bound", s.getsockname()[1], flush=True)
if s.fileno() == 3: s.set_inheritable(True)
else: os.dup2(s.fileno(), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web")
os.execvp(sys.argv[1], sys.argv[1:])
`;

describe("a server with a socket from the service manager", () => {
  it("serves whoever came before it, and hands the socket on", onlyLinux, async () => {
    const python = await errorOf(async () => {
      await using child = new Child(["python3", "--version"], {});
      throw (await child.end()).code === 0 ? "there" : "absent";
    });
    if (python !== "there") return console.log("(skipped: there is no python3 here to launch it)");
    await using folder = await Folder.make();
    const environment = {
      RINGPORT_INHERITED: "web",
      RINGPORT_PORT: "",
      RINGPORT_RESTART_PATH: folder.file("h"),
    };
    const own = runtime === "bun" ? ["bun", "run"] : ["deno", "run", "--quiet", "--no-check", "-A"];
    const command = ["python3", "-c", launcher, ...own];
    await using first = Program.start({ ...environment, PROGRAM: "first" }, command);
    const port = Number((await first.child.line(/bound (\d+)/, patience))[1]);
    // It has hardly begun to start.
    expect(await ask({ hostname: "127.0.0.1", port })).toBe("x first");
    expect(await first.port()).toBe(port);
    // The successor was started without the socket and gets it all the same.
    await using second = Program.start({ ...environment, PROGRAM: "second" });
    expect(await second.port()).toBe(port);
    await first.report();
    expect(await ask({ hostname: "127.0.0.1", port })).toBe("x second");
    await second.stop();
  });
});

describe("listeners of a server and its successor", () => {
  const offered: OfferedListener[] = [
    {
      name: "a",
      hostname: "127.0.0.1",
      port: 0,
      address: { hostname: "127.0.0.1", port: 4001, family: "IPv4" },
    },
    { name: "b", hostname: "::", port: 80, address: { hostname: "::", port: 80, family: "IPv6" } },
    {
      name: "c",
      hostname: "0.0.0.0",
      port: 0,
      address: { hostname: "", port: 0, family: "Unix", path: "/run/c" },
    },
    {
      name: "d",
      hostname: "0.0.0.0",
      port: 0,
      inherited: "web",
      address: { hostname: "0.0.0.0", port: 443, family: "IPv4" },
    },
  ];
  const match = (...listeners: object[]) =>
    matchListeners(resolveServerOptions({ listeners: listeners as never }).listeners, offered);

  it("are the same by address, by path, by the name of what was inherited, and by name at any port", () => {
    expect(match({ name: "x", hostname: "::", port: 80 }, { name: "y", unix: "/run/c" })).toEqual([1, 2]);
    expect(match({ name: "a", hostname: "127.0.0.1", port: 0 })).toEqual([0]);
    expect(match({ name: "other", hostname: "127.0.0.1", port: 0 })).toEqual([undefined]);
    expect(match({ name: "p", hostname: "127.0.0.1", port: 4001 })).toEqual([0]);
    expect(match({ name: "web", inherited: "web" })).toEqual([3]);
    expect(match({ name: "c", hostname: "127.0.0.1", port: 80 })).toEqual([undefined]);
    expect(match({ name: "u", unix: "/run/d" })).toEqual([undefined]);
  });
});
