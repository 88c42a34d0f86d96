/**
 * The one table of metrics: what `stats()` returns, how workers are added up, and the names, labels and help
 * of the Prometheus families. `docs/metrics.md` has its list from here (`bun tools/metrics_page.ts`).
 *
 * Counters start with the server and only grow, those of a worker with the worker; values that are described
 * as "now" rise and fall. Times are milliseconds, in the Prometheus text seconds.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../../base/assert.ts";
import { nested } from "../../base/options.ts";
import type { Role } from "../../base/role.ts";
import { countedPhases } from "../../http/http.ts";
import { answersOf, HttpCount, refusedOf } from "../../http/counts.ts";
import { statusCode } from "../../loop/native_errors.ts";
import type { NativeStatistics } from "../../loop/remote_statistics.ts";
import { type Gauges, timeoutGauges } from "../../server/gauges.ts";
import { type Phase, phases } from "../../server/phases.ts";
import { stateNames } from "../../stream/state.ts";

const asserting = ASSERTIONS;

/** The result of the supervisor's health checks of a worker. */
export type Health = "healthy" | "slow" | "stuck";

/** All healths, best first. */
const healths: readonly Health[] = ["healthy", "slow", "stuck"];

/** Counts by name, such as those of errors by their code. */
export type CountsByName = Readonly<Record<string, number>>;

/** How often a measured value fell into each of a few ranges. */
export interface Histogram {
  /** Upper bounds of the buckets, each included, in rising order. */
  readonly bounds: readonly number[];
  /** Values in each bucket, not added up; one more than there are bounds, for what lies above all. */
  readonly counts: readonly number[];
  /** The sum of the values. */
  readonly sum: number;
}

/** How much of a resource of fixed size is in use. */
export interface Usage {
  /** How many are in use. */
  readonly used: number;
  /** Its size. */
  readonly size: number;
}

/** Connections, now and since the start. */
export interface ConnectionCounts {
  /** Open now. */
  readonly open: number;
  /** Open now, by state. */
  readonly byState: CountsByName;
  /** Accepted since the start. */
  readonly accepted: number;
  /** Connections that the application made. */
  readonly connected: number;
  /** Refused before the application saw them, by reason: `"limit"`, `"rate"`, `"banned"` and so on. */
  readonly refused: CountsByName;
  /** Served from their first to their last byte. */
  readonly handled: number;
  /** Ended by both sides, since the start. */
  readonly closed: number;
  /** Ended in any other way, such as by a reset or a timeout, since the start. */
  readonly aborted: number;
}

/** What all `http` tables have served since the start, and do now. */
export interface HttpActivity {
  /** Connections open now, by what they do: `"idle"`, `"head"`, `"body"`, `"processing"`, `"answering"`. */
  readonly connections: CountsByName;
  /** Requests given to a handler. */
  readonly requests: number;
  /** Answers that have begun, by the class of their status, such as `"2xx"`; `"1xx"` are upgrades. */
  readonly answers: CountsByName;
  /** Refused by the server itself, by the status it answers: `"400"`, or `"413"` for bodies too large. */
  readonly refused: CountsByName;
  /** Handlers that threw, rejected, or gave no answer. */
  readonly handlersFailed: number;
  /** Requests answered in place of their handler, because a time limit was reached. */
  readonly requestsTimedOut: number;
  /** Connections handed on to another protocol. */
  readonly upgrades: number;
}

