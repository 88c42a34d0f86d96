/**
 * The number of connections that the system's limit of descriptors allows.
 *
 * @module
 */
import { descriptorReserve, descriptorsPerProcess, descriptorsPerWorker } from "../base/limits.ts";
import { SLOTS_MAX } from "../base/layout.ts";
import { descriptorLimit } from "../loop/native.ts";
import type { ResolvedServerOptions } from "./options/mod.ts";

/**
 * Connections each of `workers` may have at once so that the process never runs out of descriptors: they stop
 * accepting before. At least 1; at most what a loop has slots for, which is the answer where the system sets
 * no limit.
 *
 * @param limit descriptors of the process; the system's by default (`ulimit -n` on Linux, none on Windows).
 */
export function connectionsPerWorker(workers: number, limit: number = descriptorLimit()): number {
  const left = limit - descriptorReserve - workers * descriptorsPerWorker;
  return Math.max(1, Math.min(SLOTS_MAX - 1, Math.floor(left / workers)));
}

/**
 * Accepted sockets that the process of a server may have on their way to its `workers`, which are processes.
 * At least 1.
 *
 * @param limit as above.
 */
function descriptorsForProcesses(workers: number, limit: number = descriptorLimit()): number {
  return Math.max(1, limit - descriptorReserve - workers * descriptorsPerProcess);
}

/** Connections the server may have at once: what is asked for, or what the descriptors leave room for. */
export function connectionsMaxOf(options: ResolvedServerOptions): number {
  const { maxWorkers, connectionSlots, isolation, limits } = options;
  if (limits.connections !== "auto") return limits.connections;
  // Each process has descriptors of its own.
  const sharing = isolation === "process" ? 1 : maxWorkers;
  return maxWorkers * Math.min(connectionSlots, connectionsPerWorker(sharing));
}

/** Connections one worker may have at once, likewise. */
export function connectionsPerWorkerMaxOf({ isolation, limits }: ResolvedServerOptions): number {
  const asked = limits.connectionsPerWorker === 0 ? Infinity : limits.connectionsPerWorker;
  if (isolation !== "process" || limits.connections !== "auto") return asked;
  return Math.min(asked, connectionsPerWorker(1));
}

/** Accepted sockets that may be on their way to the workers at once. */
export function onTheWayMaxOf({ isolation, maxWorkers }: ResolvedServerOptions): number {
  return isolation === "process" ? descriptorsForProcesses(maxWorkers) : Infinity;
}
