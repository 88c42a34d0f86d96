/**
 * Checks names and values of fields before they are written: what passes cannot end its line.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";

/** A token of RFC 9110, 5.6.2: names of fields and methods. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What a value must not have: the ends of lines, NUL, and characters above one byte. */
const forbidden = /[\0\r\n\u0100-\uffff]/;

/** Whether a text is a token: letters, digits and some signs. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Throws an OptionError unless `name` can be the name of a field. */
export function checkFieldName(operation: string, name: string): void {
  if (typeof name === "string" && token.test(name)) return;
  throw new OptionError(operation, "name", `${shown(name)} is not the name of a field`);
}

/** Throws an OptionError unless `value` can be the value of the field `name`. */
export function checkFieldValue(operation: string, name: string, value: string): void {
  if (typeof value === "string" && !forbidden.test(value)) return;
  const message = typeof value === "string"
    ? `the value of the field "${name}" has CR, LF, NUL or a character above U+00FF`
    : `the value of the field "${name}" must be a string`;
  throw new OptionError(operation, name, message);
}

/** A name as a message shows it: what may be in it must not reach a log as it is. */
function shown(name: unknown): string {
  return typeof name === "string" ? JSON.stringify(name.slice(0, 64)) : `a value of type ${typeof name}`;
}
