/**
 * Figures of several workers as one.
 *
 * @module
 */
import type {
  ActivityStatistics,
  ConnectionCounts,
  CountsByName,
  Histogram,
  ListenerCounts,
  OperationRole,
} from "./statistics_types.ts";

/** A worker's activity before anything has happened. */
export const noActivity: ActivityStatistics = {
  connections: {
    open: 0,
    byState: {},
    accepted: 0,
    connected: 0,
    refused: {},
    handled: 0,
    closed: 0,
    aborted: 0,
  },
  bytesReceived: 0,
  bytesSent: 0,
  operations: {},
  errors: {},
  handlerErrors: 0,
  unhandledErrors: 0,
  datagramsDropped: 0,
  writesRefused: {},
  timeouts: {},
  turns: 0,
  busyTime: 0,
  turnLength: { bounds: [], counts: [0], sum: 0 },
};

function addCounts(first: CountsByName, second: CountsByName): CountsByName {
  const sum: Record<string, number> = { ...first };
  for (const [name, count] of Object.entries(second)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}

/** A listener before anybody has come. */
export const noListenerCounts: ListenerCounts = { accepted: 0, refusals: {} };

/** What was counted at one listener by two. */
export function addListenerCounts(first: ListenerCounts, second: ListenerCounts): ListenerCounts {
  return {
    accepted: first.accepted + second.accepted,
    refusals: addCounts(first.refusals, second.refusals),
  };
}

function addConnections(first: ConnectionCounts, second: ConnectionCounts): ConnectionCounts {
  return {
    open: first.open + second.open,
    byState: addCounts(first.byState, second.byState),
    accepted: first.accepted + second.accepted,
    connected: first.connected + second.connected,
    refused: addCounts(first.refused, second.refused),
    handled: first.handled + second.handled,
    closed: first.closed + second.closed,
    aborted: first.aborted + second.aborted,
  };
}

/** Adds histograms of the same bounds; one without bounds gives way to the other. */
function addHistograms(first: Histogram, second: Histogram): Histogram {
  if (first.bounds.length === 0) return second;
  if (second.bounds.length === 0) return first;
  if (first.bounds.some((bound, index) => bound !== second.bounds[index])) {
    throw new Error("histograms of different bounds cannot be added");
  }
  return {
    bounds: first.bounds,
    counts: first.counts.map((count, index) => count + second.counts[index]),
    sum: first.sum + second.sum,
  };
}

function addOperations(
  first: ActivityStatistics["operations"],
  second: ActivityStatistics["operations"],
): ActivityStatistics["operations"] {
  const sum: Record<string, Record<OperationRole, number>> = {};
  for (const operations of [first, second]) {
    for (const [name, { server, client }] of Object.entries(operations)) {
      const known = sum[name] ?? { server: 0, client: 0 };
      sum[name] = { server: known.server + server, client: known.client + client };
    }
  }
  return sum;
}

/** Two activities together. */
export function addActivity(first: ActivityStatistics, second: ActivityStatistics): ActivityStatistics {
  return {
    connections: addConnections(first.connections, second.connections),
    bytesReceived: first.bytesReceived + second.bytesReceived,
    bytesSent: first.bytesSent + second.bytesSent,
    operations: addOperations(first.operations, second.operations),
    errors: addCounts(first.errors, second.errors),
    handlerErrors: first.handlerErrors + second.handlerErrors,
    unhandledErrors: first.unhandledErrors + second.unhandledErrors,
    datagramsDropped: first.datagramsDropped + second.datagramsDropped,
    writesRefused: addCounts(first.writesRefused, second.writesRefused),
    timeouts: addCounts(first.timeouts, second.timeouts),
    turns: first.turns + second.turns,
    busyTime: first.busyTime + second.busyTime,
    turnLength: addHistograms(first.turnLength, second.turnLength),
  };
}

/** All of them together. */
export function totalOf(activities: Iterable<ActivityStatistics>): ActivityStatistics {
  let total = noActivity;
  for (const activity of activities) total = addActivity(total, activity);
  return total;
}

/** The most over the mean: 1 where all have the same, or nobody has anything. */
export function skewOf(counts: readonly number[]): number {
  const sum = counts.reduce((total, count) => total + count, 0);
  return sum === 0 ? 1 : Math.max(...counts) * counts.length / sum;
}
