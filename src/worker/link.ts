/**
 * A worker as the supervisor reaches it, whether it is a thread of this process or a process of its own.
 *
 * @module
 */
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

/** The way to one worker. */
export interface WorkerLink {
  /** The process it runs in. */
  readonly pid: number;
  post(message: ToWorker): void;
  /**
   * Ends a worker that does not listen any more: a process is killed; a thread loses its sockets and is left
   * alone, since no runtime can end a thread safely.
   */
  kill(): void;
}
