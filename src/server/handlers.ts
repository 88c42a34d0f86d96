/**
 * The handler table between one listener's connections and the application: it counts how they end, and
 * passes the listener to `open`.
 *
 * @module
 */
import { withHttpOptions } from "../http/http.ts";
import type { HttpOptions } from "../http/types.ts";
import type { CloseReason, Connection, SocketHandlers } from "../stream/types.ts";
import { markProtocol, protocolOf } from "../stream/protocol.ts";
import { drainUnheard, heedsDrain } from "../stream/sender.ts";
import { limitTable } from "../stream/time_limits/table.ts";
import type { Application, ListenerInfo } from "./application.ts";

/** What the worker's server learns of a listener's connections. */
export interface ConnectionReports {
  /** A connection is gone. */
  closed(reason: CloseReason): void;
  /** A peer has kept the server waiting too long or was too slow; left out where nobody counts. */
  offended: ((hostname: string) => void) | undefined;
}

/**
 * The application's callbacks as a handler table. What the application does not have is not in the table, so
 * that the defaults of connections hold.
 */
export function handlersOf(
  application: Application<unknown>,
  listener: () => ListenerInfo,
  reports: ConnectionReports,
  httpOptions: HttpOptions = {},
): SocketHandlers<unknown> {
  const isGiven = Object.values(httpOptions).some((value) => value !== undefined);
  const served = { ...(isGiven ? withHttpOptions(application, httpOptions) : undefined) };
  const close = served.close ?? application.close;
  const handlers: SocketHandlers<unknown> = {
    close(connection: Connection<unknown>, reason: CloseReason) {
      reports.closed(reason);
      return close?.call(application, connection, reason);
    },
  };
  if (application.open !== undefined) {
    handlers.open = (connection) => application.open!(connection, listener());
  }
  if (application.timeout !== undefined || reports.offended !== undefined) {
    handlers.timeout = (connection, kind) => {
      if (limitTable[kind].offence) tellOffence(connection, reports);
      return application.timeout?.(connection, kind);
    };
  }
  for (const name of passedOn) {
    const callback = (served as Served)[name] ?? application[name];
    if (typeof callback !== "function") continue;
    (handlers as Record<string, unknown>)[name] = callback.bind(application);
  }
  const protocol = protocolOf(application);
  if (protocol !== undefined) markProtocol(handlers, protocol);
  if (!heedsDrain(application as SocketHandlers<unknown>)) drainUnheard(handlers);
  return handlers;
}

/** Callbacks that go to the application as they are. */
const passedOn = ["data", "drain", "end", "error"] as const;

/** Callbacks that stand in for the application's. */
type Served = Partial<Pick<SocketHandlers<unknown>, (typeof passedOn)[number]>>;

function tellOffence(connection: Connection<unknown>, reports: ConnectionReports): void {
  const { remoteAddress } = connection;
  if (remoteAddress.family !== "Unix") reports.offended?.(remoteAddress.hostname);
}
