/**
 * Calling the application's handlers, so that what they throw or reject with stays with their connection.
 *
 * @module
 */
import { follow } from "../base/follow.ts";
import { errorOf } from "../base/thrown.ts";
import type { ConnectionCore } from "./core.ts";
import { discard } from "./reading.ts";
import { Flag } from "./state.ts";
import type { CloseReason, SocketHandlers } from "./types.ts";

/** Calls a handler that takes only the connection. */
export function callHandler<D>(connection: ConnectionCore<D>, name: "open" | "drain" | "end"): void {
  // The framing's own handlers still send the replies that are owed, and ask for themselves.
  if ((connection.flags & Flag.muted) !== 0 && connection.framing === undefined) return;
  const { handlers } = connection.group;
  try {
    const result = handlers[name]?.(connection);
    if (result !== undefined) settle(connection, result);
  } catch (error) {
    handlerFailed(connection, error);
  }
}

/** Calls the `close` handler, and that of the handlers the connection was opened with. */
export function callClose<D>(connection: ConnectionCore<D>, reason: CloseReason): void {
  const { group } = connection;
  callCloseOf(connection, group.handlers, reason);
  if (group.root !== undefined) callCloseOf(connection, group.root.handlers, reason);
}

function callCloseOf<D>(
  connection: ConnectionCore<D>,
  handlers: SocketHandlers<D>,
  reason: CloseReason,
): void {
  try {
    const result = handlers.close?.(connection, reason);
    if (result !== undefined) settle(connection, result);
  } catch (error) {
    handlerFailed(connection, error);
  }
}

/** Which table has a handler: those the connection was opened with stand in for what the later ones lack. */
export function tableWith<D>({ group }: ConnectionCore<D>, name: "error" | "timeout"): SocketHandlers<D> {
  const { handlers, root } = group;
  return root === undefined || handlers[name] !== undefined ? handlers : root.handlers;
}

/** Calls the `error` handler, the last one before `close`; false when there is none or its time is over. */
export function callError<D>(connection: ConnectionCore<D>, error: Error): boolean {
  try {
    const handlers = tableWith(connection, "error");
    if (handlers.error === undefined || (connection.flags & Flag.muted) !== 0) return false;
    connection.flags |= Flag.muted;
    const result: unknown = handlers.error(connection, error);
    follow(result, () => {}, (inner) => reportUnhandled(connection, inner));
  } catch (inner) {
    reportUnhandled(connection, inner);
  }
  return true;
}

/** Follows what a handler returned, when it is a promise. */
export function settle<D>(connection: ConnectionCore<D>, result: unknown): void {
  const { group } = connection;
  const { engine, generation, watch } = group;
  const watched = (connection.flags & Flag.watched) !== 0;
  const isPromise = follow(result, () => {
    engine.promises -= 1;
    if (watched) watch.promises(connection, -1);
  }, (error) => {
    engine.promises -= 1;
    if (watched) watch.promises(connection, -1);
    if (group.generation === generation) return handlerFailed(connection, error);
    // The connection has gone on to somebody whom this does not concern.
    engine.handlerErrors += 1;
    reportUnhandled(connection, error);
  });
  if (!isPromise) return;
  engine.promises += 1;
  if (watched) watch.promises(connection, 1);
}

/**
 * A handler has thrown or rejected: `error` is told, and the connection is aborted, unless the `error`
 * handler has itself ended it.
 */
export function handlerFailed<D>(connection: ConnectionCore<D>, thrown: unknown): void {
  const error = errorOf(thrown, connection.number >>> 0);
  connection.group.engine.handlerErrors += 1;
  const { stateNumber } = connection;
  // The connection's own error, which a stream passes on to who reads or writes it, was told already.
  const told = error === connection.extras?.error;
  if (!callError(connection, error) && !told) reportUnhandled(connection, error);
  if (connection.stateNumber === stateNumber) connection.cut("error", error);
  else discard(connection);
}

/** Nobody takes the error: it is reported, without a server only the first of a group. */
function reportUnhandled<D>(connection: ConnectionCore<D>, error: unknown): void {
  const { group } = connection;
  group.unhandledErrors += 1;
  group.engine.unhandledErrors += 1;
  const isFirst = group.unhandledErrors === 1;
  group.engine.faults.tell("a handler failed and no `error` handler took it", error, isFirst);
}
