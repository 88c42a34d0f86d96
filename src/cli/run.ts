/**
 * `ringport run`: serves an application's module.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import { OptionError } from "../base/errors.ts";
import {
  checkOptionSources,
  type OptionSources,
  serverFlagTakesValue,
  serverOptionPaths,
} from "../server/options/mod.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { complain, type Terminal } from "./terminal.ts";

/** Runs the server of a module with options from these sources. Resolves when it has stopped. */
export interface ServerRunner {
  run(moduleUrl: string, sources: OptionSources): Promise<unknown>;
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

/** Stops the program before there is a server that takes signals. */
function listenForStop(terminal: Terminal): { stopped: Promise<undefined>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const signals = ["SIGTERM", "SIGINT", "SIGBREAK"] as const;
  const offs = signals.map((signal) => terminal.onSignal(signal, () => resolve(undefined)));
  return {
    stopped: promise,
    forget: () => offs.splice(0).forEach((off) => off?.()),
  };
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
    variableNames: terminal.variableNames(),
    cores: terminal.cores,
  };
  const { stopped, forget } = listenForStop(terminal);
  try {
    // What is wrong with flags and variables is told before anything is loaded.
    checkOptionSources(sources);
    const server = await Promise.race([runner(), stopped]);
    // From here on the server takes the signals.
    const running = server?.run(terminal.moduleUrl(module), sources);
    forget();
    await running;
    return 0;
  } catch (error) {
    complain(terminal, `ringport run: ${messageOf(error)}`);
    return error instanceof OptionError ? 2 : 1;
  } finally {
    forget();
  }
}
