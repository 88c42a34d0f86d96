/**
 * The phases of a server's life, from running to stopped.
 *
 * @module
 */

/**
 * The phase of a server. `"starting"`: its workers are not ready yet. `"running"`: it serves. `"refusing"`:
 * it accepts no more, its listeners are closed or handed on. `"draining"`: the application is notified, work
 * in flight finishes. `"closing"`: every connection is ended gracefully. `"aborting"`: the rest is aborted.
 * `"stopped"`: nothing is left.
 */
export type Phase = "starting" | "running" | "refusing" | "draining" | "closing" | "aborting" | "stopped";

/** The phases in their order. */
export const phases: readonly Phase[] = [
  "starting",
  "running",
  "refusing",
  "draining",
  "closing",
  "aborting",
  "stopped",
];

/** Whether `phase` comes before `other`. */
export function isBefore(phase: Phase, other: Phase): boolean {
  return phases.indexOf(phase) < phases.indexOf(other);
}

/** How the connections that were open when a shutdown began have ended. */
export interface DrainCounts {
  /** Ended by themselves, by the application or by their peers, while the server refused or drained. */
  drained: number;
  /** Ended politely by the server. */
  closed: number;
  /** Cut. */
  aborted: number;
  /** Bytes that were accepted by `write` and never handed to the kernel, up to the phase of aborting. */
  bytesLost: number;
  /** The same of the connections that were cut. */
  bytesCut: number;
}

/** Nothing counted yet. */
export function noDrains(): DrainCounts {
  return { drained: 0, closed: 0, aborted: 0, bytesLost: 0, bytesCut: 0 };
}

/** Adds `more` to `counts`. */
export function addDrains(counts: DrainCounts, more: DrainCounts): void {
  counts.drained += more.drained;
  counts.closed += more.closed;
  counts.aborted += more.aborted;
  counts.bytesLost += more.bytesLost;
  counts.bytesCut += more.bytesCut;
}
