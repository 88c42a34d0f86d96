/**
 * The numbers of one loop, as its own thread sees them.
 *
 * @module
 */
import { Counters } from "./counters.ts";
import type { NativeStatistics } from "./native_statistics.ts";
import type { Engine } from "./engine.ts";
import { memoryHeld } from "./pressure.ts";
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
  /** Bytes held now, in segments and in the buffers of connections that could not send. */
  memoryHeld: number;
  /** Times accepting stopped at the limit of waiting handlers (`tasks`). */
  tasksReached: number;
  /** Times accepting stopped at the limit of memory (`memory`). */
  memoryReached: number;
  /** Timers armed now. */
  timersArmed: number;
  /** Handlers that threw or rejected. */
  handlerErrors: number;
  /** Those of them that no `error` handler took. */
  unhandledErrors: number;
  /** Exceptions that escaped into the loop itself: of callbacks without a catch, or of this library. */
  exceptions: number;
  /** Datagrams the kernel dropped because a socket's receive buffer was full. */
  datagramsDropped: number;
  /** Writes that were refused because a connection's buffer was full (`bufferLimit`). */
  writesRefused: number;
  /** Writes to connections that no longer wrote: ended, closed or cut. */
  writesAfterEnd: number;
  /** Timeouts that were reached, by kind. */
  timeouts: TimeoutCounts;
  /** Framed messages from several receives that were joined where they lay. */
  messagesJoinedInPlace: number;
  /** Framed messages from several receives that were copied together. */
  messagesJoinedByCopy: number;
  /** Bytes copied for that. */
  messageBytesCopied: number;
}

/** Reads the counters. */
export function readStatistics(engine: Engine, connections: number): LoopStatistics {
  return {
    ...new Counters(engine.native.shareable).read(),
    connections,
    handlersWaiting: engine.promises,
    memoryHeld: memoryHeld(engine),
    tasksReached: engine.pressure?.tasksReached ?? 0,
    memoryReached: engine.pressure?.memoryReached ?? 0,
    timersArmed: engine.timers.armed,
    handlerErrors: engine.handlerErrors,
    unhandledErrors: engine.unhandledErrors,
    exceptions: engine.exceptions.count,
    datagramsDropped: engine.datagramsDropped,
    writesRefused: engine.writesRefused,
    writesAfterEnd: engine.writesAfterEnd,
    timeouts: { ...engine.timeouts },
    messagesJoinedInPlace: engine.segments.joinedInPlace,
    messagesJoinedByCopy: engine.segments.joinedByCopy,
    messageBytesCopied: engine.segments.joinedBytesCopied,
  };
}
