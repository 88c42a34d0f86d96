/**
 * Checking of option objects: an unknown key or a wrong type is an error that names the key and what it
 * wants.
 *
 * @module
 */
import { OptionError } from "./errors.ts";

/** What a key wants, in words, and whether a value is that. */
export interface OptionCheck {
  readonly wants: string;
  readonly accepts: (value: unknown) => boolean;
}

/** The keys an options object may have. */
export type OptionSchema = Readonly<Record<string, OptionCheck>>;

/** Keys users bring along from elsewhere, and what to write instead. */
const hints: Readonly<Record<string, string>> = {
  idleTimeout: "write timeouts: { idle }, in milliseconds",
  timeout: "write timeouts: { connect } or timeouts: { idle, ... }, in milliseconds",
  host: 'write "hostname"',
  exclusive: "binding is always exclusive unless reusePort is set",
  path: 'write "unix" for the path of a Unix socket',
  tls: "TLS is not served",
  tcpBacklog: 'write "backlog"',
  transport: 'write "unix" for a Unix socket; every other connection is TCP',
};

/**
 * Throws an OptionError unless `options` is an object with no key but those of `schema`, each undefined or of
 * the wanted type. `required` keys must be there.
 */
export function checkOptions(
  operation: string,
  options: unknown,
  schema: OptionSchema,
  required: readonly string[] = [],
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new OptionError(operation, "options", `options must be an object, not ${describe(options)}`);
  }
  for (const [key, value] of Object.entries(options)) {
    const check = Object.hasOwn(schema, key) ? schema[key] : undefined;
    if (check === undefined) {
      const hint = Object.hasOwn(hints, key)
        ? `: ${hints[key]}`
        : ` (known: ${Object.keys(schema).join(", ")})`;
      throw new OptionError(operation, key, `unknown option "${key}"${hint}`);
    }
    if (value === undefined) continue;
    if (!check.accepts(value)) {
      throw new OptionError(operation, key, `option "${key}" must be ${check.wants}, not ${describe(value)}`);
    }
  }
  for (const key of required) {
    if ((options as Record<string, unknown>)[key] === undefined) {
      throw new OptionError(operation, key, `option "${key}" is required and must be ${schema[key].wants}`);
    }
  }
}

/** A value as an error message shows it: its type, and the value itself where that is short. */
export function describe(value: unknown): string {
  if (value === null) return "null";
  switch (typeof value) {
    case "number":
    case "boolean":
      return String(value);
    case "string":
      return value.length > descriptionLengthMax ? "a long string" : JSON.stringify(value);
    case "undefined":
      return "undefined";
    default:
      return Array.isArray(value) ? "an array" : `a ${typeof value}`;
  }
}

/** Characters of a value shown in an error message: enough for an address, too few to fill a log. */
const descriptionLengthMax = 60;

/** A whole number between two bounds, both allowed. */
export function wholeNumber(min: number, max: number, unit = ""): OptionCheck {
  return {
    wants: `a whole number${unit === "" ? "" : ` of ${unit}`} from ${min} to ${max}`,
    accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  };
}

/** Any number between two bounds, both allowed. */
export function numberBetween(min: number, max: number): OptionCheck {
  return {
    wants: `a number from ${min} to ${max}`,
    accepts: (value) => typeof value === "number" && value >= min && value <= max,
  };
}

/** A power of two between two bounds, both allowed. */
export function powerOfTwo(min: number, max: number): OptionCheck {
  const inBounds = wholeNumber(min, max);
  return {
    wants: `a whole number, a power of two, from ${min} to ${max}`,
    accepts: (value) => inBounds.accepts(value) && Number.isInteger(Math.log2(value as number)),
  };
}

/** True or false. */
export const flag: OptionCheck = { wants: "true or false", accepts: (value) => typeof value === "boolean" };

/** A string of at least one character. */
export const text: OptionCheck = {
  wants: "a string that is not empty",
  accepts: (value) => typeof value === "string" && value !== "",
};

/** A function. */
export const callback: OptionCheck = { wants: "a function", accepts: (value) => typeof value === "function" };

/** Anything at all. */
export const anything: OptionCheck = { wants: "a value", accepts: () => true };

/** An AbortSignal. */
export const abortSignal: OptionCheck = {
  wants: "an AbortSignal",
  accepts: (value) => value instanceof AbortSignal,
};

/** An object whose keys are checked by their own schema elsewhere. */
export function objectOf(wants: string): OptionCheck {
  return { wants, accepts: (value) => typeof value === "object" && value !== null && !Array.isArray(value) };
}
