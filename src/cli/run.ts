/**
 * `ringport run`: serves an application's module.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import { OptionError } from "../base/errors.ts";
import {
  type OptionSources,
  readSources,
  serverFlagTakesValue,
  serverOptionPaths,
  type ServerOptions,
  serverOptionsOfFlags,
} from "../server/options/mod.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { complain, type Terminal } from "./terminal.ts";

/** Runs the server of a module with options from these sources. Resolves when it has stopped. */
export interface ServerRunner {
  run(moduleUrl: string, sources: OptionSources): Promise<unknown>;
}

/** What a command line asks for. */
interface RunOptions {
  /** The application, as it was written. */
  readonly module: string;
  /** The options that the flags stand for. */
  readonly options: ServerOptions;
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
  return { module, options: serverOptionsOfFlags(flags) };
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
  const { module, options } = readRunOptions(list);
  const sources: OptionSources = {
    flags: options,
    variable: (name) => terminal.variable(name),
    variableNames: terminal.variableNames(),
    cores: terminal.cores,
  };
  const { stopped, forget } = listenForStop(terminal);
  try {
    // Errors in variables are reported before anything is loaded.
    readSources(sources);
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
