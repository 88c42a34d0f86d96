/**
 * Options set by operators: environment variables and the flags of a command line, with the same names as in
 * code.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { nearestOf } from "../../base/nearest.ts";
import { checkValue, type FlatOptions } from "../../base/options.ts";
import { checkServerObject, optionOperation } from "./check.ts";
import { serverOptionPaths, serverOptionTable } from "./table.ts";
import type { ServerOptionPath, ServerOptions } from "./types.ts";

/**
 * Where options come from beside code: the environment, a command line, and what the application's module
 * exports. Flags win over variables, variables over code, code over the module's export.
 */
export interface OptionSources {
  /** Reads a variable of the environment. Left out: there are none. */
  readonly variable?: (name: string) => string | undefined;
  /**
   * Names of all variables that are set: one that begins with `RINGPORT_` and is not known is an error. Left
   * out: only those that are known are looked at.
   */
  readonly variableNames?: readonly string[];
  /**
   * Arguments of a command line, such as `["--port=3000", "--workers", "2"]`, or the options they stand for.
   * Arguments behind `"--"` are the program's own. Left out: none.
   */
  readonly flags?: readonly string[] | ServerOptions;
  /** Options that the application's module exports. Those in code win over them. Left out: none. */
  readonly exported?: ServerOptions;
  /** Logical cores, for `workers: "auto"`. Left out: 1. */
  readonly cores?: number;
}

/** The variable of an option: `timeouts.firstByte` is `RINGPORT_TIMEOUTS_FIRST_BYTE`. */
export function variableName(path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replaceAll(".", "_");
  return `RINGPORT_${words.toUpperCase()}`;
}

/**
 * Variables that many platforms set, taken where nothing else gives the option. `HOSTNAME` is not one of
 * them: containers and shells set it to the machine's own name.
 */
const fallbackVariables: readonly [variable: string, path: ServerOptionPath][] = [
  ["PORT", "port"],
  ["HOST", "hostname"],
];

/** Every variable that is read. */
export const variableNames: readonly string[] = [
  ...serverOptionPaths.map(variableName),
  ...fallbackVariables.map(([name]) => name),
];

const knownVariables: ReadonlySet<string> = new Set(variableNames);
const bareNames: readonly string[] = serverOptionPaths.map((path) =>
  variableName(path).slice("RINGPORT_".length)
);

/** The value that a text means for an option; throws an OptionError that names `name`. */
function parseValue(path: ServerOptionPath, name: string, text: string): unknown {
  const row = serverOptionTable[path];
  const value = row.parse(text);
  checkValue(optionOperation, path, name, value === undefined ? text : value, row);
  return value;
}

function readVariable(flat: FlatOptions, sources: OptionSources, name: string, path: ServerOptionPath): void {
  const text = sources.variable?.(name);
  // Set but empty is how many systems write "not set".
  if (text !== undefined && text !== "") flat.set(path, parseValue(path, name, text));
}

const prefix = "RINGPORT_";

/**
 * Variables with this prefix that are not options: whether assertions are checked, where the native library
 * is unpacked, how a worker's process finds its server, and what this project's own tests and tools read.
 */
export const otherVariables: ReadonlySet<string> = new Set([
  "RINGPORT_ASSERTIONS",
  "RINGPORT_CACHE",
  "RINGPORT_CHANNEL",
  "RINGPORT_SEED",
  "RINGPORT_SEEDS",
  "RINGPORT_STARTS",
  "RINGPORT_WINE_FOLDER",
  "RINGPORT_WINE_PATH",
  "RINGPORT_WINE_PREFIX",
]);

/** Throws an OptionError for a variable of our prefix that nothing reads. */
function checkVariableNames({ variableNames: names = [], variable }: OptionSources): void {
  for (const name of names) {
    if (!name.startsWith(prefix) || otherVariables.has(name) || knownVariables.has(name)) continue;
    if (!variable?.(name)) continue;
    const bare = nearestOf(name.slice(prefix.length), bareNames);
    const hint = bare === undefined ? "" : ` (did you mean ${prefix}${bare}?)`;
    throw new OptionError(optionOperation, name, `unknown variable ${name}${hint}`);
  }
}

