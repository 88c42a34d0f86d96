/**
 * The counters of one loop.
 *
 * @module
 */
import { Statistic } from "../../ffi/layout.gen.ts";
import type { Engine } from "./engine.ts";

/** Counters of one loop since it was opened, but for those that say "now". */
export interface LoopStatistics {
  /** Connections open now. */
  connections: number;
  /** Segments held now, and how many there are. */
  segmentsHeld: number;
  segments: number;
  /** Handlers now waiting for a promise. */
  handlersWaiting: number;
  /** Timers armed now. */
  timersArmed: number;
  /** Handlers that threw or rejected, and those of them that no `error` handler took. */
  handlerErrors: number;
  unhandledErrors: number;
  /** Crossings into the library. */
  polls: number;
  completions: number;
  submissions: number;
  connectionsAccepted: number;
  connectionsConnected: number;
  connectionsClosed: number;
  connectionsAborted: number;
  bytesReceived: number;
  bytesSent: number;
  receives: number;
  sends: number;
  /** Sends the kernel took only in part. */
  sendsPartial: number;
  acceptErrors: number;
  /** Times accepting stopped because no descriptor was left. */
  acceptDescriptorsExhausted: number;
  /** Accepted sockets closed at once because no slot was free. */
  acceptSlotsExhausted: number;
  /** Times reading stopped because no segment was free. */
  segmentsExhausted: number;
  timersFired: number;
  wakes: number;
}

/** Reads the counters. */
export function readStatistics(engine: Engine, connections: number): LoopStatistics {
  const { statistics } = engine.native;
  const read = (statistic: number) => Number(statistics[statistic]);
  return {
    connections,
    segmentsHeld: engine.segments.held,
    segments: engine.segments.count,
    handlersWaiting: engine.promises,
    timersArmed: engine.timers.armed,
    handlerErrors: engine.handlerErrors,
    unhandledErrors: engine.unhandledErrors,
    polls: read(Statistic.polls),
    completions: read(Statistic.completions),
    submissions: read(Statistic.submissions),
    connectionsAccepted: read(Statistic.connectionsAccepted),
    connectionsConnected: read(Statistic.connectionsConnected),
    connectionsClosed: read(Statistic.connectionsClosed),
    connectionsAborted: read(Statistic.connectionsAborted),
    bytesReceived: read(Statistic.bytesReceived),
    bytesSent: read(Statistic.bytesSent),
    receives: read(Statistic.receives),
    sends: read(Statistic.sends),
    sendsPartial: read(Statistic.sendsPartial),
    acceptErrors: read(Statistic.acceptErrors),
    acceptDescriptorsExhausted: read(Statistic.acceptDescriptorsExhausted),
    acceptSlotsExhausted: read(Statistic.acceptSlotsExhausted),
    segmentsExhausted: read(Statistic.segmentsExhausted),
    timersFired: read(Statistic.timersFired),
    wakes: read(Statistic.wakes),
  };
}
