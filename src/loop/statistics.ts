/**
 * The numbers of one loop, as its own thread sees them.
 *
 * @module
 */
import { Counters, type NativeStatistics } from "./counters.ts";
import type { Engine } from "./engine.ts";
import type { TimeoutCounts } from "./timeout_counts.ts";

/**
 * Numbers of one loop. Counters grow from the moment it was opened; those named `HighWater` are the highest
 * there ever was since then; `connections`, `segmentsHeld`, `slotsUsed`, `readyNow`, `handlersWaiting` and
 * `timersArmed` are as it is now. `Server` is what was done on accepted connections, `Client` on those made
 * by `connect`.
 */
export interface LoopStatistics extends NativeStatistics {
  /** Connections open now. */
  connections: number;
  /** Handlers now waiting for a promise. */
  handlersWaiting: number;
  /** Timers armed now. */
  timersArmed: number;
  /** Handlers that threw or rejected, and those of them that no `error` handler took. */
  handlerErrors: number;
  unhandledErrors: number;
  /** Limits of time that were reached, by kind. */
  timeouts: TimeoutCounts;
}

/** Reads the counters. */
export function readStatistics(engine: Engine, connections: number): LoopStatistics {
  return {
    ...new Counters(engine.native.shareable).read(),
    connections,
    handlersWaiting: engine.promises,
    timersArmed: engine.timers.armed,
    handlerErrors: engine.handlerErrors,
    unhandledErrors: engine.unhandledErrors,
    timeouts: { ...engine.timeouts },
  };
}
