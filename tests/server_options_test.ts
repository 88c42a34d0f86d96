/** The options of a server: what is refused and how, where they come from, and what comes out. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError } from "../src/mod.ts";
import { serverOptionsHelp } from "../src/server/options/help.ts";
import { optionSections } from "../src/server/options/sections.ts";
import {
  otherVariables,
  pathOfFlag,
  readFlags,
  variableName,
  variableNames,
} from "../src/server/options/sources.ts";
import { serverOptionPaths, serverOptionTable } from "../src/server/options/table.ts";
import {
  checkServerOptions,
  type OptionSources,
  resolveServerOptions,
  type ServerOptions,
} from "../src/server/options/mod.ts";
import { renderOptionsPage } from "../tools/options_page.ts";
import { readSource, readSources } from "./house/files.ts";

function errorOf(options: unknown, sources: OptionSources = {}): OptionError {
  try {
    resolveServerOptions(options as ServerOptions, sources);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`nothing was thrown for ${JSON.stringify(options)}`);
}

function variables(values: Record<string, string>): OptionSources {
  return { variable: (name) => Object.hasOwn(values, name) ? values[name] : undefined };
}

/** The options that flags stand for, by path. */
function optionsOf(flags: string[]): Record<string, unknown> {
  return Object.fromEntries(readFlags(flags));
}

