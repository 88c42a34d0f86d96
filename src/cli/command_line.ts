/**
 * The command line: selects the command to run and the exit code.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { nearestOf } from "../base/nearest.ts";
import { version } from "../base/version.ts";
import { UsageError } from "./arguments.ts";
import { helpText, helpTopics } from "./help.ts";
import { runServer, type ServerRunner } from "./run.ts";
import { complain, print, type Terminal } from "./terminal.ts";
import { runTop } from "./top.ts";

const commands = [...helpTopics, "serve", "help"] as const;

/** Whether help is asked for, wherever in the flags. */
function asksForHelp(list: readonly string[]): boolean {
  const end = list.indexOf("--");
  return list.slice(0, end < 0 ? undefined : end).some((argument) =>
    argument === "--help" || argument === "-h"
  );
}

function explain(list: readonly string[], terminal: Terminal): number {
  const topic = list.find((argument) => !argument.startsWith("-"));
  if (topic === undefined || topic === "help") {
    print(terminal, helpText());
    return 0;
  }
  const known = helpTopics.find((name) => name === topic);
  if (known === undefined) throw unknownCommand(topic);
  print(terminal, helpText(known));
  return 0;
}

function unknownCommand(name: string): UsageError {
  if (name.startsWith("-")) return new UsageError(`unknown flag ${name}: flags stand behind a command`);
  const nearest = nearestOf(name, commands);
  const hint = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
  return new UsageError(`unknown command "${name}"${hint}`);
}

async function dispatch(
  [command, ...list]: readonly string[],
  terminal: Terminal,
  runner: () => Promise<ServerRunner>,
): Promise<number> {
  switch (command) {
    case "--version":
    case "-v":
    case "-V":
    case "version":
      print(terminal, `${version}\n`);
      return 0;
    case "help":
      return explain(list, terminal);
    case "--help":
    case "-h":
      return explain([], terminal);
    case "run":
    case "serve":
      return asksForHelp(list) ? explain(["run"], terminal) : await runServer(list, terminal, runner);
    case "top":
      return asksForHelp(list) ? explain(["top"], terminal) : await runTop(list, terminal);
    case undefined:
      complain(terminal, helpText().trimEnd());
      return 2;
    default:
      throw unknownCommand(command);
  }
}

/**
 * Runs a command line. Gives the exit code: 0, 1 where something failed, 2 where the command line or an
 * option is wrong.
 */
export async function runCommandLine(
  list: readonly string[],
  terminal: Terminal,
  runner: () => Promise<ServerRunner>,
): Promise<number> {
  try {
    return await dispatch(list, terminal, runner);
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof OptionError)) throw error;
    complain(terminal, `ringport: ${error.message}`);
    complain(terminal, "ringport help explains commands and flags");
    return 2;
  }
}
