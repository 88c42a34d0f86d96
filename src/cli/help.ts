/**
 * The help of the command line.
 *
 * @module
 */
import { helpEntry } from "../base/wrap.ts";
import { serverOptionsHelp } from "../server/options/mod.ts";

const overview = `ringport: servers for Deno and Bun

Usage: ringport <command> [flags]

Commands
${helpEntry("run <module>", "serve an application's module; serve is the same")}
${helpEntry("top", "show the metrics of a running server")}
${helpEntry("help [command]", "explain a command and its flags")}

Flags
${helpEntry("-h, --help", "explain, also behind a command")}
${helpEntry("-v, --version", "print the version")}
`;

const run = `Usage: ringport run <module> [flags]

Serves the application that is the module's default export until SIGTERM or
SIGINT (Ctrl+C) stops it. The module is a path or a URL. What it exports as
"options" is taken as the server's options in code.

Every flag is an option of the server; --name=value and --name value are the
same, as are --timeouts.firstByte and --timeouts-first-byte. Each has a variable
too: RINGPORT_TIMEOUTS_FIRST_BYTE. Flags win over variables, variables over
code; PORT and HOST count where nothing else gives them. Times are
milliseconds, sizes bytes; a timeout, limit or rate of 0 is off.

Example: ringport run app.ts --port=3000 --workers=auto --metrics.port=9100
`;

const top = `Usage: ringport top --url=<url> | --pid=<n> [flags]

Shows the metrics of a running server, which must have been started with the
option metrics.port. q or Ctrl+C ends it. Without a terminal it prints once.

Flags
${helpEntry("--url=<url>", "address of the metrics: http://host:port or host:port")}
${
  helpEntry(
    "--pid=<n>",
    "the server's process, where metrics.port is on its command line or in its environment (Linux)",
  )
}
${helpEntry("--interval=<ms>", "time between two looks, from 100 (default: 1,000)")}
${helpEntry("--once", "print once and end")}

Without --url and --pid, RINGPORT_METRICS_PORT and RINGPORT_METRICS_HOSTNAME
give the address of the metrics.
`;

/** Commands that can be explained. */
export const helpTopics = ["run", "top"] as const;

/** The help text of a command, or of all of it; at most 80 columns wide. */
export function helpText(topic?: (typeof helpTopics)[number]): string {
  if (topic === "run") return `${run}\n${serverOptionsHelp()}\n`;
  return topic === "top" ? top : overview;
}
