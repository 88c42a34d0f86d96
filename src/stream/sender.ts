/**
 * The way of written bytes into the submission ring: as windows where they lie, copied into free segments,
 * or, while none is free, by way of the connection's outbox.
 *
 * Every write is submitted where it is made; the library sees a turn's submissions together at the next poll
 * and gathers what belongs to one connection into one system call.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { LimitError, OptionError } from "../base/errors.ts";
import { slotOf } from "../base/ids.ts";
import { Flags } from "../base/layout.ts";
import { crowdedCopyShare, pieceCopyMaxBytes } from "../base/limits.ts";
import type { Engine } from "../loop/engine.ts";
import type { Segments } from "../memory/segments.ts";
import { RingWindow } from "../memory/window.ts";
import { FileQueue, QueuedFile } from "./file_queue.ts";
import type { Outbox } from "./outbox.ts";
import type { FilePart } from "./sendable_file.ts";
import * as states from "./state.ts";
import type { LimitedConnection } from "./time_limits/limited_connection.ts";
import type { TimeLimits } from "./time_limits/time_limits.ts";
import type { FileSend, Writable, WriteResult } from "./types.ts";

/** A handler table as a sender sees it. */
interface DrainHandlers {
  readonly drain?: unknown;
}

/** What connections have in common, as their sender sees it. */
interface SendConfig {
  readonly highWaterMark: number;
  readonly bufferLimit: number;
  readonly autoPause: boolean;
  readonly handlers: DrainHandlers;
  readonly loop: { readonly development: boolean };
  readonly timeLimits: TimeLimits;
}

/**
 * A connection as its sender sees it. The numbers lie in the connection itself: an object of their own would
 * cost every idle connection memory.
 */
export interface SendTarget extends LimitedConnection {
  readonly config: SendConfig;
  /** Bytes submitted in `turn`, which the library may not have seen yet. */
  turnBytes: number;
  turn: number;
  /** Segments submitted since the library's queue was last seen empty. */
  inFlight: number;
  /** What found no room in the ring. */
  readonly outbox: Outbox | undefined;
  needOutbox(): Outbox;
  /** Calls {@linkcode Sender.feed} after the next poll. */
  waitForPoll(): void;
  pauseFor(reason: number): void;
  /** Counts bytes that were refused until `drain` is called. */
  refused(length: number): void;
}

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { Flag } = states;
/** Of a send record: its completion is wanted. */
const { notify } = Flags;

const asserting = ASSERTIONS;
/** Runs that are tried for one of a given length: up to the ring's end, behind it, and another one. */
const exactRunTries = 3;

const encoder = new TextEncoder();
/** Characters up to which text is encoded by hand: a call of the encoder costs more than such a loop. */
const shortTextMax = 64;
/** Bytes of UTF-8 one UTF-16 unit can become. */
const utf8BytesPerUnitMax = 3;

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

/** Handler tables whose `drain` is the framework's own and calls no handler of the application. */
const drainsOfTheFramework = new WeakSet<object>();

/** Marks a table whose `drain` handler is not the application's. */
export function drainUnheard(handlers: object): void {
  drainsOfTheFramework.add(handlers);
}

/** Whether the application has a `drain` handler, and so can write refused bytes again. */
export function heedsDrain(handlers: DrainHandlers): boolean {
  return handlers.drain !== undefined && !drainsOfTheFramework.has(handlers);
}

