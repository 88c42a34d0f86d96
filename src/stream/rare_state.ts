/**
 * State that few connections need, created on demand.
 *
 * @module
 */
import type { Linger } from "./linger.ts";
import { Outbox } from "./outbox.ts";
import type { Stash } from "./stash.ts";
import type { CloseReason } from "./types.ts";
import type { Limits } from "./time_limits/table.ts";
import type { Reader, StreamWriter } from "./web_streams.ts";

/** The part of a connection's state that an ordinary one does without. */
export class RareState {
  readonly outbox: Outbox = new Outbox();
  /** Bytes received after `pause` was called. */
  stash: Stash | undefined = undefined;
  /** Bytes the application has given back, to come again in front of the next ones. */
  tail: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** Bytes `write` has refused since `drain` was last called. */
  refusedBytes = 0;
  error: Error | undefined = undefined;
  /** The connection broke after this side's end and before the peer's. */
  undelivered = false;
  /** Limits of its own, instead of those of the configuration. */
  limits: Limits | undefined = undefined;
  linger: Linger | undefined = undefined;
  /** The input was read to the end: this side ends when no handler runs any more. */
  endDue = false;
  reader: Reader | undefined = undefined;
  readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;
  writable: WritableStream<Uint8Array | string> | undefined = undefined;
  writer: StreamWriter | undefined = undefined;
  closed: Promise<CloseReason> | undefined = undefined;
  resolveClosed: ((reason: CloseReason) => void) | undefined = undefined;
  reason: CloseReason | undefined = undefined;
}
