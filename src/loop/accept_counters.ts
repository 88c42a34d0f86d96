/**
 * The system's counters of connections that were dropped before they were accepted: for all listeners of this
 * machine (on Linux: of this network namespace), since it was started.
 *
 * Source: proc_pid_net(5), `/proc/net/netstat`; the kernel's `Documentation/networking/snmp_counter.rst`.
 *
 * @module
 */
import { networkCounters } from "./native.ts";

/** The counters; they only grow. A counter this kernel does not have is 0. */
export interface AcceptCounters {
  /** Connections that found an accept queue full (`ListenOverflows`). */
  queueOverflows: number;
  /** Connections dropped at a listener for this or any other reason (`ListenDrops`). */
  drops: number;
  /** SYN cookies sent because a queue of half-open connections was full (`SyncookiesSent`). */
  synCookiesSent: number;
  /** Of those, answered rightly (`SyncookiesRecv`). */
  synCookiesReceived: number;
  /** Answers that were none to a cookie of ours (`SyncookiesFailed`). */
  synCookiesFailed: number;
  /** Connections dropped because a queue of half-open ones was full (`TCPReqQFullDrop`). */
  synQueueDrops: number;
}

const names = {
  queueOverflows: "ListenOverflows",
  drops: "ListenDrops",
  synCookiesSent: "SyncookiesSent",
  synCookiesReceived: "SyncookiesRecv",
  synCookiesFailed: "SyncookiesFailed",
  synQueueDrops: "TCPReqQFullDrop",
} as const satisfies Record<keyof AcceptCounters, string>;

/** The part of the text that counts TCP. */
const section = "TcpExt:";

/**
 * Reads the counters as they are now; `undefined` where the system does not report them (Windows).
 *
 * @example
 * ```ts
 * import { acceptCounters } from "@ringport/ringport/metrics";
 *
 * const before = acceptCounters();
 * // ... some load later
 * const after = acceptCounters();
 * if (before !== undefined && after !== undefined) {
 *   console.log(after.queueOverflows - before.queueOverflows, "connections found a full queue");
 * }
 * ```
 */
export function acceptCounters(): AcceptCounters | undefined {
  const text = networkCounters();
  return text === undefined ? undefined : parseAcceptCounters(text);
}

/**
 * Reads the text of `/proc/net/netstat`: pairs of lines that begin alike, the first with names, the second
 * with their values. `undefined` where it has no such pair for TCP.
 */
export function parseAcceptCounters(text: string): AcceptCounters | undefined {
  const lines = text.split("\n");
  const first = lines.findIndex((line) => line.startsWith(section));
  const keys = lines[first]?.trim().split(/\s+/);
  const values = lines[first + 1]?.trim().split(/\s+/);
  if (first < 0 || values?.[0] !== section || values.length !== keys.length) return undefined;
  const read = (name: string): number => {
    const value = Number(values[keys.indexOf(name)]);
    return Number.isSafeInteger(value) && value >= 0 ? value : 0;
  };
  const entries = Object.entries(names).map(([key, name]) => [key, read(name)]);
  return Object.fromEntries(entries) as unknown as AcceptCounters;
}
