/** The structured log: what a sink gets, as which lines, and that nothing makes it throw. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressInUseError } from "../src/mod.ts";
import { repeatIntervalMilliseconds, repeatKeysMax } from "../src/base/limits.ts";
import { ODD_VALUES } from "./helpers/odd_values.ts";
import { createLog, humanLine, jsonLine, Log, type LogEntry } from "../src/server/log/log.ts";
import { Repeats } from "../src/server/log/repeats.ts";
import { delay, until } from "./helpers/wait.ts";

const time = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function collected(level?: "debug" | "info" | "warn" | "error"): { log: Log; entries: LogEntry[] } {
  const entries: LogEntry[] = [];
  return { log: new Log((entry) => void entries.push(entry), level, () => time), entries };
}

describe("the log", () => {
  it("gives the sink time, level, event and fields", () => {
    const { log, entries } = collected();
    log.tell("worker.ready", { worker: 2, took: 12 });
    log.tell("server.starting");
    expect(entries).toEqual([{ time, level: "info", event: "worker.ready", worker: 2, took: 12 }]);
  });

  it("tells no less than its level", () => {
    const counts = (["debug", "info", "warn", "error"] as const).map((level) => {
      const { log, entries } = collected(level);
      log.tell("worker.starting");
      log.tell("worker.ready");
      log.tell("worker.slow");
      log.tell("worker.stuck");
      return entries.length;
    });
    expect(counts).toEqual([4, 3, 2, 1]);
    expect(new Log(undefined).tells("error")).toBe(false);
  });

  it("renders errors with their code and cause", () => {
    const { log, entries } = collected();
    const cause = new Error("inner");
    const error = new AddressInUseError("taken", {
      operation: "listen",
      code: "EADDRINUSE",
      address: "[::1]:1",
      systemError: 98,
      cause,
    });
    log.tell("metrics.failed", { error, plain: new TypeError("odd") });
    const told = entries[0] as unknown as { error: Record<string, unknown>; plain: Record<string, unknown> };
    expect(told.error.code).toBe("EADDRINUSE");
    expect(told.error.name).toBe("AddressInUseError");
    expect(told.error.systemError).toBe(98);
    expect((told.error.cause as { message: string }).message).toBe("inner");
    expect(told.plain.stack).toContain("odd");
  });

  it("keeps the head of an entry from fields of the same names", () => {
    const { log, entries } = collected();
    log.tell("worker.ready", { event: "other", time: 1, level: "error" });
    expect(entries[0]).toEqual({ time, level: "info", event: "worker.ready" });
  });

  it("counts what a sink fails to take, and goes on", async () => {
    let calls = 0;
    const log = new Log(() => {
      calls += 1;
      if (calls === 1) throw new Error("full");
      return calls === 2 ? Promise.reject(new Error("gone")) : undefined;
    });
    for (let worker = 0; worker < 3; worker += 1) log.tell("worker.ready", { worker });
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(calls).toBe(3);
    expect(log.failures).toBe(2);
  });

  it("tells of every odd value that was thrown", () => {
    for (const [name, make] of Object.entries(ODD_VALUES)) {
      const { log, entries } = collected();
      log.tell("application.error", { error: make(), worker: 1 });
      expect(entries.length, name).toBe(1);
      expect(humanLine(entries[0])).toContain("application.error");
      expect(JSON.parse(jsonLine(entries[0]))).toMatchObject({ worker: 1 });
    }
    const { log, entries } = collected();
    log.tell("application.error", { error: ODD_VALUES["an error whose cause throws"]() });
    expect(entries[0].error).toMatchObject({ name: "Error", message: "odd" });
  });

  it("survives any value", () => {
    const { log, entries } = collected();
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const bad = {
      get value(): never {
        throw new Error("no");
      },
    };
    const fields = {
      circle,
      bad,
      big: 10n,
      nothing: null,
      not: NaN,
      symbol: Symbol("s"),
      date: new Date(NaN),
      map: new Map([[1, 2]]),
      bytes: new Uint8Array(3),
      long: "x".repeat(100_000),
      many: Array.from({ length: 1000 }, (_, index) => index),
      action: () => {},
    };
    log.tell("application.message", fields);
    Object.defineProperty(fields, "broken", { enumerable: true, get: () => bad.value });
    log.tell("application.message", fields);
    expect(entries).toHaveLength(2);
    for (const entry of entries) expect(jsonLine(entry).length).toBeLessThan(20_000);
    const told = entries[1] as unknown as Record<string, unknown>;
    expect(told.bad).toBe("unreadable: no");
    expect(told.broken).toBe("unreadable: no");
    expect(told.big).toBe("10");
    expect(told.map).toEqual({ 1: 2 });
    expect(told.bytes).toBe("3 bytes");
  });
});

describe("lines of the log", () => {
  it("are JSON for programs", () => {
    const { log, entries } = collected();
    log.tell("worker.died", {
      worker: 1,
      error: new AddressInUseError("taken", { code: "EADDRINUSE", operation: "listen" }),
    });
    const line = jsonLine(entries[0]);
    expect(line).not.toContain("\n");
    const read = JSON.parse(line);
    expect(read.time).toBe("2026-01-02T03:04:05.006Z");
    expect(read.error.code).toBe("EADDRINUSE");
    expect(Object.keys(read).slice(0, 4)).toEqual(["time", "level", "event", "worker"]);
  });

  it("are short for people, with an error's code", () => {
    const { log, entries } = collected();
    log.tell("worker.died", {
      worker: 1,
      error: new AddressInUseError("taken", { code: "EADDRINUSE", operation: "listen" }),
      a: "b c",
    });
    expect(humanLine(entries[0])).toMatch(
      /^\d\d:\d\d:05\.006 error worker\.died worker=1 error=AddressInUseError: taken \[EADDRINUSE\] a="b c"$/,
    );
  });

  it("stay one line, whatever a peer puts into them", () => {
    const { log, entries } = collected();
    log.tell("application.error", { error: new Error("a\nb\u001b[2J\u2028"), text: "c\r\nd" });
    const line = humanLine(entries[0]);
    // deno-lint-ignore no-control-regex
    expect(/[\u0000-\u001f\u2028]/.test(line)).toBe(false);
    expect(line).toContain("a\\nb\\u001b[2J");
  });
});

describe("createLog", () => {
  async function written(kind: "auto" | "human" | "json" | "off", terminal: boolean): Promise<string> {
    let text = "";
    const log = createLog(kind, "info", {
      isTerminal: () => terminal,
      write(_, bytes) {
        text += new TextDecoder().decode(bytes);
        return Promise.resolve();
      },
    });
    log.tell("server.listening", { workers: 2 });
    expect(await log.end(1_000)).toBe(true);
    return text;
  }

  it("writes for people on a terminal and JSON otherwise", async () => {
    expect(await written("auto", true)).toMatch(/ info {2}server\.listening workers=2\n$/);
    expect(JSON.parse(await written("auto", false)).event).toBe("server.listening");
    expect(JSON.parse(await written("json", true)).workers).toBe(2);
    expect(await written("human", false)).toContain("server.listening");
    expect(await written("off", true)).toBe("");
  });

  it("takes a function", () => {
    const entries: LogEntry[] = [];
    const log = createLog((entry) => void entries.push(entry), "warn", {
      isTerminal: () => false,
      write: () => Promise.resolve(),
    });
    log.tell("server.listening");
    log.tell("worker.slow", { worker: 0 });
    expect(entries.map(({ event }) => event)).toEqual(["worker.slow"]);
  });

  it("counts an output that cannot be written", async () => {
    const log = createLog("json", "info", {
      isTerminal: () => false,
      write() {
        throw new Error("closed");
      },
    });
    log.tell("server.listening");
    expect(await log.end(1_000)).toBe(true);
    expect(log.failures).toBe(1);
  });
});

describe("a log whose reader is slow", () => {
  it("drops what finds no room, counts it, and says so when there is room again", async () => {
    let text = "";
    let writes = 0;
    let read = () => {};
    const reading = new Promise<void>((resolve) => read = resolve);
    const log = createLog("json", "info", {
      isTerminal: () => false,
      async write(_, bytes) {
        writes += 1;
        await reading;
        text += new TextDecoder().decode(bytes);
      },
    });
    const line = "x".repeat(1000);
    for (let index = 0; index < 2_000; index++) log.tell("application.message", { index, line });
    expect(await log.end(20)).toBe(false);
    expect(writes).toBe(1);
    expect(log.dropped).toBeGreaterThan(500);
    expect(log.dropped).toBeLessThan(1_500);
    read();
    expect(await log.end(10_000)).toBe(true);
    const lines = text.trimEnd().split("\n").map((entry) => JSON.parse(entry));
    const { dropped } = log;
    expect(lines.length).toBe(2_000 - dropped + 1);
    expect(lines.slice(0, -1).map(({ index }) => index)).toEqual(lines.slice(0, -1).map((_, index) => index));
    expect(lines.at(-1)).toMatchObject({ event: "log.dropped", level: "warn", dropped });
    log.tell("server.listening");
    expect(await log.end(1_000)).toBe(true);
    expect(text).toContain("server.listening");
    expect(log.dropped).toBe(dropped);
  });

  it("holds no more promises of a function than it should", async () => {
    let calls = 0;
    const log = new Log(() => {
      calls += 1;
      return new Promise<void>(() => {});
    });
    for (let index = 0; index < 3_000; index++) log.tell("application.message", { index });
    expect(calls).toBe(1024);
    expect(log.dropped).toBe(3_000 - 1024);
    expect(await log.end(10)).toBe(false);
  });
});

describe("equal entries", () => {
  it("are put together, the first told at once", async () => {
    const { log, entries } = collected();
    for (let index = 0; index < 5; index++) {
      log.tell("address.banned", { worker: 1, address: "192.0.2.1" });
      log.tell("address.banned", { worker: 2, address: "192.0.2.1" });
    }
    expect(entries.map(({ worker, repeated }) => [worker, repeated])).toEqual([[1, undefined], [
      2,
      undefined,
    ]]);
    await log.end(0);
    expect(entries.slice(2).map(({ worker, repeated }) => [worker, repeated])).toEqual([[1, 4], [2, 4]]);
    log.tell("address.banned", { worker: 1, address: "192.0.2.1" });
    log.tell("address.banned", { worker: 1, address: "192.0.2.1" });
    expect(entries).toHaveLength(6);
  });

  it("are told again while they go on, and told at once when they come back", async () => {
    const told: [string, number][] = [];
    const repeats = new Repeats<string>((value, repeated) => void told.push([value, repeated]));
    repeats.add("a", "a1");
    repeats.add("a", "a2");
    repeats.add("a", "a3");
    await until(() => told.length === 2, "what repeats is told");
    expect(told).toEqual([["a1", 0], ["a3", 2]]);
    await delay(2 * repeatIntervalMilliseconds + 200);
    repeats.add("a", "a4");
    expect(told.slice(2)).toEqual([["a4", 0]]);
    repeats.end();
  });

  it("are remembered for so many kinds at once", () => {
    const told: string[] = [];
    const repeats = new Repeats<number>((value, repeated) => void told.push(`${value} ${repeated}`));
    for (let key = 0; key < repeatKeysMax + 1; key++) {
      repeats.add(`${key}`, key);
      if (key === 0) repeats.add("0", 0);
    }
    expect(told.at(-2)).toBe(`${repeatKeysMax} 0`);
    expect(told.at(-1)).toBe("0 1");
    repeats.end();
    expect(told).toHaveLength(repeatKeysMax + 2);
  });
});
