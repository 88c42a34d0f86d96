/** What comes from elsewhere moves no cursor, writes no line of its own and turns no text around. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { visible } from "../src/base/visible.ts";
import { renderTop } from "../src/cli/top_view.ts";
import { createLog, humanLine, jsonLine, type LogEntry } from "../src/server/log/log.ts";
import { serverStatistics } from "./helpers/statistics.ts";

/** C0, DEL, C1, the separators of lines, the marks of direction, and what shows as nothing. */
const hostile = [
  ..."\u0000\u0007\b\t\n\r\u001b\u007f\u0085\u009b\u009d\u061c\u200b\u200e\u200f\u2028\u2029",
  ..."\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\ufff9\u{e0041}",
  // Halves of a pair.
  "\ud800",
  "\udc00",
];
const harmless = "a \u00e9\u4e2d\u05d0\u{1f600}~\\";

describe("visible text", () => {
  it("escapes whatever is not one", () => {
    for (const character of hostile) {
      const escaped = visible(`a${character}b`);
      expect(escaped, JSON.stringify(character)).toMatch(/^a(\\[nrt]|(\\u[0-9a-f]{4})+)b$/);
    }
    expect(visible("a\nb\u001b[2J\u202ec")).toBe("a\\nb\\u001b[2J\\u202ec");
    expect(visible(harmless)).toBe(harmless);
  });

  const entryOf = (text: string): LogEntry => ({
    time: 0,
    level: "info",
    event: "application.message",
    message: text,
    [`key${text}`]: [{ deep: text }],
    error: { name: text, message: text, code: text },
  });

  it("is what a log writes, and JSON stays what it was", () => {
    for (const character of hostile) {
      const entry = entryOf(`a${character}b`);
      const lines = [humanLine(entry), jsonLine(entry)];
      for (const line of lines) expect(visible(line), JSON.stringify(character)).toBe(line);
      const { time: _, ...read } = JSON.parse(lines[1]);
      const { time: __, ...wanted } = entry;
      expect(read).toEqual(wanted);
    }
  });

  it("is what top shows, whatever a server says of itself", () => {
    for (const character of hostile) {
      const text = `a${character}b` as never;
      const now = serverStatistics(1);
      const [worker] = now.workers;
      const [listener] = now.listeners;
      const view = {
        now: {
          ...now,
          version: text,
          runtime: text,
          phase: text,
          operatingSystem: text,
          pid: text,
          workers: [{ ...worker, worker: text, health: text, phase: text }],
          listeners: [{ ...listener, name: text, address: text, acceptQueue: { length: text, max: text } }],
        },
      };
      const shown = renderTop(view, 200, 24);
      for (const line of shown.split("\n")) expect(visible(line), JSON.stringify(character)).toBe(line);
      expect(shown.split("\n").length).toBe(renderTop({ now }, 200, 24).split("\n").length);
    }
  });

  it("is what goes to the standard error", async () => {
    let written = "";
    const log = createLog("human", "info", {
      isTerminal: () => false,
      write: (_, bytes) => {
        written += new TextDecoder().decode(bytes);
        return Promise.resolve();
      },
    });
    log.tell("application.message", { message: hostile.join(" ") });
    await log.end(1_000);
    const [line, rest] = written.split("\n");
    expect(rest).toBe("");
    expect(visible(line)).toBe(line);
  });
});
