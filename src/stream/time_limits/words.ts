/**
 * The numbers recorded for each connection with time limits, side by side by slot. Times are those of the
 * loop's clock, which wraps, so only differences count.
 *
 * @module
 */
import type { Clock } from "../../loop/clock.ts";
import type { Engine } from "../../loop/engine.ts";

/** Where the numbers of all connections of a loop lie. */
export interface TimeMarks {
  readonly engine: Engine;
  readonly clock: Clock;
  /** {@linkcode wordsOfSlot} for each slot; see {@linkcode Word}. */
  readonly words: Int32Array;
  /** {@linkcode rateWords} for each slot; there once a connection has a rate. */
  readonly rates: Int32Array | undefined;
}

/** The words of one slot. */
export const Word = {
  /** When bytes last came; before the first ones, when the wait for them began. */
  received: 0,
  /** When something else last happened that counts as use. */
  active: 1,
  /** When the connection opened. */
  opened: 2,
  /** When the message in progress began. */
  message: 3,
  /** When reading was last paused. */
  pausedAt: 4,
  /** When the peer last took bytes, as far as that was seen. */
  stallAt: 5,
  /** What it had taken by then, of {@linkcode Word.written} and of files. */
  stallTaken: 6,
  /** Bytes ever written, without those of files, modulo 2^32. */
  written: 7,
  /** The armed timer's number plus one; 0 for none. */
  timer: 8,
  /** When that timer is due. */
  deadline: 9,
  /** Replies that framed handlers owe. */
  replies: 10,
  spare: 11,
  /** What the protocol is doing; see {@linkcode TimedPhase}. */
  phase: 12,
  /** When it began with it. */
  phaseAt: 13,
} as const;

/** Words of one slot. */
export const wordsOfSlot = 14;

/** What a protocol of requests and answers is doing on a connection. */
export const TimedPhase = {
  /** It has never said; so its limits cost such a connection nothing. */
  unused: 0,
  /** None of the others. */
  none: 1,
  /** The beginning of a head has come. */
  head: 2,
  /** A body comes in. */
  body: 3,
  /** A handler has a request and has not begun to answer. */
  handler: 4,
  /** Every request is answered, and the next one may come. */
  keepAlive: 5,
  /** An answer has begun that may take its time: the connection is not idle. */
  answer: 6,
} as const;
export type TimedPhase = (typeof TimedPhase)[keyof typeof TimedPhase];

/** The words of one slot that only rates need. */
export const Rate = {
  /** When the receiving under judgement began. */
  receiveAt: 0,
  /** Bytes that came since. */
  received: 1,
  /** When the sending under judgement began. */
  sendAt: 2,
  /** Bytes that were buffered then, and those written since. */
  sent: 3,
  /** Bytes the peer had not acknowledged when the judgement began; {@linkcode unknown} where nobody asked. */
  unacknowledged: 4,
  /** Bytes of files that the kernel had taken by then, modulo 2^32. */
  files: 5,
} as const;

/** Words of one slot for rates. */
export const rateWords = 6;

/** A count of bytes nobody has asked the system for. */
export const unknown = -1;

/** Where the counts of bytes under judgement stop: a peer that moved this many is not slow. */
export const saturated = 0x7fff_ffff;