/** What one worker did, or all workers together. */
export interface ActivityStatistics {
  /** Its connections. */
  readonly connections: ConnectionCounts;
  /** Its requests, where it speaks HTTP. */
  readonly http: HttpActivity;
  /** Bytes received from peers. */
  readonly bytesReceived: number;
  /** Bytes that the kernel has taken for peers. */
  readonly bytesSent: number;
  /** Operations by kind and role. */
  readonly operations: Readonly<Record<string, Readonly<Record<Role, number>>>>;
  /** Errors by code, such as `"ECONNRESET"`. */
  readonly errors: CountsByName;
  /**
   * Writes that were refused: `"buffer"`, the connection's buffer was full, or `"ended"`, it had ended.
   */
  readonly writesRefused: CountsByName;
  /** Callbacks of the application that threw or rejected. */
  readonly handlerErrors: number;
  /** Those of them that no `error` callback took. */
  readonly unhandledErrors: number;
  /** Datagrams the kernel dropped because a socket's receive buffer was full. */
  readonly datagramsDropped: number;
  /** Timeouts by kind, such as `"idle"`. */
  readonly timeouts: CountsByName;
  /** Turns of the loop. */
  readonly turns: number;
  /** Milliseconds the loop was busy. */
  readonly busyTime: number;
  /** Lengths of the turns in milliseconds. */
  readonly turnLength: Histogram;
}

/** One worker. */
export interface WorkerStatistics extends ActivityStatistics {
  /** The worker's number; a replacement has the number of the one it replaces. */
  readonly worker: number;
  /** Its phase. */
  readonly phase: Phase;
  /** What the supervisor's health checks found. */
  readonly health: Health;
  /** Milliseconds since the last turn or sign of life. */
  readonly heartbeatAge: number;
  /** Share of time the loop was busy lately, 0 to 1. */
  readonly utilisation: number;
  /** The most records that have waited in the submission ring, and its size. */
  readonly submissionRing: Usage;
  /** The most records that have waited in the completion ring, and its size. */
  readonly completionRing: Usage;
  /** Segments that hold data now, and how many there are. */
  readonly segments: Usage;
  /** Lengths of queues now: `"tasks"` (handlers that wait for promises), `"timers"`, `"outbox"` (bytes) … */
  readonly queues: CountsByName;
}

/** Connections waiting in the kernel, where the system reports them. */
export interface AcceptQueue {
  /** Waiting now. */
  readonly length: number;
  /** The most that may wait. */
  readonly max: number;
}

/** Connections at one listener. */
export interface ListenerCounts {
  /** Accepted since the start. */
  readonly accepted: number;
  /** Refused before the application saw them, by reason: `"limit"`, `"rate"`, `"banned"` and so on. */
  readonly refusals: CountsByName;
}

/** One listener, over all workers. */
export interface ListenerStatistics extends ListenerCounts {
  /** The name of the listener. */
  readonly name: string;
  /** As `"127.0.0.1:3000"`, or the path of a Unix socket. */
  readonly address: string;
  /** Open now. */
  readonly open: number;
  /** The sum of the refusals. */
  readonly refused: number;
  /** Accepted, but without a worker yet: theirs has died, or has too many on their way to it. */
  readonly waiting: number;
  /** True while the listener leaves connections in the kernel's queue. */
  readonly paused: boolean;
  /** Undefined where the system does not report it. */
  readonly acceptQueue: AcceptQueue | undefined;
}

/** One UDP address, over all workers. */
export interface UdpListenerStatistics {
  /** The name of the address. */
  readonly name: string;
  /** As `"127.0.0.1:53"`. */
  readonly address: string;
}

/** The process of the server's own thread, as the system sees it. Values it does not report are undefined. */
export interface ProcessStatistics {
  /** Milliseconds of processor time, all threads and the system's work for them included. */
  readonly cpuTime: number;
  /** Bytes in physical memory. */
  readonly residentBytes: number | undefined;
  /** Bytes of address space. */
  readonly virtualBytes: number | undefined;
  /** Open file descriptors; handles on Windows. */
  readonly openDescriptors: number | undefined;
  /** How many file descriptors may be open. */
  readonly maxDescriptors: number | undefined;
  /** When the process was started, in milliseconds since 1970. */
  readonly started: number | undefined;
}

/** The tables of addresses, over all listeners. */
export interface AddressTotals {
  /** Bans in force. */
  readonly bans: number;
  /** Offences that were counted. */
  readonly offences: number;
  /** Connections admitted without being counted because the table was full. */
  readonly uncounted: number;
}

