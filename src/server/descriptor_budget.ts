/**
 * How many connections the system's limit of descriptors leaves room for.
 *
 * @module
 */
import { descriptorReserve, descriptorsPerProcess, descriptorsPerWorker } from "../base/limits.ts";
import { SLOTS_MAX } from "../base/layout.ts";
import { descriptorLimit } from "../loop/native.ts";

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
export function descriptorsForProcesses(workers: number, limit: number = descriptorLimit()): number {
  return Math.max(1, limit - descriptorReserve - workers * descriptorsPerProcess);
}
