/**
 * The memory a worker shares with its supervisor.
 *
 * @module
 */

/** Handed to a worker when it starts, as structured clones of the same memory. */
export interface WorkerMemory {
  /** Accepted sockets on their way to it: see `hand_over_queue.ts`. */
  queue: SharedArrayBuffer;
  /** Its counters: see `../server/board.ts`. */
  board: SharedArrayBuffer;
}
