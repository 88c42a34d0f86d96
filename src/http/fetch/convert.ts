/**
 * Conversions of WebIDL and checks of the Fetch standard that several classes share.
 *
 * @module
 */

/** Characters of a token (RFC 9110, 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const NOT_A_VALUE = /[\0\r\n]|[^\0-\xff]/;
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Names checked before, with their form in lower case. Programs use few names; a table that peers could fill
 * is emptied when it is full.
 */
const knownNames = new Map<string, string>();
const knownNamesMax = 512;
const knownNameLengthMax = 64;

/** A header name in lower case; throws a TypeError for anything but a token. */
export function headerName(given: unknown): string {
  const name = typeof given === "string" ? given : `${given}`;
  const known = knownNames.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new TypeError(`invalid header name: ${JSON.stringify(name)}`);
  const lower = name.toLowerCase();
  if (name.length <= knownNameLengthMax) {
    if (knownNames.size >= knownNamesMax) knownNames.clear();
    knownNames.set(name, lower);
  }
  return lower;
}

/** Whether it is a space, a tab, CR or LF: what is cut off both ends of a value. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0d || code === 0x0a;
}

/** A header value without blanks around it. Throws a TypeError for CR, LF, NUL and above U+00FF. */
export function headerValue(given: unknown): string {
  return typeof given === "string" && isPlainValue(given) ? given : cleanValue(`${given}`);
}

/** Whether a value has no control characters, and no blanks around it. */
function isPlainValue(value: string): boolean {
  const { length } = value;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if (code < space || code > 0xff) return false;
  }
  return length === 0 || (value.charCodeAt(0) !== space && value.charCodeAt(length - 1) !== space);
}

const space = 0x20;

function cleanValue(given: string): string {
  let value = given;
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start++;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end--;
  if (end - start < value.length) value = value.slice(start, end);
  if (NOT_A_VALUE.test(value)) {
    throw new TypeError("invalid header value: CR, LF, NUL or a character above U+00FF");
  }
  return value;
}

/** A reason phrase; throws a TypeError for one that cannot be sent. */
export function reasonPhrase(given: unknown): string {
  const text = `${given}`;
  if (!REASON.test(text)) throw new TypeError("invalid status text");
  return text;
}

/** A number as WebIDL's `unsigned short`. */
export function unsignedShort(given: unknown): number {
  const number = Number(given);
  return Number.isFinite(number) ? Math.trunc(number) & 0xffff : 0;
}

/** Throws a TypeError for fewer arguments than a function of the platform wants. */
export function wantArguments(operation: string, given: number, wanted: number): void {
  if (given >= wanted) return;
  throw new TypeError(
    `${operation}: ${wanted} argument${wanted === 1 ? "" : "s"} required, but only ${given} present`,
  );
}
