/**
 * Connections that somebody else has accepted: what a worker is told of each, and how it gets them.
 *
 * @module
 */

import type { PeerWords } from "../stream/peer_address.ts";

/** One accepted socket, with its peer's address. */
export interface HandedOver extends PeerWords {
  /** The raw descriptor. */
  descriptor: number;
  /** Place of its listener among the server's options. */
  listener: number;
}

/** Where a runner gets accepted sockets from. */
export interface HandOver {
  /**
   * Gives all that wait now to `adopt`, which answers how many connections of the listener there are then.
   */
  takeAll(adopt: (handed: HandedOver) => number): void;
  /** How many connections of a listener there are now, those about to be opened included. */
  setOpen(listener: number, count: number): void;
  /** Whether no further connection is wanted for now. */
  setPressure(on: boolean): void;
}
