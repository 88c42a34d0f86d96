/**
 * The paths among the options of a server.
 *
 * @module
 */
import { absoluteUnixPath } from "../../stream/socket_address.ts";
import type { ResolvedServerOptions } from "./resolved.ts";

/**
 * The options with the path of the restart from the root: a server waits there again after each restart, when
 * the process may have changed its current folder. The other paths are bound once, at the start.
 */
export function withPathsFromRoot(options: ResolvedServerOptions): ResolvedServerOptions {
  const { restartPath } = options;
  return restartPath === undefined ? options : { ...options, restartPath: absoluteUnixPath(restartPath) };
}
