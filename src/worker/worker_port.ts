/**
 * A worker as the supervisor reaches it, whether thread or process, and the messages between them. All of
 * them are plain data: a thread gets them by `postMessage`, a process as JSON, where bytes are base64.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { ShareableLoop } from "../loop/remote_statistics.ts";
import type { Gauges } from "../server/gauges.ts";
import type { HandedOver } from "../server/hand_over.ts";
import type { DrainCounts, Phase } from "../server/phases.ts";
import type { WorkerServerEvent, WorkerServerSettings } from "../server/worker_server.ts";

/** To a worker. */
export type ToWorker =
  | { kind: "start" } & WorkerServerSettings
  /** All workers are ready: serve. */
  | { kind: "serve" }
  | { kind: "enter"; phase: Phase }
  /** Of another worker's application, or of the server where there is no `from`. */
  | { kind: "message"; body: Uint8Array<ArrayBuffer>; from: number | undefined }
  /** `count` of this worker's messages were passed on. */
  | { kind: "passed"; count: number; bytes: number }
  /** Turns the report of accepted connections on or off. */
  | { kind: "tellAccepts"; on: boolean }
  /** All workers have drained: free everything and end. */
  | { kind: "stop" };

/** From a worker. */
export type FromWorker =
  /** The script runs; `start` may come. */
  | { kind: "loaded"; pid: number }
  | { kind: "ready"; addresses: SocketAddress[]; loop: ShareableLoop }
  | { kind: "serving" }
  /** No connection is left since the worker went into this phase. */
  | { kind: "emptied"; phase: Phase; counts: DrainCounts }
  | { kind: "stopped"; counts: DrainCounts }
  /** Its loop was taken away, and the thread, which was stuck, sees it now and ends. */
  | { kind: "returned" }
  | { kind: "failed"; code: string; message: string; stack?: string }
  /** Messages for its application may come. */
  | { kind: "hears" }
  /** Its events, as plain data: an error is as in the log. */
  | Exclude<WorkerServerEvent, { kind: "broken" | "seized" }>;

/** How a worker came to its end: `"stopped"` when it said so before. */
export interface WorkerEnd {
  reason: "stopped" | "failed" | "killed";
  message: string;
}

/** The events of a port. The end is emitted once, and last. */
export type PortEvent = FromWorker | { kind: "ended"; end: WorkerEnd };

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
  /**
   * Resolves when nothing is on its way any more; undefined if the worker takes everything with its next
   * message.
   */
  emptied?(): Promise<void>;
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
  readonly gauges?: Gauges;
  post(message: ToWorker): void;
  /** Wakes the worker's loop. */
  wake(loop: ShareableLoop): void;
  /** The worker is gone, and what it wrote was read: its gauges and its loop's numbers are taken away. */
  release?(): void;
  /**
   * Ends a worker that does not listen any more: a process is killed; a thread loses its sockets and is left
   * alone, since no runtime can end a thread safely.
   */
  kill(): void;
}
