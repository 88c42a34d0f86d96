/**
 * The handler table that stands between one listener's connections and the application: it counts how they
 * end, and hands `open` the listener.
 *
 * @module
 */
import type { CloseReason, Connection, SocketHandlers } from "../stream/types.ts";
import { drainUnheard, heedsDrain } from "../stream/sender.ts";
import { limitTable } from "../stream/time_limits/table.ts";
import type { Application, ListenerInfo } from "./application.ts";

/** Called for connections that are gone. */
export interface CloseSink {
  gone(reason: CloseReason): void;
  /** A peer has kept the server waiting too long or was too slow; left out where nobody counts. */
  offended?: (hostname: string) => void;
}

/**
 * The application's callbacks as a handler table. What the application does not have is not in the table, so
 * that the defaults of connections hold.
 */
export function handlersOf(
  application: Application<unknown>,
  listener: () => ListenerInfo,
  sink: CloseSink,
): SocketHandlers<unknown> {
  const handlers: SocketHandlers<unknown> = {
    close(connection: Connection<unknown>, reason: CloseReason) {
      sink.gone(reason);
      return application.close?.(connection, reason);
    },
  };
  if (application.open !== undefined) {
    handlers.open = (connection) => application.open!(connection, listener());
  }
  if (application.timeout !== undefined || sink.offended !== undefined) {
    handlers.timeout = (connection, kind) => {
      if (limitTable[kind].offence) tellOffence(connection, sink);
      return application.timeout?.(connection, kind);
    };
  }
  for (const name of passedOn) {
    const callback = application[name];
    if (typeof callback !== "function") continue;
    (handlers as Record<string, unknown>)[name] = callback.bind(application);
  }
  if (!heedsDrain(application as SocketHandlers<unknown>)) drainUnheard(handlers);
  return handlers;
}

/** Callbacks that go to the application as they are. */
const passedOn = ["data", "drain", "end", "error"] as (keyof Application<unknown>)[];

function tellOffence(connection: Connection<unknown>, sink: CloseSink): void {
  const { remoteAddress } = connection;
  if (remoteAddress.family !== "Unix") sink.offended?.(remoteAddress.hostname);
}
