/**
 * Calling the application's handlers, so that what they throw or reject with stays with their connection.
 *
 * @module
 */
import { follow } from "../base/follow.ts";
import { errorOf } from "../base/thrown.ts";
import type { Window } from "../memory/window.ts";
import type { StreamConnection } from "./connection.ts";
import type { Extras } from "./extras.ts";
import { firstDataOf } from "./shared_config.ts";
import { discard, resumeFrom } from "./reading.ts";
import { Flag } from "./state.ts";
import { taskBegan, taskEnded, waitsForEnd } from "./tasks.ts";
import type { CloseReason, SocketHandlers } from "./types.ts";

/** Calls a handler that takes only the connection. */
export function callHandler<D>(connection: StreamConnection<D>, name: "open" | "drain" | "end"): void {
  // The framing's own handlers still send the replies that are owed, and ask for themselves.
  if ((connection.flags & Flag.muted) !== 0 && connection.framing === undefined) return;
  const { handlers } = connection.config;
  const asked = connection.extras?.closedAsked ?? 0;
  try {
    const result = handlers[name]?.(connection);
    if (result !== undefined) settle(connection, result, (connection.extras?.closedAsked ?? 0) !== asked);
  } catch (error) {
    handlerFailed(connection, error);
  }
}

/** Makes the connection's first `data`; false where that failed, and the connection with it. */
export function makeData<D>(connection: StreamConnection<D>): boolean {
  try {
    connection.data = firstDataOf(connection.config.data);
    return true;
  } catch (error) {
    handlerFailed(connection, error);
    return false;
  }
}

/** Calls the `close` handler, and that of the handlers the connection was opened with. */
export function callClose<D>(connection: StreamConnection<D>, reason: CloseReason): void {
  const { config } = connection;
  callCloseOf(connection, config.handlers, reason);
  if (config.root !== undefined) callCloseOf(connection, config.root.handlers, reason);
}

function callCloseOf<D>(
  connection: StreamConnection<D>,
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
export function tableWith<D>({ config }: StreamConnection<D>, name: "error" | "timeout"): SocketHandlers<D> {
  const { handlers, root } = config;
  return root === undefined || handlers[name] !== undefined ? handlers : root.handlers;
}

/** Calls the `error` handler, the last one before `close`; false when there is none or its time is over. */
export function callError<D>(connection: StreamConnection<D>, error: Error): boolean {
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

/** Follows what a handler returned, when it is a promise. `waitsForClosed`: it has asked for `closed`. */
export function settle<D>(connection: StreamConnection<D>, result: unknown, waitsForClosed = false): void {
  const { generation } = connection.config;
  const isPromise = follow(result, () => taskEnded(connection), (error) => {
    taskEnded(connection);
    rejected(connection, error, generation);
  });
  if (isPromise) taskBegan(connection, waitsForClosed);
}

/** Numbers of the promises that bytes wait for, so that none ends the wait for another one. */
let turns = 0;

/**
 * Follows what a `data` handler returned for `window`. When it is a promise, what comes next waits until it
 * has settled, unless the handlers are to run beside each other or the handler waits for the end.
 */
export function settleData<D>(connection: StreamConnection<D>, result: unknown, window: Window): void {
  const { generation, concurrent } = connection.config;
  const waitsForClosed = hasAskedForClosed(connection, window);
  turns = (turns & turnMask) + 1;
  const turn = turns;
  const isPromise = follow(result, () => {
    taskEnded(connection);
    if (connection.handlingTurn === turn) handled(connection);
  }, (error) => {
    taskEnded(connection);
    rejected(connection, error, generation);
    if (connection.handlingTurn === turn) handled(connection);
  });
  if (!isPromise) return;
  taskBegan(connection, waitsForClosed);
  if (concurrent || waitsForClosed) return;
  connection.handlingTurn = turn;
  connection.flags |= Flag.handling;
}

/** What came while a `data` handler worked may come now. */
function handled<D>(connection: StreamConnection<D>): void {
  connection.handlingTurn = 0;
  resumeFrom(connection, Flag.handling);
}

/**
 * Somebody has asked for `closed`. A `data` handler that did so before its first `await` waits for what comes
 * behind the bytes that would wait for it: nothing waits for it. Later nobody knows who asks, so further
 * bytes wait, but the peer's end does not.
 */
export function askedForClosed<D>(connection: StreamConnection<D>, extras: Extras): void {
  const { engine } = connection.config;
  extras.closedAsked += 1;
  extras.closedAskedIn = engine.window;
  extras.closedAskedTurn = engine.turn;
  if (engine.window !== undefined || connection.tasks === 0) return;
  waitsForEnd(connection);
  if (extras.stashedEnd && extras.stash.length === 0) handled(connection);
}

/** Whether the `data` callback of `window` has asked for `closed`, since that was last looked at. */
export function hasAskedForClosed<D>(
  { extras, config }: StreamConnection<D>,
  window: Window | undefined = config.engine.window,
): boolean {
  if (extras === undefined || window === undefined || extras.closedAskedIn !== window) return false;
  extras.closedAskedIn = undefined;
  return extras.closedAskedTurn === config.engine.turn;
}

function rejected<D>(connection: StreamConnection<D>, error: unknown, generation: number): void {
  const { config } = connection;
  if (config.generation === generation) return handlerFailed(connection, error);
  // The connection has gone on to somebody whom this does not concern.
  config.engine.handlerErrors += 1;
  reportUnhandled(connection, error);
}

/**
 * A handler has thrown or rejected: `error` is told, and the connection is aborted, unless the `error`
 * handler has itself ended it.
 */
export function handlerFailed<D>(connection: StreamConnection<D>, thrown: unknown): void {
  const error = errorOf(thrown, connection.number >>> 0);
  connection.config.engine.handlerErrors += 1;
  const { stateNumber } = connection;
  // The connection's own error, which a stream passes on to who reads or writes it, was told already.
  const told = error === connection.extras?.error;
  if (!callError(connection, error) && !told) reportUnhandled(connection, error);
  if (connection.stateNumber === stateNumber) connection.cut("error", error);
  else discard(connection);
}

/** Nobody takes the error: it is reported, without a server only the first of a listener. */
function reportUnhandled<D>(connection: StreamConnection<D>, error: unknown): void {
  const { config } = connection;
  config.unhandledErrors += 1;
  config.engine.unhandledErrors += 1;
  const isFirst = config.unhandledErrors === 1;
  config.engine.faults.tell("a handler failed and no `error` handler took it", error, isFirst);
}

/** Numbers stay small ones, which both runtimes keep unboxed; zero is none. */
const turnMask = 0x3fff_ffff;