/** A whole server. */
export interface ServerStatistics {
  /** When the metrics were read, in milliseconds since 1970. */
  readonly time: number;
  /** When the server was started, in milliseconds since 1970. */
  readonly started: number;
  /** The number of the process. */
  readonly pid: number;
  /** Version of this framework. */
  readonly version: string;
  /** `"bun"` or `"deno"`. */
  readonly runtime: string;
  /** `"linux"` or `"windows"`. */
  readonly operatingSystem: string;
  /** The phase of the server. */
  readonly phase: Phase;
  /** All current workers, including stuck ones. */
  readonly workers: readonly WorkerStatistics[];
  /** Workers that died or were given up since the start. */
  readonly deaths: number;
  /** Threads of workers that did not come back, lost their sockets, and still run. */
  readonly abandonedThreads: number;
  /** Messages between workers that a worker did not get, since too many were on their way to it. */
  readonly messagesDropped: number;
  /** The listeners, in the order of the options. */
  readonly listeners: readonly ListenerStatistics[];
  /** The UDP addresses, in the order of the options. */
  readonly udp: readonly UdpListenerStatistics[];
  /** Over all workers, those that are gone included. */
  readonly total: ActivityStatistics;
  /** Most connections of a worker over the mean of all; 1 where nothing is open. */
  readonly skew: number;
  /**
   * Connections the kernel lost as an accept queue was full, on the whole system; undefined where unknown.
   */
  readonly acceptQueueOverflows: number | undefined;
  /** Attempts the kernel dropped at listening sockets, on the whole system; undefined where unknown. */
  readonly acceptQueueDrops: number | undefined;
  /** The process of the server's own thread. */
  readonly process: ProcessStatistics;
  /** Limits by address. */
  readonly addresses: AddressTotals;
  /** Entries that the log's sink failed to take. */
  readonly logFailures: number;
  /** Entries of the log dropped because its reader was too slow. */
  readonly logDropped: number;
}

/** Values by the labels of a metric: one record a label. */
export type LabelledValues = { readonly [label: string]: number | LabelledValues };

/** One metric of something: of the server, a listener, a worker. */
export interface Metric<From> {
  /** The name of the Prometheus family. */
  readonly name: string;
  /** Counters only grow. */
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** Labels of its values, beside those of the listener or worker. */
  readonly labels?: readonly string[];
  /** The value is in milliseconds, and shown in seconds. */
  readonly isTime?: true;
  /** Undefined where the system does not report it. */
  readonly read: (from: From) => number | LabelledValues | Histogram | undefined;
}

/** The fields of {@linkcode ActivityStatistics} that hold values. */
type ActivityField =
  | Exclude<keyof ActivityStatistics, "connections" | "http">
  | `connections.${keyof ConnectionCounts}`
  | `http.${keyof HttpActivity}`;

/** What a worker writes into shared memory: its gauges, and the library's counters. */
interface ActivitySource {
  readonly gauges: Gauges;
  readonly native: NativeStatistics;
}

/** A metric of what a worker did, read from shared memory. They can be added up over workers. */
type ActivityMetric = Omit<Metric<ActivityStatistics>, "read"> & {
  readonly collect: (source: ActivitySource) => number | LabelledValues | Histogram;
};

const counter = "counter" as const;
const gauge = "gauge" as const;

