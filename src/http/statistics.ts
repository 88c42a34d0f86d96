/**
 * What an `http` table has served, and what one of its connections is doing.
 *
 * @module
 */

/** Counters of one `http` table, on all loops of this thread. */
export interface HttpStatistics {
  /** Requests given to a handler. */
  requests: number;
  /** Of those, the ones answered in place of their handler, because a time limit was reached. */
  requestsTimedOut: number;
  /** Handlers that threw, rejected, or gave no answer. */
  handlersFailed: number;
  /** Connections handed on to another protocol. */
  upgrades: number;
  /** Refusals by the status that was answered, such as `{ 400: 3 }`. */
  refused: Record<number, number>;
}

/** Counters that are all zero. */
export function noHttpStatistics(): HttpStatistics {
  return { requests: 0, requestsTimedOut: 0, handlersFailed: 0, upgrades: 0, refused: {} };
}

/**
 * What a connection is doing. `"idle"`: between requests. `"head"`: the beginning of a head has come.
 * `"body"`: a handler waits for the body. `"processing"`: a handler has the request. `"answering"`: its
 * answer has begun. `"upgraded"`: the connection speaks another protocol. `"closing"`: it is on its way out,
 * or gone.
 */
export type HttpPhase = "idle" | "head" | "body" | "processing" | "answering" | "upgraded" | "closing";

/** What a connection is doing, and how far it is. */
export interface HttpConnectionState {
  /** What it is doing. */
  readonly phase: HttpPhase;
  /** Requests in work: handled, and their answer is not complete or waits for earlier ones. */
  readonly requestsInWork: number;
  /** Bytes of the head that has not come whole. */
  readonly headBytes: number;
  /** Bytes that have come of the body being received. */
  readonly bodyBytes: number;
  /** Bytes of that body that are still to come; undefined for one in chunks. */
  readonly bodyBytesLeft: number | undefined;
  /** Bytes of answers that the kernel has not taken. */
  readonly bufferedBytes: number;
}
