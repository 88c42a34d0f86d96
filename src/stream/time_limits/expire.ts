/**
 * What happens when a limit is reached.
 *
 * @module
 */
import { handlerFailed, settle, tableWith } from "../calling.ts";
import type { StreamConnection } from "../connection.ts";
import { Flag, State } from "../state.ts";
import { timeoutError } from "./errors.ts";
import { type Limits, limitTable } from "./table.ts";
import type { TimeoutKind } from "./types.ts";

/**
 * Asks the `timeout` handler, and ends the connection unless it is to be kept or the handler has ended it
 * itself.
 */
export function expire<D>(connection: StreamConnection<D>, kind: TimeoutKind, limits: Limits): void {
  const { engine, timeLimits } = connection.config;
  engine.timeouts[kind] += 1;
  const way = wayOf(connection);
  let answer: unknown;
  try {
    if ((connection.flags & Flag.muted) === 0) {
      answer = tableWith(connection, "timeout").timeout?.(connection, kind);
    }
  } catch (thrown) {
    return handlerFailed(connection, thrown);
  }
  if (answer === "keep") return timeLimits.restart(connection, kind);
  if (answer !== undefined) settle(connection, answer);
  const { stateNumber } = connection;
  if (stateNumber === State.aborting || stateNumber === State.closed) return;
  const error = timeoutError(kind, limits, connection.id);
  connection.note("timeout", error);
  if (wayOf(connection) !== way) return timeLimits.restart(connection, kind);
  if (limitTable[kind].gentle) connection.close();
  else connection.cut("timeout", error);
}

/** Changes when the application begins to end the connection. */
function wayOf<D>(connection: StreamConnection<D>): number {
  return connection.stateNumber | (connection.flags & Flag.lingering) << lingeringShift;
}

/** Moves the flag beyond the bits of the states. */
const lingeringShift = 4;