const activityTable: Readonly<Record<ActivityField, ActivityMetric>> = {
  "connections.open": {
    name: "ringport_connections_open",
    type: gauge,
    help: "Connections open now.",
    collect: ({ gauges }) => gauges.get("connections"),
  },
  "connections.byState": {
    name: "ringport_connections",
    type: gauge,
    help: "Connections open now, by state.",
    labels: ["state"],
    collect: ({ gauges }) => named(stateNames, gauges.states),
  },
  "connections.accepted": {
    name: "ringport_connections_accepted_total",
    type: counter,
    help: "Connections accepted.",
    collect: ({ native }) => native.connectionsAccepted + native.connectionsAdopted,
  },
  "connections.connected": {
    name: "ringport_connections_connected_total",
    type: counter,
    help: "Connections made by the application.",
    collect: ({ native }) => native.connectionsConnected,
  },
  "connections.refused": {
    name: "ringport_connections_refused_total",
    type: counter,
    help: "Connections refused before the application saw them, by reason.",
    labels: ["reason"],
    collect: ({ gauges }) => ({ ...gauges.allRefusals }),
  },
  "connections.handled": {
    name: "ringport_connections_handled_total",
    type: counter,
    help: "Connections served to their end.",
    collect: ({ native }) => native.connectionsEndedServer,
  },
  "connections.closed": {
    name: "ringport_connections_closed_total",
    type: counter,
    help: "Connections closed.",
    collect: ({ native }) => native.connectionsClosed,
  },
  "connections.aborted": {
    name: "ringport_connections_aborted_total",
    type: counter,
    help: "Connections aborted.",
    collect: ({ native }) => native.connectionsAborted,
  },
  "http.connections": {
    name: "ringport_http_connections",
    type: gauge,
    help: "Connections that speak HTTP, by what they do now.",
    labels: ["phase"],
    collect: ({ gauges }) => named(countedPhases, gauges.httpPhases),
  },
  "http.requests": {
    name: "ringport_http_requests_total",
    type: counter,
    help: "Requests given to a handler.",
    collect: ({ gauges }) => gauges.http[HttpCount.requests],
  },
  "http.answers": {
    name: "ringport_http_answers_total",
    type: counter,
    help: "Answers by the class of their status, such as 2xx.",
    labels: ["class"],
    collect: ({ gauges }) => answersOf(gauges.http),
  },
  "http.refused": {
    name: "ringport_http_refused_total",
    type: counter,
    help: "Requests that the server refused, by the status of its answer; 413 are bodies too large.",
    labels: ["status"],
    collect: ({ gauges }) => refusedOf(gauges.http),
  },
  "http.handlersFailed": {
    name: "ringport_http_handlers_failed_total",
    type: counter,
    help: "Handlers of requests that threw, rejected, or gave no answer.",
    collect: ({ gauges }) => gauges.http[HttpCount.handlersFailed],
  },
  "http.requestsTimedOut": {
    name: "ringport_http_requests_timed_out_total",
    type: counter,
    help: "Requests answered in place of their handler, because a time limit was reached.",
    collect: ({ gauges }) => gauges.http[HttpCount.requestsTimedOut],
  },
  "http.upgrades": {
    name: "ringport_http_upgrades_total",
    type: counter,
    help: "Connections handed on to another protocol.",
    collect: ({ gauges }) => gauges.http[HttpCount.upgrades],
  },
  bytesReceived: {
    name: "ringport_received_bytes_total",
    type: counter,
    help: "Bytes received.",
    collect: ({ native }) => native.bytesReceived,
  },
  bytesSent: {
    name: "ringport_sent_bytes_total",
    type: counter,
    help: "Bytes sent.",
    collect: ({ native }) => native.bytesSent,
  },
  operations: {
    name: "ringport_operations_total",
    type: counter,
    help: "Operations by kind, on accepted connections (server) and on those the application made (client).",
    labels: ["operation", "role"],
    collect: ({ native }) => operationsOf(native),
  },
  errors: {
    name: "ringport_errors_total",
    type: counter,
    help: "Errors by code, such as ECONNRESET; ERR_HANDLER in callbacks, ERR_LOOP_EXCEPTION in a loop.",
    labels: ["code"],
    collect: ({ gauges }) => errorsOf(gauges),
  },
  writesRefused: {
    name: "ringport_writes_refused_total",
    type: counter,
    help: "Writes refused: the buffer was full (buffer) or the connection had ended (ended).",
    labels: ["reason"],
    collect: ({ gauges }) => ({
      buffer: gauges.get("writesRefused"),
      ended: gauges.get("writesAfterEnd"),
    }),
  },
  handlerErrors: {
    name: "ringport_handler_errors_total",
    type: counter,
    help: "Callbacks of the application that threw or rejected.",
    collect: ({ gauges }) => gauges.get("handlerErrors"),
  },
  unhandledErrors: {
    name: "ringport_unhandled_errors_total",
    type: counter,
    help: "Callbacks that threw or rejected and had no error callback.",
    collect: ({ gauges }) => gauges.get("unhandledErrors"),
  },
  datagramsDropped: {
    name: "ringport_datagrams_dropped_total",
    type: counter,
    help: "Datagrams that the kernel dropped because a receive buffer was full.",
    collect: ({ gauges }) => gauges.get("datagramsDropped"),
  },
  timeouts: {
    name: "ringport_timeouts_total",
    type: counter,
    help: "Timeouts by kind, such as idle.",
    labels: ["kind"],
    collect: ({ gauges }) => named(timeoutGauges, gauges.timeouts),
  },
  turns: {
    name: "ringport_turns_total",
    type: counter,
    help: "Turns of the loop.",
    collect: ({ native }) => native.turns.counts.reduce((sum, count) => sum + count, 0),
  },
  busyTime: {
    name: "ringport_loop_busy_seconds_total",
    type: counter,
    help: "Time the loop was busy.",
    isTime: true,
    collect: busyTimeOf,
  },
  turnLength: {
    name: "ringport_turn_seconds",
    type: "histogram",
    help: "Lengths of the turns of the loop.",
    isTime: true,
    collect: turnLengthsOf,
  },
};

