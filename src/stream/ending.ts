/**
 * The four ways a connection is ended from this side, and its last completion.
 *
 * @module
 */
import { Operation, Status } from "../base/layout.ts";
import { callClose, callError } from "./calling.ts";
import type { StreamConnection } from "./connection.ts";
import type { Extras } from "./extras.ts";
import { takePeerAlong } from "./peer_address.ts";
import { discard, dropStash } from "./reading.ts";
import { endedBy, Flag, State, withEndedBy } from "./state.ts";
import { endHasCome } from "./tasks.ts";
import type { CloseReason } from "./types.ts";
import { limitsFor } from "./time_limits/time_limits.ts";
import { bufferedBytes } from "./writing.ts";

/** FIN after everything written; reading goes on. With `waiting` the linger timer watches the peer. */
export function endWriting<D>(connection: StreamConnection<D>, waiting: boolean): void {
  const state = connection.stateNumber;
  const { config } = connection;
  if (state === State.readEnded) {
    connection.note("local");
    connection.stateNumber = State.closing;
    // Nothing is on its way out: the library's close ends it at once, and there is nobody to wait for.
    if (bufferedBytes(connection) > 0) startLinger(connection);
    closeNatively(connection);
    return;
  }
  if (state === State.open) {
    connection.note("local");
    if (waiting && config.lingerTimeout === 0) {
      connection.stateNumber = State.closing;
      return closeNatively(connection);
    }
    connection.stateNumber = State.writeEnded;
    if (hasOutbox(connection)) connection.flags |= Flag.finWanted;
    else submitFin(connection);
  }
  if (waiting && connection.stateNumber === State.writeEnded) {
    startLinger(connection);
    // Where nobody reads, the peer's end would never be seen.
    if (!connection.hasReader) discard(connection);
  }
}

/** FIN after everything written, throw away what comes, gone at the peer's end. */
export function closeGently<D>(connection: StreamConnection<D>): void {
  const state = connection.stateNumber;
  if (state !== State.open && state !== State.writeEnded && state !== State.readEnded) return;
  if (state === State.readEnded || connection.config.lingerTimeout === 0) {
    connection.note("local");
    connection.stateNumber = State.closing;
    startLinger(connection);
    closeNatively(connection);
    discard(connection);
    return;
  }
  endWriting(connection, false);
  connection.stateNumber = State.closing;
  startLinger(connection);
  discard(connection);
}

/** The library's close, once the outbox is empty. */
export function closeNatively<D>(connection: StreamConnection<D>): void {
  if ((connection.flags & (Flag.closeSubmitted | Flag.closeWanted)) !== 0) return;
  if (hasOutbox(connection)) {
    connection.flags |= Flag.closeWanted;
    return;
  }
  connection.flags |= Flag.closeSubmitted;
  connection.config.engine.submit(Operation.close, connection.number);
}

/** The outbox is empty: what waited for that. */
export function outboxEmptied<D>(connection: StreamConnection<D>): void {
  if ((connection.flags & Flag.finWanted) !== 0) {
    connection.flags &= ~Flag.finWanted;
    submitFin(connection);
  }
  if ((connection.flags & Flag.closeWanted) !== 0) {
    connection.flags &= ~Flag.closeWanted;
    closeNatively(connection);
  }
}

/** RST by the application: whatever the peer did before, this side has ended it. */
export function abort<D>(connection: StreamConnection<D>): void {
  const state = connection.stateNumber;
  if (state === State.closed || state === State.aborting) return;
  if (connection.extras?.error === undefined) connection.flags = withEndedBy(connection.flags, "local");
  cut(connection, "local");
}

/** RST at once. */
export function cut<D>(connection: StreamConnection<D>, by: CloseReason["by"], error?: Error): void {
  const state = connection.stateNumber;
  if (state === State.closed || state === State.aborting || state === State.connecting) return;
  connection.note(by, error);
  connection.stateNumber = State.aborting;
  connection.flags |= Flag.closeSubmitted | Flag.muted;
  // What the library has received already is not delivered any more.
  discard(connection);
  connection.config.engine.submit(Operation.abort, connection.number);
}

/** The kernel or the library has given the connection up. */
export function failed<D>(
  connection: StreamConnection<D>,
  operation: string,
  status: number,
  systemError: number,
): void {
  const state = connection.stateNumber;
  if (state === State.aborting || state === State.closed) return;
  // Once the library has been told to close, only a break of the connection itself is news.
  const closes = (connection.flags & Flag.closeSubmitted) !== 0;
  if (closes && (connection.extras?.error !== undefined || answersClose.includes(status))) return;
  const { engine } = connection.config;
  engine.failures[status] += 1;
  const error = engine.errorOf(status, systemError, operation, connection.number >>> 0);
  connection.note(status === Status.timedOut ? "timeout" : "error", error);
  // What this side wrote before its end may be lost, even where the kernel had taken all of it.
  if (state === State.writeEnded || state === State.closing) connection.needExtras().undelivered = true;
  // The application has let go of a connection that is closing: it hears of the failure by the close reason.
  if (state !== State.closing) callError(connection, error);
  if (!closes) cut(connection, "error", error);
}

/** What the library answers to operations that a close has overtaken. */
const answersClose: readonly number[] = [Status.canceled, Status.invalidId, Status.invalidState];

