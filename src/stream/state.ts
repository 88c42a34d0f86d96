/**
 * States and flags of a connection as numbers.
 *
 * @module
 */
import type { CloseReason, ConnectionState } from "./types.ts";

/** States; the order is that of {@linkcode stateNames}. */
export const State = {
  connecting: 0,
  open: 1,
  writeEnded: 2,
  readEnded: 3,
  closing: 4,
  aborting: 5,
  closed: 6,
} as const;
export type State = (typeof State)[keyof typeof State];

export const stateNames: readonly ConnectionState[] = [
  "connecting",
  "open",
  "write-ended",
  "read-ended",
  "closing",
  "aborting",
  "closed",
];

/** Flags beside the state. */
export const Flag = {
  /** Reading is paused, or bytes received while paused are not delivered yet. */
  paused: 1 << 0,
  /** Paused by the framework because nobody reads yet, not by the application. */
  unread: 1 << 1,
  /** Received bytes are discarded. */
  discarding: 1 << 2,
  /** Received bytes go to the readable stream. */
  streaming: 1 << 3,
  /** `end` or `close` waits for the peer: the linger timer runs, and signs of life count. */
  lingering: 1 << 4,
  /** The peer has shown life since the linger timer was armed. */
  alive: 1 << 5,
  /** `write` has answered "queued" or "refused": `drain` is owed. */
  drainOwed: 1 << 6,
  /** A FIN is to follow the bytes of the outbox. */
  finWanted: 1 << 7,
  /** The library's close is to follow the bytes of the outbox. */
  closeWanted: 1 << 8,
  /** The library's close or abort has been submitted. */
  closeSubmitted: 1 << 9,
  /** Its time is watched. */
  watched: 1 << 14,
  /** Watched, and no byte has come yet. */
  unheard: 1 << 15,
  /** A message is in progress. */
  inMessage: 1 << 16,
  /** Bytes were buffered at the last look at its time. */
  wasBuffered: 1 << 17,
  /** A limit was reached while the thread was held up, and was put off once. */
  granted: 1 << 18,
  /** Its `timeout` handler runs. */
  telling: 1 << 19,
  /** Resumed, and bytes received while paused are delivered after the next poll. */
  resuming: 1 << 13,
  /** In the list of those who try again after the next poll. */
  waiting: 1 << 11,
  /** Does not keep the process alive. */
  unreferenced: 1 << 12,
  /** Its PROXY header is read; the application does not know it yet. */
  beforeHeader: 1 << 20,
  /** Paused by the framing, which has enough in work, not by the application. */
  heldBack: 1 << 10,
  /** Paused by the application's `pause`. */
  pausedByApplication: 1 << 21,
  /** Paused because `write` did not answer "sent": until `drain`. */
  pausedByWriting: 1 << 22,
  /** Paused by the readable stream, which has enough for its reader. */
  pausedByStream: 1 << 23,
  /** Paused by `pump`, until the other connection takes more. */
  pausedByPump: 1 << 28,
  /** The application has given bytes back: they come again in front of the next ones. */
  tailed: 1 << 29,
  /** Aborted, or its `error` handler was called: only `close` is called from now on. */
  muted: 1 << 27,
  /**
   * The promise of its `data` handler has not settled: bytes that arrive meanwhile wait. The library
   * continues reading until some arrive, so that a handler that finishes soon costs no submission.
   */
  handling: 1 << 30,
} as const;

/**
 * Why reading is paused. Each part of the framework sets and takes back its own reason, so that none of them
 * resumes what another has paused; reading continues when no reason is left.
 */
export const pauseReasons = Flag.unread | Flag.heldBack | Flag.pausedByApplication | Flag.pausedByWriting |
  Flag.pausedByStream | Flag.pausedByPump | Flag.handling;

/**
 * The side that ended the connection, as an index into {@linkcode endedByNames} from one on, in bits of the
 * flags: an end in order, which most connections come to, then needs no object of its own. Zero: nobody yet.
 */
const endedByShift = 24;
export const endedByMask = 7 << endedByShift;
const endedByNames: readonly CloseReason["by"][] = ["local", "peer", "error", "timeout"];

/** The flags with the one who ended the connection. */
export function withEndedBy(flags: number, by: CloseReason["by"]): number {
  return (flags & ~endedByMask) | (endedByNames.indexOf(by) + 1) << endedByShift;
}

/** The side that ended the connection; this side by default. */
export function endedBy(flags: number): CloseReason["by"] {
  return endedByNames[((flags & endedByMask) >> endedByShift) - 1] ?? "local";
}

/** Any of these, and received bytes do not simply go to the `data` handler. */
export const readingSpecial = Flag.paused | Flag.discarding | Flag.streaming | Flag.lingering |
  Flag.beforeHeader |
  Flag.tailed | Flag.handling;
