/**
 * What only some connections need, made when they first do.
 *
 * @module
 */
import { Outbox } from "./outbox.ts";
import type { StreamReader } from "./readable.ts";
import type { CloseReason } from "./types.ts";
import type { Limits } from "./watch/limits.ts";
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
  /** Limits of its own, instead of the group's. */
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
  reader: StreamReader | undefined = undefined;
  readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;
  writable: WritableStream<Uint8Array | string> | undefined = undefined;
  writer: StreamWriter | undefined = undefined;
  closed: Promise<CloseReason> | undefined = undefined;
  resolveClosed: ((reason: CloseReason) => void) | undefined = undefined;
  reason: CloseReason | undefined = undefined;
}
