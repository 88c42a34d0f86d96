/**
 * Log entries as lines: readable text, or JSON.
 *
 * @module
 */
import { visible } from "../../base/visible.ts";
import type { LogEntry } from "./events.ts";

/** An entry as one line of JSON; the time is ISO 8601 in UTC. */
export function jsonLine(entry: LogEntry): string {
  // Such characters stand in texts alone, where the escapes mean the same.
  return visible(JSON.stringify({ ...entry, time: new Date(entry.time).toISOString() }));
}

function isError(value: unknown): value is { name: string; message: string; code?: unknown } {
  return typeof value === "object" && value !== null && "message" in value && "name" in value;
}

function humanValue(value: unknown): string {
  if (isError(value)) {
    const code = value.code === undefined ? "" : ` [${value.code}]`;
    return `${value.name}: ${value.message}${code}`;
  }
  if (typeof value === "string") return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "undefined";
}

/** The clock's time in the reader's zone. */
function clock(time: number): string {
  const date = new Date(time);
  const pad = (value: number, width = 2) => String(value).padStart(width, "0");
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.` +
    pad(date.getMilliseconds(), 3);
}

/** An entry as a line for people: `12:01:02.003 info  worker.ready worker=1 took=12`. */
export function humanLine(entry: LogEntry): string {
  const { time, level, event, ...fields } = entry;
  const told = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${humanValue(value)}`)
    .join("");
  return visible(`${clock(time)} ${level.padEnd(5)} ${event}${told}`);
}
