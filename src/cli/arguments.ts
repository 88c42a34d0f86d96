/**
 * The arguments of a command line: flags, and the words between them.
 *
 * @module
 */
import { nearestOf } from "../base/nearest.ts";

/** A wrong command line: reported to the user, with exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** A flag as it was written. */
interface WrittenFlag {
  /** Without its dashes. */
  readonly name: string;
  /** Undefined where the name stands alone. */
  readonly value: string | undefined;
}

/** A command line taken apart. */
interface ParsedArguments {
  readonly flags: readonly WrittenFlag[];
  readonly positionals: readonly string[];
  /** What stands behind `--`. */
  readonly rest: readonly string[];
}

/** The flags a command knows. */
interface KnownFlags {
  /** Whether the flag wants a value; undefined where it is none of the command. */
  takesValue(name: string): boolean | undefined;
  /** All names, for the nearest of an unknown one. */
  readonly names: Iterable<string>;
}

const shortNames: Readonly<Record<string, string>> = { "-h": "help", "-v": "version", "-V": "version" };

function takeApart(argument: string): WrittenFlag | undefined {
  if (Object.hasOwn(shortNames, argument)) return { name: shortNames[argument], value: undefined };
  const match = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
  if (match !== null) return { name: match[1], value: match[2] };
  // A dash alone is a name by custom; a dash and letters is a flag we do not have.
  if (/^-./.test(argument)) throw new UsageError(`unknown flag ${argument}: flags begin with two dashes`);
  return undefined;
}

function unknown(name: string, names: Iterable<string>): UsageError {
  const nearest = nearestOf(name, names);
  return new UsageError(
    `unknown flag --${name}${nearest === undefined ? "" : ` (did you mean --${nearest}?)`}`,
  );
}

/** Takes a command line apart; throws a {@linkcode UsageError} for a flag that is not known. */
export function parseArguments(list: readonly string[], known: KnownFlags): ParsedArguments {
  const flags: WrittenFlag[] = [];
  const positionals: string[] = [];
  for (let index = 0; index < list.length; index += 1) {
    if (list[index] === "--") return { flags, positionals, rest: list.slice(index + 1) };
    const flag = takeApart(list[index]);
    if (flag === undefined) {
      positionals.push(list[index]);
      continue;
    }
    const takesValue = flag.name === "help" ? false : known.takesValue(flag.name);
    if (takesValue === undefined) throw unknown(flag.name, known.names);
    if (takesValue && flag.value === undefined) {
      index += 1;
      if (index >= list.length) throw new UsageError(`--${flag.name} needs a value`);
      flags.push({ name: flag.name, value: list[index] });
    } else {
      flags.push(flag);
    }
  }
  return { flags, positionals, rest: [] };
}
