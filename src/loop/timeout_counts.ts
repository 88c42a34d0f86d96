/**
 * Limits of time that were reached, by kind.
 *
 * @module
 */

/** Times each limit was reached, whatever was done about it then. */
export interface TimeoutCounts {
  firstByte: number;
  message: number;
  writeStall: number;
  idle: number;
  lifetime: number;
  /** Senders slower than `receiveRate`. */
  receiveRate: number;
  /** Readers slower than `sendRate`. */
  sendRate: number;
  /** Connects that took too long. */
  connect: number;
  /** Ended connections whose peer did not end within `lingerTimeout`. */
  linger: number;
}

/** All of them zero. */
export function noTimeouts(): TimeoutCounts {
  return {
    firstByte: 0,
    message: 0,
    writeStall: 0,
    idle: 0,
    lifetime: 0,
    receiveRate: 0,
    sendRate: 0,
    connect: 0,
    linger: 0,
  };
}
