/**
 * What the value of an option may be: how it is checked, read from text (environment, command line) and
 * shown.
 *
 * @module
 */
import { isUnixPath, parseAddress, unixPathMaxBytes } from "../../base/address.ts";
import { type OptionCheck, powerOfTwo as powerOfTwoCheck, wholeNumber } from "../../base/options.ts";

/** One kind of value. */
export interface OptionKind extends OptionCheck {
  /** How the value is written in a command line's help, such as `<ms>`; empty for a flag. */
  readonly placeholder: string;
  /** The value that a text means; undefined where it means none. Whether it is accepted is seen after. */
  readonly parse: (text: string) => unknown;
  /** True where a command line may give the name alone. */
  readonly isFlag: boolean;
  /** The value as documentation shows it. */
  readonly show: (value: unknown) => string;
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

/** A whole number, with its unit in words and in the help's short form. */
function whole(min: number, max: number, unit: string, placeholder: string): OptionKind {
  return kindOf(wholeNumber(min, max, unit), { placeholder, parse: parseWhole });
}

/** A count of something. */
export function count(min: number, max: number): OptionKind {
  return whole(min, max, "", "<n>");
}

/** Milliseconds. */
export function milliseconds(min: number, max: number): OptionKind {
  return whole(min, max, "milliseconds", "<ms>");
}

/** Bytes. */
export function bytes(min: number, max: number): OptionKind {
  return whole(min, max, "bytes", "<bytes>");
}

/** A power of two. */
export function powerOfTwo(min: number, max: number): OptionKind {
  return kindOf(powerOfTwoCheck(min, max), { placeholder: "<n>", parse: parseWhole });
}

/** A count, or a word in its place. */
export function countOr(min: number, max: number, word: string): OptionKind {
  const { wants, accepts } = wholeNumber(min, max);
  return kindOf({ wants: `"${word}" or ${wants}`, accepts: (value) => value === word || accepts(value) }, {
    placeholder: `<n|${word}>`,
    parse: (text) => text === word ? word : parseWhole(text),
  });
}

/** A share from 0 to 1. */
export const share: OptionKind = kindOf({
  wants: "a number from 0 to 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
}, { placeholder: "<0..1>", parse: (text) => /^\d*\.?\d+$/.test(text) ? Number(text) : undefined });

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
export function text(placeholder: string): OptionKind {
  return kindOf({
    wants: `a string of 1 to ${textLengthMax} characters`,
    accepts: (value) => typeof value === "string" && value.length > 0 && value.length <= textLengthMax,
  }, { placeholder });
}

/** An address of this machine. The zone of an IPv6 address, which has a name or a number, is the system's. */
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

/** Permission bits of a file, in text in octal as everywhere. Without any of them nobody could connect. */
export const permissionBits: OptionKind = kindOf({
  wants: "permission bits from 0o1 to 0o777 (in text: octal, as 660)",
  accepts: wholeNumber(1, 0o777).accepts,
}, {
  placeholder: "<octal>",
  parse: (text) => /^(0o?)?[0-7]{1,3}$/.test(text) ? parseInt(text.replace(/^0o?/, "") || "0", 8) : undefined,
  show: (value) => `0o${(value as number).toString(8)}`,
});

/** The name or the number of an inherited socket. */
export function nameOrIndex(max: number): OptionKind {
  const index = wholeNumber(0, max);
  return kindOf({
    wants: `the name of an inherited socket, or its number from 0 to ${max}`,
    accepts: (value) => index.accepts(value) || (typeof value === "string" && value.length > 0),
  }, { placeholder: "<name|n>", parse: (text) => parseWhole(text) ?? text });
}

/** Texts, separated by commas where they come as one. */
export function texts(wants: string, placeholder: string): OptionKind {
  return kindOf({
    wants,
    accepts: (value) =>
      Array.isArray(value) && value.every((entry) => typeof entry === "string" && entry !== ""),
  }, {
    placeholder,
    parse: (text) => text.split(",").map((entry) => entry.trim()).filter((entry) => entry !== ""),
    show: (value) => `[${(value as string[]).join(", ")}]`,
  });
}

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
