/**
 * What only some connections need, made when they first do.
 *
 * @module
 */
import type { Window } from "../memory/window.ts";
import { Outbox } from "./outbox.ts";
import type { CloseReason } from "./types.ts";
import type { Limits } from "./time_limits/table.ts";
import type { StreamWriter } from "./writable.ts";

/** Received bytes that came while reading was paused: held in place, or copied out of a crowded ring. */
export interface Stashed {
  segment: number;
  offset: number;
  length: number;
  /** The copy; undefined where they are held in place. */
  bytes: Uint8Array | undefined;
}

/** What the framing remembers of a connection: a message that has not come whole, replies that are owed. */
export interface FramingMemory {
  /** The connection is gone. */
  forget(): void;
  /** The connection goes on without this framing: gives the bytes of a message that has not come whole. */
  leave(): Uint8Array;
}

/** Who reads a connection that has no `data` handler. */
export interface Reader {
  /** Nobody reads any more: read to the end, canceled, failed or detached. */
  readonly over: boolean;
  /** Bytes taken in ahead of the reader. */
  readonly bufferedBytes: number;
  take(window: Window): void;
  /** The peer has ended its side. */
  end(): void;
  /** The connection is gone; without an error what has come can still be read. */
  fail(error: Error | undefined): void;
  /** The connection goes on to another lease. */
  detach(): void;
  /** The connection goes on to other handlers: gives what was not read; undefined where it cannot be left. */
  leave(): Uint8Array<ArrayBuffer> | undefined;
}

/** The rarely needed part of a connection. */
export class Extras {
  readonly outbox: Outbox = new Outbox();
  /** Bytes received after `pause` was called, in order. */
  stash: Stashed[] = [];
  /** The peer's end came while paused. */
  stashedEnd = false;
  /** Bytes `write` has refused since the application last heard `drain`. */
  refusedBytes = 0;
  error: Error | undefined = undefined;
  /** The connection broke after this side's end and before the peer's. */
  undelivered = false;
  /** Limits of its own, instead of those of the configuration. */
  limits: Limits | undefined = undefined;
  /** The linger timer, -1 for none. */
  lingerTimer = -1;
  /**
   * Bytes the peer had not acknowledged, here or with the kernel, when the linger timer was armed; -1 in its
   * first round, for which nobody asks.
   */
  lingerUntaken = -1;
  /** Rounds of the linger timer without a sign of life. */
  lingerSilent = 0;
  /** Rounds of the linger timer since everything was flushed. */
  lingerFlushed = 0;
  /** Reads of the connection and writes to its stream that wait now. */
  ownWaits = 0;
  /** Handlers that wait for the connection's end. */
  waitsForClosed = 0;
  /** Times `closed` was asked for, and the `data` callback in which it last was: its window and turn. */
  closedAsked = 0;
  closedAskedIn: Window | undefined = undefined;
  closedAskedTurn = 0;
  /** What comes was read to the end: this side ends when no handler is at work on it any more. */
  endDue = false;
  reader: Reader | undefined = undefined;
  /** Bytes the application has given back, to come again in front of the next ones. */
  tail: Uint8Array<ArrayBuffer> | undefined = undefined;
  readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;
  writable: WritableStream<Uint8Array | string> | undefined = undefined;
  writer: StreamWriter | undefined = undefined;
  closed: Promise<CloseReason> | undefined = undefined;
  resolveClosed: ((reason: CloseReason) => void) | undefined = undefined;
  reason: CloseReason | undefined = undefined;
}
