/**
 * Entries of the log as lines: for people, and as JSON.
 *
 * @module
 */
import type { LogEntry } from "./log_events.ts";

/** An entry as one line of JSON; the time is ISO 8601 in UTC. */
export function jsonLine(entry: LogEntry): string {
  return JSON.stringify({ ...entry, time: new Date(entry.time).toISOString() });
}

/** Control characters would let a peer write lines of its own, or move the reader's cursor. */
// deno-lint-ignore no-control-regex
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

function visible(text: string): string {
  return text.replace(controls, (character) => {
    if (character === "\n") return "\\n";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
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
