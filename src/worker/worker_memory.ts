/**
 * The memory a worker shares with its supervisor.
 *
 * @module
 */
import type { WorkerServerMemory } from "../server/worker_server.ts";

/** Handed to a worker when it starts, as structured clones of the same memory. */
export interface WorkerMemory extends WorkerServerMemory {
  /** Accepted sockets on their way to it: see `hand_over_queue.ts`. */
  queue: SharedArrayBuffer;
}
