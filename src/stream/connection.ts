/**
 * One connection: its state, reading and writing, how it ends, and the calls of its handlers. `Connection` in
 * `types.ts` is the application's view of it; the other members are internal.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { LimitError, OptionError } from "../base/errors.ts";
import { Operation, Status } from "../base/layout.ts";
import type { Waiter } from "../loop/engine.ts";
import { segmentsOutside } from "../memory/segments.ts";
import { RingWindow } from "../memory/window.ts";
import { stateError } from "./errors.ts";
import { Linger, lingerRounds } from "./linger.ts";
import { checkHandlers } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import type { RareState } from "./rare_state.ts";
import { filePartOf, type SendableFile, type SendFileOptions } from "./sendable_file.ts";
import { asBytes, heedsDrain, type SendTarget } from "./sender.ts";
import type { SharedConfig } from "./shared_config.ts";
import { StreamSocket } from "./socket.ts";
import { Stash } from "./stash.ts";
import * as states from "./state.ts";
import type { CloseReason, Connection, FileSend, SocketHandlers, Writable, WriteResult } from "./types.ts";
import {
  PullReader,
  readExactly,
  type ReadTarget,
  StreamReader,
  StreamWriter,
  type WriteTarget,
} from "./web_streams.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { endedBy, endedByMask, Flag, pauseReasons, readingSpecial, State, withEndedBy } = states;
const asserting = ASSERTIONS;

/** A connection. Its fields are few, because there may be very many of it. */
export class StreamConnection<D = unknown> extends StreamSocket<D>
  implements ReadTarget, SendTarget, Waiter, WriteTarget {
  turnBytes = 0;
  turn = -1;
  inFlight = 0;

  // Birth, and going on with other handlers.

  /**
   * Takes part in the turn: accepted, or connected. `paused`: the library does not read yet. `given`: it goes
   * on to somebody who may read its stream.
   */
  opened(paused: boolean, given: boolean): void {
    // Cut by what was asked on its way here.
    if (this.stateNumber >= State.aborting) return;
    const { config } = this;
    this.stateNumber = State.open;
    if (paused) this.flags |= Flag.paused | Flag.unread;
    if (config.limited) config.timeLimits.begin(this);
    if (typeof config.data === "function" && !this.makeData()) return;
    this.call("open");
    if ((this.flags & Flag.unread) === 0) return;
    // With handlers but without one for data, received bytes are discarded unless `open` has begun to read
    // them.
    if (this.config.handlers.data !== undefined) this.resume();
    else if (this.config.handled && !given) this.discard();
  }

  reload(options: { socket: SocketHandlers<D> }): void {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("reload", "options", "options must be an object with socket");
    }
    const { socket } = options;
    checkHandlers("reload", socket);
    this.checkOpen("reload");
    const root = this.config.root ?? this.config;
    this.handOn(root.handlers === socket ? root : root.with(socket), "reload");
    if (socket.data !== undefined) this.resumeFrom(Flag.unread | Flag.pausedByStream | Flag.heldBack);
  }

  /**
   * Gives the connection another configuration. Bytes that came and were not handled yet come again: to the
   * new `data` handler, or, without one, to the reader of the connection. Reading is paused until somebody
   * resumes it.
   */
  handOn(config: SharedConfig<D>, operation: string): void {
    const rest = this.takeUnread(operation);
    this.config = config;
    // Reading would otherwise bring further bytes before those that come again.
    this.flags &= ~(Flag.discarding | Flag.handling);
    this.pauseFor(Flag.unread);
    for (const bytes of rest.reverse()) this.needStash().addFirst(bytes);
    if (rest.length === 0 || this.stateNumber !== State.readEnded) return;
    // Nothing comes any more that could be paused.
    this.flags |= Flag.paused | Flag.resuming;
    this.waitForPoll();
  }

  /**
   * As `reload`, from within a protocol: after the answer to an upgrade, CONNECT or STARTTLS.
   * Received bytes that were not handled yet come to the new `data` handler after the next poll, or, without
   * one, wait to be read. Within a `data` callback they are those of its `window` from `position` on, counted
   * from the first byte of the window's memory; later those that `putBack` has stashed. Throws as `reload`.
   */
  handOver(handlers: SocketHandlers<D>, window?: RingWindow, position = 0): void {
    checkHandlers("handOver", handlers);
    this.checkOpen("handOver");
    // Before the rest is put back: what is paused for nothing else would be delivered to the old handlers.
    this.pauseFor(Flag.unread);
    if (window !== undefined) this.putBack(window, position);
    this.phaseEnded();
    this.reload({ socket: handlers });
  }

  /** Throws a StateError for a connection that is connecting, on its way out, or gone. */
  checkOpen(operation: string): void {
    const { stateNumber } = this;
    if (stateNumber === State.open || stateNumber === State.readEnded) return;
    if (stateNumber === State.writeEnded) return;
    throw stateError(this.id, operation, `the connection is ${this.state}`);
  }

  /** Received bytes that were not handled yet, in order; their former holders lose them. */
  private takeUnread(operation: string): Uint8Array[] {
    const rare = this.rare;
    let read: Uint8Array | undefined = noBytes;
    if (rare?.reader !== undefined && (this.flags & Flag.streaming) !== 0) {
      read = rare.reader.leave();
      if (read === undefined) {
        throw stateError(this.id, operation, "its stream or a pending read is reading it");
      }
      rare.reader = undefined;
      this.flags &= ~Flag.streaming;
    }
    const rest = [read, this.memory?.leave() ?? noBytes, this.takeTail() ?? noBytes];
    return rest.filter(({ length }) => length > 0);
  }

  // Receiving.

  /** Bytes have come, with one hold. */
  received(segment: number, offset: number, length: number): void {
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.received(this, length);
    if ((this.flags & readingSpecial) === 0) this.deliver(segment, offset, length);
    else this.deliverSpecially(segment, offset, length);
  }

  /** Hands bytes to the `data` handler. Their hold ends with the callback unless it was passed on or kept. */
  private deliver(segment: number, offset: number, length: number): void {
    const { segments, engine } = this.config;
    const window = segments.borrow(segment, offset, length);
    engine.window = window;
    this.callData(window);
  }

  /** Bytes of a connection that is paused, streamed, thrown away or on its way out. */
  private deliverSpecially(segment: number, offset: number, length: number): void {
    const { segments } = this.config;
    const { flags } = this;
    const reader = (flags & Flag.beforeHeader) === 0 ? undefined : this.origin?.headerReader;
    if (reader !== undefined) return reader.take(segment, offset, length);
    if ((flags & Flag.lingering) !== 0) this.flags |= Flag.alive;
    if ((flags & Flag.discarding) !== 0) return segments.release(segment, offset, length);
    if ((flags & (Flag.paused | Flag.handling)) !== 0) {
      this.needStash().add(segment, offset, length);
      if ((flags & Flag.paused) !== 0) return;
      // The `data` handler is running: bytes behind these stay in the kernel.
      this.setPaused(true);
      return this.submitWhileReading(Operation.pause);
    }
    if ((flags & Flag.tailed) !== 0) return this.deliverWithTail(segment, offset, length);
    if ((flags & Flag.streaming) === 0) return this.deliver(segment, offset, length);
    const window = segments.borrow(segment, offset, length);
    this.rare!.reader!.take(window);
    window.endBorrow();
  }

  /** Delivers the bytes that the application returned, together with those received behind them. */
  private deliverWithTail(segment: number, offset: number, length: number): void {
    const { segments, engine } = this.config;
    const tail = this.takeTail()!;
    const position = segment * segments.size + offset;
    const bytes = new Uint8Array(tail.length + length);
    bytes.set(tail);
    bytes.set(segments.bytes.subarray(position, position + length), tail.length);
    segments.release(segment, offset, length);
    const window = segmentsOutside(bytes, segments.development).borrow(0, 0, bytes.length);
    engine.window = window;
    this.callData(window);
  }

  private callData(window: RingWindow): void {
    const { config } = this;
    const { handlers, engine } = config;
    let result;
    try {
      // Inside the try, because even the table's getters belong to the application.
      result = handlers.data?.(this, window);
    } catch (error) {
      window.endBorrow();
      engine.window = undefined;
      return this.handlerFailed(error);
    }
    window.endBorrow();
    engine.window = undefined;
    if (result === undefined) return;
    // Further bytes are for other handlers now: they do not wait for this one.
    if (this.config === config) this.settleData(result, window);
    else this.settle(result, this.hasAskedForClosed(window));
  }

  unread(window: RingWindow, start: number): void {
    if (!(window instanceof RingWindow) || this.config.engine.window !== window) {
      throw new OptionError(
        "unread",
        "window",
        "bytes can be given back only within their data callback",
      );
    }
    if (!Number.isInteger(start) || start < 0 || start > window.length) {
      throw new OptionError("unread", "start", `the position must be a whole number up to ${window.length}`);
    }
    const { bufferLimit } = this.config;
    const length = window.length - start;
    if (length > bufferLimit) {
      throw new LimitError(`unread: ${length} bytes are above the bufferLimit of ${bufferLimit}`, {
        code: "ERR_UNREAD_LIMIT",
        operation: "unread",
        origin: "application",
        connectionId: this.id,
      });
    }
    if (length === 0) return void this.takeTail();
    this.needRare().tail = window.slice(start);
    this.flags |= Flag.tailed;
  }

  /** Takes the bytes that were given back; undefined where there are none. */
  private takeTail(): Uint8Array<ArrayBuffer> | undefined {
    const rare = this.rare;
    const tail = rare?.tail;
    if (tail === undefined) return undefined;
    rare!.tail = undefined;
    this.flags &= ~Flag.tailed;
    return tail;
  }

  /**
   * Within the `data` callback of a paused connection: the bytes of the window from `position` on are
   * delivered again when reading continues. They are held in place.
   */
  putBack(window: RingWindow, position: number): void {
    const { bytes, size } = window.segments;
    const segment = Math.floor(position / size);
    const length = window.length - (position - window.segment * size - window.offset);
    if (asserting) assert(length >= 0 && length <= window.length, "the rest of a window lies within it");
    if (length === 0) return;
    const stash = this.needStash();
    // Bytes outside of the ring end with their callback.
    if (window.segments !== this.config.segments) {
      return stash.addFirst(bytes.slice(position, position + length));
    }
    window.passHoldFrom(position);
    stash.putBack(segment, position - segment * size, length);
  }

  /** Reading is over. */
  receiveEnded(status: number, systemError: number): void {
    if ((this.flags & Flag.beforeHeader) !== 0) return this.origin?.headerReader?.ended(status);
    // An error does not wait: it is reported once, and a writer that paused until `drain` would wait forever.
    if (status !== Status.endOfStream) return this.failed("receive", status, systemError);
    const { flags } = this;
    // The peer's FIN waits behind the bytes received while paused.
    const waits = (flags & Flag.paused) !== 0 ||
      // A running handler may still answer, unless this side has ended or the handler waits for the end.
      ((flags & Flag.handling) !== 0 && this.stateNumber === State.open && !this.closedIsWaitedFor);
    if (!waits || (flags & Flag.discarding) !== 0) return this.peerEnded();
    this.needStash().ended = true;
    if ((flags & Flag.paused) === 0) this.setPaused(true);
  }

  private peerEnded(): void {
    const { config } = this;
    const before = this.stateNumber;
    if (before !== State.open && before !== State.writeEnded) {
      // Closing: the peer's end was all it waited for.
      if (before === State.closing) this.closeNatively();
      return;
    }
    this.note("peer");
    const reader = (this.flags & Flag.streaming) === 0 ? undefined : this.rare!.reader;
    const streaming = reader !== undefined && !reader.over;
    if (before === State.open) this.stateNumber = State.readEnded;
    if (streaming) reader.end();
    const handled = config.handlers.end !== undefined;
    if (handled) this.call("end");
    if (this.stateNumber === State.writeEnded) {
      // Both sides have ended.
      this.stateNumber = State.closing;
      this.closeNatively();
    } else if (this.stateNumber === State.readEnded && !handled && !streaming && !config.allowHalfOpen) {
      this.end();
    }
  }

  /**
   * The same follows as without a stream when the peer ends. Code that has taken `writable` ends this side by
   * closing it.
   */
  readToTheEnd(): void {
    if (!this.endsByItself) return;
    // After the reader has gone on: it may still write an answer, or end in its own way.
    setImmediate(() => {
      this.needRare().endDue = true;
      this.endIfDue();
    });
  }

  /** Ends this side if that is due and no running handler may still answer. */
  protected endIfDue(): void {
    const rare = this.rare;
    if (rare === undefined || !rare.endDue || this.tasksAtWork > 0) return;
    rare.endDue = false;
    if (this.endsByItself) this.end();
  }

  private get endsByItself(): boolean {
    const { config } = this;
    return this.stateNumber === State.readEnded && config.handlers.end === undefined &&
      !config.allowHalfOpen && this.rare?.writer === undefined;
  }

  // Pausing.

  pause(): void {
    this.pauseFor(Flag.pausedByApplication);
    this.flags &= ~Flag.unread;
  }

  /** What others have paused stays paused. */
  resume(): void {
    if ((this.flags & (Flag.tailed | Flag.paused)) === (Flag.tailed | Flag.paused)) {
      this.needStash().addFirst(this.takeTail()!);
    }
    this.resumeFrom(Flag.pausedByApplication | Flag.unread);
  }

  /** Stops reading for one of the {@linkcode pauseReasons}. */
  pauseFor(reason: number): void {
    const { flags } = this;
    if ((flags & Flag.discarding) !== 0 || !this.readsOn) return;
    this.flags = (flags | reason) & ~Flag.resuming;
    if ((flags & Flag.paused) !== 0) return;
    this.setPaused(true);
    this.config.engine.submit(Operation.pause, this.number);
  }

  /** Removes reasons. When none is left, reading continues with the bytes received while paused. */
  resumeFrom(reasons: number): void {
    if ((this.flags & reasons) === 0) return;
    this.flags &= ~reasons;
    if ((this.flags & pauseReasons) !== 0 || (this.flags & Flag.paused) === 0) return;
    const stash = this.rare?.stash;
    if (stash !== undefined && (!stash.empty || stash.ended)) {
      this.flags |= Flag.resuming;
      return this.waitForPoll();
    }
    this.setPaused(false);
    this.submitWhileReading(Operation.resumeReading);
  }

  /** Delivers the bytes received while paused, until all are delivered or it is paused again. */
  private deliverStash(stash: Stash): void {
    while ((this.flags & Flag.resuming) !== 0 && !stash.empty) {
      const piece = stash.next();
      if (piece === undefined) return this.waitForPoll();
      // Not paused while the handler runs, so that it can pause again.
      this.setPaused(false);
      this.deliverSpecially(piece.segment, piece.offset, piece.length);
      if ((this.flags & Flag.paused) !== 0) return;
      // The handler has closed it: the library reads on, for the peer's end.
      if ((this.flags & Flag.discarding) !== 0) return this.submitWhileReading(Operation.resumeReading);
      this.setPaused(true);
      // The handler is processing these.
      if ((this.flags & Flag.handling) !== 0) this.flags &= ~Flag.resuming;
    }
    if ((this.flags & Flag.resuming) === 0) return;
    this.setPaused(false);
    this.flags &= ~Flag.resuming;
    if (!stash.ended) return this.submitWhileReading(Operation.resumeReading);
    stash.ended = false;
    this.peerEnded();
  }

  /** From now on received bytes are discarded; reading continues, so that the peer's end is seen. */
  discard(): void {
    if ((this.flags & Flag.discarding) !== 0) return;
    const paused = (this.flags & Flag.paused) !== 0;
    this.flags |= Flag.discarding;
    if (paused) this.setPaused(false);
    this.flags &= ~(pauseReasons | Flag.resuming);
    const ended = this.rare?.stash?.drop() ?? false;
    if (paused) this.submitWhileReading(Operation.resumeReading);
    if (ended) this.peerEnded();
  }

  /** Time limits of input stop while paused. */
  private setPaused(on: boolean): void {
    const { timeLimits } = this.config;
    const watched = (this.flags & Flag.watched) !== 0;
    if (on) {
      this.flags |= Flag.paused;
      if (watched) timeLimits.paused(this);
    } else {
      if (watched) timeLimits.resumed(this);
      this.flags &= ~Flag.paused;
    }
  }

  private submitWhileReading(operation: number): void {
    if (this.readsOn) this.config.engine.submit(operation, this.number);
  }

  /** True while the library may still report bytes or an end. */
  private get readsOn(): boolean {
    const { stateNumber } = this;
    return (stateNumber === State.open || stateNumber === State.writeEnded ||
      stateNumber === State.closing) && (this.flags & Flag.closeSubmitted) === 0;
  }

  private needStash(): Stash {
    return this.needRare().stash ??= new Stash(this.config.engine);
  }

  /** Unhandled bytes that wait in the connection, a reader or a protocol. */
  get hasUnread(): boolean {
    if ((this.flags & (Flag.discarding | Flag.resuming)) !== 0 || this.memory !== undefined) return true;
    const rare = this.rare;
    if (rare === undefined) return false;
    const { stash, reader } = rare;
    return (stash !== undefined && (!stash.empty || stash.ended)) || (reader?.bufferedBytes ?? 0) > 0;
  }

  /** Takes what waits outside of the ring; nothing of it is left here. */
  takeCopies(): Uint8Array[] {
    const stash = this.rare?.stash;
    const copies = [...stash?.copies() ?? []];
    stash?.drop();
    return copies;
  }

  // Readers and streams.

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const rare = this.needRare();
    if (rare.readable !== undefined) return rare.readable;
    this.checkUnhandled("readable");
    const read = rare.reader === undefined ? noBytes : rare.reader.leave();
    if (read === undefined) {
      throw stateError(this.id, "readable", "another read of the connection is in progress");
    }
    const reader = new StreamReader(this, read);
    rare.reader = reader;
    const over = !this.takesReader();
    const stream = reader.stream(over);
    this.resumeFrom(Flag.unread | Flag.pausedByStream);
    return rare.readable = stream;
  }

  get writable(): WritableStream<Uint8Array | string> {
    const rare = this.needRare();
    if (rare.writable !== undefined) return rare.writable;
    rare.writer = new StreamWriter(this);
    return rare.writable = rare.writer.stream();
  }

  readExactly(length: number): Promise<Uint8Array<ArrayBuffer>> {
    return readExactly(this.id, length, () => this.pullReader("readExactly"));
  }

  /** The reader behind reads of a given size. Throws if another reader takes the bytes. */
  pullReader(operation: string): PullReader {
    const rare = this.needRare();
    if (rare.reader instanceof PullReader) return rare.reader;
    this.checkUnhandled(operation);
    if (rare.readable !== undefined) {
      throw stateError(this.id, operation, "the connection's stream is being read and receives the data");
    }
    const reader = new PullReader(this);
    rare.reader = reader;
    if (this.takesReader()) this.resumeFrom(Flag.unread);
    else reader.fail(rare.error);
    return reader;
  }

  private checkUnhandled(operation: string): void {
    if (this.config.handlers.data === undefined) return;
    throw stateError(this.id, operation, "the connection has a data handler, which receives the data");
  }

  /** From now on received bytes go to the reader; false if none will arrive any more. */
  private takesReader(): boolean {
    const { stateNumber } = this;
    if (stateNumber !== State.open && stateNumber !== State.writeEnded) return false;
    this.flags = (this.flags | Flag.streaming) & ~Flag.discarding;
    return true;
  }

  /** A handler or the stream takes received bytes. */
  get hasReader(): boolean {
    return this.config.handlers.data !== undefined || (this.flags & Flag.streaming) !== 0;
  }

  /** Ends reader and streams, so that code that still holds them does not touch the next lease. */
  detachStreams(): void {
    const { rare } = this;
    if (rare === undefined) return;
    rare.reader?.detach();
    rare.writer?.fail(released);
    rare.reader = undefined;
    rare.readable = undefined;
    rare.writer = undefined;
    rare.writable = undefined;
    this.flags &= ~(Flag.streaming | Flag.drainOwed);
  }

  // Writing.

  write(bytes: Writable): WriteResult {
    const { config, stateNumber } = this;
    if (stateNumber === State.open || stateNumber === State.readEnded) {
      return config.sender.write(this, bytes);
    }
    if (bytes instanceof RingWindow) bytes.checkLive();
    else if (typeof bytes !== "string") asBytes(bytes);
    config.engine.writesAfterEnd += 1;
    return "refused";
  }

  sendFile(file: SendableFile, options?: SendFileOptions): FileSend {
    const part = filePartOf(file, options);
    const { config, stateNumber } = this;
    if (stateNumber === State.open || stateNumber === State.readEnded) {
      return config.sender.sendFile(this, part);
    }
    config.engine.writesAfterEnd += 1;
    return config.sender.settled("refused", part, stateError(this.id, "sendFile", "this side has ended"));
  }

  get fileWeight(): number {
    return this.rare?.outbox.files?.weight ?? 0;
  }

  /** Files are with the kernel whole, or one cannot follow. */
  fileSent(status: number, systemError: number): void {
    if (status !== Status.ok) return this.failed("sendFile", status, systemError);
    this.rare?.outbox.files?.settle();
    this.sent(status, systemError);
  }

  get bufferedBytes(): number {
    return this.stateNumber === State.closed ? 0 : this.config.sender.bufferedBytes(this);
  }

  get outbox(): Outbox | undefined {
    return this.rare?.outbox;
  }

  needOutbox(): Outbox {
    return this.needRare().outbox;
  }

  refused(length: number): void {
    this.needRare().refusedBytes += length;
  }

  mustWait(length: number): boolean {
    return this.config.sender.mustWait(this, length);
  }

  /** The library's queue has drained, or sending has failed. */
  sent(status: number, systemError: number): void {
    if (status !== Status.ok) return this.failed("send", status, systemError);
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.active(this);
    this.goOn();
  }

  /** Sends on what waits, and calls `drain` when it is owed and due. */
  private goOn(): void {
    if (this.stateNumber === State.closed || this.stateNumber === State.aborting) return;
    const { config } = this;
    if (config.sender.feed(this)) this.outboxEmptied();
    if ((this.flags & Flag.drainOwed) === 0) return;
    if (config.sender.bufferedBytes(this) > config.lowWaterMark) {
      // Bytes of this very turn may go out without a completion.
      if (config.sender.nothingComes(this)) this.waitForPoll();
      return;
    }
    this.flags &= ~Flag.drainOwed;
    const { rare } = this;
    rare?.writer?.drained();
    if (rare !== undefined && heedsDrain(config.handlers)) rare.refusedBytes = 0;
    if (this.stateNumber === State.open || this.stateNumber === State.readEnded) this.call("drain");
    // After the handler, which may have filled the buffer again.
    if ((this.flags & Flag.drainOwed) === 0) this.resumeFrom(Flag.pausedByWriting);
  }

  /** The outbox is empty: what waited for that. */
  private outboxEmptied(): void {
    if ((this.flags & Flag.finWanted) !== 0) {
      this.flags &= ~Flag.finWanted;
      this.config.engine.submit(Operation.shutdownWrite, this.number);
    }
    if ((this.flags & Flag.closeWanted) !== 0) {
      this.flags &= ~Flag.closeWanted;
      this.closeNatively();
    }
  }

  /** After the next poll, {@linkcode tryAgain}. */
  waitForPoll(): void {
    if ((this.flags & Flag.waiting) !== 0) return;
    this.flags |= Flag.waiting;
    this.config.engine.waitForPoll(this);
  }

  tryAgain(): void {
    this.flags &= ~Flag.waiting;
    if (this.stateNumber === State.closed) return;
    if ((this.flags & Flag.resuming) !== 0) this.deliverStash(this.rare!.stash!);
    this.goOn();
  }

  // Ending.

  end(bytes?: Writable): WriteResult {
    const result = bytes === undefined ? "sent" : this.write(bytes);
    if (result === "refused") return result;
    this.endWriting(true);
    return result;
  }

  shutdownWrite(): void {
    this.endWriting(false);
  }

  /** FIN after everything written; reading continues. With `waiting` the linger timer watches the peer. */
  private endWriting(waiting: boolean): void {
    const { config, stateNumber } = this;
    if (stateNumber === State.readEnded) {
      this.note("local");
      this.stateNumber = State.closing;
      // Nothing is on its way out: the library's close ends it at once, and there is nobody to wait for.
      if (this.bufferedBytes > 0) this.startLinger();
      return this.closeNatively();
    }
    if (stateNumber === State.open) {
      this.note("local");
      if (waiting && config.lingerTimeout === 0) {
        this.stateNumber = State.closing;
        return this.closeNatively();
      }
      this.stateNumber = State.writeEnded;
      if (this.hasOutbox) this.flags |= Flag.finWanted;
      else config.engine.submit(Operation.shutdownWrite, this.number);
    }
    if (!waiting || this.stateNumber !== State.writeEnded) return;
    this.startLinger();
    // Where nobody reads, the peer's end would never be seen.
    if (!this.hasReader) this.discard();
  }

  close(): Promise<CloseReason> {
    this.closeGently();
    return this.closed;
  }

  /** FIN after everything written, discard received bytes, gone at the peer's end. */
  closeGently(): void {
    const { stateNumber } = this;
    if (stateNumber !== State.open && stateNumber !== State.writeEnded && stateNumber !== State.readEnded) {
      return;
    }
    const atOnce = stateNumber === State.readEnded || this.config.lingerTimeout === 0;
    if (atOnce) this.note("local");
    else this.endWriting(false);
    this.stateNumber = State.closing;
    this.startLinger();
    if (atOnce) this.closeNatively();
    this.discard();
  }

  /** Closes gently, once its protocol has written the answers it owes. */
  finish(): void {
    const { protocol } = this;
    if (protocol === undefined) this.closeGently();
    else protocol.finish(this as Connection<unknown>);
  }

  /** RST by the application: whatever the peer did before, this side has ended it. */
  abort(): void {
    if (this.stateNumber === State.closed || this.stateNumber === State.aborting) return;
    if (this.error === undefined) this.flags = withEndedBy(this.flags, "local");
    this.cut("local");
  }

  /** RST at once. */
  cut(by: CloseReason["by"], error?: Error): void {
    const { stateNumber } = this;
    if (stateNumber >= State.aborting || stateNumber === State.connecting) return;
    this.note(by, error);
    this.stateNumber = State.aborting;
    this.flags |= Flag.closeSubmitted | Flag.muted;
    // What the library has received already is not delivered any more.
    this.discard();
    this.config.engine.submit(Operation.abort, this.number);
  }

  /** The library's close, once the outbox is empty. */
  private closeNatively(): void {
    if ((this.flags & (Flag.closeSubmitted | Flag.closeWanted)) !== 0) return;
    if (this.hasOutbox) {
      this.flags |= Flag.closeWanted;
      return;
    }
    this.flags |= Flag.closeSubmitted;
    this.config.engine.submit(Operation.close, this.number);
  }

  private get hasOutbox(): boolean {
    return this.rare !== undefined && !this.rare.outbox.isEmpty;
  }

  /** FIN is out, or not. */
  writeEnded(status: number, systemError: number): void {
    if (status !== Status.ok) this.failed("shutdown_write", status, systemError);
  }

  /** The kernel or the library has given the connection up. */
  failed(operation: string, status: number, systemError: number): void {
    const { stateNumber } = this;
    if (stateNumber === State.aborting || stateNumber === State.closed) return;
    // Once the close is submitted, only a break of the connection itself matters.
    const closes = (this.flags & Flag.closeSubmitted) !== 0;
    if (closes && (this.error !== undefined || answersClose.includes(status))) return;
    const { engine } = this.config;
    engine.failures[status] += 1;
    const error = engine.errorOf(status, systemError, operation, this.id);
    this.note(status === Status.timedOut ? "timeout" : "error", error);
    // What this side wrote before its end may be lost, even where the kernel had taken all of it.
    if (stateNumber === State.writeEnded || stateNumber === State.closing) this.needRare().undelivered = true;
    // The application has given up a closing connection: the close reason reports the failure.
    if (stateNumber !== State.closing) this.callError(error);
    if (!closes) this.cut("error", error);
  }

  /** Handling a completion of it has thrown: its state is unknown. */
  broken(error: Error): void {
    this.note("error", error);
    this.callError(error);
    this.cut("error", error);
  }

  /** Remembers who ended the connection: the first one to do so, or the first error. */
  note(by: CloseReason["by"], error?: Error): void {
    if (error === undefined) {
      if ((this.flags & endedByMask) === 0) this.flags = withEndedBy(this.flags, by);
      return;
    }
    const rare = this.needRare();
    if (rare.error !== undefined) return;
    this.flags = withEndedBy(this.flags, by);
    rare.error = error;
  }

  private startLinger(): void {
    this.flags |= Flag.lingering;
    if (this.config.lingerTimeout === 0) return;
    const linger = this.needRare().linger ??= new Linger();
    if (linger.timer >= 0) return;
    linger.begin();
    this.armLinger(linger);
  }

  private armLinger(linger: Linger): void {
    const { engine, lingerTimeout } = this.config;
    this.flags &= ~Flag.alive;
    linger.timer = engine.timers.arm(Math.ceil(lingerTimeout / lingerRounds), this);
  }

  timerDue(timer: number): void {
    const linger = this.rare?.linger;
    if (linger !== undefined && linger.timer === timer) this.lingerDue(linger);
    else this.config.timeLimits.due(this);
  }

  /**
   * A round of the linger timer is over. A peer that was silent for all of them is given up. One that was
   * closed and has flushed everything does not wait for the peer's end: it goes after a silent round, or when
   * the time is over.
   */
  private lingerDue(linger: Linger): void {
    linger.timer = -1;
    const { flags, limits, bufferedBytes } = this;
    const { engine } = this.config;
    const alive = (flags & Flag.alive) !== 0;
    const waitsForFin = this.stateNumber === State.closing && (flags & Flag.closeSubmitted) === 0;
    if (waitsForFin && bufferedBytes === 0 && linger.flushed(alive)) return this.closeNatively();
    // Reading is paused on this side's own account; bytes that wait for a handler are a sign of life.
    const held = (flags & (Flag.pausedByApplication | Flag.pausedByStream)) !== 0 ||
      ((flags & Flag.handling) !== 0 && (flags & Flag.paused) !== 0);
    // On a link that loses much TCP is silent for longer than a living peer: where there is a limit for that,
    // what is still to go out is its business alone.
    const watched = bufferedBytes > 0 && limits.writeStall > 0;
    const files = this.rare?.outbox.files;
    const inFiles = files === undefined ? 0 : files.remaining - files.weight;
    const onTheirWay = bufferedBytes + inFiles + engine.unacknowledged(this.number);
    if (!linger.silent(held || alive || watched, onTheirWay)) return this.armLinger(linger);
    engine.timeouts.linger += 1;
    this.flags = withEndedBy(this.flags, "timeout");
    // What the kernel has taken it may still be delivering, over a slow link for a minute: a reset would take
    // it away from the peer.
    if (bufferedBytes === 0 && (flags & Flag.closeSubmitted) === 0) return this.closeNatively();
    this.cut("timeout");
  }

  /** The loop was taken away: the library has aborted the connection and says no more. */
  lost(error: Error): void {
    this.note("error", error);
    this.callError(error);
    this.left(this.config.sender.submittedBytes(this));
  }

  /** The last completion. */
  left(bytesLost: number): void {
    const { config } = this;
    if ((this.flags & Flag.watched) !== 0) config.timeLimits.end(this);
    this.rare?.stash?.drop();
    this.takePeerAlong();
    this.memory?.forget();
    const { rare } = this;
    const reason = rare === undefined && bytesLost === 0
      ? this.reasonInOrder()
      : this.reasonOf(this.needRare(), bytesLost);
    this.stateNumber = State.closed;
    rare?.reader?.fail(rare.error);
    rare?.writer?.fail(reason);
    this.flags |= Flag.muted;
    this.callClose(reason);
    this.endHasCome();
    // The handler may have asked for it.
    this.rare?.resolveClosed?.(reason);
    this.unref();
    this.config.owner?.left(this);
  }

  /** Of a connection that lost nothing, failed at nothing and needed nothing special: most of them. */
  private reasonInOrder(): CloseReason {
    return { by: endedBy(this.flags), bytesLost: 0, flushed: true };
  }

  private reasonOf(rare: RareState, bytesLost: number): CloseReason {
    const { engine, sender } = this.config;
    if (rare.linger !== undefined && rare.linger.timer >= 0) {
      engine.timers.cancel(rare.linger.timer);
      rare.linger.timer = -1;
    }
    const gone = () =>
      rare.error ?? stateError(this.id, "sendFile", "the connection ended before the file had gone");
    const lost = bytesLost + sender.drop(this, gone) + rare.refusedBytes;
    const flushed = lost === 0 && !rare.undelivered;
    const reason: CloseReason = { by: endedBy(this.flags), bytesLost: lost, flushed };
    if (rare.error !== undefined) reason.error = rare.error;
    return rare.reason = reason;
  }

  get closed(): Promise<CloseReason> {
    const rare = this.needRare();
    if (this.stateNumber === State.closed) rare.reason ??= this.reasonInOrder();
    if (rare.reason !== undefined) return Promise.resolve(rare.reason);
    this.askedForClosed();
    return rare.closed ??= new Promise((resolve) => rare.resolveClosed = resolve);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** What the library answers to operations that a close has overtaken. */
const answersClose: readonly number[] = [Status.canceled, Status.invalidId, Status.invalidState];

/** The error of the writable stream after its lease is over: it sends nothing more. */
const released = { by: "local", bytesLost: 0, flushed: false } as const;

const noBytes = new Uint8Array(0);
