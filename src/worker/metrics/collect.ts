/**
 * The figures of a server, read from the memory its workers write to: nobody is asked, so a stuck worker's
 * are there as well.
 *
 * @module
 */
import { processCounters } from "../../loop/native.ts";
import { statusCode } from "../../loop/native_errors.ts";
import type { NativeStatistics } from "../../loop/remote_statistics.ts";
import { stateNames } from "../../stream/state.ts";
import { type BoardName, boardTimeouts, type Gauges } from "../../server/gauges.ts";
import { phases } from "../../server/phases.ts";
import { noActivity } from "./statistics_total.ts";
import type {
  ActivityStatistics,
  CountsByName,
  Histogram,
  ListenerCounts,
  ProcessStatistics,
  WorkerStatistics,
} from "./statistics_types.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** What is told of one worker. */
export function workerStatistics(worker: WorkerHandle, now: number): WorkerStatistics {
  const native = worker.statistics?.read();
  const { board } = worker;
  const used = (count: number | undefined, size: number | undefined) => ({
    used: count ?? 0,
    size: size ?? 0,
  });
  return {
    worker: worker.index,
    phase: worker.state === "starting" ? "starting" : phases[board.get("phase")],
    health: worker.health.health,
    heartbeatAge: worker.health.age(now),
    utilisation: worker.utilisation,
    submissionRing: used(native?.submissionsHighWater, native?.submissionRecords),
    completionRing: used(native?.completionsHighWater, native?.completionRecords),
    segments: used(native?.segmentsHeld, native?.segments),
    queues: {
      handOver: worker.queue.length,
      ready: native?.readyNow ?? 0,
      tasks: board.get("tasks"),
      outbox: board.get("bufferedBytes"),
      sendEntries: native?.sendEntriesHighWater ?? 0,
    },
    ...activityOf(board, native),
  };
}

/** What a worker did, from its board and the library's counters. */
export function activityOf(board: Gauges, native: NativeStatistics | undefined): ActivityStatistics {
  if (native === undefined) return noActivity;
  const byRole = (server: number, client: number) => ({ server, client });
  const { receivesServer, receivesClient, sendsServer, sendsClient } = native;
  return {
    connections: {
      open: board.get("connections"),
      byState: named(stateNames, board.states),
      accepted: native.connectionsAccepted + native.connectionsAdopted,
      connected: native.connectionsConnected,
      refused: board.allRefusals,
      handled: native.connectionsEndedServer,
      closed: native.connectionsClosed,
      aborted: native.connectionsAborted,
    },
    bytesReceived: native.bytesReceived,
    bytesSent: native.bytesSent,
    operations: {
      receive: byRole(receivesServer, receivesClient),
      send: byRole(sendsServer, sendsClient),
      open: byRole(native.connectionsAccepted + native.connectionsAdopted, native.connectionsConnected),
      end: byRole(native.connectionsEndedServer, native.connectionsEndedClient),
    },
    errors: errorsOf(board),
    handlerErrors: board.get("handlerErrors"),
    unhandledErrors: board.get("unhandledErrors"),
    datagramsDropped: board.get("datagramsDropped"),
    writesRefused: chosen(board, writesRefused),
    timeouts: named(boardTimeouts, board.timeouts),
    turns: native.turns.counts.reduce((sum, count) => sum + count, 0),
    busyTime: native.ticksPerMillisecond === 0 ? 0 : native.busyTicks / native.ticksPerMillisecond,
    turnLength: turnLengths(native),
  };
}

/** This process, as the system sees it. */
export function processStatistics(library: string | undefined): ProcessStatistics {
  const counters = processCounters(library);
  return {
    cpuTime: counters.cpuSeconds * millisecondsOfSecond,
    residentBytes: counters.residentBytes || undefined,
    virtualBytes: counters.virtualBytes || undefined,
    openDescriptors: counters.openDescriptors || undefined,
    maxDescriptors: counters.maxDescriptors || undefined,
    // The system's clock may have been set since: the first answer stands.
    started: processStarted ??= counters.startedMilliseconds || undefined,
  };
}

const millisecondsOfSecond = 1000;
let processStarted: number | undefined = undefined;

/** What a worker counted at one of its listeners. */
export function listenerCountsOf(board: Gauges, listener: number): ListenerCounts {
  return { accepted: board.accepted(listener), refusals: board.refusals(listener) };
}

/** Names of the refused writes on the board, by the reason that is told. */
const writesRefused: Readonly<Record<string, BoardName>> = {
  buffer: "writesRefused",
  ended: "writesAfterEnd",
};

function chosen(board: Gauges, names: Readonly<Record<string, BoardName>>): CountsByName {
  return Object.fromEntries(Object.entries(names).map(([name, place]) => [name, board.get(place)]));
}

function named(names: readonly string[], counts: readonly number[]): CountsByName {
  return Object.fromEntries(names.map((name, place) => [name, counts[place]]));
}

function errorsOf(board: Gauges): CountsByName {
  const errors: Record<string, number> = {};
  board.errors.forEach((count, status) => {
    if (count > 0) errors[statusCode(status)] = count;
  });
  const handlers = board.get("handlerErrors");
  if (handlers > 0) errors.ERR_HANDLER = handlers;
  const exceptions = board.get("exceptions");
  if (exceptions > 0) errors.ERR_LOOP_EXCEPTION = exceptions;
  return errors;
}

/**
 * The library measures in ticks of the processor, each bucket twice as long as the one before. Told are
 * powers of two of a microsecond, the same for all workers: each bucket goes to the nearest one.
 */
const boundsMilliseconds: readonly number[] = Array.from({ length: 20 }, (_, power) => 2 ** power / 1000);

function turnLengths({ turns, ticksPerMillisecond, busyTicks }: NativeStatistics): Histogram {
  const counts = new Array<number>(boundsMilliseconds.length + 1).fill(0);
  turns.counts.forEach((count, bucket) => {
    const limit = turns.limits[bucket];
    const place = limit === Infinity
      ? counts.length - 1
      : Math.min(Math.max(Math.round(Math.log2(limit * 1000)), 0), counts.length - 1);
    counts[place] += count;
  });
  const sum = ticksPerMillisecond === 0 ? 0 : busyTicks / ticksPerMillisecond;
  return { bounds: boundsMilliseconds, counts, sum };
}