const activityEntries = Object.entries(activityTable) as [ActivityField, ActivityMetric][];

type Fields = Readonly<Record<string, unknown>>;

function activityFrom(valueOf: (metric: ActivityMetric) => unknown): ActivityStatistics {
  const values = activityEntries.map(([field, metric]) => [field, valueOf(metric)] as const);
  return nested(values) as unknown as ActivityStatistics;
}

function fieldOf(activity: ActivityStatistics, field: ActivityField): number | LabelledValues | Histogram {
  const [group, key] = field.split(".");
  const value = (activity as unknown as Fields)[group];
  return (key === undefined ? value : (value as Fields)[key]) as number | LabelledValues | Histogram;
}

/** The activity of a worker before anything has happened. */
export const noActivity: ActivityStatistics = activityFrom(({ type, labels }) => {
  if (type === "histogram") return { bounds: [], counts: [0], sum: 0 };
  return labels === undefined ? 0 : {};
});

/** What a worker did, from its gauges and the library's counters; nothing where there are none yet. */
export function activityOf(gauges: Gauges, native: NativeStatistics | undefined): ActivityStatistics {
  return native === undefined ? noActivity : activityFrom(({ collect }) => collect({ gauges, native }));
}

/** Two activities together. */
export function addActivity(first: ActivityStatistics, second: ActivityStatistics): ActivityStatistics {
  const sums = new Map(
    activityEntries.map(([field, metric]) => [metric, add(fieldOf(first, field), fieldOf(second, field))]),
  );
  return activityFrom((metric) => sums.get(metric));
}

/** All of them together. */
export function totalOf(activities: Iterable<ActivityStatistics>): ActivityStatistics {
  let total = noActivity;
  for (const activity of activities) total = addActivity(total, activity);
  return total;
}

/** A listener before anybody has connected. */
export const noListenerCounts: ListenerCounts = { accepted: 0, refusals: {} };

/** What a worker counted at one of its listeners. */
export function listenerCountsOf(gauges: Gauges, listener: number): ListenerCounts {
  return { accepted: gauges.accepted(listener), refusals: gauges.refusals(listener) };
}

/** What was counted at one listener by two. */
export function addListenerCounts(first: ListenerCounts, second: ListenerCounts): ListenerCounts {
  return {
    accepted: first.accepted + second.accepted,
    refusals: add(first.refusals, second.refusals) as CountsByName,
  };
}

/** Numbers add up, by name where they have names. */
function add(first: unknown, second: unknown): unknown {
  if (first === undefined || second === undefined) return first ?? second;
  if (typeof first === "number") return first + (second as number);
  if (isHistogram(first)) return addHistograms(first, second as Histogram);
  const names = new Set([...Object.keys(first as Fields), ...Object.keys(second as Fields)]);
  return Object.fromEntries(
    [...names].map((name) => [name, add((first as Fields)[name], (second as Fields)[name])]),
  );
}

