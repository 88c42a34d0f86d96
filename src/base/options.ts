/**
 * Checks objects of options: an unknown key or a wrong value is an error that names the key and the values it
 * accepts.
 *
 * @module
 */
import { OptionError } from "./errors.ts";
import { nearestOf } from "./nearest.ts";

/** What an option wants, in words, and whether a value is that. */
export interface OptionCheck {
  readonly wants: string;
  readonly accepts: (value: unknown) => boolean;
  /** The keys of a value that is an object. */
  readonly inside?: OptionSchema;
  /** Throws an OptionError for a value whose parts are wrong. */
  readonly verify?: (operation: string, key: string, value: unknown) => void;
}

/**
 * The options an object may have, by path: `"timeouts.idle"` is the key `idle` of the object at the key
 * `timeouts`.
 */
export type OptionSchema = Readonly<Record<string, OptionCheck>>;

/** Values by the path of their option. */
export type FlatOptions = Map<string, unknown>;

/** How options are checked. */
interface OptionCheckOptions {
  /** Paths that must be set; one of a group, only if the group is set. */
  readonly required?: readonly string[];
  /** Stands before the paths in messages, such as `"listeners[1]."`. */
  readonly prefix?: string;
  /** What to say to an unknown path, where the common hints do not apply. */
  readonly hint?: (path: string) => string | undefined;
}

/** Keys that users know from elsewhere, and what to write instead. */
const hints: Readonly<Record<string, string>> = {
  idleTimeout: "write timeouts: { idle }, in milliseconds",
  timeout: "write timeouts: { connect } or timeouts: { idle, ... }, in milliseconds",
  maxConnections: "write limits: { connections }",
  host: 'write "hostname"',
  exclusive: "binding is always exclusive unless reusePort is set",
  path: 'write "unix" for the path of a Unix socket',
  tls: "TLS is not served",
  tcpBacklog: 'write "backlog"',
  transport: 'write "unix" for a Unix socket; every other connection is TCP',
};

/** Known keys up to which an error lists all of them. */
const listedMax = 8;

/**
 * Throws an OptionError unless `options` is an object with no keys but those of `schema`, each undefined or
 * of the wanted type. Returns the values that are not undefined, by path.
 */
export function checkOptions(
  operation: string,
  options: unknown,
  schema: OptionSchema,
  { required = [], prefix = "", hint }: OptionCheckOptions = {},
): FlatOptions {
  const flat: FlatOptions = new Map();
  const groups = groupsOf(schema);
  const enter = (value: unknown, inside: string): void => {
    if (!isObject(value)) throw notAnObject(operation, `${prefix}${inside}`, value);
    for (const [key, entry] of Object.entries(value)) {
      const path = `${inside}${key}`;
      if (inside === "" && groups.has(key)) {
        if (entry !== undefined) enter(entry, `${key}.`);
        continue;
      }
      if (key.includes(".") || !Object.hasOwn(schema, path)) {
        const message = `unknown option "${prefix}${path}"${hintFor(path, key, schema, hint)}`;
        throw new OptionError(operation, `${prefix}${path}`, message);
      }
      if (entry === undefined) continue;
      checkValue(operation, `${prefix}${path}`, `option "${prefix}${path}"`, entry, schema[path]);
      flat.set(path, entry);
    }
  };
  enter(options, "");
  for (const path of required) {
    const [group, key] = path.split(".");
    const isWanted = key === undefined || (options as Record<string, unknown>)[group] !== undefined;
    if (!isWanted || flat.has(path)) continue;
    const message = `option "${prefix}${path}" is required and must be ${schema[path].wants}`;
    throw new OptionError(operation, `${prefix}${path}`, message);
  }
  return flat;
}

/** Throws an OptionError unless the value is what the option wants; `name` is what the user calls it. */
export function checkValue(
  operation: string,
  key: string,
  name: string,
  value: unknown,
  { wants, accepts, inside, verify }: OptionCheck,
): void {
  if (!accepts(value)) {
    throw new OptionError(operation, key, `${name} must be ${wants}, not ${describe(value)}`);
  }
  if (inside !== undefined && isObject(value)) checkOptions(operation, value, inside, { prefix: `${key}.` });
  verify?.(operation, key, value);
}

/** Throws an OptionError where the first of two numbers is above the second. */
export function checkOrder(
  operation: string,
  pairs: readonly (readonly [low: string, lowValue: unknown, high: string, highValue: unknown])[],
): void {
  for (const [low, lowValue, high, highValue] of pairs) {
    if (typeof lowValue !== "number" || typeof highValue !== "number" || lowValue <= highValue) continue;
    const message = `option "${low}" (${lowValue}) must not be above "${high}" (${highValue})`;
    throw new OptionError(operation, low, message);
  }
}

/** An object of objects, from values by path. */
export function nested(flat: Iterable<readonly [path: string, value: unknown]>): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const [path, value] of flat) {
    const [group, key] = path.split(".");
    if (key === undefined) {
      object[group] = value;
      continue;
    }
    object[group] ??= {};
    (object[group] as Record<string, unknown>)[key] = value;
  }
  return object;
}

/** The keys that hold objects, by schema. */
const knownGroups = new WeakMap<OptionSchema, ReadonlySet<string>>();

function groupsOf(schema: OptionSchema): ReadonlySet<string> {
  let groups = knownGroups.get(schema);
  if (groups === undefined) {
    const dotted = Object.keys(schema).filter((path) => path.includes("."));
    knownGroups.set(schema, groups = new Set(dotted.map((path) => path.split(".")[0])));
  }
  return groups;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAnObject(operation: string, path: string, value: unknown): OptionError {
  const key = path.replace(/\.$/, "");
  const name = key === "" ? "the options" : `option "${key}"`;
  const message = `${name} must be an object, not ${describe(value)}`;
  return new OptionError(operation, key === "" ? "options" : key, message);
}

/** What may have been meant by a path that no option has. */
function hintFor(
  path: string,
  key: string,
  schema: OptionSchema,
  special: ((path: string) => string | undefined) | undefined,
): string {
  if (key.includes(".") && Object.hasOwn(schema, key)) {
    const [group, inner] = key.split(".");
    return `: write ${group}: { ${inner}: ... }`;
  }
  const hint = special?.(path) ?? (Object.hasOwn(hints, path) ? hints[path] : undefined);
  if (hint !== undefined) return `: ${hint}`;
  const known = Object.keys(schema);
  if (known.length <= listedMax) return ` (known: ${known.join(", ")})`;
  const nearest = nearestOf(path, known);
  return nearest === undefined ? "" : ` (did you mean "${nearest}"?)`;
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
      if (Array.isArray(value)) return "an array";
      return typeof value === "object" ? "an object" : `a ${typeof value}`;
  }
}

/** Characters of a value shown in an error message: enough for an address, too few to fill a log. */
const descriptionLengthMax = 60;

/** A function. */
export const callback: OptionCheck = { wants: "a function", accepts: (value) => typeof value === "function" };

/** Anything at all. */
export const anything: OptionCheck = { wants: "a value", accepts: () => true };

/** An AbortSignal. */
export const abortSignal: OptionCheck = {
  wants: "an AbortSignal",
  accepts: (value) => value instanceof AbortSignal,
};

/** An object, with the keys of `inside` where that is given. */
export function objectOf(wants: string, inside?: OptionSchema): OptionCheck {
  return { wants, accepts: isObject, inside };
}
