/**
 * What the supervisor and a worker say to each other. All of it is plain data: a thread gets it by
 * `postMessage`, a process as JSON, where bytes are base64.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { ShareableLoop } from "../loop/remote_statistics.ts";
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
  /** So many of this worker's messages were passed on. */
  | { kind: "passed"; count: number; bytes: number }
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
  /** What it has told, as plain data: an error is as the log tells it. */
  | Exclude<WorkerServerEvent, { kind: "broken" | "seized" }>;
