/**
 * Calling the application's handlers, so that what they throw or reject with stays with their connection.
 *
 * @module
 */
import { RingportError } from "../base/errors.ts";
import type { ConnectionCore } from "./core.ts";
import { Flag } from "./state.ts";
import type { CloseReason } from "./types.ts";

/** Calls a handler that takes only the connection. */
export function callHandler<D>(connection: ConnectionCore<D>, name: "open" | "drain" | "end"): void {
  const { handlers } = connection.group;
  try {
    const result = handlers[name]?.(connection);
    if (result !== undefined) settle(connection, result);
  } catch (error) {
    handlerFailed(connection, error);
  }
}

/** Calls the `close` handler. */
export function callClose<D>(connection: ConnectionCore<D>, reason: CloseReason): void {
  try {
    const result = connection.group.handlers.close?.(connection, reason);
    if (result !== undefined) settle(connection, result);
  } catch (error) {
    handlerFailed(connection, error);
  }
}

/** Calls the `error` handler; false when there is none. */
export function callError<D>(connection: ConnectionCore<D>, error: Error): boolean {
  const { handlers } = connection.group;
  if (handlers.error === undefined) return false;
  try {
    const result: unknown = handlers.error(connection, error);
    if (isPromise(result)) result.then(undefined, (inner: unknown) => reportUnhandled(connection, inner));
  } catch (inner) {
    reportUnhandled(connection, inner);
  }
  return true;
}

/** Follows what a handler returned, when it is a promise. */
export function settle<D>(connection: ConnectionCore<D>, result: unknown): void {
  if (!isPromise(result)) return;
  const { group } = connection;
  const { engine, generation, watch } = group;
  const watched = (connection.flags & Flag.watched) !== 0;
  engine.promises += 1;
  if (watched) watch.promises(connection, 1);
  result.then(() => {
    engine.promises -= 1;
    if (watched) watch.promises(connection, -1);
  }, (error: unknown) => {
    engine.promises -= 1;
    if (watched) watch.promises(connection, -1);
    if (group.generation === generation) return handlerFailed(connection, error);
    // The connection has gone on to somebody whom this does not concern.
    engine.handlerErrors += 1;
    reportUnhandled(connection, error);
  });
}

/**
 * A handler has thrown or rejected: `error` is told, and the connection is aborted, unless the `error`
 * handler has itself ended it.
 */
export function handlerFailed<D>(connection: ConnectionCore<D>, thrown: unknown): void {
  const error = asError(thrown, connection.number >>> 0);
  connection.group.engine.handlerErrors += 1;
  const { stateNumber } = connection;
  if (!callError(connection, error)) reportUnhandled(connection, error);
  if (connection.stateNumber === stateNumber) connection.cut("error", error);
}

function isPromise(result: unknown): result is PromiseLike<unknown> {
  return typeof result === "object" && result !== null &&
    typeof (result as PromiseLike<unknown>).then === "function";
}

function asError(thrown: unknown, connectionId: number): Error {
  if (thrown instanceof Error) return thrown;
  return new RingportError(`a handler threw ${String(thrown)}`, {
    code: "ERR_HANDLER",
    operation: "handler",
    origin: "application",
    connectionId,
    cause: thrown,
  });
}

/** Nobody takes the error: the first of a group is printed, all are counted. */
function reportUnhandled<D>(connection: ConnectionCore<D>, error: unknown): void {
  const { group } = connection;
  group.unhandledErrors += 1;
  group.engine.unhandledErrors += 1;
  if (group.unhandledErrors > 1) return;
  console.error("a handler failed and there is no `error` handler (further ones are only counted):", error);
}
