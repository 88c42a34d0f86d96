/**
 * `ringport run`: serves an application's module.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import { OptionError } from "../base/errors.ts";
import {
  type OptionSources,
  resolveServerOptions,
  serverFlagTakesValue,
  serverOptionPaths,
  type ServerOptions,
} from "../server/options.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { complain, type Terminal } from "./terminal.ts";

/** What runs the server with options of code and of other sources. Resolves when it has stopped. */
export interface ServerRunner {
  run(moduleUrl: string, options: ServerOptions, sources: OptionSources): Promise<unknown>;
}

/** What a command line asks for. */
export interface RunOptions {
  /** The application, as it was written. */
  readonly module: string;
  /** The options among the arguments, as `--name=value` or `--name`. */
  readonly flags: readonly string[];
}

/** Reads the arguments behind `run`; throws a {@linkcode UsageError}. */
export function readRunOptions(list: readonly string[]): RunOptions {
  const known = { takesValue: serverFlagTakesValue, names: serverOptionPaths };
  const { flags, positionals } = parseArguments(list, known);
  const [module, odd] = positionals;
  if (module === undefined) throw new UsageError("which application? Write ringport run app.ts");
  if (odd !== undefined) {
    throw new UsageError(`run takes one application, "${module}", and not "${odd}" as well`);
  }
  return {
    module,
    flags: flags.map(({ name, value }) => value === undefined ? `--${name}` : `--${name}=${value}`),
  };
}

async function importModule(url: string): Promise<Record<string, unknown>> {
  try {
    return await import(url) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${url} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
}

/** Runs `ringport run`; gives the exit code. `runner` is fetched only when the arguments are right. */
export async function runServer(
  list: readonly string[],
  terminal: Terminal,
  runner: () => Promise<ServerRunner>,
): Promise<number> {
  const { module, flags } = readRunOptions(list);
  const sources: OptionSources = {
    flags,
    variable: (name) => terminal.variable(name),
    cores: terminal.cores,
  };
  try {
    // What is wrong with flags and variables is told before anything is loaded.
    resolveServerOptions({}, sources);
    const url = terminal.moduleUrl(module);
    const options = (await importModule(url)).options as ServerOptions | undefined ?? {};
    resolveServerOptions(options, sources);
    await (await runner()).run(url, options, sources);
    return 0;
  } catch (error) {
    complain(terminal, `ringport run: ${messageOf(error)}`);
    return error instanceof OptionError ? 2 : 1;
  }
}
