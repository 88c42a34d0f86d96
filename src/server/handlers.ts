/**
 * The handler table that stands between one listener's connections and the application: it counts how they
 * end, and hands `open` the listener.
 *
 * @module
 */
import type { CloseReason, Connection, SocketHandlers } from "../connection/types.ts";
import type { Application, ListenerInfo } from "./application.ts";

/** Told of connections that are gone. */
export interface CloseSink {
  gone(reason: CloseReason): void;
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
  for (const name of passedOn) {
    const callback = application[name];
    if (typeof callback !== "function") continue;
    (handlers as Record<string, unknown>)[name] = callback.bind(application);
  }
  return handlers;
}

/** Callbacks that go to the application as they are. */
const passedOn = ["data", "drain", "end", "error", "timeout"] as (keyof Application<unknown>)[];
