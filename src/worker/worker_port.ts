/**
 * A worker as the supervisor reaches it, whether it is a thread of this process or a process of its own.
 *
 * @module
 */
import type { Gauges } from "../server/gauges.ts";
import type { HandedOver } from "../server/hand_over.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** How a worker came to its end: `"stopped"` when it said so before. */
export interface WorkerEnd {
  reason: "stopped" | "failed" | "killed";
  message: string;
}

/** Whom a link tells. */
export interface LinkOwner {
  received(message: FromWorker): void;
  /** The worker is gone. Called once, last. */
  ended(end: WorkerEnd): void;
}

/** Accepted sockets on their way to a worker. */
export interface WorkerQueue {
  /** Sockets on their way. */
  readonly length: number;
  /** Connections of one listener that the worker has or is about to have. Never too few. */
  loadOf(listener: number): number;
  /** Connections of the first `listeners` listeners together. */
  load(listeners: number): number;
  /** True while the worker has taken on too much to want more. */
  readonly pressure: boolean;
  /** False: too many are on their way. */
  give(handed: HandedOver): boolean;
  /** Takes back what a worker that is gone will not take any more. */
  drain(take: (handed: HandedOver) => void): void;
}

/** The way to one worker. */
export interface WorkerPort {
  /** The process it runs in. */
  readonly pid: number;
  /** How sockets come to it, where it is not by the shared memory. */
  readonly queue?: WorkerQueue;
  /** Where it writes what it does, where that is not memory of this process's own. */
  readonly board?: Gauges;
  post(message: ToWorker): void;
  /** Wakes the loop of a worker that is no thread of this process. */
  wake?(): void;
  /** The worker is gone, and what it wrote was read: its board and its loop's numbers are taken away. */
  release?(): void;
  /**
   * Ends a worker that does not listen any more: a process is killed; a thread loses its sockets and is left
   * alone, since no runtime can end a thread safely.
   */
  kill(): void;
}
