/**
 * The way of received bytes to the application: at once, later when reading is paused, or not at all.
 *
 * @module
 */
import { Operation, Status } from "../base/layout.ts";
import { LimitError, OptionError } from "../base/errors.ts";
import { segmentsOutside } from "../memory/segments.ts";
import { Window } from "../memory/window.ts";
import { callHandler, handlerFailed, settleData } from "./calling.ts";
import type { StreamConnection } from "./connection.ts";
import type { Stashed } from "./extras.ts";
import { Flag, pauseReasons, State } from "./state.ts";
import { tasksAtWork } from "./tasks.ts";

/** Hands bytes to the `data` handler. Their hold ends with the callback unless it was passed on or kept. */
export function deliver<D>(
  connection: StreamConnection<D>,
  segment: number,
  offset: number,
  length: number,
): void {
  const { segments, engine } = connection.config;
  const window = segments.borrow(segment, offset, length);
  engine.window = window;
  callData(connection, window);
}

function callData<D>(connection: StreamConnection<D>, window: Window): void {
  const { handlers, engine } = connection.config;
  let result;
  try {
    // Read here, since even the table's getters are the application's. Without a handler the hold ends below.
    result = handlers.data?.(connection, window);
  } catch (error) {
    window.endBorrow();
    engine.window = undefined;
    return handlerFailed(connection, error);
  }
  window.endBorrow();
  engine.window = undefined;
  if (result !== undefined) settleData(connection, result, window);
}

/** Bytes of a connection that is paused, streamed, thrown away or on its way out. */
export function deliverSpecially<D>(
  connection: StreamConnection<D>,
  segment: number,
  offset: number,
  length: number,
): void {
  const { segments } = connection.config;
  const { flags } = connection;
  const greeting = (flags & Flag.greeting) === 0 ? undefined : connection.origin?.greeting;
  if (greeting !== undefined) return greeting.take(segment, offset, length);
  if ((flags & Flag.lingering) !== 0) connection.flags |= Flag.alive;
  if ((flags & Flag.discarding) !== 0) return segments.release(segment, offset, length);
  if ((flags & (Flag.paused | Flag.handling)) !== 0) {
    connection.needExtras().stash.push(stashed(connection, segment, offset, length));
    if ((flags & Flag.paused) === 0) pauseForHandler(connection);
    return;
  }
  if ((flags & Flag.tailed) !== 0) return deliverWithTail(connection, segment, offset, length);
  if ((flags & Flag.streaming) === 0) return deliver(connection, segment, offset, length);
  const window = segments.borrow(segment, offset, length);
  connection.extras!.reader!.take(window);
  window.endBorrow();
}

/** Hands over what the application has given back together with what has come behind it. */
function deliverWithTail<D>(
  connection: StreamConnection<D>,
  segment: number,
  offset: number,
  length: number,
): void {
  const { segments, engine } = connection.config;
  const tail = takeTail(connection)!;
  const position = segment * segments.size + offset;
  const bytes = new Uint8Array(tail.length + length);
  bytes.set(tail);
  bytes.set(segments.bytes.subarray(position, position + length), tail.length);
  segments.release(segment, offset, length);
  const outside = segmentsOutside(bytes, segments.development);
  const window = outside.borrow(0, 0, bytes.length);
  engine.window = window;
  callData(connection, window);
}

/**
 * Within the `data` callback: the bytes of the window from `start` on come again, in front of those that come
 * next, or with `resume()` after a pause.
 */
export function unread<D>(connection: StreamConnection<D>, window: Window, start: number): void {
  if (!(window instanceof Window) || connection.config.engine.window !== window) {
    throw new OptionError("unread", "window", "bytes can be given back only within their data callback");
  }
  if (!Number.isInteger(start) || start < 0 || start > window.length) {
    throw new OptionError("unread", "start", `the position must be a whole number up to ${window.length}`);
  }
  const { bufferLimit } = connection.config;
  if (window.length - start > bufferLimit) {
    throw new LimitError(
      `unread: ${window.length - start} bytes are above the bufferLimit of ${bufferLimit}`,
      {
        code: "ERR_UNREAD_LIMIT",
        operation: "unread",
        origin: "application",
        connectionId: connection.id,
      },
    );
  }
  if (start === window.length) return void takeTail(connection);
  connection.needExtras().tail = window.slice(start);
  connection.flags |= Flag.tailed;
}

/** Takes the bytes that were given back; undefined where there are none. */
export function takeTail<D>(connection: StreamConnection<D>): Uint8Array<ArrayBuffer> | undefined {
  const { extras } = connection;
  const tail = extras?.tail;
  if (tail === undefined) return undefined;
  extras!.tail = undefined;
  connection.flags &= ~Flag.tailed;
  return tail;
}

/** Of a paused connection: these bytes come first when reading goes on. */
export function stashFirst<D>(connection: StreamConnection<D>, bytes: Uint8Array): void {
  connection.needExtras().stash.unshift({ segment: -1, offset: 0, length: bytes.length, bytes });
  connection.config.engine.outboxBytes += bytes.length;
}

