/**
 * Connections that somebody else has accepted: what a worker is told of each, and how it gets them.
 *
 * @module
 */

/** One accepted socket. */
export interface HandedOver {
  /** The raw descriptor. */
  descriptor: number;
  /** Place of its listener among the server's options. */
  listener: number;
  /** The peer's address as the accept record carries it: a family, and sixteen bytes in four words. */
  family: number;
  word0: number;
  word1: number;
  word2: number;
  word3: number;
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
