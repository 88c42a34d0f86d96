/**
 * Kinds of option values: how a value is checked, read from text (environment, command line) and shown in
 * documentation.
 *
 * @module
 */
import { isUnixPath, parseAddress, unixPathMaxBytes } from "./address.ts";
import { NetworkList } from "./networks.ts";
import type { OptionCheck, OptionSchema } from "./options.ts";

/** One kind of value. */
interface OptionKind extends OptionCheck {
  /** How the value is written in a command line's help, such as `<ms>`; empty for a flag. */
  readonly placeholder: string;
  /** The value that a text stands for; undefined where it stands for none. It is checked afterwards. */
  readonly parse: (text: string) => unknown;
  /** True where a command line may give the name alone. */
  readonly isFlag: boolean;
  /** The value as documentation shows it. */
  readonly show: (value: unknown) => string;
}

/** One option: its kind, its default, and what users read about it. */
export interface OptionRow extends OptionKind {
  /** The default; undefined where there is no value, only the words of `fallbackText`. */
  readonly fallback: unknown;
  /** The default in words. */
  readonly fallbackText: string;
  /** What the option does, in one line. */
  readonly summary: string;
  /** Why the default is what it is. */
  readonly reason: string;
}

/** A row whose default is a value. */
export function row(kind: OptionKind, fallback: unknown, summary: string, reason: string): OptionRow {
  return { ...kind, fallback, fallbackText: kind.show(fallback), summary, reason };
}

/** A row without a value by default: `fallbackText` says what happens then. */
export function unset(kind: OptionKind, fallbackText: string, summary: string, reason: string): OptionRow {
  return { ...kind, fallback: undefined, fallbackText, summary, reason };
}

/** The rows of a group of options, by path: `"timeouts.idle"` of the group `timeouts`. */
export function inGroup<Group extends string, Key extends string>(
  group: Group,
  rows: Readonly<Record<Key, OptionRow>>,
): Record<`${Group}.${Key}`, OptionRow> {
  const entries = Object.entries(rows).map(([key, row]) => [`${group}.${key}`, row]);
  return Object.fromEntries(entries) as Record<`${Group}.${Key}`, OptionRow>;
}

function digitsOf(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ",");
}