/**
 * The peer's FIN, which waits its turn behind what came while paused, or an error, which does not: it is told
 * once, and a writer that paused until `drain` would wait for ever.
 */
export function endReading<D>(connection: StreamConnection<D>, status: number, systemError: number): void {
  if (status !== Status.endOfStream) return connection.failed("receive", status, systemError);
  const { flags } = connection;
  const waits = (flags & Flag.paused) !== 0 ||
    // A handler at work may still answer, unless this side has ended or the handler waits for the end.
    ((flags & Flag.handling) !== 0 && connection.stateNumber === State.open &&
      !((connection.extras?.waitsForClosed ?? 0) > 0));
  if (!waits || (flags & Flag.discarding) !== 0) return peerEnded(connection);
  connection.needExtras().stashedEnd = true;
  if ((flags & Flag.paused) === 0) setPaused(connection, true);
}

/** Bytes have come while the `data` handler is at work: those behind them stay in the kernel. */
function pauseForHandler<D>(connection: StreamConnection<D>): void {
  setPaused(connection, true);
  if (readsOn(connection)) connection.config.engine.submit(Operation.pause, connection.number);
}

function peerEnded<D>(connection: StreamConnection<D>): void {
  const { config } = connection;
  const before = connection.stateNumber;
  if (before !== State.open && before !== State.writeEnded) {
    // Closing: the peer's end was all it waited for.
    if (before === State.closing) connection.closeNatively();
    return;
  }
  connection.note("peer");
  const reader = (connection.flags & Flag.streaming) === 0 ? undefined : connection.extras!.reader;
  const streaming = reader !== undefined && !reader.over;
  if (before === State.open) connection.stateNumber = State.readEnded;
  if (streaming) reader.end();
  const handled = config.handlers.end !== undefined;
  if (handled) callHandler(connection, "end");
  if (connection.stateNumber === State.writeEnded) {
    // Both sides have ended.
    connection.stateNumber = State.closing;
    connection.closeNatively();
  } else if (connection.stateNumber === State.readEnded && !handled && !streaming && !config.allowHalfOpen) {
    connection.end();
  }
}

/**
 * The stream of a peer that has ended was read to its end: the same follows as without a stream when the peer
 * ends. Whoever has taken `writable` ends this side by closing that.
 */
export function readToTheEnd<D>(connection: StreamConnection<D>): void {
  if (!endsByItself(connection)) return;
  // After the reader has gone on: it may still write an answer, or end in its own way.
  setImmediate(() => {
    connection.needExtras().endDue = true;
    endIfDue(connection);
  });
}

/** Ends this side where that is due, and no handler is at work that may still answer. */
export function endIfDue<D>(connection: StreamConnection<D>): void {
  const { extras } = connection;
  if (extras === undefined || !extras.endDue || tasksAtWork(connection) > 0) return;
  extras.endDue = false;
  if (endsByItself(connection)) connection.end();
}

function endsByItself<D>({ stateNumber, config, extras }: StreamConnection<D>): boolean {
  return stateNumber === State.readEnded && config.handlers.end === undefined && !config.allowHalfOpen &&
    extras?.writer === undefined;
}

/** The application's `pause`. */
export function pause<D>(connection: StreamConnection<D>): void {
  pauseFor(connection, Flag.pausedByApplication);
  connection.flags &= ~Flag.unread;
}

/** The application's `resume`. What others have paused stays paused. */
export function resume<D>(connection: StreamConnection<D>): void {
  if ((connection.flags & (Flag.tailed | Flag.paused)) === (Flag.tailed | Flag.paused)) {
    stashFirst(connection, takeTail(connection)!);
  }
  resumeFrom(connection, Flag.pausedByApplication | Flag.unread);
}

/** Stops reading for one of the {@linkcode pauseReasons}. */
export function pauseFor<D>(connection: StreamConnection<D>, reason: number): void {
  const { flags } = connection;
  if ((flags & Flag.discarding) !== 0 || !readsOn(connection)) return;
  connection.flags = (flags | reason) & ~Flag.resuming;
  if ((flags & Flag.paused) !== 0) return;
  setPaused(connection, true);
  connection.config.engine.submit(Operation.pause, connection.number);
}

/**
 * Takes reasons for a pause back. When none is left, reading goes on, beginning with what came in while
 * paused.
 */
export function resumeFrom<D>(connection: StreamConnection<D>, reasons: number): void {
  if ((connection.flags & reasons) === 0) return;
  connection.flags &= ~reasons;
  if ((connection.flags & pauseReasons) !== 0 || (connection.flags & Flag.paused) === 0) return;
  const { extras } = connection;
  if (extras !== undefined && (extras.stash.length > 0 || extras.stashedEnd)) {
    connection.flags |= Flag.resuming;
    connection.waitForPoll();
    return;
  }
  setPaused(connection, false);
  if (readsOn(connection)) connection.config.engine.submit(Operation.resumeReading, connection.number);
}

/**
 * Within the `data` callback of a paused connection: the bytes of the window from `position` on come again
 * when reading goes on. They are held in place.
 */
