/**
 * Values as a log can hold them: any input becomes plain and bounded, and nothing throws.
 *
 * @module
 */
import { isError, messageOf, stackOf, textOf } from "../../base/thrown.ts";

/** Depth of objects in objects at most: a log is for lines. */
const depthMax = 4;
/** Entries of one object or list at most. */
const entriesMax = 64;
/** Characters of one text at most: a stack fits, a body does not. */
const textLengthMax = 8192;

function shorten(text: string): string {
  return text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax)}…`;
}

/** What an error of the system or of this framework knows beside its message. */
const errorKeys = ["code", "operation", "systemError", "systemName", "address", "origin", "key"] as const;

function plainError(error: Error, depth: number): Record<string, unknown> {
  const plain: Record<string, unknown> = {
    name: readable(error, "name"),
    message: shorten(messageOf(error)),
  };
  for (const key of errorKeys) {
    const value = readable(error, key);
    if (typeof value === "string" ? value !== "" : typeof value === "number" && value !== 0) {
      plain[key] = value;
    }
  }
  const cause = readable(error, "cause");
  if (cause !== undefined) plain.cause = plainAt(cause, depth + 1);
  const errors = readable(error, "errors");
  if (Array.isArray(errors)) plain.errors = plainAt(errors, depth + 1);
  const stack = "code" in plain ? undefined : stackOf(error);
  if (stack !== undefined) plain.stack = shorten(stack);
  return plain;
}

/** Undefined if reading it throws: the rest of the error is logged nevertheless. */
function readable(error: Error, key: string): unknown {
  try {
    return (error as unknown as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

function plainObject(value: object, depth: number): unknown {
  if (isError(value)) return plainError(value, depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= depthMax) return Array.isArray(value) ? "[…]" : "{…}";
  if (Array.isArray(value)) return value.slice(0, entriesMax).map((entry) => plainAt(entry, depth + 1));
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.slice(0, entriesMax).map(([key, entry]) => [String(key), plainAt(entry, depth + 1)]),
  );
}

function plainAt(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "string":
      return shorten(value);
    case "boolean":
    case "undefined":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "object":
      return value === null ? null : plainObject(value, depth);
    default:
      return shorten(textOf(value));
  }
}

/** The fields of an entry, each made plain for itself. */
export function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(fields).map((key) => [key, plainField(fields, key)]));
}

function plainField(fields: Readonly<Record<string, unknown>>, key: string): unknown {
  try {
    return plainAt(fields[key], 0);
  } catch (error) {
    return `unreadable: ${messageOf(error)}`;
  }
}
