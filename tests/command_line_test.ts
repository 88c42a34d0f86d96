/** The command line: what it understands, what it says, and with which code it ends. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { parseArguments } from "../src/cli/arguments.ts";
import { runCommandLine } from "../src/cli/command_line.ts";
import { helpText } from "../src/cli/help.ts";
import { readRunOptions, type ServerRunner } from "../src/cli/run.ts";
import { moduleUrl } from "../src/host/module_url.ts";
import { listen } from "../src/mod.ts";
import { serveMetrics } from "../src/metrics.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { type OptionSources, resolveServerOptions } from "../src/server/options/mod.ts";
import { serverStatistics } from "./helpers/statistics.ts";
import { type Child, runInConsole, runScript } from "./helpers/process.ts";
import { pathOf, system } from "./helpers/runtime.ts";
import { TestTerminal } from "./helpers/terminal.ts";
import { errorOf } from "./helpers/wait.ts";

const APP_PATH = pathOf("./children/command_line_app.ts", import.meta.url);
const APP = new URL("./children/command_line_app.ts", import.meta.url).href;

function command(list: string[], environment: Record<string, string> = {}, start = runScript): Child {
  return start("../src/cli.ts", import.meta.url, { arguments: list, environment });
}

interface Run {
  moduleUrl: string;
  sources: OptionSources;
}

/** Runs a command line with a server that only remembers what it was told. */
async function tryRun(
  list: string[],
  variables: Record<string, string> = {},
  failure?: Error,
): Promise<{ code: number; runs: Run[]; terminal: TestTerminal }> {
  const terminal = new TestTerminal({ variables });
  const runs: Run[] = [];
  const runner: ServerRunner = {
    run(moduleUrl, sources) {
      runs.push({ moduleUrl, sources });
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    },
  };
  return { code: await runCommandLine(list, terminal, () => Promise.resolve(runner)), runs, terminal };
}

describe("ringport run", () => {
  it("runs the module with the options of the command line over those of the environment", async () => {
    const { code, runs, terminal } = await tryRun(
      ["run", APP, "--port=0", "--timeouts.message", "7", "--development", "--", "--own"],
      { RINGPORT_WORKERS: "2", PORT: "9" },
    );
    expect(code).toBe(0);
    const [{ moduleUrl, sources }] = runs;
    expect(moduleUrl).toBe(APP);
    const resolved = resolveServerOptions({}, {
      ...sources,
      exported: { timeouts: { idle: 5, message: 6 } },
    });
    const [listener] = resolved.listeners;
    expect([listener.port, listener.timeouts.idle, listener.timeouts.message]).toEqual([0, 5, 7]);
    expect([resolved.workers, resolved.development]).toEqual([2, true]);
    // Its handlers of signals are gone when the server's are there.
    expect(terminal.handlers).toBe(0);
  });

  it("takes an address of another kind from the command line", async () => {
    const { runs } = await tryRun(["run", "--unix", "a.sock", APP]);
    const [listener] = resolveServerOptions({ port: 4 }, runs[0].sources).listeners;
    expect([listener.unix, listener.port]).toEqual(["a.sock", 0]);
  });

  it("names what is wrong before it loads anything", async () => {
    const missing = "./children/not_there.ts";
    const cases: [list: string[], variables: Record<string, string>, part: string][] = [
      [["run"], {}, "which application?"],
      [["run", "a.ts", "b.ts"], {}, 'not "b.ts" as well'],
      [["run", missing, "--prot=1"], {}, "unknown flag --prot (did you mean --port?)"],
      [["run", missing, "--port=x"], {}, "--port must be a whole number from 0 to 65535"],
      [["run", missing, "--port"], {}, "--port needs a value"],
      [["run", missing, "-p", "1"], {}, "unknown flag -p"],
      [["run", missing], { RINGPORT_WORKERS: "x" }, "RINGPORT_WORKERS must be"],
      [
        ["run", missing],
        { RINGPORT_PROT: "x" },
        "unknown variable RINGPORT_PROT (did you mean RINGPORT_PORT?)",
      ],
    ];
    for (const [list, variables, part] of cases) {
      const { code, terminal, runs } = await tryRun(list, variables);
      expect(terminal.errors, list.join(" ")).toContain(part);
      expect(code, list.join(" ")).toBe(2);
      expect(runs).toEqual([]);
    }
  });

  it("fails where the server fails", async () => {
    const failed = await tryRun(["run", APP], {}, new Error("five deaths"));
    expect(failed.code).toBe(1);
    expect(failed.terminal.errors).toContain("ringport run: five deaths");
  });

  it("reads the flags as options", () => {
    expect(readRunOptions(["--workers", "2", "app.ts", "--no-noDelay", "--timeouts.idle=1"]))
      .toEqual({ module: "app.ts", options: { workers: 2, noDelay: false, timeouts: { idle: 1 } } });
    expect(readRunOptions(["--development", "app.ts"])).toEqual({
      module: "app.ts",
      options: { development: true },
    });
  });
});

