/**
 * Writes the page of all server options from their table: `bun tools/options_page.ts > docs/options.md`, or
 * `deno run -A` in place of `bun`.
 *
 * @module
 */
import { optionSections } from "../src/server/options/sections.ts";
import { variableName } from "../src/server/options/sources.ts";
import { listenerOptionPaths, serverOptionTable } from "../src/server/options/table.ts";
import type { ServerOptionPath } from "../src/server/options/types.ts";

const intro = `# Options of a server

One object configures a server: its listeners, the memory it allocates, its limits and its
lifecycle. An unknown key, a wrong type or a value out of bounds is an \`OptionError\` that names the
key and the values it accepts. All times are in milliseconds, all sizes in bytes; 0 turns a timeout,
limit or rate off. \`listen\`, \`connect\`, \`udpSocket\` and \`createLoop\` have the same options under
the same names.

\`\`\`ts
import { checkServerOptions, type ServerOptions } from "@ringport/ringport";

const options: ServerOptions = {
  port: 3000,
  workers: "auto",
  timeouts: { idle: 20_000 },
  limits: { connections: 50_000, connectionsPerAddress: 200 },
  metrics: { port: 9100 },
};
checkServerOptions(options); // throws what Server.run would throw
\`\`\`

## Where options come from

An option has the same name everywhere: \`timeouts.firstByte\` is \`{ timeouts: { firstByte: 5_000 } }\`
in code, \`RINGPORT_TIMEOUTS_FIRST_BYTE=5000\` in the environment and \`--timeouts.firstByte=5000\` (or
\`--timeouts-first-byte 5000\`) on the command line. Booleans are also \`--development\` and
\`--no-development\`. Lists are separated by commas; \`listeners\` and an object for \`keepAlive\` are
JSON; \`mode\` is octal.

The operator of a server decides: flags win over variables, variables over code, code over the
defaults. In code, options passed to \`Server.run\` win over the application's export \`options\`.
\`Server.run\` and \`ringport run\` read all of these sources; \`Server.start\` reads its argument and the
variables, and flags if you pass some. An unknown flag, or an unknown variable that begins with
\`RINGPORT_\`, is an error that names the nearest known one. \`PORT\` and \`HOST\`, which many platforms
set, count only if nothing else gives a port or hostname and no list is given as \`listeners\`.
\`HOSTNAME\` is not read, because containers and shells set it to the name of the machine. An empty
variable counts as not set.

A source that gives another kind of address replaces the address of the sources below it:
\`--unix=app.sock\` over \`port: 3000\` in code is a Unix socket.

## Several listeners

\`listeners\` is a list of objects. Each has a \`name\` (its position in the list by default) and may
have the options marked with * below. Options that it does not set come from the server's own
options, except \`port\`, \`unix\` and \`inherited\`, which each listener must set itself.
\`limits.connections\` in a listener limits that listener, in addition to the server's limit. Options
of one listener that give different kinds of address exclude each other.

## All options
`;

const listenerPaths: ReadonlySet<string> = new Set(listenerOptionPaths);

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function lineOf(path: ServerOptionPath): string {
  const { wants, fallbackText, summary, reason } = serverOptionTable[path];
  const name = `\`${path}\`${listenerPaths.has(path) ? " \\*" : ""}<br>\`${variableName(path)}\``;
  return `| ${[name, wants, fallbackText, summary, reason].map(cell).join(" | ")} |`;
}

/** The page, from the table. */
export function renderOptionsPage(): string {
  const lines = optionSections.flatMap((
    { title, paths },
  ) => [`| **${title}** | | | | |`, ...paths.map(lineOf)]);
  return [
    intro,
    "| option, variable | wants | default | what it does | why that default |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
    "This page is generated from the table that checks the options: " +
    "`bun tools/options_page.ts > docs/options.md`.",
    "",
  ].join("\n");
}

if (import.meta.main) console.log(renderOptionsPage().trimEnd());
