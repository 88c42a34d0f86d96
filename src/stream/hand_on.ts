/**
 * A connection that goes on with other handlers than those of its listener, its `connect` or its lease.
 *
 * @module
 */
import { OptionError, StateError } from "../base/errors.ts";
import type { StreamConnection } from "./connection.ts";
import type { SharedConfig } from "./shared_config.ts";
import { checkHandlers } from "./options.ts";
import { pauseFor, resumeFrom, stashFirst, takeTail } from "./reading.ts";
import { Flag, State } from "./state.ts";
import type { SocketHandlers } from "./types.ts";

/** The application's `reload`. */
export function reload<D>(connection: StreamConnection<D>, options: { socket: SocketHandlers<D> }): void {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("reload", "options", "options must be an object with socket");
  }
  const { socket } = options;
  checkHandlers("reload", socket);
  checkOpen(connection, "reload");
  const root = connection.config.root ?? connection.config;
  handOn(connection, root.handlers === socket ? root : root.with(socket), "reload");
  if (socket.data !== undefined) resumeFrom(connection, Flag.unread | Flag.pausedByStream | Flag.heldBack);
}

/**
 * Gives a connection another configuration. Bytes that came and were not handled yet come again: to the new
 * `data` handler, or, without one, to the reader of the connection. Reading is paused until somebody resumes
 * it.
 */
export function handOn<D>(connection: StreamConnection<D>, config: SharedConfig<D>, operation: string): void {
  const rest = takeUnread(connection, operation);
  connection.config = config;
  // Reading would otherwise bring further bytes before those that come again.
  connection.flags &= ~(Flag.discarding | Flag.handling);
  pauseFor(connection, Flag.unread);
  for (const bytes of rest.reverse()) stashFirst(connection, bytes);
  if (rest.length === 0 || connection.stateNumber !== State.readEnded) return;
  // Nothing comes any more that could be paused.
  connection.flags |= Flag.paused | Flag.resuming;
  connection.waitForPoll();
}

/** Throws a StateError for a connection that is connecting, on its way out, or gone. */
export function checkOpen<D>(connection: StreamConnection<D>, operation: string): void {
  const { stateNumber } = connection;
  if (stateNumber === State.open || stateNumber === State.readEnded || stateNumber === State.writeEnded) {
    return;
  }
  throw stateError(connection, operation, `the connection is ${connection.state}`);
}

/** What came and was not handled yet, in order; those who had it lose it. */
function takeUnread<D>(connection: StreamConnection<D>, operation: string): Uint8Array[] {
  const rest: Uint8Array[] = [];
  const { extras, framing } = connection;
  if (extras?.reader !== undefined && (connection.flags & Flag.streaming) !== 0) {
    const { reader } = extras;
    const read = reader.leave();
    if (read === undefined) {
      throw stateError(connection, operation, "its stream or a pending read is reading it");
    }
    rest.push(read);
    extras.reader = undefined;
    connection.flags &= ~Flag.streaming;
  }
  rest.push(framing?.leave() ?? noBytes, takeTail(connection) ?? noBytes);
  return rest.filter(({ length }) => length > 0);
}

const noBytes = new Uint8Array(0);

function stateError<D>(connection: StreamConnection<D>, operation: string, why: string): StateError {
  return new StateError(`${operation}: ${why}`, {
    code: "ERR_STATE",
    operation,
    origin: "application",
    connectionId: connection.id,
  });
}