describe("options of a server", () => {
  it("have a default each that is what the option wants", () => {
    for (const path of serverOptionPaths) {
      const { fallback, accepts, wants, fallbackText, reason, summary } = serverOptionTable[path];
      if (fallback !== undefined) expect(accepts(fallback), path).toBe(true);
      for (const text of [fallbackText, reason, summary, wants]) {
        expect(text.length, path).toBeGreaterThan(0);
      }
    }
  });

  it("are complete when nothing is given", () => {
    const resolved = resolveServerOptions({}, { cores: 6 });
    expect([resolved.workers, resolved.minWorkers, resolved.maxWorkers]).toEqual([6, 6, 6]);
    expect(resolved.listeners).toHaveLength(1);
    const [listener] = resolved.listeners;
    expect(listener.name).toBe("main");
    expect(listener.hostname).toBe("0.0.0.0");
    expect(listener.timeouts).toEqual({
      firstByte: 30_000,
      message: 60_000,
      writeStall: 60_000,
      idle: 75_000,
      head: 30_000,
      body: 60_000,
      handler: 300_000,
      keepAlive: 75_000,
      lifetime: 0,
      connect: 30_000,
    });
    expect(listener.limits.connections).toBe(0);
    expect(resolved.limits.connections).toBe("auto");
    expect(resolved.shutdown)
      .toEqual({ refusing: 1_000, draining: 10_000, maxDraining: 60_000, closing: 5_000, aborting: 1_000 });
    expect(resolved.metrics).toBe(undefined);
    expect(structuredClone(resolved)).toEqual(resolved);
  });

  it("name an unknown key by its path, with the nearest one", () => {
    const cases: [options: unknown, key: string, part: string][] = [
      [{ prt: 1 }, "prt", 'did you mean "port"?'],
      [{ timeouts: { idl: 1 } }, "timeouts.idl", 'did you mean "timeouts.idle"?'],
      [{ "timeouts.idle": 1 }, "timeouts.idle", "write timeouts: { idle: ... }"],
      [{ host: "::" }, "host", 'write "hostname"'],
      [{ listeners: [{}, { backlg: 1 }] }, "listeners[1].backlg", 'did you mean "backlog"?'],
      [{ listeners: [{ limits: { tasks: 1 } }] }, "listeners[0].limits.tasks", "it is the server's"],
      [{ listeners: [{ workers: 1 }] }, "listeners[0].workers", "it is the server's"],
      [{ name: "a" }, "name", 'unknown option "name"'],
      [{ keepAlive: { idel: 1 } }, "keepAlive.idel", "known: idle, interval, count"],
      [{ qqqqqqqq: 1 }, "qqqqqqqq", 'unknown option "qqqqqqqq"'],
      [{ constructor: 1 }, "constructor", "unknown option"],
    ];
    for (const [options, key, part] of cases) {
      const error = errorOf(options);
      expect(error.key, key).toBe(key);
      expect(error.code).toBe("ERR_OPTION");
      expect(error.message, key).toContain(part);
    }
  });

  it("say what a value has to be", () => {
    const cases: [options: unknown, key: string, part: string][] = [
      [{ port: 65_536 }, "port", "a whole number from 0 to 65535, not 65536"],
      [{ port: "80" }, "port", 'not "80"'],
      [{ timeouts: { idle: -1 } }, "timeouts.idle", "a whole number of milliseconds"],
      [{ timeouts: 5 }, "timeouts", "must be an object, not 5"],
      [{ timeouts: null }, "timeouts", "must be an object, not null"],
      [{ workers: "many" }, "workers", '"auto" or a whole number'],
      [{ workers: 0 }, "workers", '"auto" or a whole number'],
      [{ isolation: "fork" }, "isolation", '"thread" or "process"'],
      [{ mode: 0o1000 }, "mode", "permission bits"],
      [{ scaling: { high: 1.5 } }, "scaling.high", "from 0 to 1"],
      [{ listeners: 1 }, "listeners", "a list of at most 64 listeners"],
      [{ listeners: [5] }, "listeners[0]", "must be an object, not 5"],
      [{ proxyProtocol: { trusted: "10.0.0.1" } }, "proxyProtocol.trusted", "a list of addresses"],
      [{ log: 1 }, "log", "or a function"],
      [{ segmentSize: 5000 }, "segmentSize", "a power of two"],
      [{ keepAlive: { idle: 0 } }, "keepAlive.idle", "a whole number of milliseconds from 1"],
      [null, "options", "the options must be an object, not null"],
      [[], "options", "the options must be an object, not an array"],
    ];
    for (const [options, key, part] of cases) {
      const error = errorOf(options);
      expect(error.key, key).toBe(key);
      expect(error.message, key).toContain(part);
    }
  });

  it("name what contradicts", () => {
    const cases: [options: ServerOptions, key: string][] = [
      [{ lowWaterMark: 9, highWaterMark: 8 }, "lowWaterMark"],
      [{ highWaterMark: 9, bufferLimit: 8 }, "highWaterMark"],
      [
        { listeners: [{ port: 1 }, { port: 2, lowWaterMark: 9, highWaterMark: 8 }] },
        "listeners[1].lowWaterMark",
      ],
      [{ minWorkers: 3, workers: 2 }, "minWorkers"],
      [{ maxWorkers: 1, workers: 2 }, "workers"],
      [{ shutdown: { draining: 2, maxDraining: 1 } }, "shutdown.draining"],
      [{ supervisor: { slowAfter: 20_000 } }, "supervisor.slowAfter"],
      [{ supervisor: { backOff: 2, maxBackOff: 1 } }, "supervisor.backOff"],
      [{ scaling: { low: 0.9 } }, "scaling.low"],
      [{ limits: { connectionsPerWorker: 100 }, connectionSlots: 10 }, "limits.connectionsPerWorker"],
      [{ segmentSize: 512, headroom: 300, tailroom: 300 }, "headroom"],
      [{ segmentSize: 1_048_576 }, "segmentCount"],
      [{ port: 1, unix: "a" }, "unix"],
      [{ unix: "a", inherited: 0 }, "inherited"],
      [{ listeners: [{ hostname: "::", inherited: "web" }] }, "listeners[0].inherited"],
      [{ port: 1, listeners: [{}] }, "port"],
      [{ listeners: [{ name: "a" }, { name: "a" }] }, "listeners[1].name"],
      [{ listeners: [{ name: "a b" }, {}] }, "listeners[0].name"],
      [{ listeners: [{ port: 80 }, { port: 80 }] }, "listeners[1].port"],
      [{ metrics: { port: 1, unix: "a" } }, "metrics.unix"],
    ];
    for (const [options, key] of cases) {
      expect(errorOf(options).key, JSON.stringify(options)).toBe(key);
      expect(() => checkServerOptions(options)).toThrow(OptionError);
    }
  });

  it("let a low mark by default follow a high one that is given", () => {
    expect(resolveServerOptions({ highWaterMark: 1000 }).listeners[0].lowWaterMark).toBe(1000);
    expect(resolveServerOptions({ highWaterMark: 100_000 }).listeners[0].lowWaterMark).toBe(16_384);
  });
});

