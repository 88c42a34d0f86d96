/**
 * The fields that an application sets for an answer.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { checkFieldName, checkFieldValue } from "./field_check.ts";
import type { HeaderFields, HeaderValue } from "./types.ts";

/** What the server does with a field. */
export const FieldRole = {
  /** Sent as it is. */
  plain: 0,
  contentType: 1,
  contentLength: 2,
  connection: 3,
  date: 4,
  /** The server's own. */
  refused: 5,
} as const;
export type FieldRole = (typeof FieldRole)[keyof typeof FieldRole];

const roles: Readonly<Record<string, FieldRole>> = {
  "content-type": FieldRole.contentType,
  "content-length": FieldRole.contentLength,
  "connection": FieldRole.connection,
  "date": FieldRole.date,
  "transfer-encoding": FieldRole.refused,
  "keep-alive": FieldRole.refused,
};

/** A name that was checked. */
interface CheckedName {
  /** In lower case. */
  readonly lower: string;
  readonly role: FieldRole;
}

/** Names that are remembered: an application writes a few dozen. */
const namesMax = 256;
const names = new Map<string, CheckedName>();

/** The name of a field, checked. Throws an OptionError for one that is not a token. */
function checkedName(name: string): CheckedName {
  const known = names.get(name);
  if (known !== undefined) return known;
  checkFieldName("response", name);
  const lower = name.toLowerCase();
  const made = { lower, role: Object.hasOwn(roles, lower) ? roles[lower] : FieldRole.plain };
  if (made.role === FieldRole.refused) {
    throw new OptionError("response", name, `the server itself sends the field ${name} where it is due`);
  }
  if (names.size < namesMax) names.set(name, made);
  return made;
}

/** A whole number in decimal. */
const digits = /^\d{1,15}$/;

/** The fields of one answer. Used again by the next one. */
export class AnswerFields {
  /** Names as given and values, in order; `count` of them count. */
  readonly names: string[] = [];
  readonly values: string[] = [];
  readonly #lower: string[] = [];
  count = 0;
  /** A bit for each role that is present. */
  #roles = 0;
  /** What `Content-Length` says; -1 where it is not set. Such a field is not among the others. */
  contentLength = -1;
  /** `Connection: close` was set. Fields of that name are not among the others. */
  closes = false;

  /** Something was set. */
  get used(): boolean {
    return this.count > 0 || this.contentLength >= 0 || this.closes;
  }

  /** Begins with none. */
  clear(): void {
    this.count = 0;
    this.#roles = 0;
    this.contentLength = -1;
    this.closes = false;
  }

  /** Whether a field of a role is present. */
  has(role: FieldRole): boolean {
    return (this.#roles & 1 << role) !== 0;
  }

  /** Sets a field in place of those of its name. */
  set(name: string, value: HeaderValue): void {
    this.#put(name, value, true);
  }

  /** Adds a field. */
  append(name: string, value: HeaderValue): void {
    this.#put(name, value, false);
  }

  /** Adds all fields. */
  appendAll(fields: HeaderFields): void {
    for (const [name, value] of pairsOf(fields)) this.append(name, value);
  }

  /** Adds a field whose value is checked already. */
  appendChecked(name: string, value: string): void {
    this.#keep(name, checkedName(name), value, false);
  }

  #put(name: string, value: HeaderValue, replaces: boolean): void {
    const checked = checkedName(name);
    const text = typeof value === "number" ? String(value) : value;
    checkFieldValue("response", name, text);
    this.#keep(name, checked, text, replaces);
  }

  #keep(name: string, { lower, role }: CheckedName, text: string, replaces: boolean): void {
    if (role === FieldRole.contentLength) return this.#setLength(text);
    if (role === FieldRole.connection) return this.#setConnection(text);
    if (replaces && this.count > 0) this.#remove(lower);
    this.#roles |= 1 << role;
    this.names[this.count] = name;
    this.values[this.count] = text;
    this.#lower[this.count] = lower;
    this.count += 1;
  }

  #setLength(text: string): void {
    if (!digits.test(text)) {
      throw new OptionError("response", "Content-Length", "Content-Length must be a whole number of bytes");
    }
    this.contentLength = Number(text);
  }

  #setConnection(text: string): void {
    const lower = text.toLowerCase();
    if (lower !== "close" && lower !== "keep-alive") {
      throw new OptionError("response", "Connection", 'Connection must be "close" or "keep-alive"');
    }
    this.closes = lower === "close";
  }

  #remove(lower: string): void {
    let kept = 0;
    for (let index = 0; index < this.count; index++) {
      if (this.#lower[index] === lower) continue;
      this.names[kept] = this.names[index];
      this.values[kept] = this.values[index];
      this.#lower[kept] = this.#lower[index];
      kept += 1;
    }
    this.count = kept;
  }
}

/** Fields one by one, whichever form they were given in. */
function* pairsOf(fields: HeaderFields): IterableIterator<[name: string, value: HeaderValue]> {
  if (Symbol.iterator in fields) {
    for (const [name, value] of fields as Iterable<readonly [string, HeaderValue]>) yield [name, value];
    return;
  }
  for (const [name, value] of Object.entries(fields)) {
    if (!Array.isArray(value)) yield [name, value as HeaderValue];
    else for (const one of value) yield [name, one];
  }
}
