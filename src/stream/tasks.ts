/**
 * Handlers that wait for a promise. One that waits for its own connection (a read of its stream, room for its
 * writes, its end) does no work: it is no task that the loop has taken on, and keeps no connection from being
 * idle.
 *
 * @module
 */
import type { StreamConnection } from "./connection.ts";
import { endIfDue } from "./reading.ts";
import { Flag, State } from "./state.ts";

/** Handlers of a connection that wait for something other than the connection. */
export function tasksAtWork<D>({ tasks, extras }: StreamConnection<D>): number {
  if (tasks === 0 || extras === undefined) return tasks;
  return extras.ownWaits > 0 ? 0 : Math.max(tasks - extras.waitsForClosed, 0);
}

/** A handler has returned a promise. `waitsForClosed`: it asked for `closed` before. */
export function taskBegan<D>(connection: StreamConnection<D>, waitsForClosed: boolean): void {
  const before = tasksAtWork(connection);
  connection.tasks += 1;
  if (waitsForClosed) connection.needExtras().waitsForClosed += 1;
  changed(connection, before);
}

/** The promise of a handler has settled. */
export function taskEnded<D>(connection: StreamConnection<D>): void {
  const before = tasksAtWork(connection);
  const { extras } = connection;
  connection.tasks -= 1;
  if (extras !== undefined) extras.waitsForClosed = Math.min(extras.waitsForClosed, connection.tasks);
  changed(connection, before);
}

/** Somebody waits for the connection's bytes or room, or, with -1, no longer. */
export function waitsForConnection<D>(connection: StreamConnection<D>, change: 1 | -1): void {
  const before = tasksAtWork(connection);
  connection.needExtras().ownWaits += change;
  changed(connection, before);
}

/** Somebody has asked for `closed` when no handler was running: one of those that wait now waits for that. */
export function waitsForEnd<D>(connection: StreamConnection<D>): void {
  const before = tasksAtWork(connection);
  const extras = connection.needExtras();
  extras.waitsForClosed = Math.min(extras.waitsForClosed + 1, connection.tasks);
  changed(connection, before);
}

/** The connection is gone: who has waited for that goes on. */
export function endHasCome<D>(connection: StreamConnection<D>): void {
  if (connection.extras === undefined) return;
  const before = tasksAtWork(connection);
  connection.extras.waitsForClosed = 0;
  changed(connection, before);
}

function changed<D>(connection: StreamConnection<D>, before: number): void {
  const now = tasksAtWork(connection);
  if (now === before) return;
  const { engine, timeLimits } = connection.config;
  engine.promises += now - before;
  if (connection.stateNumber === State.closed) return;
  if ((connection.flags & Flag.watched) !== 0) timeLimits.active(connection);
  if (now === 0) endIfDue(connection);
}
