/**
 * The structured log of a server's life.
 *
 * @module
 */
import { withTimeout } from "../../base/with_timeout.ts";
import { logPromisesMax } from "../../base/limits.ts";
import {
  type LogEntry,
  type LogEvent,
  logEvents,
  type LogFields,
  type LogLevel,
  logLevels,
  type LogSink,
} from "./events.ts";
import { humanLine, jsonLine } from "./lines.ts";
import { plainFields } from "./values.ts";
import { LogWriter } from "./writer.ts";
import { Repeats } from "./repeats.ts";

export type { LogEntry, LogEvent, LogFields, LogLevel, LogSink } from "./events.ts";
export { humanLine, jsonLine } from "./lines.ts";

/** The runtime's side of a log: where lines are written. */
interface LogOutput {
  isTerminal(stream: "stderr"): boolean;
  /** Resolves when the bytes have been taken. */
  write(stream: "stderr", bytes: Uint8Array<ArrayBuffer>): Promise<void>;
}

/** Takes entries, and never makes its caller wait. */
interface LogTarget {
  take(entry: LogEntry): void;
  /** Resolves when all that was taken has gone out. */
  flush(): Promise<void>;
  /** Entries that could not be given out, and entries for which there was no room. */
  readonly failures: number;
  readonly dropped: number;
}

/** A function of the application's as the target of a log. */
class FunctionTarget implements LogTarget {
  readonly #sink: LogSink;
  readonly #pending = new Set<Promise<unknown>>();
  failures = 0;
  dropped = 0;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  take(entry: LogEntry): void {
    // One that never settles its promises must not hold ever more of them.
    if (this.#pending.size >= logPromisesMax) {
      this.dropped += 1;
      return;
    }
    try {
      const result: unknown = this.#sink(entry);
      if (!(result instanceof Promise)) return;
      const settled: Promise<unknown> = result.then(
        () => this.#pending.delete(settled),
        () => {
          this.#pending.delete(settled);
          this.failures += 1;
        },
      );
      this.#pending.add(settled);
    } catch {
      this.failures += 1;
    }
  }

  async flush(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }
}

/**
 * Logs what happens. It never throws, whatever it is given, and never waits for its reader. Equal entries
 * that follow each other within a second are put together: the later ones become one with `repeated`.
 */
export class Log {
  readonly #target: LogTarget | undefined;
  readonly #least: number;
  readonly #now: () => number;
  readonly #repeats = new Repeats<LogEntry>((entry, repeated) =>
    this.#target?.take(repeated === 0 ? entry : { ...entry, repeated })
  );

  /**
   * @param target where entries go: a function or lines of text; undefined for nowhere.
   * @param level the least that is logged. "info" by default.
   */
  constructor(
    target: LogSink | LogTarget | undefined,
    level: LogLevel = "info",
    now: () => number = Date.now,
  ) {
    this.#target = typeof target === "function" ? new FunctionTarget(target) : target;
    this.#least = logLevels.indexOf(level);
    this.#now = now;
  }

  /** Entries that the log's output failed to take. */
  get failures(): number {
    return this.#target?.failures ?? 0;
  }

  /** Entries dropped because too many were waiting for the log's reader. */
  get dropped(): number {
    return this.#target?.dropped ?? 0;
  }

  /** Whether anything of this level is logged, so that callers need not collect what nobody reads. */
  tells(level: LogLevel): boolean {
    return this.#target !== undefined && logLevels.indexOf(level) >= this.#least;
  }

  /** Logs an event at the event's level. `worker` among the fields is the worker's number. */
  tell(event: LogEvent, fields: LogFields = {}): void {
    if (this.tells(logEvents[event])) this.#put(event, plainFields(fields));
  }

  /** The same with fields that are plain data already, and are logged whole, however large they are. */
  tellWhole(event: LogEvent, fields: LogFields): void {
    if (this.tells(logEvents[event])) this.#put(event, fields);
  }

  #put(event: LogEvent, plain: LogFields): void {
    const level = logEvents[event];
    const head = { time: this.#now(), level, event };
    // A field of such a name does not take the place of the event's own.
    const entry: LogEntry = { ...head, ...plain, ...head };
    this.#repeats.add(`${event} ${JSON.stringify(plain)}`, entry);
  }

  /**
   * Logs what was put together so far and waits until everything has gone out, but no longer than this many
   * milliseconds. False: something has not. What is logged later is not put together.
   */
  async end(milliseconds: number): Promise<boolean> {
    this.#repeats.end();
    if (this.#target === undefined) return true;
    return await withTimeout(this.#target.flush(), milliseconds);
  }
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
  const writer = new LogWriter((bytes) => output.write("stderr", bytes), human ? humanLine : jsonLine);
  return new Log(writer, level);
}