/** The options that variables of their own names give. */
export function readVariables(sources: OptionSources): FlatOptions {
  checkVariableNames(sources);
  const flat: FlatOptions = new Map();
  for (const path of serverOptionPaths) readVariable(flat, sources, variableName(path), path);
  return flat;
}

/** The options that the platforms' variables give. */
export function readFallbacks(sources: OptionSources): FlatOptions {
  const flat: FlatOptions = new Map();
  for (const [name, path] of fallbackVariables) readVariable(flat, sources, name, path);
  return flat;
}

/** A name without what people write in different ways: `timeouts-first-byte` is `timeouts.firstByte`. */
function plain(name: string): string {
  return name.replace(/[-._]/g, "").toLowerCase();
}

const pathByPlainName: ReadonlyMap<string, ServerOptionPath> = new Map(
  serverOptionPaths.map((path) => [plain(path), path]),
);

/** The option that a flag names, without its dashes; undefined where there is none. */
export function pathOfFlag(name: string): ServerOptionPath | undefined {
  return pathByPlainName.get(plain(name));
}

/** The option that a flag switches off: `no-development`. */
function pathOfNegation(name: string): ServerOptionPath | undefined {
  const path = name.startsWith("no-") ? pathOfFlag(name.slice("no-".length)) : undefined;
  return path !== undefined && serverOptionTable[path].isFlag ? path : undefined;
}

/** Whether the flag of a name wants a value behind it; undefined where there is no such flag. */
export function serverFlagTakesValue(name: string): boolean | undefined {
  const path = pathOfFlag(name);
  if (path !== undefined) return !serverOptionTable[path].isFlag;
  return pathOfNegation(name) === undefined ? undefined : false;
}

function unknownFlag(name: string): OptionError {
  const nearest = nearestOf(name, serverOptionPaths) ?? pathByPlainName.get(
    nearestOf(plain(name), pathByPlainName.keys()) ?? "",
  );
  const hint = nearest === undefined ? "" : ` (did you mean --${nearest}?)`;
  return new OptionError(optionOperation, name, `unknown flag --${name}${hint}`);
}

/** A flag as it was written. */
export interface WrittenFlag {
  /** Without its dashes. */
  readonly name: string;
  /** Undefined where the name stands alone. */
  readonly value: string | undefined;
}

/** Takes arguments apart: `--name=value`, `--name value`, and `--name` alone where it is true or false. */
function writtenFlags(list: readonly string[]): WrittenFlag[] {
  const flags: WrittenFlag[] = [];
  for (let index = 0; index < list.length && list[index] !== "--"; index += 1) {
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(list[index]);
    if (match === null) {
      throw new OptionError(
        optionOperation,
        list[index],
        `"${list[index]}" is not a flag: write --name=value, and put the program's own arguments after --`,
      );
    }
    const [, name, written] = match;
    const isNext = written === undefined && serverFlagTakesValue(name) === true;
    flags.push({ name, value: isNext ? list[index += 1] : written });
  }
  return flags;
}

/** The options that flags stand for; throws an OptionError. */
export function optionsOfFlags(flags: readonly WrittenFlag[]): FlatOptions {
  const flat: FlatOptions = new Map();
  for (const { name, value } of flags) {
    const path = pathOfFlag(name);
    if (path === undefined) {
      const negated = value === undefined ? pathOfNegation(name) : undefined;
      if (negated === undefined) throw unknownFlag(name);
      flat.set(negated, false);
      continue;
    }
    const { isFlag, wants } = serverOptionTable[path];
    if (value !== undefined) flat.set(path, parseValue(path, `--${name}`, value));
    else if (isFlag) flat.set(path, true);
    else throw new OptionError(optionOperation, path, `--${name} needs a value: ${wants}`);
  }
  return flat;
}

/** The options of a command line. */
export function readFlags(flags: readonly string[] | ServerOptions = []): FlatOptions {
  const isList = (given: readonly string[] | ServerOptions): given is readonly string[] =>
    Array.isArray(given);
  return isList(flags) ? optionsOfFlags(writtenFlags(flags)) : checkServerObject(flags);
}
