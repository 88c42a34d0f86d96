/** The structured log: what a sink gets, as which lines, and that nothing makes it throw. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressInUseError } from "../src/mod.ts";
import { createLog, humanLine, jsonLine, Log, type LogEntry } from "../src/server/log.ts";

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
      code: "EADDRINUSE",
      address: "[::1]:1",
      systemError: 98,
      cause,
    });
    log.tell("listener.failed", { error, plain: new TypeError("odd") });
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
    for (let index = 0; index < 3; index += 1) log.tell("worker.ready");
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(calls).toBe(3);
    expect(log.failures).toBe(2);
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
    log.tell("worker.died", { worker: 1, error: new AddressInUseError("taken", { code: "EADDRINUSE" }) });
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
      error: new AddressInUseError("taken", { code: "EADDRINUSE" }),
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
  function written(kind: "auto" | "human" | "json" | "off", terminal: boolean): string {
    let text = "";
    const log = createLog(kind, "info", {
      isTerminal: () => terminal,
      write: (_, bytes) => text += new TextDecoder().decode(bytes),
    });
    log.tell("server.ready", { workers: 2 });
    return text;
  }

  it("writes for people on a terminal and JSON otherwise", () => {
    expect(written("auto", true)).toMatch(/ info {2}server\.ready workers=2\n$/);
    expect(JSON.parse(written("auto", false)).event).toBe("server.ready");
    expect(JSON.parse(written("json", true)).workers).toBe(2);
    expect(written("human", false)).toContain("server.ready");
    expect(written("off", true)).toBe("");
  });

  it("takes a function", () => {
    const entries: LogEntry[] = [];
    const log = createLog((entry) => void entries.push(entry), "warn", {
      isTerminal: () => false,
      write: () => {},
    });
    log.tell("server.ready");
    log.tell("worker.slow", { worker: 0 });
    expect(entries.map(({ event }) => event)).toEqual(["worker.slow"]);
  });

  it("counts an output that cannot be written", () => {
    const log = createLog("json", "info", {
      isTerminal: () => false,
      write() {
        throw new Error("closed");
      },
    });
    log.tell("server.ready");
    expect(log.failures).toBe(1);
  });
});
