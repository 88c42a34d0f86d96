/**
 * The way of written bytes: straight to the library as windows, copied into free segments, or, where those
 * have run out, into the outbox.
 *
 * Every write is submitted where it is made; the library sees a turn's submissions together at the next poll
 * and gathers what belongs to one connection into one system call.
 *
 * @module
 */
import { LimitError, OptionError } from "../base/errors.ts";
import { slotOf } from "../base/ids.ts";
import { Flags } from "../base/layout.ts";
import { crowdedCopyShare, pieceCopyMaxBytes } from "../base/limits.ts";
import type { Segments } from "../memory/segments.ts";
import { Window } from "../memory/window.ts";
import type { StreamConnection } from "./connection.ts";
import { pauseFor } from "./reading.ts";
import { Flag } from "./state.ts";
import type { SocketHandlers, Writable, WriteResult } from "./types.ts";

/** Of a send record: its completion is wanted. */
const { notify } = Flags;

const encoder = new TextEncoder();
/** Characters up to which text is encoded by hand: a call of the encoder costs more than such a loop. */
const shortTextMax = 64;
/** Bytes of UTF-8 one UTF-16 unit can become. */
const utf8BytesPerUnitMax = 3;

/** Bytes accepted and not yet known to be with the kernel. */
export function bufferedBytes<D>(connection: StreamConnection<D>): number {
  const { engine } = connection.config;
  const extras = connection.extras;
  return (connection.turn === engine.turn ? connection.turnBytes : 0) +
    engine.sendPending[slotOf(connection.number)] + (extras === undefined ? 0 : extras.outbox.length);
}

/** Writes to a connection whose state allows it. */
export function write<D>(connection: StreamConnection<D>, bytes: Writable): WriteResult {
  if (bytes instanceof Window) return writeWindow(connection, bytes);
  if (typeof bytes === "string") return writeText(connection, bytes);
  return writeBytes(connection, asBytes(bytes));
}

/** Bytes given as a view or a buffer; throws for anything else. */
export function asBytes(bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw new OptionError(
    "write",
    "bytes",
    `the bytes must be a Window, a Uint8Array, an ArrayBuffer or a string, not ${typeof bytes}`,
  );
}

function writeWindow<D>(connection: StreamConnection<D>, window: Window): WriteResult {
  const { engine, segments, highWaterMark } = connection.config;
  const length = window.length;
  if (engine.crowded && length * crowdedCopyShare <= segments.size) {
    return writeBytes(connection, window.bytes);
  }
  const number = connection.number;
  const inTurn = connection.turn === engine.turn ? connection.turnBytes : 0;
  const native = inTurn + engine.sendPending[slotOf(number)];
  // The usual case first: a window of this ring, little buffered, nothing aside.
  if (
    native + length <= highWaterMark && engine.sendBudget > 0 && length > 0 && window.segments === segments &&
    (connection.extras === undefined || connection.extras.outbox.length === 0)
  ) {
    const covered = segments.covered(window.offset, length);
    const inFlight = (native === 0 ? 0 : connection.inFlight) + covered;
    if (inFlight <= engine.inFlightMax && covered <= engine.segmentBudget && window.passHold()) {
      engine.submitSend(number, window.segment, window.offset, length, 0, covered);
      connection.turn = engine.turn;
      connection.turnBytes = inTurn + length;
      connection.inFlight = inFlight;
      if ((connection.flags & Flag.watched) !== 0) {
        connection.config.timeLimits.written(connection, length, native === 0);
      }
      return "sent";
    }
  }
  window.checkLive();
  if (length === 0) return "sent";
  // Of another loop, or outside every ring.
  if (window.segments !== segments) return writeBytes(connection, window.bytes);
  const result = admit(connection, length);
  if (result === "refused") return result;
  const fits = canSubmit(connection, segments.covered(window.offset, length));
  if (!fits || !window.passHold()) {
    setAside(connection, window.bytes);
    return result;
  }
  submit(connection, window.segment, window.offset, length, result === "queued" ? notify : 0);
  return result;
}

function writeText<D>(connection: StreamConnection<D>, text: string): WriteResult {
  const { segments } = connection.config;
  const units = text.length;
  if (units === 0) return "sent";
  const bound = units * utf8BytesPerUnitMax;
  if (bound > segments.size || !canSubmit(connection, 1)) return writeBytes(connection, encoder.encode(text));
  const position = segments.copySpace(bound);
  if (position < 0) return writeBytes(connection, encoder.encode(text));
  const length = encodeAt(text, segments.bytes, position, bound);
  const result = admit(connection, length);
  if (result !== "refused") submitCopied(connection, position, length, result);
  return result;
}

/** Writes text as UTF-8 at `position`, where `bound` bytes are free. Returns how many it took. */
function encodeAt(text: string, target: Uint8Array, position: number, bound: number): number {
  const units = text.length;
  if (units <= shortTextMax) {
    let index = 0;
    for (; index < units; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) break;
      target[position + index] = unit;
    }
    if (index === units) return units;
  }
  return encoder.encodeInto(text, target.subarray(position, position + bound)).written;
}

