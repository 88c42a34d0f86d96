/**
 * The options of a worker's loop among those of the server.
 *
 * @module
 */
import type { LoopOptions } from "../../loop/event_loop.ts";
import type { ResolvedServerOptions } from "./mod.ts";

/** The sizes of the loop among the server's options. */
export function loopOptionsOf(options: ResolvedServerOptions): LoopOptions {
  const { segmentSize, segmentCount, submissionRecords, completionRecords, connectionSlots, timers } =
    options;
  const { sendEntries, completionsPerTurn, headroom, tailroom, development, library } = options;
  const { tasks, memory } = options.limits;
  return {
    tasks: tasks === 0 ? undefined : tasks,
    memory: memory === 0 ? undefined : memory,
    segmentSize,
    segmentCount,
    submissionRecords,
    completionRecords,
    connectionSlots,
    timers,
    sendEntries,
    completionsPerTurn,
    headroom,
    tailroom,
    development,
    library,
  };
}
