/**
 * Handlers that wait for a promise. One that waits for its own connection (a read of its stream, room for its
 * writes, its end) does not count as work: it is not a task of the loop, and keeps no connection from being
 * idle.
 *
 * @module
 */
import type { RingWindow } from "../memory/window.ts";

/** The handlers of one connection. What changes it returns by how much {@linkcode atWork} has changed. */
export class HandlerTasks {
  /** Handlers whose promise has not settled. */
  #running = 0;
  /** Reads of the connection and writes to its stream that wait now. */
  #ownWaits = 0;
  /** Handlers that wait for the connection's end. */
  #waitForClosed = 0;
  /** Times `closed` was asked for, and the `data` callback in which it last was: its window and turn. */
  closedAsked = 0;
  #askedIn: RingWindow | undefined = undefined;
  #askedTurn = 0;
  /** Number of the promise that further bytes wait for, of {@linkcode nextPromise}; 0 for none. */
  bytesWaitFor = 0;

  /** Handlers that wait for something other than the connection. */
  get atWork(): number {
    return this.#ownWaits > 0 ? 0 : Math.max(this.#running - this.#waitForClosed, 0);
  }

  /** Some handler waits for a promise. */
  get running(): boolean {
    return this.#running > 0;
  }

  /** Some handler waits for the connection's end. */
  get waitForClosed(): boolean {
    return this.#waitForClosed > 0;
  }

  /** A handler has returned a promise. `waitsForClosed`: it asked for `closed` before. */
  began(waitsForClosed: boolean): number {
    const before = this.atWork;
    this.#running += 1;
    if (waitsForClosed) this.#waitForClosed += 1;
    return this.atWork - before;
  }

  /** The promise of a handler has settled. */
  ended(): number {
    const before = this.atWork;
    this.#running -= 1;
    this.#waitForClosed = Math.min(this.#waitForClosed, this.#running);
    return this.atWork - before;
  }

  /** Somebody waits for the connection's bytes or room, or, with -1, no longer. */
  waitsForConnection(change: 1 | -1): number {
    const before = this.atWork;
    this.#ownWaits += change;
    return this.atWork - before;
  }

  /** One more of the handlers that wait now waits for the connection's end. */
  waitsForEnd(): number {
    const before = this.atWork;
    this.#waitForClosed = Math.min(this.#waitForClosed + 1, this.#running);
    return this.atWork - before;
  }

  /** The connection is gone: handlers that waited for that continue. */
  endHasCome(): number {
    const before = this.atWork;
    this.#waitForClosed = 0;
    return this.atWork - before;
  }

  /** `closed` was asked for, in the `data` callback of `window` if there is one. */
  askedForClosed(window: RingWindow | undefined, turn: number): void {
    this.closedAsked += 1;
    this.#askedIn = window;
    this.#askedTurn = turn;
  }

  /** Whether the `data` callback of `window` has asked for `closed`, since that was last looked at. */
  hasAskedForClosed(window: RingWindow, turn: number): boolean {
    if (this.#askedIn !== window) return false;
    this.#askedIn = undefined;
    return this.#askedTurn === turn;
  }
}

let promises = 0;

/** Numbers stay small ones, which both runtimes keep unboxed; zero is none. */
const promiseMask = 0x3fff_ffff;

/** A number for a promise that bytes wait for, so that none ends the wait for another one. */
export function nextPromise(): number {
  return promises = (promises & promiseMask) + 1;
}
