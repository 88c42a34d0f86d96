/**
 * What an application says about the time its connections may take.
 *
 * @module
 */

/**
 * Limits of time of each connection, in milliseconds; 0, the default of each, sets none. A limit that is
 * reached calls the `timeout` handler, and then ends the connection unless that answers `"keep"`.
 */
export interface ConnectionTimeoutOptions {
  /** From the opening to the first received byte. Then the connection is closed gently. */
  firstByte?: number;
  /** From `messageBegan` to `messageEnded`: a message in progress. Then the connection is aborted. */
  message?: number;
  /**
   * Bytes are buffered and the peer takes none of them: it acknowledges nothing, which a peer that reads
   * slowly does in steps of up to 64 KiB. Then the connection is aborted, at the latest after one and a half
   * times the limit.
   */
  writeStall?: number;
  /**
   * Nothing is received, written or buffered, and no handler waits for a promise. Then the connection is
   * closed gently.
   */
  idle?: number;
  /** From the opening on, whatever happens. Then the connection is closed gently. */
  lifetime?: number;
}

/** Limits of time of a connection that is made. */
export interface ConnectTimeoutOptions extends ConnectionTimeoutOptions {
  /** Another name for the `timeout` of `connect`. 30,000 by default. */
  connect?: number;
}

/** Rates below which a transfer is given up. A connection that is too slow is aborted. */
export interface RateOptions {
  /** Bytes a second that must come in while a message is in progress. 0, the default, sets no limit. */
  receiveRate?: number;
  /** Bytes a second the peer must take while bytes are buffered. 0, the default, sets no limit. */
  sendRate?: number;
  /** Milliseconds a transfer is watched before each judgement. 10,000 by default. */
  rateGrace?: number;
}

/** The limit that was reached. */
export type TimeoutKind =
  | "firstByte"
  | "message"
  | "writeStall"
  | "idle"
  | "lifetime"
  | "receiveRate"
  | "sendRate";