/** Whether a value is a histogram. */
export function isHistogram(value: unknown): value is Histogram {
  return typeof value === "object" && value !== null && Array.isArray((value as Histogram).bounds);
}

/** Adds histograms of the same bounds; one without bounds gives way to the other. */
function addHistograms(first: Histogram, second: Histogram): Histogram {
  if (first.bounds.length === 0) return second;
  if (second.bounds.length === 0) return first;
  if (asserting) {
    const same = first.bounds.every((bound, index) => bound === second.bounds[index]);
    assert(same, "histograms that are added have the same bounds");
  }
  return {
    bounds: first.bounds,
    counts: first.counts.map((count, index) => count + second.counts[index]),
    sum: first.sum + second.sum,
  };
}

function named(names: readonly string[], counts: readonly number[]): CountsByName {
  return Object.fromEntries(names.map((name, index) => [name, counts[index]]));
}

function operationsOf(native: NativeStatistics): ActivityStatistics["operations"] {
  const { receivesServer, receivesClient, sendsServer, sendsClient } = native;
  const { connectionsAccepted, connectionsAdopted, connectionsConnected } = native;
  const { connectionsEndedServer, connectionsEndedClient } = native;
  return {
    receive: { server: receivesServer, client: receivesClient },
    send: { server: sendsServer, client: sendsClient },
    open: { server: connectionsAccepted + connectionsAdopted, client: connectionsConnected },
    end: { server: connectionsEndedServer, client: connectionsEndedClient },
  };
}

function errorsOf(gauges: Gauges): CountsByName {
  const errors: Record<string, number> = {};
  gauges.errors.forEach((count, status) => {
    if (count > 0) errors[statusCode(status)] = count;
  });
  const handlers = gauges.get("handlerErrors");
  if (handlers > 0) errors.ERR_HANDLER = handlers;
  const exceptions = gauges.get("exceptions");
  if (exceptions > 0) errors.ERR_LOOP_EXCEPTION = exceptions;
  return errors;
}

function busyTimeOf({ native: { busyTicks, ticksPerMillisecond } }: ActivitySource): number {
  return ticksPerMillisecond === 0 ? 0 : busyTicks / ticksPerMillisecond;
}

/**
 * The library measures in ticks of the processor, each bucket twice as long as the one before. The metric has
 * powers of two of a microsecond, the same for all workers: each bucket goes to the nearest one.
 */
const turnBounds: readonly number[] = Array.from({ length: 20 }, (_, power) => 2 ** power / 1000);

function turnLengthsOf(source: ActivitySource): Histogram {
  const { limits, counts } = source.native.turns;
  const sums = new Array<number>(turnBounds.length + 1).fill(0);
  counts.forEach((count, bucket) => {
    const limit = limits[bucket];
    const index = limit === Infinity
      ? sums.length - 1
      : Math.min(Math.max(Math.round(Math.log2(limit * 1000)), 0), sums.length - 1);
    sums[index] += count;
  });
  return { bounds: turnBounds, counts: sums, sum: busyTimeOf(source) };
}

/** 1 for the state that something is in, 0 for the others. */
function stateOf(state: string, states: readonly string[]): CountsByName {
  return Object.fromEntries(states.map((name) => [name, name === state ? 1 : 0]));
}

