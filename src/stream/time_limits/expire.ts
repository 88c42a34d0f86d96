/**
 * What happens when a limit is reached.
 *
 * @module
 */
import { Flag, State } from "../state.ts";
import { timeoutError } from "./errors.ts";
import type { LimitedConnection } from "./limited_connection.ts";
import { type Limits, limitTable } from "./table.ts";
import type { TimeoutKind } from "./types.ts";

/**
 * Asks the `timeout` handler, and ends the connection unless it is kept or the handler has ended it
 * itself. True when the limit starts again.
 */
export function expire(connection: LimitedConnection, kind: TimeoutKind, limits: Limits): boolean {
  const way = wayOf(connection);
  const answer = connection.tellTimeout(kind);
  if (answer !== "told") return answer === "keep";
  const { stateNumber } = connection;
  if (stateNumber === State.aborting || stateNumber === State.closed) return false;
  const error = timeoutError(kind, limits, connection.id);
  connection.note("timeout", error);
  if (wayOf(connection) !== way) return true;
  if (limitTable[kind].gentle) connection.closeGently();
  else connection.cut("timeout", error);
  return false;
}

/** Changes when the application begins to end the connection. */
function wayOf(connection: LimitedConnection): number {
  return connection.stateNumber | (connection.flags & Flag.lingering) << lingeringShift;
}

/** Moves the flag beyond the bits of the states. */
const lingeringShift = 4;