/** Sends for the connections of one loop. */
export class Sender {
  readonly #engine: Engine;
  readonly #segments: Segments;
  /** Where the bytes of {@linkcode reserve} begin, with the room in front of them; -1 for none. */
  #reserved = -1;
  /** Segments that were taken for it; 0 where it lies among the small writes of the turn. */
  #reservedSegments = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#segments = engine.segments;
  }

  /** Writes to a connection whose state allows it. */
  write(target: SendTarget, bytes: Writable): WriteResult {
    if (bytes instanceof RingWindow) return this.#writeWindow(target, bytes);
    if (typeof bytes === "string") return this.#writeText(target, bytes);
    return this.#writeBytes(target, asBytes(bytes));
  }

  #writeWindow(target: SendTarget, window: RingWindow): WriteResult {
    const { config, number, outbox } = target;
    const engine = this.#engine;
    const segments = this.#segments;
    const { length } = window;
    if (engine.crowded && length * crowdedCopyShare <= segments.size) {
      return this.#writeBytes(target, window.bytes);
    }
    const inTurn = target.turn === engine.turn ? target.turnBytes : 0;
    const submitted = inTurn + engine.sendPending[slotOf(number)];
    // The usual case first, without a call: a window of this ring, little buffered, nothing aside.
    if (
      submitted + length <= config.highWaterMark && engine.sendBudget > 0 && length > 0 &&
      window.segments === segments && (outbox === undefined || outbox.isIdle)
    ) {
      const covered = segments.covered(window.offset, length);
      const inFlight = (submitted === 0 ? 0 : target.inFlight) + covered;
      if (inFlight <= engine.inFlightMax && covered <= engine.segmentBudget && window.passHold()) {
        engine.submitSend(number, window.segment, window.offset, length, 0, covered);
        target.turn = engine.turn;
        target.turnBytes = inTurn + length;
        target.inFlight = inFlight;
        if ((target.flags & Flag.watched) !== 0) config.timeLimits.written(target, length, submitted === 0);
        return "sent";
      }
    }
    return this.#writeWindowSlowly(target, window);
  }

  /**
   * Sends bytes that were written into a segment of the ring, with one hold: the usual case, in which little
   * is buffered and nothing waits. False: nothing was done, and the hold stays with the caller.
   */
  commit(target: SendTarget, segment: number, offset: number, length: number): boolean {
    const { config, number, outbox } = target;
    const engine = this.#engine;
    const inTurn = target.turn === engine.turn ? target.turnBytes : 0;
    const submitted = inTurn + engine.sendPending[slotOf(number)];
    if (submitted + length > config.highWaterMark || engine.sendBudget <= 0 || engine.segmentBudget <= 0) {
      return false;
    }
    if (outbox !== undefined && !outbox.isIdle) return false;
    const inFlight = (submitted === 0 ? 0 : target.inFlight) + 1;
    if (inFlight > engine.inFlightMax) return false;
    engine.submitSend(number, segment, offset, length, 0, 1);
    target.turn = engine.turn;
    target.turnBytes = inTurn + length;
    target.inFlight = inFlight;
    if ((target.flags & Flag.watched) !== 0) config.timeLimits.written(target, length, submitted === 0);
    return true;
  }

  /** A window that is no longer valid, empty, of another ring, or that finds the buffer or the ring full. */
  #writeWindowSlowly(target: SendTarget, window: RingWindow): WriteResult {
    const { length } = window;
    const segments = this.#segments;
    window.checkLive();
    if (length === 0) return "sent";
    if (window.segments !== segments) return this.#writeBytes(target, window.bytes);
    const result = this.#admit(target, length);
    if (result === "refused") return result;
    // Memory that is held anyway is not rationed.
    const covered = window.isOwn ? 0 : segments.covered(window.offset, length);
    if (this.#canSubmit(target, covered) && window.passHold()) {
      this.#submit(target, window.segment, window.offset, length, result === "queued" ? notify : 0, covered);
    } else {
      this.#setAside(target, window.bytes);
    }
    return result;
  }

  /**
   * Sends bytes of a file behind everything written before. It takes no memory, so a long one counts in the
   * buffer only as the number of bytes that makes the peer count as behind.
   */
  sendFile(target: SendTarget, part: FilePart): FileSend {
    const { length } = part;
    if (length === 0) return this.settled("sent", part);
    const weight = this.weightOf(target, length);
    const result = this.#admit(target, weight, 0, "sendFile");
    if (result === "refused") return this.settled(result, part, this.#refusal(target, "sendFile", weight));
    const outbox = target.needOutbox();
    const engine = this.#engine;
    outbox.files ??= new FileQueue(engine.fileSent, slotOf(target.number));
    const queued = outbox.files.push(result, part, weight);
    if (this.#canSubmit(target, 0)) {
      this.#submitFile(target, outbox.files, queued);
    } else {
      outbox.pushFile(queued);
      if (this.nothingComes(target)) target.waitForPoll();
    }
    return queued;
  }

  /** What this number of bytes of a file counts as in the buffer. */
  weightOf({ config }: SendTarget, length: number): number {
    return Math.min(length, config.highWaterMark + 1, Math.max(config.bufferLimit, 1));
  }

  /** The send of a file that has ended before it began. */
  settled(result: WriteResult, part: FilePart, error?: Error): FileSend {
    const ended = new QueuedFile(result, part, 0, 0, undefined);
    ended.settle(0, error);
    return ended;
  }

  #submitFile(target: SendTarget, files: FileQueue, { file, offset, length }: QueuedFile): void {
    files.submitted += 1;
    this.#engine.submitFile(target.number, file.number, offset, length);
  }

  #writeText(target: SendTarget, text: string): WriteResult {
    if (text.length === 0) return "sent";
    const bound = text.length * utf8BytesPerUnitMax;
    if (text.length >= this.#segments.size) return this.#writeLongText(target, text, bound);
    const position = this.#copySpace(target, bound);
    if (position < 0) return this.#writeBytes(target, encoder.encode(text));
    const length = this.#encodeAt(position, bound, text);
    const result = this.#admit(target, length);
    if (result !== "refused") this.#sendCopied(target, position, length, result);
    return result;
  }

  /** Text of a segment or more is encoded where it is sent from, if there is room. */
  #writeLongText(target: SendTarget, text: string, bound: number): WriteResult {
    const position = this.reserve(target, bound);
    if (position < 0) return this.#writeBytes(target, encoder.encode(text));
    return this.commitReserved(target, position, this.#encodeAt(position, bound, text));
  }

  /**
   * Reserves `length` bytes of the ring to be written in place, with room in front and behind for a stage
   * that makes them longer. Returns the position of the first of them; -1 where a write would be refused or
   * nothing of that length is free, and the bytes go another way. The next call is
   * {@linkcode commitReserved}, before anything else is written or polled.
   */
  reserve(target: SendTarget, length: number, front = 0, behind = 0): number {
    const segments = this.#segments;
    const { size } = segments;
    const all = front + length + behind;
    if (asserting) assert(this.#reserved < 0, "one reservation is made at a time");
    if (length === 0 || this.bufferedBytes(target) + all > target.config.bufferLimit) return -1;
    const needed = Math.ceil(all / size);
    if (!this.#canSubmit(target, needed)) return -1;
    const position = needed === 1 ? segments.copySpace(all) : this.#exactRun(needed) * size;
    if (position < 0) return -1;
    this.#reserved = position;
    this.#reservedSegments = needed === 1 ? 0 : needed;
    return position + front;
  }

  /** The first of exactly this number of free segments side by side; negative without such a run. */
  #exactRun(needed: number): number {
    const segments = this.#segments;
    // The first try may meet the end of the ring or a segment that is held; the next begins behind that.
    for (let tries = 0; tries < exactRunTries; tries++) {
      const first = segments.takeRun(needed);
      if (first < 0 || segments.runLength === needed) return first;
      segments.release(first, 0, segments.runLength * segments.size);
    }
    return -1;
  }

  /**
   * Sends `length` bytes of what was reserved, from `position` on, which may lie in the room in front. The
   * rest is free again; with a length of 0 all of it.
   */
  commitReserved(target: SendTarget, position: number, length: number): WriteResult {
    const segments = this.#segments;
    const { size } = segments;
    const reserved = this.#reserved;
    const taken = this.#reservedSegments;
    if (asserting) assert(reserved >= 0 && position >= reserved, "what is committed was reserved");
    this.#reserved = -1;
    // Decided by `reserve`: it is not refused.
    const result = length === 0 ? "sent" : this.#admit(target, length);
    if (taken === 0) {
      if (length === 0) return result;
      // The room that was not needed stays unused.
      segments.copied(position - reserved);
      this.#sendCopied(target, position, length, result);
      return result;
    }
    const first = reserved / size;
    const begin = length === 0 ? first : Math.floor(position / size);
    const end = length === 0 ? first : Math.floor((position + length - 1) / size) + 1;
    if (asserting) assert(end <= first + taken, "what is committed was reserved");
    if (begin > first) segments.release(first, 0, (begin - first) * size);
    if (end < first + taken) segments.release(end, 0, (first + taken - end) * size);
    if (length === 0) return result;
    this.#submit(target, begin, position - begin * size, length, result === "queued" ? notify : 0);
    return result;
  }

  #writeBytes(target: SendTarget, bytes: Uint8Array): WriteResult {
    const { length } = bytes;
    if (length === 0) return "sent";
    const result = this.#admit(target, length);
    if (result === "refused") return result;
    const position = this.#copySpace(target, length);
    if (position >= 0) {
      this.#segments.bytes.set(bytes, position);
      this.#sendCopied(target, position, length, result);
      return result;
    }
    const sent = this.#sendRuns(target, bytes, result === "queued" ? notify : 0);
    if (sent < length) this.#setAside(target, sent === 0 ? bytes : bytes.subarray(sent));
    return result;
  }

  /**
   * Writes pieces one after the other, all of them or none. Small ones are gathered in one segment; the bytes
   * of a larger window go as they are.
   */
  writePieces(
    target: SendTarget,
    head: Uint8Array,
    body: RingWindow | Uint8Array,
    tail: Uint8Array,
  ): WriteResult {
    const length = head.length + body.length + tail.length;
    // Decided over all of them here: what then follows is not refused in part.
    if (this.bufferedBytes(target) + length > target.config.bufferLimit) return this.#admit(target, length);
    const inPlace = body instanceof RingWindow &&
      (body.segments !== this.#segments || body.length > pieceCopyMaxBytes);
    const position = inPlace || length === 0 ? -1 : this.#copySpace(target, length);
    if (position >= 0) {
      this.#copyAt(position, head, body, tail);
      const result = this.#admit(target, length);
      this.#sendCopied(target, position, length, result);
      return result;
    }
    let result: WriteResult = "sent";
    if (head.length > 0) result = this.#writeBytes(target, head);
    if (body.length > 0) result = this.write(target, body);
    return tail.length > 0 ? this.#writeBytes(target, tail) : result;
  }

  /**
   * Decides over `length` further bytes, of which time limits count `counted`; notes that `drain` is owed
   * where it is.
   */
  #admit(target: SendTarget, length: number, counted = length, operation = "write"): WriteResult {
    const { highWaterMark, bufferLimit, timeLimits } = target.config;
    const total = this.bufferedBytes(target) + length;
    if ((target.flags & Flag.watched) !== 0 && total <= Math.max(highWaterMark, bufferLimit)) {
      timeLimits.written(target, counted, total === length);
    }
    if (total <= highWaterMark) return "sent";
    if (total > bufferLimit) return this.refuse(target, length, operation);
    this.#oweDrain(target);
    return "queued";
  }

  /** From here on the peer is behind, until the buffer has fallen to its low mark. */
  #oweDrain(target: SendTarget): void {
    target.flags |= Flag.drainOwed;
    if (target.config.autoPause) target.pauseFor(Flag.pausedByWriting);
  }

  /**
   * Whether `length` bytes would be refused now. If so a `drain` is owed, for writers that wait for it.
   */
  mustWait(target: SendTarget, length: number): boolean {
    const buffered = this.bufferedBytes(target);
    if (buffered === 0 || buffered + length <= target.config.bufferLimit) return false;
    this.#oweLateDrain(target);
    return true;
  }

  /** As {@linkcode Sender.#oweDrain}, where no send is submitted whose completion brings the drain. */
  #oweLateDrain(target: SendTarget): void {
    this.#oweDrain(target);
    if (this.nothingComes(target)) target.waitForPoll();
  }

  /**
   * Takes nothing of a write, since it would exceed `bufferLimit`. Throws in development mode, where nobody
   * listens for the `drain` that says when to write again: those bytes are lost.
   */
  refuse(target: SendTarget, length: number, operation = "write"): "refused" {
    const { config } = target;
    const engine = this.#engine;
    engine.writesRefused += 1;
    // With nothing buffered no drain would ever come, and none is needed: the bytes are too many at once.
    const waits = this.bufferedBytes(target) > 0;
    if (waits) this.#oweLateDrain(target);
    const heeded = heedsDrain(config.handlers);
    // A `drain` handler is expected to write them again; until it is called these bytes count as lost.
    if (waits || !heeded) target.refused(length);
    if (heeded) return "refused";
    engine.writeLost(this.#refusal(target, operation, length).message, target.id);
    if (!config.loop.development) return "refused";
    throw this.#refusal(target, operation, length, `, and there is no "drain" handler to write them again`);
  }

  #refusal(target: SendTarget, operation: string, length: number, more = ""): LimitError {
    const { bufferLimit } = target.config;
    const message =
      `${operation}: ${length} bytes would exceed the ${bufferLimit} bytes of "bufferLimit"${more}`;
    return new LimitError(message, {
      code: "ERR_WRITE_REFUSED",
      operation,
      origin: "application",
      connectionId: target.id,
    });
  }

  /** Bytes submitted and not yet known to be with the kernel. */
  submittedBytes(target: SendTarget): number {
    const engine = this.#engine;
    return (target.turn === engine.turn ? target.turnBytes : 0) + engine.sendPending[slotOf(target.number)];
  }

  /** Bytes accepted and not yet known to be with the kernel. */
  bufferedBytes(target: SendTarget): number {
    const { outbox } = target;
    if (outbox === undefined) return this.submittedBytes(target);
    return this.submittedBytes(target) + outbox.length +
      (outbox.files === undefined ? 0 : outbox.files.weight);
  }

  /** Where `length` bytes can be copied for a copied send; -1 where they must go another way. */
  #copySpace(target: SendTarget, length: number): number {
    if (length > this.#segments.size || !this.#canSubmit(target, 1)) return -1;
    return this.#segments.copySpace(length);
  }

  /** Writes text as UTF-8 at `position`, where `bound` bytes are free. Returns how many it took. */
  #encodeAt(position: number, bound: number, text: string): number {
    const target = this.#segments.bytes;
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

  /** Copies three pieces to `position`, one behind the other. */
  #copyAt(position: number, head: Uint8Array, body: RingWindow | Uint8Array, tail: Uint8Array): void {
    const { bytes, size } = this.#segments;
    let target = position;
    for (let index = 0; index < head.length; index++) bytes[target++] = head[index];
    if (body instanceof RingWindow) {
      const start = body.segment * size + body.offset;
      bytes.copyWithin(target, start, start + body.length);
    } else {
      bytes.set(body, target);
    }
    target += body.length;
    for (let index = 0; index < tail.length; index++) bytes[target++] = tail[index];
  }

  /** Submits bytes that were copied to where there was space for them. */
  #sendCopied(target: SendTarget, position: number, length: number, result: WriteResult): void {
    const segments = this.#segments;
    const segment = Math.floor(position / segments.size);
    const offset = position - segment * segments.size;
    segments.copied(length);
    if (result === "sent" && this.#engine.extendSend(target.number, segment, offset, length)) {
      return this.#countInTurn(target, length);
    }
    segments.hold(segment, offset, length);
    this.#submit(target, segment, offset, length, result === "queued" ? notify : 0);
  }

  /** Keeps bytes for which there is no room now. */
  #setAside(target: SendTarget, bytes: Uint8Array): void {
    target.needOutbox().push(bytes);
    const engine = this.#engine;
    engine.outboxBytes += bytes.length;
    // No turn need follow: the library has enough to do with what it was given.
    engine.pressure?.check();
    if (this.nothingComes(target)) target.waitForPoll();
  }

  /**
   * Moves bytes from the outbox into free segments, as many as may be in flight. True when the outbox is
   * empty. Where it is not, a completion or the next poll brings the connection back here.
   */
  feed(target: SendTarget): boolean {
    const { outbox } = target;
    if (outbox === undefined || outbox.isEmpty) return true;
    const engine = this.#engine;
    const segments = this.#segments;
    let fed = false;
    while (!outbox.isEmpty && engine.sendBudget > 0) {
      const file = outbox.takeFile();
      if (file !== undefined) {
        this.#submitFile(target, outbox.files!, file);
        fed = true;
        continue;
      }
      const room = Math.min(engine.segmentBudget, engine.inFlightMax - this.#inFlight(target));
      if (room <= 0) break;
      const segment = segments.takeRun(Math.min(room, Math.ceil(outbox.lengthToFile / segments.size)));
      if (segment < 0) break;
      const start = segment * segments.size;
      const length = outbox.take(segments.bytes, start, segments.runLength * segments.size);
      engine.outboxBytes -= length;
      this.#submit(target, segment, 0, length, notify);
      fed = true;
    }
    if (outbox.isEmpty) return true;
    if (!fed && this.nothingComes(target)) target.waitForPoll();
    return false;
  }

  /**
   * Throws the outbox away, and ends the sends of files with the error. Returns how many bytes of both are
   * lost.
   */
  drop({ outbox }: SendTarget, error: () => Error): number {
    if (outbox === undefined) return 0;
    const { length } = outbox;
    this.#engine.outboxBytes -= length;
    outbox.clear();
    return length + (outbox.files === undefined ? 0 : outbox.files.fail(error));
  }

  /** Copies into runs of free segments and submits each run. Returns how many bytes found room. */
  #sendRuns(target: SendTarget, bytes: Uint8Array, flags: number): number {
    const engine = this.#engine;
    const segments = this.#segments;
    const { size } = segments;
    let sent = 0;
    while (sent < bytes.length && this.#canSubmit(target, 1)) {
      const room = Math.min(engine.segmentBudget, engine.inFlightMax - this.#inFlight(target));
      const segment = segments.takeRun(Math.min(room, Math.ceil((bytes.length - sent) / size)));
      if (segment < 0) break;
      const length = Math.min(segments.runLength * size, bytes.length - sent);
      segments.bytes.set(bytes.subarray(sent, sent + length), segment * size);
      this.#submit(target, segment, 0, length, flags);
      sent += length;
    }
    return sent;
  }

  /**
   * Whether a send of this number of segments may be submitted now: nothing waits before it, and there is
   * room.
   */
  #canSubmit(target: SendTarget, covered: number): boolean {
    const engine = this.#engine;
    const { outbox } = target;
    if (engine.sendBudget <= 0 || covered > engine.segmentBudget) return false;
    if (outbox !== undefined && !outbox.isEmpty) return false;
    return this.#inFlight(target) + covered <= engine.inFlightMax;
  }

  /** Segments of the connection that may still be on their way; zero is sure, more is an upper bound. */
  #inFlight(target: SendTarget): number {
    const { turn, sendPending } = this.#engine;
    if (target.turn !== turn && sendPending[slotOf(target.number)] === 0) target.inFlight = 0;
    return target.inFlight;
  }

  /**
   * True when no further completion of the connection will continue its writes: what was submitted may be out
   * without one.
   */
  nothingComes(target: SendTarget): boolean {
    if (this.#engine.sendPending[slotOf(target.number)] !== 0) return false;
    const files = target.outbox?.files;
    return files === undefined || files.submitted === 0;
  }

  #submit(
    target: SendTarget,
    segment: number,
    offset: number,
    length: number,
    flags: number,
    covered: number = this.#segments.covered(offset, length),
  ): void {
    const before = this.#inFlight(target);
    this.#engine.submitSend(target.number, segment, offset, length, flags, covered);
    this.#countInTurn(target, length);
    target.inFlight = before + covered;
  }

  #countInTurn(target: SendTarget, length: number): void {
    const { turn } = this.#engine;
    target.turnBytes = target.turn === turn ? target.turnBytes + length : length;
    target.turn = turn;
  }
}