export function putBack<D>(connection: StreamConnection<D>, window: Window, position: number): void {
  const { size } = connection.config.segments;
  const segment = Math.floor(position / size);
  const offset = position - segment * size;
  const length = window.length - (position - window.segment * size - window.offset);
  window.passHoldFrom(position);
  connection.needExtras().stash.unshift(stashed(connection, segment, offset, length));
}

/**
 * Received bytes, with one hold, until reading goes on: in place, or as a copy where the ring is crowded. A
 * peer that does not read can keep a connection paused for ever, and the ring is not its alone.
 */
function stashed<D>(
  connection: StreamConnection<D>,
  segment: number,
  offset: number,
  length: number,
): Stashed {
  const { engine, segments } = connection.config;
  if (!engine.crowded) return { segment, offset, length, bytes: undefined };
  const position = segment * segments.size + offset;
  const bytes = segments.bytes.slice(position, position + length);
  segments.release(segment, offset, length);
  engine.outboxBytes += length;
  return { segment: -1, offset: 0, length, bytes };
}

/** Takes what was copied into the ring again, as much as finds room; false where nothing does. */
function takeIn<D>(connection: StreamConnection<D>, stashed: Stashed): boolean {
  const { engine, segments } = connection.config;
  const { bytes } = stashed;
  if (bytes === undefined) return true;
  const segment = segments.takeRun(Math.ceil(bytes.length / segments.size));
  if (segment < 0) return false;
  const length = Math.min(bytes.length, segments.runLength * segments.size);
  segments.bytes.set(length === bytes.length ? bytes : bytes.subarray(0, length), segment * segments.size);
  engine.outboxBytes -= length;
  if (length < bytes.length) {
    const rest = bytes.subarray(length);
    connection.extras!.stash.unshift({ segment: -1, offset: 0, length: rest.length, bytes: rest });
  }
  stashed.segment = segment;
  stashed.length = length;
  stashed.bytes = undefined;
  return true;
}

/** Hands over what came in while paused, until it is done or paused again. */
export function deliverStash<D>(connection: StreamConnection<D>): void {
  const extras = connection.extras!;
  while ((connection.flags & Flag.resuming) !== 0) {
    const stashed = extras.stash.shift();
    if (stashed === undefined) break;
    if (!takeIn(connection, stashed)) {
      extras.stash.unshift(stashed);
      return connection.waitForPoll();
    }
    // Not paused while the handler runs, so that it can pause again.
    setPaused(connection, false);
    deliverSpecially(connection, stashed.segment, stashed.offset, stashed.length);
    if ((connection.flags & Flag.paused) !== 0) return;
    if ((connection.flags & Flag.discarding) !== 0) {
      // The handler has closed it: the library reads on, for the peer's end.
      if (readsOn(connection)) connection.config.engine.submit(Operation.resumeReading, connection.number);
      return;
    }
    setPaused(connection, true);
    // The handler is at work on these.
    if ((connection.flags & Flag.handling) !== 0) {
      connection.flags &= ~Flag.resuming;
      return;
    }
  }
  if ((connection.flags & Flag.resuming) === 0) return;
  setPaused(connection, false);
  connection.flags &= ~Flag.resuming;
  if (extras.stashedEnd) {
    extras.stashedEnd = false;
    return peerEnded(connection);
  }
  if (readsOn(connection)) connection.config.engine.submit(Operation.resumeReading, connection.number);
}

/** From now on what comes is thrown away; reading goes on, so that the peer's end is seen. */
export function discard<D>(connection: StreamConnection<D>): void {
  if ((connection.flags & Flag.discarding) !== 0) return;
  const paused = (connection.flags & Flag.paused) !== 0;
  connection.flags |= Flag.discarding;
  if (paused) setPaused(connection, false);
  connection.flags &= ~(pauseReasons | Flag.resuming);
  const end = dropStash(connection);
  if (paused && readsOn(connection)) {
    connection.config.engine.submit(Operation.resumeReading, connection.number);
  }
  if (end) peerEnded(connection);
}

/** Gives back what came in while paused. True when the peer's end came after it. */
export function dropStash<D>(connection: StreamConnection<D>): boolean {
  const { extras } = connection;
  if (extras === undefined) return false;
  const { engine, segments } = connection.config;
  for (const { segment, offset, length, bytes } of extras.stash) {
    if (bytes === undefined) segments.release(segment, offset, length);
    else engine.outboxBytes -= length;
  }
  extras.stash = [];
  const end = extras.stashedEnd;
  extras.stashedEnd = false;
  return end;
}

/** The time of what comes in stands still while paused. */
function setPaused<D>(connection: StreamConnection<D>, on: boolean): void {
  if (on) connection.flags |= Flag.paused;
  const { timeLimits } = connection.config;
  if ((connection.flags & Flag.watched) !== 0) {
    if (on) timeLimits.paused(connection);
    else timeLimits.resumed(connection);
  }
  if (!on) connection.flags &= ~Flag.paused;
}

/** True while the library may still report bytes or an end. */
function readsOn<D>(connection: StreamConnection<D>): boolean {
  const state = connection.stateNumber;
  return (state === State.open || state === State.writeEnded || state === State.closing) &&
    (connection.flags & Flag.closeSubmitted) === 0;
}