function writeBytes<D>(connection: StreamConnection<D>, bytes: Uint8Array): WriteResult {
  const { segments } = connection.config;
  const length = bytes.length;
  if (length === 0) return "sent";
  const result = admit(connection, length);
  if (result === "refused") return result;
  if (length <= segments.size && canSubmit(connection, 1)) {
    const position = segments.copySpace(length);
    if (position >= 0) {
      segments.bytes.set(bytes, position);
      submitCopied(connection, position, length, result);
      return result;
    }
  }
  const sent = submitRuns(connection, bytes, result === "queued" ? notify : 0);
  if (sent < length) setAside(connection, sent === 0 ? bytes : bytes.subarray(sent));
  return result;
}

/**
 * Writes pieces one after the other, all of them or none. Small ones are gathered in one segment; the bytes
 * of a larger window go as they are.
 */
export function writePieces<D>(
  connection: StreamConnection<D>,
  head: Uint8Array,
  body: Window | Uint8Array,
  tail: Uint8Array,
): WriteResult {
  const length = head.length + body.length + tail.length;
  const total = bufferedBytes(connection) + length;
  // Decided over all of them here: what then follows is not refused in part.
  if (total > connection.config.bufferLimit) return admit(connection, length);
  const { segments } = connection.config;
  const inPlace = body instanceof Window &&
    (body.segments !== segments || body.length > pieceCopyMaxBytes);
  if (!inPlace && length <= segments.size && length > 0 && canSubmit(connection, 1)) {
    const position = segments.copySpace(length);
    if (position >= 0) {
      putPieces(segments, position, head, body, tail);
      const result = admit(connection, length);
      submitCopied(connection, position, length, result);
      return result;
    }
  }
  let result: WriteResult = "sent";
  if (head.length > 0) result = writeBytes(connection, head);
  if (body.length > 0) result = write(connection, body);
  return tail.length > 0 ? writeBytes(connection, tail) : result;
}

function putPieces(
  { bytes, size }: Segments,
  position: number,
  head: Uint8Array,
  body: Window | Uint8Array,
  tail: Uint8Array,
): void {
  let target = position;
  for (let index = 0; index < head.length; index++) bytes[target++] = head[index];
  if (body instanceof Window) {
    const start = body.segment * size + body.offset;
    bytes.copyWithin(target, start, start + body.length);
  } else {
    bytes.set(body, target);
  }
  target += body.length;
  for (let index = 0; index < tail.length; index++) bytes[target++] = tail[index];
}

/** Decides over `length` further bytes; notes that `drain` is owed where it is. */
function admit<D>(connection: StreamConnection<D>, length: number): WriteResult {
  const { highWaterMark, bufferLimit } = connection.config;
  const total = bufferedBytes(connection) + length;
  if ((connection.flags & Flag.watched) !== 0 && total <= Math.max(highWaterMark, bufferLimit)) {
    connection.config.timeLimits.written(connection, length, total === length);
  }
  if (total <= highWaterMark) return "sent";
  if (total > bufferLimit) return refuse(connection, length);
  oweDrain(connection);
  return "queued";
}

/** From here on the peer is behind, until the buffer has fallen to its low mark. */
function oweDrain<D>(connection: StreamConnection<D>): void {
  connection.flags |= Flag.drainOwed;
  if (connection.config.autoPause) pauseFor(connection, Flag.pausedByWriting);
}

/**
 * Whether `length` bytes would be refused now, and a `drain` is owed for them: for writers that wait for it.
 */
export function mustWait<D>(connection: StreamConnection<D>, length: number): boolean {
  const buffered = bufferedBytes(connection);
  if (buffered === 0 || buffered + length <= connection.config.bufferLimit) return false;
  oweDrain(connection);
  return true;
}

/**
 * Takes nothing of a write, since it would exceed `bufferLimit`. Throws in development mode, where nobody
 * listens for the `drain` that says when to write again: those bytes are lost.
 */
export function refuse<D>(connection: StreamConnection<D>, length: number): "refused" {
  const { config } = connection;
  config.engine.writesRefused += 1;
  // With nothing buffered no drain would ever come, and none is needed: the bytes are too many at once.
  const waits = bufferedBytes(connection) > 0;
  if (waits) oweDrain(connection);
  const heeded = heedsDrain(config.handlers);
  // Whoever hears `drain` writes again then; until it comes these bytes went nowhere.
  if (waits || !heeded) connection.needExtras().refusedBytes += length;
  if (heeded) return "refused";
  const { bufferLimit } = config;
  const message = `write: ${length} bytes would exceed the ${bufferLimit} bytes of "bufferLimit"`;
  config.engine.writeLost(message, connection.id);
  if (!config.loop.development) return "refused";
  throw new LimitError(`${message}, and there is no "drain" handler to write them again`, {
    code: "ERR_WRITE_REFUSED",
    operation: "write",
    origin: "application",
    connectionId: connection.id,
  });
}

