/**
 * Decides whether a connection can pass from one lease to the next, and what must be removed from it before.
 *
 * @module
 */
import type { StreamConnection } from "../../stream/connection.ts";
import { Flag, pauseReasons, State } from "../../stream/state.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import type { PoolEvictions } from "./types.ts";

/** No `data` handler: received bytes wait until `connection.readable` is read. */
const noHandlers: SocketHandlers = Object.freeze({});

/** Why the next lease must not have this connection; undefined when it may. */
export function uncleanBecause(connection: StreamConnection): keyof PoolEvictions | undefined {
  if (connection.stateNumber !== State.open) return "ended";
  if (connection.bufferedBytes > 0) return "buffered";
  if (connection.hasUnread) return "unread";
  // Paused by the application: it has seen more coming than it could take.
  return (connection.flags & Flag.pausedByApplication) !== 0 ? "unread" : undefined;
}

/** Hands a connection to handlers, and reads if they have `data`. True when it did not read before. */
export function handTo<D>(connection: StreamConnection, handlers: SocketHandlers<D> | undefined): boolean {
  // A lease may have handed it on to other handlers.
  const config = connection.config.root ?? connection.config;
  connection.config = config;
  config.handlers = (handlers ?? noHandlers) as SocketHandlers<unknown>;
  config.handled = handlers !== undefined;
  const paused = (connection.flags & Flag.paused) !== 0;
  if (handlers?.data !== undefined) {
    connection.resumeFrom(pauseReasons);
    return paused;
  }
  // Whatever the last lease had paused it for is over.
  connection.pauseFor(Flag.unread);
  connection.flags &= ~(pauseReasons & ~Flag.unread);
  return paused;
}