describe("ringport run as a process", () => {
  it("serves until it is told to stop", async () => {
    // On Windows by Ctrl+C: it has no signals to send.
    const start = system === "windows" ? runInConsole : runScript;
    await using child = command(
      [
        "run",
        APP_PATH,
        "--port=0",
        "--hostname=127.0.0.1",
        "--workers=1",
        "--log=json",
      ],
      {},
      start,
    );
    const [, port] = await child.errorLine(/"server\.listening".*"port":(\d+)/);
    const peer = await connectPeer({ port: Number(port) });
    await peer.write(new TextEncoder().encode("hello"));
    expect(await readText(peer, "hello")).toBe("hello");
    peer.close();
    if (system === "windows") child.send("c\n");
    else child.signal("SIGTERM");
    const { code, errors } = await child.end();
    expect(errors).toContain('"server.stopped"');
    expect(code).toBe(0);
  });

  it("ends with 2 where options do not fit together", async () => {
    for (
      const [flag, part] of [
        ["--shutdown.draining=70000", '"shutdown.draining" (70000) must not be above'],
        ["--listeners=[{}]", 'with "listeners", set it there'],
      ]
    ) {
      await using child = command(["run", APP_PATH, flag]);
      const { code, errors } = await child.end();
      expect(errors).toContain(part);
      expect(code).toBe(2);
    }
  });

  it("ends with 1 and the reason where the address is taken", async () => {
    const taken = listen({ hostname: "127.0.0.1", port: 0 });
    await using child = command([
      "run",
      APP_PATH,
      `--port=${taken.port}`,
      "--hostname=127.0.0.1",
      "--workers=1",
    ]);
    const { code, errors } = await child.end();
    await taken.close();
    expect(errors).toContain("EADDRINUSE");
    expect(code).toBe(1);
  });
});

describe("the arguments of a command line", () => {
  const known = {
    takesValue: (name: string) => ({ text: true, flag: false })[name],
    names: ["text", "flag"],
  };

  it("are flags, names, and a rest", () => {
    expect(parseArguments(["a", "--text", "--flag", "-", "--flag", "--text=", "--", "--odd"], known)).toEqual(
      {
        flags: [{ name: "text", value: "--flag" }, { name: "flag", value: undefined }, {
          name: "text",
          value: "",
        }],
        positionals: ["a", "-"],
        rest: ["--odd"],
      },
    );
  });

  it("are refused by name", async () => {
    for (
      const [list, part] of [[["--txet"], "--text"], [["-x"], "-x"], [["--text"], "needs a value"]] as const
    ) {
      expect(String(await errorOf(() => parseArguments(list, known)))).toContain(part);
    }
  });
});

describe("the URL of a module", () => {
  it("is found from where the command line runs, on both systems", () => {
    const cases: [name: string, folder: string, url: string][] = [
      ["app.ts", "/srv/a b", "file:///srv/a%20b/app.ts"],
      ["./x/../app.ts", "/srv/", "file:///srv/app.ts"],
      ["../app.ts", "/srv/a", "file:///srv/app.ts"],
      ["/opt/#1?.ts", "/srv", "file:///opt/%231%3F.ts"],
      ["app.ts", "/", "file:///app.ts"],
      ["a\\b.ts", "/srv", "file:///srv/a%5Cb.ts"],
      ["a:b.ts", "C:\\srv", "file:///C:/srv/a%3Ab.ts"],
      ["app.ts", "C:\\srv\\x", "file:///C:/srv/x/app.ts"],
      ["..\\app.ts", "C:\\srv\\x", "file:///C:/srv/app.ts"],
      ["D:\\a\\app.ts", "C:\\srv", "file:///D:/a/app.ts"],
      ["\\a\\app.ts", "C:\\srv", "file:///C:/a/app.ts"],
      ["file:///a/b.ts", "/srv", "file:///a/b.ts"],
      ["https://example.org/a.ts", "/srv", "https://example.org/a.ts"],
      ["jsr:@a/b", "/srv", "jsr:@a/b"],
    ];
    for (const [name, folder, url] of cases) {
      expect(moduleUrl(name, () => folder), `${name} from ${folder}`).toBe(url);
    }
  });
});

describe("the command line as a process", () => {
  it("explains itself", async () => {
    for (
      const [list, part] of [
        [["--help"], "Commands"],
        [["help"], "Commands"],
        [["-h"], "Commands"],
        [["help", "run"], "--timeouts.idle=<ms>"],
        [["run", "--help"], "--timeouts.idle=<ms>"],
        [["top", "-h"], "--interval=<ms>"],
        [["--version"], "0.1.0"],
      ] as const
    ) {
      await using child = command([...list]);
      const { code, output, errors } = await child.end();
      expect(errors, list.join(" ")).toBe("");
      expect(output, list.join(" ")).toContain(part);
      expect(code, list.join(" ")).toBe(0);
    }
    for (const text of [helpText(), helpText("run"), helpText("top")]) {
      for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    }
  });

  it("ends with 2 where it was called wrongly", async () => {
    for (
      const [list, part] of [
        [[], "Usage: ringport"],
        [["rnu", "app.ts"], "did you mean run?"],
        [["help", "tpo"], "did you mean top?"],
        [["--port=1"], "flags stand behind a command"],
        [["top"], "which server?"],
      ] as const
    ) {
      await using child = command([...list]);
      const { code, output, errors } = await child.end();
      expect(errors, list.join(" ")).toContain(part);
      expect(output, list.join(" ")).toBe("");
      expect(code, list.join(" ")).toBe(2);
    }
  });

  it("prints the figures of a server once where there is no terminal", async () => {
    await using listener = serveMetrics({}, () => serverStatistics(2));
    await using child = command(["top"], { RINGPORT_METRICS_PORT: String(listener.port) });
    const { code, output, errors } = await child.end();
    expect(errors).toBe("");
    expect(output).toContain("2 workers");
    expect(code).toBe(0);
  });
});
