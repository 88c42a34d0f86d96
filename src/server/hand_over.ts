/**
 * Connections that the server's own thread has accepted, on their way to a worker.
 *
 * @module
 */
import type { PeerWords } from "../base/peer_address.ts";

/** One accepted socket, with its peer's address. */
export interface HandedOver extends PeerWords {
  /** The raw descriptor. */
  descriptor: number;
  /** Position of its listener among the server's options. */
  listener: number;
}

/** The worker's end of the way: a ring in shared memory, or the messages of a process. */
export interface HandOver {
  /**
   * Gives every socket that waits now to `adopt`, which answers how many connections of the listener there
   * are then.
   */
  takeAll(adopt: (handed: HandedOver) => number): void;
  /** How many connections of a listener there are now, those about to be opened included. */
  setOpen(listener: number, count: number): void;
  /** Whether no further connection is wanted for now. */
  setPressure(on: boolean): void;
}
