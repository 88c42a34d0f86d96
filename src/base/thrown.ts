/**
 * Anything can be thrown: a text, an object without a prototype, a proxy whose every trap throws, an error
 * whose `message` does. Nothing in this file throws, whatever it is given.
 *
 * @module
 */
import { RingportError } from "./errors.ts";

/** Whether it is an error, without running into the traps of a proxy. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}

/** The message of an error, and the text of anything else. */
export function messageOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(thrown);
  return textOfProperty(thrown, "message") ?? "an error whose message cannot be read";
}

/** A text for anything: an error as `TypeError: what it says`, another value as `String` shows it. */
export function textOf(thrown: unknown): string {
  if (isError(thrown)) return `${textOfProperty(thrown, "name") ?? "Error"}: ${messageOf(thrown)}`;
  try {
    return String(thrown);
  } catch {
    return `${typeof thrown === "function" ? "a function" : "an object"} without a text`;
  }
}

/** The stack of an error; undefined where there is none that can be read. */
export function stackOf(thrown: unknown): string | undefined {
  return isError(thrown) ? textOfProperty(thrown, "stack") : undefined;
}

/** The stable code of an error of this library; undefined foreverything else. */
export function codeOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof RingportError ? thrown.code : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The error for what a callback threw: the error itself, or a RingportError of code `ERR_HANDLER` with the
 * value as its `cause`, if it is not an error or its message cannot be read.
 */
export function errorOf(thrown: unknown, connectionId?: number): Error {
  const isReadable = isError(thrown) && textOfProperty(thrown, "name") !== undefined &&
    textOfProperty(thrown, "message") !== undefined;
  if (isReadable) return thrown;
  return new RingportError(`a handler threw ${textOf(thrown)}`, {
    code: "ERR_HANDLER",
    operation: "handler",
    origin: "application",
    connectionId,
    cause: thrown,
  });
}

/** Writes a fault to the runtime's console, with what was thrown as the runtime shows it. */
export function report(what: string, thrown: unknown): void {
  try {
    console.error(what, thrown);
  } catch {
    // The runtime's own way to show the value ran into it.
    reportText(`${what} ${stackOf(thrown) ?? textOf(thrown)}`);
  }
}

function reportText(text: string): void {
  try {
    console.error(text);
  } catch {
    // The application has replaced the console by one that throws: nothing can be reported.
  }
}

function textOfProperty(error: Error, name: "name" | "message" | "stack"): string | undefined {
  try {
    const value: unknown = error[name];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
