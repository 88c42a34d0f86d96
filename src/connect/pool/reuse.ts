/**
 * Whether a connection can go from one lease to the next, and what has to be taken off it before.
 *
 * @module
 */
import type { StreamConnection } from "../../stream/connection.ts";
import { pauseFor, resumeFrom } from "../../stream/reading.ts";
import { Flag, pauseReasons, State } from "../../stream/state.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import type { PoolEvictions } from "./types.ts";

/** No `data` handler: received bytes wait until `connection.readable` is read. */
const noHandlers: SocketHandlers = Object.freeze({});

/** Why the next lease must not have this connection; undefined when it may. */
export function uncleanBecause(connection: StreamConnection): keyof PoolEvictions | undefined {
  const { extras, flags } = connection;
  if (connection.stateNumber !== State.open) return "ended";
  if (connection.bufferedBytes > 0) return "buffered";
  if ((flags & (Flag.discarding | Flag.resuming)) !== 0) return "unread";
  if (connection.framing !== undefined) return "unread";
  if (extras !== undefined) {
    if (extras.stash.length > 0 || extras.stashedEnd) return "unread";
    if ((extras.reader?.bufferedBytes ?? 0) > 0) return "unread";
  }
  // Paused by the application: it has seen more coming than it could take.
  return (flags & Flag.pausedByApplication) !== 0 ? "unread" : undefined;
}

/** Ends the streams of a lease, so that code that still holds them does not touch the next one. */
export function detachStreams(connection: StreamConnection): void {
  const { extras } = connection;
  if (extras === undefined) return;
  extras.reader?.detach();
  extras.writer?.fail(released);
  extras.reader = undefined;
  extras.readable = undefined;
  extras.writer = undefined;
  extras.writable = undefined;
  connection.flags &= ~(Flag.streaming | Flag.drainOwed);
}

/** The error of the writable stream after its lease is over: it sends nothing more. */
const released = { by: "local", bytesLost: 0, flushed: false } as const;

/** Hands a connection to handlers, and reads if they have `data`. True when it did not read before. */
export function handTo<D>(connection: StreamConnection, handlers: SocketHandlers<D> | undefined): boolean {
  // A lease may have handed it on to other handlers.
  const config = connection.config.root ?? connection.config;
  connection.config = config;
  config.handlers = (handlers ?? noHandlers) as SocketHandlers<unknown>;
  config.handled = handlers !== undefined;
  const paused = (connection.flags & Flag.paused) !== 0;
  if (handlers?.data !== undefined) {
    resumeFrom(connection, pauseReasons);
    return paused;
  }
  // Whatever the last lease had paused it for is over.
  pauseFor(connection, Flag.unread);
  connection.flags &= ~(pauseReasons & ~Flag.unread);
  return paused;
}
