/**
 * Time limits and rates of a connection, as an application writes them.
 *
 * @module
 */

/**
 * Time limits of a connection, in milliseconds; 0 sets none. When a limit is reached, the `timeout` handler
 * is called, and the connection ends unless the handler answers `"keep"`.
 *
 * A server has limits by default. `listen` and `connect` on their own have none, since they also carry
 * protocols whose connections stay silent for hours.
 */
export interface ConnectionTimeoutOptions {
  /**
   * From the opening of the connection to its first received byte. Then the connection is closed gently.
   * 30,000 by default in a server.
   */
  firstByte?: number;
  /**
   * From the first byte of a message to its last, for an application that reports its messages
   * (`messageBegan`, `messageEnded`) or has them framed. Then the connection is aborted. 60,000 by default in
   * a server.
   */
  message?: number;
  /**
   * Bytes are buffered and the peer acknowledges none of them. A slow reader acknowledges in steps of up to
   * 64 KiB. Then the connection is aborted, at the latest after one and a half times the limit. 60,000 by
   * default in a server.
   */
  writeStall?: number;
  /**
   * Nothing is received, written or buffered, and no handler waits for a promise. Then the connection is
   * closed gently. 75,000 by default in a server.
   */
  idle?: number;
  /**
   * From the first byte of a request's head to its last. Then the client is answered with 408, where HTTP is
   * spoken, and the connection ends. 30,000 by default in a server.
   */
  head?: number;
  /**
   * No byte of a request's body comes, although it is being read. Then as for `head`. 60,000 by default in a
   * server.
   */
  body?: number;
  /**
   * From the call of a request's handler to the beginning of its answer. Then the client is answered with
   * 503, and the connection ends. An answer that has begun, and a connection that was handed over, have no
   * such limit. 300,000 by default in a server.
   */
  handler?: number;
  /**
   * From the end of an answer to the first byte of the next request. Then the connection is closed gently.
   * 75,000 by default in a server.
   */
  keepAlive?: number;
  /** From the opening of the connection, whatever happens. Then it is closed gently. 0 by default. */
  lifetime?: number;
}

/** Time limits of a connection, and of connecting. */
export interface TimeoutOptions extends ConnectionTimeoutOptions {
  /**
   * From the call of `connect` until the connection is established, name resolution and retries included.
   * Then the call fails with a TimeoutError. 30,000 by default.
   */
  connect?: number;
}

/** Rates below which a transfer is given up. A connection that is too slow is aborted. */
export interface RateOptions {
  /**
   * Bytes a second that the peer must send while a message is in progress. 0, the default, sets no limit.
   */
  receiveRate?: number;
  /** Bytes a second that the peer must take while bytes are buffered. 0, the default, sets no limit. */
  sendRate?: number;
  /** Milliseconds over which each rate is measured. 10,000 by default. */
  rateGrace?: number;
}

/** The limit that was reached, by the name of its option. */
export type TimeoutKind = keyof ConnectionTimeoutOptions | Exclude<keyof RateOptions, "rateGrace">;