/** Metrics of the server, by the field of {@linkcode ServerStatistics}. */
export const serverMetrics: Readonly<Record<string, Metric<ServerStatistics>>> = {
  "version, runtime, operatingSystem": {
    name: "ringport_info",
    type: gauge,
    help: "Version, runtime and system; always 1.",
    labels: ["version", "runtime", "system"],
    read: ({ version, runtime, operatingSystem }) => ({ [version]: { [runtime]: { [operatingSystem]: 1 } } }),
  },
  started: {
    name: "ringport_start_time_seconds",
    type: gauge,
    help: "When the server was started, in seconds since 1970.",
    isTime: true,
    read: ({ started }) => started,
  },
  phase: {
    name: "ringport_phase",
    type: gauge,
    help: "1 for the phase of the server, 0 for the others.",
    labels: ["phase"],
    read: ({ phase }) => stateOf(phase, phases),
  },
  workers: {
    name: "ringport_workers",
    type: gauge,
    help: "Current workers.",
    read: ({ workers }) => workers.length,
  },
  deaths: {
    name: "ringport_worker_deaths_total",
    type: counter,
    help: "Workers that died or were given up.",
    read: ({ deaths }) => deaths,
  },
  abandonedThreads: {
    name: "ringport_abandoned_threads",
    type: gauge,
    help: "Threads of stuck workers that were given up and still run.",
    read: ({ abandonedThreads }) => abandonedThreads,
  },
  messagesDropped: {
    name: "ringport_messages_dropped_total",
    type: counter,
    help: "Messages between workers dropped because the receiver was too slow.",
    read: ({ messagesDropped }) => messagesDropped,
  },
  skew: {
    name: "ringport_connection_skew_ratio",
    type: gauge,
    help: "Most connections of a worker over the mean of all.",
    read: ({ skew }) => skew,
  },
  acceptQueueOverflows: {
    name: "ringport_accept_queue_overflows_total",
    type: counter,
    help: "Connections that the kernel lost because an accept queue was full, on the whole system.",
    read: ({ acceptQueueOverflows }) => acceptQueueOverflows,
  },
  acceptQueueDrops: {
    name: "ringport_accept_queue_drops_total",
    type: counter,
    help: "Connection attempts that the kernel dropped at listening sockets, on the whole system.",
    read: ({ acceptQueueDrops }) => acceptQueueDrops,
  },
  logFailures: {
    name: "ringport_log_failures_total",
    type: counter,
    help: "Log entries that the sink failed to take.",
    read: ({ logFailures }) => logFailures,
  },
  logDropped: {
    name: "ringport_log_dropped_total",
    type: counter,
    help: "Log entries dropped because the reader of the log was too slow.",
    read: ({ logDropped }) => logDropped,
  },
  "addresses.bans": {
    name: "ringport_address_bans",
    type: gauge,
    help: "Bans in force.",
    read: ({ addresses }) => addresses.bans,
  },
  "addresses.offences": {
    name: "ringport_address_offences_total",
    type: counter,
    help: "Offences of addresses.",
    read: ({ addresses }) => addresses.offences,
  },
  "addresses.uncounted": {
    name: "ringport_addresses_uncounted_total",
    type: counter,
    help: "Connections admitted without being counted because the table of addresses was full.",
    read: ({ addresses }) => addresses.uncounted,
  },
};

/** Metrics of the server's process, by field, under the names that Prometheus's client libraries use. */
export const processMetrics: Readonly<Record<string, Metric<ServerStatistics>>> = {
  "process.cpuTime": {
    name: "process_cpu_seconds_total",
    type: counter,
    help: "Processor time of the server's process.",
    isTime: true,
    read: (statistics) => statistics.process.cpuTime,
  },
  "process.residentBytes": {
    name: "process_resident_memory_bytes",
    type: gauge,
    help: "Bytes in physical memory.",
    read: (statistics) => statistics.process.residentBytes,
  },
  "process.virtualBytes": {
    name: "process_virtual_memory_bytes",
    type: gauge,
    help: "Bytes of address space.",
    read: (statistics) => statistics.process.virtualBytes,
  },
  "process.openDescriptors": {
    name: "process_open_fds",
    type: gauge,
    help: "Open descriptors; on Windows handles.",
    read: (statistics) => statistics.process.openDescriptors,
  },
  "process.maxDescriptors": {
    name: "process_max_fds",
    type: gauge,
    help: "Descriptors that may be open.",
    read: (statistics) => statistics.process.maxDescriptors,
  },
  "process.started": {
    name: "process_start_time_seconds",
    type: gauge,
    help: "When the process was started, in seconds since 1970.",
    isTime: true,
    read: (statistics) => statistics.process.started,
  },
};