function parseWhole(text: string): number | undefined {
  return /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

function showPlain(value: unknown): string {
  return typeof value === "number" ? digitsOf(value) : String(value);
}

function kindOf(check: OptionCheck, rest: Partial<OptionKind> & Pick<OptionKind, "placeholder">): OptionKind {
  return { parse: (text) => text, isFlag: false, show: showPlain, ...check, ...rest };
}

function whole(min: number, max: number, unit: string, placeholder: string): OptionKind {
  return kindOf({
    wants: `a whole number${unit === "" ? "" : ` of ${unit}`} from ${min} to ${max}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  }, { placeholder, parse: parseWhole });
}

/** A whole number between two bounds, both allowed. */
export function wholeNumber(min: number, max: number): OptionKind {
  return whole(min, max, "", "<n>");
}

const portMax = 0xffff;

/** A port; 0 stands for any free one. */
export function portFrom(min: 0 | 1): OptionKind {
  return wholeNumber(min, portMax);
}

/** Milliseconds. */
export function milliseconds(min: number, max: number): OptionKind {
  return whole(min, max, "milliseconds", "<ms>");
}

/** Bytes. */
export function bytes(min: number, max: number): OptionKind {
  return whole(min, max, "bytes", "<bytes>");
}

/** Bytes a second. */
export function bytesPerSecond(min: number, max: number): OptionKind {
  return whole(min, max, "bytes a second", "<bytes>");
}

/** A power of two between two bounds, both allowed. */
export function powerOfTwo(min: number, max: number): OptionKind {
  const { accepts } = wholeNumber(min, max);
  return kindOf({
    wants: `a whole number, a power of two, from ${min} to ${max}`,
    accepts: (value) => accepts(value) && Number.isInteger(Math.log2(value as number)),
  }, { placeholder: "<n>", parse: parseWhole });
}

/** A whole number, or a word in its place. */
export function wholeNumberOr(min: number, max: number, word: string): OptionKind {
  const { wants, accepts } = wholeNumber(min, max);
  return kindOf({ wants: `"${word}" or ${wants}`, accepts: (value) => value === word || accepts(value) }, {
    placeholder: `<n|${word}>`,
    parse: (text) => text === word ? word : parseWhole(text),
  });
}

/** Any number between two bounds, both allowed. */
export function numberBetween(min: number, max: number): OptionKind {
  return kindOf({
    wants: `a number from ${min} to ${max}`,
    accepts: (value) => typeof value === "number" && value >= min && value <= max,
  }, {
    placeholder: `<${min}..${max}>`,
    parse: (text) => /^\d*\.?\d+$/.test(text) ? Number(text) : undefined,
  });
}

/** True or false. */
export const flag: OptionKind = kindOf({
  wants: "true or false",
  accepts: (value) => typeof value === "boolean",
}, {
  placeholder: "",
  isFlag: true,
  parse: (text) => ({ true: true, false: false, 1: true, 0: false })[text],
});

/** Characters of a text at most: a path or a URL of the longest kind, and no more. */
const textLengthMax = 4096;

/** A text that is not empty. */
export function text(placeholder = "<text>"): OptionKind {
  return kindOf({
    wants: `a string of 1 to ${textLengthMax} characters`,
    accepts: (value) => typeof value === "string" && value.length > 0 && value.length <= textLengthMax,
  }, { placeholder });
}

/** An address of this machine. The system checks the zone of an IPv6 address, which is a name or a number. */
export const address: OptionKind = kindOf({
  wants: 'an IP address or "localhost"',
  accepts: (value) =>
    value === "localhost" ||
    (typeof value === "string" && parseAddress(value.replace(/%[^%]+$/, "")) !== undefined),
}, { placeholder: "<address>" });

/** The path of a Unix socket. */
export const unixPath: OptionKind = kindOf({
  wants: `a path of 1 to ${unixPathMaxBytes} bytes without NUL`,
  accepts: (value) => typeof value === "string" && isUnixPath(value),
}, { placeholder: "<path>" });

/** One of a few words. */
export function choice(...words: string[]): OptionKind {
  const quoted = words.map((word) => `"${word}"`);
  return kindOf({
    wants: `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`,
    accepts: (value) => typeof value === "string" && words.includes(value),
  }, { placeholder: `<${words.join("|")}>` });
}

/** One of a few words, or a function. */
export function choiceOrFunction(...words: string[]): OptionKind {
  const word = choice(...words);
  return {
    ...word,
    wants: `${word.wants.replace(" or ", ", ")} or a function`,
    accepts: (value) => typeof value === "function" || word.accepts(value),
  };
}

/** True, false, or an object of options; in text, JSON. */
export function flagOrObject(wants: string, inside: OptionSchema): OptionKind {
  const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  return {
    ...json(wants, "<true|false|json>", (value) => typeof value === "boolean" || isObject(value)),
    inside,
  };
}

/** Permission bits of a file, in text in octal. Without any of them nobody could connect. */
export const permissionBits: OptionKind = kindOf({
  wants: "permission bits from 0o1 to 0o777 (in text: octal, as 660)",
  accepts: wholeNumber(1, 0o777).accepts,
}, {
  placeholder: "<octal>",
  parse: (text) => /^(0o?)?[0-7]{1,3}$/.test(text) ? parseInt(text.replace(/^0o?/, "") || "0", 8) : undefined,
  show: (value) => `0o${(value as number).toString(8)}`,
});

/** The name or the number of an inherited socket. */
export const nameOrNumber: OptionKind = kindOf({
  wants: "the name of an inherited socket, or its number from 0",
  accepts: (value) =>
    (Number.isInteger(value) && (value as number) >= 0) || (typeof value === "string" && value.length > 0),
}, { placeholder: "<name|n>", parse: (text) => parseWhole(text) ?? text });

/** Addresses and networks; in text, separated by commas. */
export const networks: OptionKind = kindOf({
  wants: "a list of addresses and networks, such as 10.0.0.0/8",
  accepts: (value) =>
    Array.isArray(value) && value.every((entry) => typeof entry === "string" && entry !== ""),
  // Names the entry that is wrong.
  verify: (operation, key, value) => void new NetworkList(operation, key, value as string[]),
}, {
  placeholder: "<list>",
  parse: (text) => text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== ""),
  show: (value) => `[${(value as string[]).join(", ")}]`,
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A list or an object that is checked elsewhere, key by key; in text, JSON. */
export function json(wants: string, placeholder: string, accepts: (value: unknown) => boolean): OptionKind {
  return kindOf({ wants, accepts }, {
    placeholder,
    parse: parseJson,
    show: (value) => JSON.stringify(value),
  });
}