/** Handler tables whose `drain` is the framework's own: nobody behind it hears it. */
const drainsOfTheFramework = new WeakSet<object>();

/** Marks a table whose `drain` handler the application does not hear. */
export function drainUnheard(handlers: object): void {
  drainsOfTheFramework.add(handlers);
}

/** Whether the application hears of `drain`, and so can write again what was refused. */
export function heedsDrain<D>(handlers: SocketHandlers<D>): boolean {
  return handlers.drain !== undefined && !drainsOfTheFramework.has(handlers);
}

/** Whether a send of so many segments may be submitted now: nothing waits before it, and there is room. */
function canSubmit<D>(connection: StreamConnection<D>, covered: number): boolean {
  const { engine } = connection.config;
  if (engine.sendBudget <= 0 || covered > engine.segmentBudget) return false;
  if (connection.extras !== undefined && connection.extras.outbox.length > 0) return false;
  return currentInFlight(connection) + covered <= engine.inFlightMax;
}

/** Segments of this connection that may still be on their way; zero is sure, more is an upper bound. */
function currentInFlight<D>(connection: StreamConnection<D>): number {
  const { engine } = connection.config;
  const idle = connection.turn !== engine.turn && engine.sendPending[slotOf(connection.number)] === 0;
  if (idle) connection.inFlight = 0;
  return connection.inFlight;
}

function submitCopied<D>(
  connection: StreamConnection<D>,
  position: number,
  length: number,
  result: WriteResult,
): void {
  const { engine, segments } = connection.config;
  const segment = Math.floor(position / segments.size);
  const offset = position - segment * segments.size;
  segments.copied(length);
  if (result === "sent" && engine.extendSend(connection.number, segment, offset, length)) {
    countInTurn(connection, length);
    return;
  }
  segments.hold(segment, offset, length);
  submit(connection, segment, offset, length, result === "queued" ? notify : 0);
}

/** Copies into runs of free segments and submits each run. Returns how many bytes found room. */
function submitRuns<D>(connection: StreamConnection<D>, bytes: Uint8Array, flags: number): number {
  const { engine, segments } = connection.config;
  const { size } = segments;
  let sent = 0;
  while (sent < bytes.length && canSubmit(connection, 1)) {
    const room = Math.min(engine.segmentBudget, engine.inFlightMax - currentInFlight(connection));
    const segment = segments.takeRun(Math.min(room, Math.ceil((bytes.length - sent) / size)));
    if (segment < 0) break;
    const length = Math.min(segments.runLength * size, bytes.length - sent);
    segments.bytes.set(bytes.subarray(sent, sent + length), segment * size);
    submit(connection, segment, 0, length, flags);
    sent += length;
  }
  return sent;
}

function submit<D>(
  connection: StreamConnection<D>,
  segment: number,
  offset: number,
  length: number,
  flags: number,
): void {
  const { engine, segments } = connection.config;
  const before = currentInFlight(connection);
  const covered = segments.covered(offset, length);
  engine.submitSend(connection.number, segment, offset, length, flags, covered);
  countInTurn(connection, length);
  connection.inFlight = before + covered;
}

function countInTurn<D>(connection: StreamConnection<D>, length: number): void {
  const { turn } = connection.config.engine;
  connection.turnBytes = connection.turn === turn ? connection.turnBytes + length : length;
  connection.turn = turn;
}

function setAside<D>(connection: StreamConnection<D>, bytes: Uint8Array): void {
  connection.needExtras().outbox.push(bytes);
  const { engine } = connection.config;
  engine.outboxBytes += bytes.length;
  // No turn need follow: the library has enough to do with what it was given.
  engine.pressure?.check();
  if (nothingComes(connection)) connection.waitForPoll();
}

/** True when no completion of this connection will come to go on with. */
function nothingComes<D>(connection: StreamConnection<D>): boolean {
  return connection.config.engine.sendPending[slotOf(connection.number)] === 0;
}

/**
 * Moves bytes from the outbox into free segments, as many as may be in flight. True when the outbox is empty.
 * Where it is not, a completion or the next poll brings the connection back here.
 */
export function feed<D>(connection: StreamConnection<D>): boolean {
  const outbox = connection.extras?.outbox;
  if (outbox === undefined || outbox.length === 0) return true;
  const { engine, segments } = connection.config;
  const { size } = segments;
  let fed = false;
  while (outbox.length > 0 && engine.sendBudget > 0) {
    const room = Math.min(engine.segmentBudget, engine.inFlightMax - currentInFlight(connection));
    if (room <= 0) break;
    const segment = segments.takeRun(Math.min(room, Math.ceil(outbox.length / size)));
    if (segment < 0) break;
    const length = outbox.take(segments.bytes, segment * size, segments.runLength * size);
    engine.outboxBytes -= length;
    submit(connection, segment, 0, length, notify);
    fed = true;
  }
  if (outbox.length === 0) return true;
  if (!fed && nothingComes(connection)) connection.waitForPoll();
  return false;
}
