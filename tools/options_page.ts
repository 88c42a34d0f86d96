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

One object sets up a server: the network, what it allocates, its limits and its life. An unknown key, a
wrong type or a value out of bounds is an \`OptionError\` that names the key and what it wants. All times
are milliseconds, all sizes bytes; a timeout, limit or rate of 0 is off.

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

The same option has the same name everywhere: \`timeouts.firstByte\` is \`{ timeouts: { firstByte: 5_000 }
}\` in code, \`RINGPORT_TIMEOUTS_FIRST_BYTE=5000\` in the environment and \`--timeouts.firstByte=5000\` (or
\`--timeouts-first-byte 5000\`) on the command line. What is true or false is also \`--development\` and
\`--no-development\`. Lists are separated by commas; \`listeners\` and an object for \`keepAlive\` are JSON;
\`mode\` is octal.

The operator of a server has the last word: flags win over variables, variables over code, code over the
defaults. In code, what is passed to \`Server.run\` wins over the application's export \`options\`.
\`Server.run\` and \`ringport run\` read all of them; \`Server.start\` reads what it is passed and the
variables, and flags where it is given some. An unknown flag, and an unknown variable that begins with
\`RINGPORT_\`, is an error that names the nearest known one. \`PORT\` and \`HOST\`, which many platforms
set, count only where nothing else gives port or hostname and no list is given as \`listeners\`.
\`HOSTNAME\` is not read: containers and shells set it to the machine's own name. A variable
that is set to nothing counts as not set.

A source that says in another way where to listen takes the place of what the sources below it say:
\`--unix=app.sock\` over \`port: 3000\` in code is a Unix socket.

## Several listeners

\`listeners\` is a list of objects. Each has a \`name\` (its place in the list by default) and may have the
options marked with * below. What it does not say, it takes from the server's own options; only \`port\`,
\`unix\` and \`inherited\` have to stand in each of them, and \`limits.connections\` in a listener is a
limit of that listener, beside the server's. The options of one listener exclude each other where they say
in two ways where to listen.

## All options
`;

const listenerPaths: ReadonlySet<string> = new Set(listenerOptionPaths);

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function lineOf(path: ServerOptionPath): string {
  const { kind, fallbackText, summary, reason } = serverOptionTable[path];
  const name = `\`${path}\`${listenerPaths.has(path) ? " \\*" : ""}<br>\`${variableName(path)}\``;
  return `| ${[name, kind.wants, fallbackText, summary, reason].map(cell).join(" | ")} |`;
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
    "This page is made from the table that checks the options:",
    "`bun tools/options_page.ts > docs/options.md`.",
    "",
  ].join("\n");
}

if (import.meta.main) console.log(renderOptionsPage().trimEnd());
