/**
 * The events of a server's life: a closed list.
 *
 * @module
 */

/** How much an event matters, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The levels, least first. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** The name of an event. */
export type LogEvent =
  | "server.starting"
  | "server.listening"
  | "server.phase"
  | "server.stopping"
  | "server.stopped"
  | "server.failed"
  | "server.signal"
  | "server.restart"
  | "successor.come"
  | "successor.failed"
  | "successor.ready"
  | "successor.unreachable"
  | "server.statistics"
  | "server.selfTestFailed"
  | "worker.starting"
  | "worker.ready"
  | "worker.slow"
  | "worker.stuck"
  | "worker.recovered"
  | "worker.died"
  | "worker.replaced"
  | "worker.killed"
  | "worker.failed"
  | "worker.added"
  | "worker.retiring"
  | "worker.stopped"
  | "worker.messagesDropped"
  | "loop.exception"
  | "connection.refused"
  | "request.refused"
  | "write.refused"
  | "address.banned"
  | "address.released"
  | "limit.reached"
  | "limit.released"
  | "application.error"
  | "application.message"
  | "log.dropped"
  | "manager.unreachable"
  | "metrics.listening"
  | "metrics.failed";

/** The level of every event. */
export const logEvents: Readonly<Record<LogEvent, LogLevel>> = {
  "server.starting": "debug",
  "server.listening": "info",
  "server.phase": "info",
  "server.stopping": "info",
  "server.stopped": "info",
  "server.failed": "error",
  "server.signal": "info",
  "server.restart": "info",
  "successor.come": "info",
  "successor.failed": "warn",
  "successor.ready": "info",
  "successor.unreachable": "warn",
  "server.statistics": "info",
  "server.selfTestFailed": "warn",
  "worker.starting": "debug",
  "worker.ready": "info",
  "worker.slow": "warn",
  "worker.stuck": "error",
  "worker.recovered": "info",
  "worker.died": "error",
  "worker.replaced": "warn",
  "worker.killed": "error",
  "worker.failed": "error",
  "worker.added": "info",
  "worker.retiring": "info",
  "worker.stopped": "info",
  "worker.messagesDropped": "warn",
  "loop.exception": "error",
  "connection.refused": "debug",
  "request.refused": "debug",
  "write.refused": "warn",
  "address.banned": "warn",
  "address.released": "info",
  "limit.reached": "warn",
  "limit.released": "info",
  "application.error": "error",
  "application.message": "info",
  "log.dropped": "warn",
  "manager.unreachable": "warn",
  "metrics.listening": "info",
  "metrics.failed": "warn",
};

/** The fields of an event: plain values, and errors. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One entry of the log, as a sink gets it. */
export interface LogEntry {
  /** Milliseconds since 1970, as `Date.now` gives them. */
  readonly time: number;
  /** How much it matters. */
  readonly level: LogLevel;
  /** What happened. */
  readonly event: LogEvent;
  /** The worker concerned, by its number. */
  readonly worker?: number;
  /** Further entries that differ only in their time and were combined into this one. */
  readonly repeated?: number;
  /** What else is known. Errors are objects of `name`, `message`, `code` and what else they know. */
  readonly [field: string]: unknown;
}

/** Receives entries. If it throws or rejects, that is counted and has no other effect. */
export type LogSink = (entry: LogEntry) => void | Promise<void>;
