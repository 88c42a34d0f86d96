/**
 * The paths among the options of a server.
 *
 * @module
 */
import { absoluteUnixPath } from "../../connection/places.ts";
import type { ResolvedServerOptions } from "./resolved.ts";

/**
 * The options with each path from the root: a server binds some of them late or again, for a worker that
 * replaces another one, when the process may have changed its current folder.
 */
export function withPathsFromRoot(options: ResolvedServerOptions): ResolvedServerOptions {
  const { listeners, metrics, handOver } = options;
  return {
    ...options,
    listeners: listeners.map((listener) =>
      listener.unix === undefined ? listener : { ...listener, unix: absoluteUnixPath(listener.unix) }
    ),
    metrics: metrics?.unix === undefined ? metrics : { ...metrics, unix: absoluteUnixPath(metrics.unix) },
    ...(handOver === undefined ? {} : { handOver: absoluteUnixPath(handOver) }),
  };
}
