/**
 * A protocol on a connection, as those see it who know none: what a shutdown asks it, and its memory in the
 * connection.
 *
 * @module
 */
import type { Connection } from "./types.ts";

/** What a protocol says of its connections, and does with them when a server stops. */
export interface Protocol {
  /** Whether nothing is in flight on the connection: it can be closed without loss to its peer. */
  isIdle(connection: Connection<unknown>): boolean;
  /** Reads nothing more, and closes the connection gently when the answers owed are written. */
  finish(connection: Connection<unknown>): void;
  /**
   * The server has begun to drain: answers say that the connection ends with them. Called again every now and
   * then until the connection is gone.
   */
  draining?(connection: Connection<unknown>): void;
}

/**
 * What a protocol remembers of one connection: a message that has not come whole, answers that are owed. A
 * connection without such a thing has none.
 */
export interface ProtocolMemory {
  /** The protocol, where the handler table is not marked with it. */
  readonly protocol?: Protocol;
  /** The connection is gone. */
  forget(): void;
  /** The connection goes to other handlers: returns received bytes that were not handled. */
  leave(): Uint8Array;
}

/** The mark of a table goes along when the table becomes a part of another one. */
const mark = Symbol("protocol");

interface Marked {
  data?: unknown;
  [mark]?: { readonly protocol: Protocol; readonly data: unknown };
}

/** Says that the `data` handler of a table is a protocol's. */
export function markProtocol(handlers: object, protocol: Protocol): void {
  const { data } = handlers as Marked;
  (handlers as Marked)[mark] = { protocol, data };
}

/** The protocol whose `data` handler a table has, or undefined. */
export function protocolOf(handlers: object): Protocol | undefined {
  const { data, [mark]: made } = handlers as Marked;
  return made !== undefined && made.data === data ? made.protocol : undefined;
}