/** Metrics of each listener, by the field of {@linkcode ListenerStatistics}. */
export const listenerMetrics: Readonly<Record<string, Metric<ListenerStatistics>>> = {
  open: {
    name: "ringport_listener_connections",
    type: gauge,
    help: "Connections of the listener open now, over all workers.",
    read: ({ open }) => open,
  },
  accepted: {
    name: "ringport_listener_accepted_total",
    type: counter,
    help: "Connections that the listener accepted.",
    read: ({ accepted }) => accepted,
  },
  refusals: {
    name: "ringport_listener_refused_total",
    type: counter,
    help: "Connections of the listener refused before the application saw them, by reason.",
    labels: ["reason"],
    read: ({ refusals }) => refusals,
  },
  waiting: {
    name: "ringport_listener_waiting_connections",
    type: gauge,
    help: "Connections accepted that have no worker yet.",
    read: ({ waiting }) => waiting,
  },
  paused: {
    name: "ringport_listener_paused",
    type: gauge,
    help: "1 while the listener leaves connections in the kernel's queue.",
    read: ({ paused }) => paused ? 1 : 0,
  },
  "acceptQueue.length": {
    name: "ringport_listener_accept_queue_connections",
    type: gauge,
    help: "Connections that wait in the kernel's queue.",
    read: ({ acceptQueue }) => acceptQueue?.length,
  },
  "acceptQueue.max": {
    name: "ringport_listener_accept_queue_size_connections",
    type: gauge,
    help: "Connections that the kernel's queue holds at most.",
    read: ({ acceptQueue }) => acceptQueue?.max,
  },
};

/** Metrics of each worker, by the field of {@linkcode WorkerStatistics}. */
export const workerMetrics: Readonly<Record<string, Metric<WorkerStatistics>>> = {
  ...Object.fromEntries(activityEntries.map(([field, { collect: _, ...metric }]) => [
    field,
    { ...metric, read: (worker: WorkerStatistics) => fieldOf(worker, field) },
  ])),
  phase: {
    name: "ringport_worker_phase",
    type: gauge,
    help: "1 for the phase of the worker, 0 for the others.",
    labels: ["phase"],
    read: ({ phase }) => stateOf(phase, phases),
  },
  health: {
    name: "ringport_worker_health",
    type: gauge,
    help: "1 for the health of the worker, 0 for the others.",
    labels: ["health"],
    read: ({ health }) => stateOf(health, healths),
  },
  heartbeatAge: {
    name: "ringport_worker_heartbeat_age_seconds",
    type: gauge,
    help: "Time since the last sign of life of the worker.",
    isTime: true,
    read: ({ heartbeatAge }) => heartbeatAge,
  },
  utilisation: {
    name: "ringport_loop_utilisation_ratio",
    type: gauge,
    help: "Share of time the loop was busy lately.",
    read: ({ utilisation }) => utilisation,
  },
  "submissionRing.used, completionRing.used": {
    name: "ringport_ring_records",
    type: gauge,
    help: "Most records that have waited in a ring.",
    labels: ["ring"],
    read: ({ submissionRing, completionRing }) => ({
      submission: submissionRing.used,
      completion: completionRing.used,
    }),
  },
  "submissionRing.size, completionRing.size": {
    name: "ringport_ring_size_records",
    type: gauge,
    help: "Records that a ring has room for.",
    labels: ["ring"],
    read: ({ submissionRing, completionRing }) => ({
      submission: submissionRing.size,
      completion: completionRing.size,
    }),
  },
  "segments.used": {
    name: "ringport_segments_held",
    type: gauge,
    help: "Segments held now.",
    read: ({ segments }) => segments.used,
  },
  "segments.size": {
    name: "ringport_segments",
    type: gauge,
    help: "Segments of the ring.",
    read: ({ segments }) => segments.size,
  },
  queues: {
    name: "ringport_queue_length",
    type: gauge,
    help: "Lengths of queues now.",
    labels: ["queue"],
    read: ({ queues }) => queues,
  },
};
