/**
 * The tables of all options of a server, of a listener and of a UDP socket. Checks, environment variables,
 * the command line, help and documentation come from them; the compiler checks that they have the keys of the
 * types and no others. Options that `listen`, `udpSocket` or `createLoop` share are written there.
 *
 * @module
 */
import { inGroup, type OptionRow, text, unset } from "../../base/option_kinds.ts";
import { httpRows } from "../../http/options.ts";
import { listenLimitRows, listenRows, proxyRows } from "../../listen/options.ts";
import { loopRows } from "../../loop/options.ts";
import { behaviourRows, socketRows } from "../../stream/options.ts";
import { connectTimeoutRows, rateRows, timeoutRows } from "../../stream/time_limits/table.ts";
import { udpRows } from "../../udp/options.ts";
import { addressLimitRows, lifeRows, listenerRows, serverLimitRows, workerRows } from "./server_table.ts";
import type { ListenerOptionPath, ServerOptionPath, UdpListenerOptions } from "./types.ts";

const application = unset(
  text("<url>"),
  "the server's module",
  "URL of the module whose default export serves the connections",
  "one file is program and application",
);

const name = unset(
  text("<name>"),
  "its place in the list",
  "name in statistics and log",
  "tells listeners apart",
);

/** Without a value the application's own holds, given to `http`. */
const httpOptionRows = Object.fromEntries(
  Object.entries(httpRows).map(([key, row]) => [
    key,
    { ...row, fallback: undefined, fallbackText: `the application's, or ${row.fallbackText}` },
  ]),
) as Record<keyof typeof httpRows, OptionRow>;

/** What a server and each of its listeners may have. */
const sharedRows = {
  application,
  ...listenRows,
  ...socketRows,
  ...behaviourRows,
  ...timeoutRows,
  ...connectTimeoutRows,
  ...addressLimitRows,
  ...listenLimitRows,
  ...rateRows,
  ...proxyRows,
  ...inGroup("http", httpOptionRows),
};

const serverRows = {
  ...sharedRows,
  ...listenerRows,
  ...serverLimitRows,
  ...workerRows,
  ...loopRows,
  ...lifeRows,
} satisfies Record<ServerOptionPath, OptionRow>;

/** Every option of a server by its path, such as `"timeouts.idle"`. */
export const serverOptionTable: Readonly<Record<ServerOptionPath, OptionRow>> = serverRows;

/** The paths, in the order of the documentation. A row that no type knows does not compile here. */
export const serverOptionPaths: readonly ServerOptionPath[] = Object.keys(
  serverRows,
) as (keyof typeof serverRows)[];

const ownListenerRows = { name, ...sharedRows } satisfies Record<ListenerOptionPath, OptionRow>;

/** Every option of an entry of `listeners` by its path. */
export const listenerOptionTable: Readonly<Record<ListenerOptionPath, OptionRow>> = ownListenerRows;

/** The paths of the options of an entry of `listeners`. */
export const listenerOptionPaths: readonly ListenerOptionPath[] = Object.keys(
  ownListenerRows,
) as (keyof typeof ownListenerRows)[];

const ownUdpRows = {
  name,
  application,
  hostname: listenRows.hostname,
  port: listenRows.port,
  inherited: listenRows.inherited,
  ipv6Only: listenRows.ipv6Only,
  ...udpRows,
} satisfies Record<keyof Required<UdpListenerOptions>, OptionRow>;

/** Every option of an entry of `udp` by its name. */
export const udpOptionTable: Readonly<Record<keyof UdpListenerOptions, OptionRow>> = ownUdpRows;

/** The names of the options of an entry of `udp`. */
export const udpOptionPaths: readonly (keyof UdpListenerOptions)[] = Object.keys(
  ownUdpRows,
) as (keyof typeof ownUdpRows)[];
