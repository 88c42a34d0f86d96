/**
 * The one table of all options of a server: validation, environment variables, command line, help and the
 * documentation come from it. That it has the keys of the types and no others is checked by the compiler.
 *
 * @module
 */
import { listenerLimitTable, socketTable, timeoutTable } from "./listener_table.ts";
import { count, text } from "./kinds.ts";
import { type OptionRow, row, unset } from "./row.ts";
import { lifeTable, limitTable, workerTable } from "./server_table.ts";
import type { ListenerOptionPath, OptionGroup, ServerOptionPath } from "./types.ts";

const rows = {
  ...socketTable,
  ...timeoutTable,
  ...listenerLimitTable,
  ...limitTable,
  ...workerTable,
  ...lifeTable,
} satisfies Record<ServerOptionPath, OptionRow>;

/** Every option of a server by its path, such as `"timeouts.idle"`. */
export const serverOptionTable: Readonly<Record<ServerOptionPath, OptionRow>> = rows;

/** The paths, in the order of the documentation. A row that no type knows does not compile here. */
export const serverOptionPaths: readonly ServerOptionPath[] = Object.keys(rows) as (keyof typeof rows)[];

const listenerRows = {
  name: unset(
    text("<name>"),
    "its place in the list",
    "name in statistics and log",
    "it tells listeners apart",
  ),
  ...socketTable,
  ...timeoutTable,
  ...listenerLimitTable,
  "limits.connections": row(
    count(0, 0x7fff_ffff),
    0,
    "connections of this listener at once; 0 is no limit but the server's",
    "the server's limit bounds them already",
  ),
} satisfies Record<ListenerOptionPath, OptionRow>;

/** Every option of an entry of `listeners` by its path. */
export const listenerOptionTable: Readonly<Record<ListenerOptionPath, OptionRow>> = listenerRows;

/** The paths of the options of an entry of `listeners`. */
export const listenerOptionPaths: readonly ListenerOptionPath[] = Object.keys(
  listenerRows,
) as (keyof typeof listenerRows)[];

/** Options that hold options. */
export const optionGroups: readonly OptionGroup[] = [
  "timeouts",
  "limits",
  "proxyProtocol",
  "shutdown",
  "supervisor",
  "scaling",
  "metrics",
];