describe("the sources of options", () => {
  it("win in their order: flags, variables, code, PORT and HOST, defaults", () => {
    const all = variables({ RINGPORT_PORT: "3", PORT: "1", HOST: "::1", RINGPORT_TIMEOUTS_IDLE: "7" });
    const port = (options: ServerOptions, sources: OptionSources) =>
      resolveServerOptions(options, sources).listeners[0].port;
    expect(port({ port: 2 }, { ...all, flags: ["--port=4"] })).toBe(4);
    expect(port({ port: 2 }, all)).toBe(3);
    expect(port({ port: 2 }, variables({ PORT: "1" }))).toBe(2);
    expect(port({}, variables({ PORT: "1" }))).toBe(1);
    const { listeners } = resolveServerOptions({ timeouts: { idle: 5, message: 6 } }, all);
    expect(listeners[0].hostname).toBe("::1");
    expect(listeners[0].timeouts.idle).toBe(7);
    expect(listeners[0].timeouts.message).toBe(6);
    expect(listeners[0].timeouts.firstByte).toBe(30_000);
  });

  it("take an address of one kind from the highest that names one", () => {
    const [listener] =
      resolveServerOptions({ hostname: "::1", port: 2 }, { flags: ["--unix=a.sock"] }).listeners;
    expect([listener.unix, listener.port, listener.hostname]).toEqual(["a.sock", 0, "0.0.0.0"]);
    const [other] =
      resolveServerOptions({ unix: "a.sock" }, variables({ RINGPORT_PORT: "2", PORT: "1" })).listeners;
    expect([other.unix, other.port]).toEqual([undefined, 2]);
    const [kept] = resolveServerOptions({ unix: "a.sock" }, variables({ PORT: "1" })).listeners;
    expect([kept.unix, kept.port]).toEqual(["a.sock", 0]);
  });

  it("do not guess to which of several listeners PORT belongs", () => {
    const { listeners } = resolveServerOptions({ listeners: [{ port: 2 }, {}] }, variables({ PORT: "1" }));
    expect(listeners.map(({ port }) => port)).toEqual([2, 0]);
    expect(errorOf({ listeners: [{}] }, { flags: ["--port=1"] }).key).toBe("port");
  });

  it("give listeners what they do not say themselves", () => {
    const { listeners, limits } = resolveServerOptions({
      hostname: "127.0.0.1",
      timeouts: { idle: 1, message: 2 },
      limits: { connections: 50, ratePerAddress: 4 },
      listeners: [{ port: 1, timeouts: { idle: 3 } }, {
        name: "admin",
        unix: "a",
        limits: { connections: 5 },
      }],
    });
    expect(listeners.map(({ name }) => name)).toEqual(["0", "admin"]);
    expect(listeners.map(({ timeouts }) => timeouts.idle)).toEqual([3, 1]);
    expect(listeners.map(({ timeouts }) => timeouts.message)).toEqual([2, 2]);
    expect(listeners.map((listener) => listener.limits.connections)).toEqual([0, 5]);
    expect(listeners.map((listener) => listener.limits.ratePerAddress)).toEqual([4, 4]);
    expect(listeners[0].hostname).toBe("127.0.0.1");
    expect(limits.connections).toBe(50);
  });

  it("read variables of every kind, and name the one that is wrong", () => {
    const resolved = resolveServerOptions(
      {},
      variables({
        RINGPORT_MODE: "660",
        RINGPORT_UNIX: "a.sock",
        RINGPORT_DEVELOPMENT: "true",
        RINGPORT_NO_DELAY: "0",
        RINGPORT_KEEP_ALIVE: '{"idle":1000}',
        RINGPORT_PROXY_PROTOCOL_TRUSTED: "10.0.0.0/8, ::1",
        RINGPORT_SCALING_HIGH: ".9",
        RINGPORT_WORKERS: "auto",
        RINGPORT_MAX_WORKERS: "3",
        RINGPORT_LOG: "json",
        RINGPORT_BACKLOG: "",
      }),
    );
    const [listener] = resolved.listeners;
    expect([listener.mode, listener.unix, listener.noDelay]).toEqual([0o660, "a.sock", false]);
    expect(listener.keepAlive).toEqual({ idle: 1000 });
    expect(listener.proxyProtocol.trusted).toEqual(["10.0.0.0/8", "::1"]);
    expect(listener.backlog).toBe(4096);
    expect([resolved.development, resolved.scaling.high, resolved.log]).toEqual([true, 0.9, "json"]);
    expect([resolved.workers, resolved.maxWorkers]).toEqual([1, 3]);
    expect(resolveServerOptions({}, variables({ RINGPORT_LISTENERS: '[{"port":5},{"port":6}]' })).listeners)
      .toHaveLength(2);
    for (
      const [name, value] of [["PORT", "http"], ["RINGPORT_PORT", "1e3"], ["RINGPORT_DEVELOPMENT", "maybe"]]
    ) {
      expect(errorOf({}, variables({ [name]: value })).message).toContain(`${name} must be`);
    }
    expect(errorOf({}, variables({ RINGPORT_LISTENERS: "[{" })).message).toContain(
      "RINGPORT_LISTENERS must be",
    );
  });

  it("read flags in every spelling, and name the one that is wrong", () => {
    for (
      const flags of [
        ["--timeouts.firstByte=5"],
        ["--timeouts.firstByte", "5"],
        ["--timeouts-first-byte=5"],
        ["--timeouts.first-byte", "5"],
        ["--TIMEOUTS_FIRST_BYTE=5"],
        ["--timeouts.firstByte=4", "--timeouts.firstByte=5"],
      ]
    ) {
      expect(optionsOf(flags), flags.join(" ")).toEqual({ "timeouts.firstByte": 5 });
    }
    expect(optionsOf(["--development", "--no-no-delay", "--ipv6Only=false"]))
      .toEqual({ development: true, noDelay: false, ipv6Only: false });
    expect(optionsOf(["--noDelay", "--port", "1"])).toEqual({ noDelay: true, port: 1 });
    const cases: [flag: string[], part: string][] = [
      [["--prot=1"], "unknown flag --prot (did you mean --port?)"],
      [["--time-outs.idel=1"], "did you mean --timeouts.idle?"],
      [["--port"], "--port needs a value: a whole number"],
      [["--port="], '--port must be a whole number from 0 to 65535, not ""'],
      [["--port=-1"], '--port must be a whole number from 0 to 65535, not "-1"'],
      [["port=1"], '"port=1" is not a flag'],
      [["--no-port"], "unknown flag --no-port"],
      [["--no-development=true"], "unknown flag --no-development"],
    ];
    for (const [flags, part] of cases) expect(errorOf({}, { flags }).message, flags[0]).toContain(part);
  });

  it("know each option by one variable and one flag", () => {
    expect(variableName("timeouts.firstByte")).toBe("RINGPORT_TIMEOUTS_FIRST_BYTE");
    expect(variableName("ipv6Only")).toBe("RINGPORT_IPV6_ONLY");
    expect(new Set(variableNames).size).toBe(serverOptionPaths.length + 2);
    for (const path of serverOptionPaths) expect(pathOfFlag(path)).toBe(path);
  });
});

describe("the help and the page of options", () => {
  it("have every option, within 80 columns", () => {
    const help = serverOptionsHelp();
    for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
    for (const path of serverOptionPaths) {
      expect(help).toMatch(new RegExp(`^ {2}--${path.replace(".", "\\.")}\\b`, "m"));
    }
    const listed = optionSections.flatMap(({ paths }) => [...paths]);
    expect([...listed].sort()).toEqual([...serverOptionPaths].sort());
    expect(optionSections.every(({ paths }) => paths.length > 0)).toBe(true);
  });

  it("are as the table is: bun tools/options_page.ts > docs/options.md", async () => {
    expect((await readSource("docs/options.md")).trimEnd()).toBe(renderOptionsPage().trimEnd());
  });
});

describe("the variables of this project", () => {
  it("are known, so that no server takes them for a slip", async () => {
    const known = new Set([...variableNames, ...otherVariables]);
    for (const [path, text] of await readSources(["src", "ffi", "tools", "bench"], /\.(ts|sh)$|\/[a-z_]+$/)) {
      for (const [name] of text.matchAll(/\bRINGPORT_[A-Z][A-Z_]*[A-Z]\b/g)) {
        expect(known.has(name), `${name} in ${path}`).toBe(true);
      }
    }
  });
});
