/**
 * The options of a worker's loop among those of the server.
 *
 * @module
 */
import { type LoopOptions, loopRows } from "../../loop/options.ts";
import type { ResolvedServerOptions } from "./resolved.ts";

type Shared = keyof typeof loopRows;

/** The options of a worker's loop. */
export function loopOptionsOf(options: ResolvedServerOptions): LoopOptions {
  const shared = (Object.keys(loopRows) as Shared[]).map((key) => [key, options[key]]);
  const { tasks, memory } = options.limits;
  return { ...Object.fromEntries(shared) as Pick<ResolvedServerOptions, Shared>, tasks, memory };
}