/**
 * A round of the linger timer is over. After as many rounds without a sign of life as the time is divided
 * into, the connection is given up. One that was closed and has flushed everything does not wait for the
 * peer's end: it goes after a silent round, or when the time is over.
 */
export function lingerDue<D>(connection: StreamConnection<D>): void {
  const extras = connection.extras!;
  extras.lingerTimer = -1;
  const { flags } = connection;
  const buffered = bufferedBytes(connection);
  const alive = (flags & Flag.alive) !== 0;
  // Reading is paused on this side's own account; bytes that wait for a handler are a sign of life.
  const held = (flags & (Flag.pausedByApplication | Flag.pausedByStream)) !== 0 ||
    ((flags & Flag.handling) !== 0 && (flags & Flag.paused) !== 0);
  const waitsForFin = connection.stateNumber === State.closing && (flags & Flag.closeSubmitted) === 0;
  if (waitsForFin && buffered === 0) {
    extras.lingerFlushed += 1;
    if (!alive || extras.lingerFlushed >= lingerRounds) return closeNatively(connection);
  }
  // On a link that loses much TCP is silent for longer than a living peer: where there is a limit for that,
  // what is still to go out is its business alone.
  const watched = buffered > 0 && limitsFor(connection).writeStall > 0;
  // What the peer acknowledges is a sign of life. The first round has nothing to compare with: where bytes
  // are still on their way it counts as one.
  const onTheirWay = buffered + connection.config.engine.unacknowledged(connection.number);
  const taken = extras.lingerUntaken < 0 ? onTheirWay > 0 : onTheirWay < extras.lingerUntaken;
  extras.lingerSilent = held || alive || watched || taken ? 0 : extras.lingerSilent + 1;
  if (extras.lingerSilent < lingerRounds) return armLinger(connection, onTheirWay);
  connection.config.engine.timeouts.linger += 1;
  connection.flags = withEndedBy(connection.flags, "timeout");
  // What the kernel has taken it may still be delivering, over a slow link for a minute: a reset would take
  // it away from the peer.
  if (buffered === 0 && (flags & Flag.closeSubmitted) === 0) return closeNatively(connection);
  cut(connection, "timeout");
}

/** The last completion. */
export function closed<D>(connection: StreamConnection<D>, bytesLost: number): void {
  if ((connection.flags & Flag.watched) !== 0) connection.config.timeLimits.end(connection);
  dropStash(connection);
  takePeerAlong(connection);
  connection.framing?.forget();
  const reason = connection.extras === undefined && bytesLost === 0
    ? reasonInOrder(connection)
    : reasonWithExtras(connection, connection.needExtras(), bytesLost);
  connection.stateNumber = State.closed;
  connection.extras?.reader?.fail(connection.extras.error);
  connection.extras?.writer?.fail(reason);
  connection.flags |= Flag.muted;
  callClose(connection, reason);
  endHasCome(connection);
  // The handler may have asked for it.
  connection.extras?.resolveClosed?.(reason);
  connection.unref();
  connection.config.owner?.left(connection);
}

/** Of a connection that lost nothing, failed at nothing and needed nothing special: most of them. */
export function reasonInOrder<D>(connection: StreamConnection<D>): CloseReason {
  return { by: endedBy(connection.flags), bytesLost: 0, flushed: true };
}

function reasonWithExtras<D>(
  connection: StreamConnection<D>,
  extras: Extras,
  bytesLost: number,
): CloseReason {
  if (extras.lingerTimer >= 0) connection.config.engine.timers.cancel(extras.lingerTimer);
  extras.lingerTimer = -1;
  const lost = bytesLost + extras.outbox.length + extras.refusedBytes;
  connection.config.engine.outboxBytes -= extras.outbox.length;
  extras.outbox.clear();
  const flushed = lost === 0 && !extras.undelivered;
  const reason: CloseReason = { by: endedBy(connection.flags), bytesLost: lost, flushed };
  if (extras.error !== undefined) reason.error = extras.error;
  extras.reason = reason;
  return reason;
}

/** The loop was taken away: the library has aborted the connection and says no more. */
export function lost<D>(connection: StreamConnection<D>, error: Error): void {
  connection.note("error", error);
  callError(connection, error);
  const buffered = bufferedBytes(connection) - connection.needExtras().outbox.length;
  closed(connection, Math.max(buffered, 0));
}

function hasOutbox<D>({ extras }: StreamConnection<D>): boolean {
  return extras !== undefined && extras.outbox.length > 0;
}

function submitFin<D>(connection: StreamConnection<D>): void {
  connection.config.engine.submit(Operation.shutdownWrite, connection.number);
}

function startLinger<D>(connection: StreamConnection<D>): void {
  connection.flags |= Flag.lingering;
  if (connection.config.lingerTimeout > 0 && connection.needExtras().lingerTimer < 0) {
    armLinger(connection, -1);
  }
}

function armLinger<D>(connection: StreamConnection<D>, onTheirWay: number): void {
  const { engine, lingerTimeout } = connection.config;
  const extras = connection.needExtras();
  connection.flags &= ~Flag.alive;
  extras.lingerUntaken = onTheirWay;
  extras.lingerTimer = engine.timers.arm(Math.ceil(lingerTimeout / lingerRounds), connection);
}

/** Parts the linger time is divided into: so much later than asked for a silent peer may be cut. */
const lingerRounds = 4;
