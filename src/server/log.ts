/**
 * The structured log of a server's life.
 *
 * @module
 */
import {
  type LogEntry,
  type LogEvent,
  logEvents,
  type LogFields,
  type LogLevel,
  logLevels,
  type LogSink,
} from "./log_events.ts";
import { humanLine, jsonLine } from "./log_lines.ts";
import { plainFields } from "./log_values.ts";

export type { LogEntry, LogEvent, LogFields, LogLevel, LogSink } from "./log_events.ts";
export { humanLine, jsonLine } from "./log_lines.ts";

/** What of the runtime a log writes to. */
export interface LogOutput {
  isTerminal(stream: "stderr"): boolean;
  write(stream: "stderr", bytes: Uint8Array<ArrayBuffer>): void;
}

/** Tells what happens. Nothing it is given makes it throw. */
export class Log {
  readonly #sink: LogSink | undefined;
  readonly #least: number;
  readonly #now: () => number;
  #failures = 0;

  /**
   * @param sink where entries go; undefined for nowhere.
   * @param level the least that is told. "info" by default.
   */
  constructor(sink: LogSink | undefined, level: LogLevel = "info", now: () => number = Date.now) {
    this.#sink = sink;
    this.#least = logLevels.indexOf(level);
    this.#now = now;
  }

  /** Entries that the sink failed to take. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether anything of this level is told: for who would have to collect what to tell. */
  tells(level: LogLevel): boolean {
    return this.#sink !== undefined && logLevels.indexOf(level) >= this.#least;
  }

  /** Tells an event, at the event's level. `worker` among the fields is the worker's number. */
  tell(event: LogEvent, fields: LogFields = {}): void {
    const level = logEvents[event];
    if (!this.tells(level)) return;
    const head = { time: this.#now(), level, event };
    // A field of such a name does not take the place of the event's own.
    this.pass({ ...head, ...plainFields(fields), ...head });
  }

  /** Passes an entry on as it is, such as one that comes from a worker. */
  pass(entry: LogEntry): void {
    if (this.#sink === undefined || !this.tells(entry.level)) return;
    try {
      const result: unknown = this.#sink(entry);
      if (result instanceof Promise) result.catch(() => this.#failures += 1);
    } catch {
      this.#failures += 1;
    }
  }
}

const encoder = new TextEncoder();

function lineSink(output: LogOutput, line: (entry: LogEntry) => string): LogSink {
  return (entry) => output.write("stderr", encoder.encode(`${line(entry)}\n`));
}

/**
 * The log that the options `log` and `logLevel` ask for. "auto" is lines for people where the standard error
 * is a terminal, and lines of JSON otherwise; both go to the standard error.
 */
export function createLog(
  kind: "auto" | "human" | "json" | "off" | LogSink,
  level: LogLevel,
  output: LogOutput,
): Log {
  if (typeof kind === "function") return new Log(kind, level);
  if (kind === "off") return new Log(undefined, level);
  const human = kind === "human" || (kind === "auto" && output.isTerminal("stderr"));
  return new Log(lineSink(output, human ? humanLine : jsonLine), level);
}
