/**
 * The figures of a server, as they can be read at any time from any thread. Counters begin with the server
 * and only grow, those of a worker with the worker; what says "now" goes up and down. Times are milliseconds.
 *
 * @module
 */
import type { Phase } from "../../server/phases.ts";

export { type Phase, phases } from "../../server/phases.ts";

/** What the supervisor thinks of a worker. */
export type Health = "healthy" | "slow" | "stuck";

/** All healths, best first. */
export const healths: readonly Health[] = ["healthy", "slow", "stuck"];

/** Who asked for an operation: the server's own reads and writes, or an outgoing connection's. */
export type OperationRole = "server" | "client";

/** Counts by name, such as those of errors by their code. */
export type CountsByName = Readonly<Record<string, number>>;

/** How often a measured value lay where. */
export interface Histogram {
  /** Upper bounds of the buckets, each included, in rising order. */
  readonly bounds: readonly number[];
  /** Values in each bucket, not added up; one more than there are bounds, for what lies above all. */
  readonly counts: readonly number[];
  /** The sum of the values. */
  readonly sum: number;
}

/** How much of something with a fixed size is in use now. */
export interface Occupancy {
  readonly used: number;
  readonly size: number;
}

/** Connections, now and since the start. */
export interface ConnectionCounts {
  /** Open now. */
  readonly open: number;
  /** Open now, by state. */
  readonly byState: CountsByName;
  readonly accepted: number;
  /** Connections that the application made. */
  readonly connected: number;
  /** Cut at once, by the reason: `"limit"`, `"rate"`, `"banned"`, `"descriptors"` and so on. */
  readonly refused: CountsByName;
  /** Served from their first to their last byte. */
  readonly handled: number;
  readonly closed: number;
  readonly aborted: number;
}

/** What one worker did, or all of them together. */
export interface ActivityStatistics {
  readonly connections: ConnectionCounts;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Operations by kind and role. */
  readonly operations: Readonly<Record<string, Readonly<Record<OperationRole, number>>>>;
  /** Errors by code, such as `"ECONNRESET"`. */
  readonly errors: CountsByName;
  /**
   * Writes that were refused: `"buffer"`, the connection's buffer was full, or `"ended"`, it no longer wrote.
   */
  readonly writesRefused: CountsByName;
  /** Callbacks of the application that threw or rejected, and those of them that no `error` callback took. */
  readonly handlerErrors: number;
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
  readonly phase: Phase;
  readonly health: Health;
  /** Milliseconds since the last turn or sign of life. */
  readonly heartbeatAge: number;
  /** Share of time the loop was busy lately, 0 to 1. */
  readonly utilisation: number;
  /** Records waiting in the rings now. */
  readonly submissionRing: Occupancy;
  readonly completionRing: Occupancy;
  readonly segments: Occupancy;
  /** Lengths of queues now: `"tasks"` (handlers that wait for promises), `"timers"`, `"outbox"` (bytes) … */
  readonly queues: CountsByName;
}

/** Connections waiting in the kernel, where the system tells. */
export interface AcceptQueue {
  /** Waiting now. */
  readonly length: number;
  /** The most that may wait. */
  readonly max: number;
}

/** Connections at one listener. */
export interface ListenerCounts {
  readonly accepted: number;
  /** Cut at once, by the reason: `"limit"`, `"rate"`, `"banned"` and so on. */
  readonly refusals: CountsByName;
}

/** One listener, over all workers. */
export interface ListenerStatistics extends ListenerCounts {
  readonly name: string;
  /** As `"127.0.0.1:3000"`, or the path of a Unix socket. */
  readonly address: string;
  readonly open: number;
  /** The sum of the refusals. */
  readonly refused: number;
  /** Accepted, and with no worker yet: theirs has died, or has too many on their way to it. */
  readonly waiting: number;
  /** True while the listener leaves connections in the kernel's queue. */
  readonly paused: boolean;
  /** Undefined where the system does not tell. */
  readonly acceptQueue: AcceptQueue | undefined;
}

/** One UDP address, over all workers. */
export interface UdpListenerStatistics {
  readonly name: string;
  /** As `"127.0.0.1:53"`. */
  readonly address: string;
}

/** The process of the server's own thread, as the system sees it. Undefined is what it does not tell. */
export interface ProcessStatistics {
  /** Milliseconds of processor time, all threads and the system's work for them included. */
  readonly cpuTime: number;
  /** Bytes in physical memory, and of address space. */
  readonly residentBytes: number | undefined;
  readonly virtualBytes: number | undefined;
  /** Descriptors that are open (handles on Windows), and how many may be. */
  readonly openDescriptors: number | undefined;
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
  /** Connections let in without being counted because the table was full. */
  readonly uncounted: number;
}

/** A server, all of it. */
export interface ServerStatistics {
  /** When the figures were read, in milliseconds since 1970. */
  readonly time: number;
  /** When the server was started, in milliseconds since 1970. */
  readonly started: number;
  readonly pid: number;
  /** Version of this framework. */
  readonly version: string;
  readonly runtime: string;
  readonly operatingSystem: string;
  readonly phase: Phase;
  /** All workers that are there, stuck ones included. */
  readonly workers: readonly WorkerStatistics[];
  /** Workers that died or were given up since the start. */
  readonly deaths: number;
  /** Threads of workers that did not come back, lost their sockets, and still run. */
  readonly abandonedThreads: number;
  /** Messages between workers that a worker did not get, since too many were on their way to it. */
  readonly messagesDropped: number;
  readonly listeners: readonly ListenerStatistics[];
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
  readonly process: ProcessStatistics;
  readonly addresses: AddressTotals;
  /** Entries that the log's sink failed to take. */
  readonly logFailures: number;
  /** Entries of the log dropped because nobody read it fast enough. */
  readonly logDropped: number;
}
