/**
 * Time limits that were reached, by kind.
 *
 * @module
 */

/** Times each limit was reached, whatever was done about it then. */
export interface TimeoutCounts {
  /** No byte came in time. */
  firstByte: number;
  /** A message was not complete in time. */
  message: number;
  /** The peer took no byte for too long. */
  writeStall: number;
  /** Nothing happened for too long. */
  idle: number;
  /** The head of a request was not complete in time. */
  head: number;
  /** The body of a request stopped coming. */
  body: number;
  /** A request was not answered in time. */
  handler: number;
  /** No further request came. */
  keepAlive: number;
  /** The connection was open for too long. */
  lifetime: number;
  /** The peer sent too slowly. */
  receiveRate: number;
  /** The peer received too slowly. */
  sendRate: number;
  /** A connect took too long. */
  connect: number;
  /** The peer of an ended connection did not end within `lingerTimeout`. */
  linger: number;
}

/** All of them zero. */
export function noTimeouts(): TimeoutCounts {
  return {
    firstByte: 0,
    message: 0,
    writeStall: 0,
    idle: 0,
    head: 0,
    body: 0,
    handler: 0,
    keepAlive: 0,
    lifetime: 0,
    receiveRate: 0,
    sendRate: 0,
    connect: 0,
    linger: 0,
  };
}

/** Every kind. */
export const countedTimeouts = Object.keys(noTimeouts()) as (keyof TimeoutCounts)[];
