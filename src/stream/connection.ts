/**
 * One connection as the framework knows it. `Connection` in `types.ts` is what the application sees of it;
 * the ways in, out and to the end stand in `reading.ts`, `writing.ts` and `ending.ts`.
 *
 * @module
 */
import type { Role } from "../base/role.ts";
import type { SocketAddress } from "../base/address.ts";
import { StateError } from "../base/errors.ts";
import { slotOf } from "../base/ids.ts";
import { Status } from "../base/layout.ts";
import type { Window } from "../memory/window.ts";
import type { TimerTarget } from "../loop/timers.ts";
import type { Waiter } from "../loop/engine.ts";
import { askedForClosed, callError, callHandler, makeData } from "./calling.ts";
import {
  abort,
  closed,
  closeGently,
  closeNatively,
  cut,
  endWriting,
  failed,
  lingerDue,
  lost,
  outboxEmptied,
  reasonInOrder,
} from "./ending.ts";
import { Extras, type FramingMemory } from "./extras.ts";
import type { SharedConfig } from "./shared_config.ts";
import { reload } from "./hand_on.ts";
import { readExactly } from "./pull_reader.ts";
import {
  deliver,
  deliverSpecially,
  deliverStash,
  discard,
  endReading,
  pause,
  resume,
  resumeFrom,
  unread,
} from "./reading.ts";
import type { Origin } from "./origin.ts";
import { noPeer } from "./peer_address.ts";
import type { ProxyHeader } from "./proxy_header.ts";
import { createReadable } from "./readable.ts";
import {
  clientOf,
  localOf,
  remoteOf,
  setKeepAlive,
  setNoDelay,
  setTimeouts,
  setTypeOfService,
} from "./socket_options.ts";
import { endedByMask, Flag, readingSpecial, State, stateNames, withEndedBy } from "./state.ts";
import type {
  CloseReason,
  Connection,
  ConnectionState,
  KeepAliveOptions,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./types.ts";
import type { ConnectionTimeoutOptions, RateOptions } from "./time_limits/types.ts";
import { createWritable } from "./writable.ts";
import { asBytes, bufferedBytes, feed, heedsDrain, write } from "./writing.ts";

/** A connection. Its fields are few, because there may be very many of it. */
export class StreamConnection<D = unknown> implements Connection<D>, TimerTarget, Waiter {
  data: D;
  /** Another one while the PROXY header is read. */
  config: SharedConfig<D>;
  /** The id as a signed number. */
  number: number;
  stateNumber: State = State.connecting;
  flags = 0;
  /** Bytes submitted in `turn`, which the library may not have seen yet. */
  turnBytes = 0;
  turn = -1;
  /** Handlers whose promise has not settled. */
  tasks = 0;
  /** Number of the promise of a `data` handler that further bytes wait for; see {@linkcode Flag.handling}. */
  handlingTurn = 0;
  /** Segments submitted since the library's queue was last seen empty. */
  inFlight = 0;
  extras: Extras | undefined = undefined;
  origin: Origin | undefined = undefined;
  /** The peer's address as `peer_address.ts` keeps it. */
  peer: number = noPeer;
  framing: FramingMemory | undefined = undefined;

  constructor(config: SharedConfig<D>, number: number) {
    this.config = config;
    // A function is called when the connection is opened.
    this.data = typeof config.data === "function" ? undefined as D : config.data;
    this.number = number;
    config.engine.ref();
  }

  get id(): number {
    return this.number >>> 0;
  }

  get state(): ConnectionState {
    return stateNames[this.stateNumber];
  }

  get role(): Role {
    return this.config.role;
  }

  get bufferedBytes(): number {
    return this.stateNumber === State.closed ? 0 : bufferedBytes(this);
  }

  get highWaterMark(): number {
    return this.config.highWaterMark;
  }

  get lowWaterMark(): number {
    return this.config.lowWaterMark;
  }

  get localAddress(): SocketAddress {
    return localOf(this);
  }

  get remoteAddress(): SocketAddress {
    return clientOf(this);
  }

  get peerAddress(): SocketAddress {
    return remoteOf(this);
  }

  get proxyHeader(): ProxyHeader | undefined {
    return this.origin?.header;
  }

  write(bytes: Writable): WriteResult {
    if (this.stateNumber === State.open || this.stateNumber === State.readEnded) return write(this, bytes);
    if (typeof bytes === "object" && "live" in bytes) bytes.checkLive();
    else if (typeof bytes !== "string") asBytes(bytes);
    this.config.engine.writesAfterEnd += 1;
    return "refused";
  }

  end(bytes?: Writable): WriteResult {
    const result = bytes === undefined ? "sent" : this.write(bytes);
    if (result === "refused") return result;
    endWriting(this, true);
    return result;
  }

  shutdownWrite(): void {
    endWriting(this, false);
  }

  close(): void {
    closeGently(this);
  }

  abort(): void {
    abort(this);
  }

  readExactly(length: number): Promise<Uint8Array<ArrayBuffer>> {
    return readExactly(this, length);
  }

  unread(window: Window, start: number): void {
    unread(this, window, start);
  }

  reload(options: { socket: SocketHandlers<D> }): void {
    reload(this, options);
  }

  pause(): void {
    pause(this);
  }

  resume(): void {
    resume(this);
  }

  setNoDelay(on = true): void {
    setNoDelay(this, on);
  }

  setKeepAlive(on: boolean, options?: KeepAliveOptions): void {
    setKeepAlive(this, on, options);
  }

  setTypeOfService(value: number): void {
    setTypeOfService(this, value);
  }

  setTimeouts(timeouts: ConnectionTimeoutOptions, limits: RateOptions = {}): void {
    setTimeouts(this, timeouts, limits);
  }

  messageBegan(): void {
    if ((this.flags & Flag.inMessage) !== 0) return;
    this.flags |= Flag.inMessage;
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.messageBegan(this);
  }

  messageEnded(): void {
    if ((this.flags & Flag.inMessage) === 0) return;
    this.flags &= ~Flag.inMessage;
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.active(this);
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const extras = this.needExtras();
    if (extras.readable === undefined) {
      if (this.config.handlers.data !== undefined) {
        throw new StateError("readable: the connection has a data handler, which receives the data", {
          code: "ERR_STATE",
          operation: "readable",
          origin: "application",
          connectionId: this.id,
        });
      }
      extras.readable = createReadable(this);
    }
    return extras.readable;
  }

  get writable(): WritableStream<Uint8Array | string> {
    return this.needExtras().writable ??= createWritable(this);
  }

  get closed(): Promise<CloseReason> {
    const extras = this.needExtras();
    if (this.stateNumber === State.closed) extras.reason ??= reasonInOrder(this);
    if (extras.reason !== undefined) return Promise.resolve(extras.reason);
    askedForClosed(this, extras);
    return extras.closed ??= new Promise((resolve) => extras.resolveClosed = resolve);
  }

  ref(): void {
    if (this.stateNumber === State.closed || (this.flags & Flag.unreferenced) === 0) return;
    this.flags &= ~Flag.unreferenced;
    this.config.engine.ref();
  }

  unref(): void {
    if ((this.flags & Flag.unreferenced) !== 0) return;
    this.flags |= Flag.unreferenced;
    this.config.engine.unref();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    if (this.stateNumber !== State.closed) discard(this);
    await this.closed;
  }

  // Completions and what the files beside this one need.

  /** Bytes have come, with one hold. */
  received(segment: number, offset: number, length: number): void {
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.received(this, length);
    if ((this.flags & readingSpecial) === 0) deliver(this, segment, offset, length);
    else deliverSpecially(this, segment, offset, length);
  }

  /** Reading is over. */
  receiveEnded(status: number, systemError: number): void {
    if ((this.flags & Flag.greeting) !== 0) return this.origin?.greeting?.ended(status);
    endReading(this, status, systemError);
  }

  /** The library's queue has drained, or sending has failed. */
  sent(status: number, systemError: number): void {
    if (status !== Status.ok) return failed(this, "send", status, systemError);
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.active(this);
    this.goOn();
  }

  /** FIN is out, or not. */
  writeEnded(status: number, systemError: number): void {
    if (status !== Status.ok) failed(this, "shutdown_write", status, systemError);
  }

  /** The last completion. */
  left(bytesLost: number): void {
    closed(this, bytesLost);
  }

  /**
   * Takes part in the turn: accepted, or connected. `paused`: the library does not read yet. `given`: it goes
   * on to somebody who may read its stream.
   */
  opened(paused: boolean, given: boolean): void {
    // Cut by what was asked on its way here.
    if (this.stateNumber >= State.aborting) return;
    this.stateNumber = State.open;
    if (paused) this.flags |= Flag.paused | Flag.unread;
    if (this.config.limited) this.config.timeLimits.begin(this);
    if (typeof this.config.data === "function" && !makeData(this)) return;
    callHandler(this, "open");
    if ((this.flags & Flag.unread) === 0) return;
    // With handlers but without one for data, what comes is thrown away unless `open` has begun to read it.
    if (this.config.handlers.data !== undefined) resume(this);
    else if (this.config.handled && !given) discard(this);
  }

  /** Sends on what waits, and calls `drain` when it is owed and due. */
  goOn(): void {
    if (this.stateNumber === State.closed || this.stateNumber === State.aborting) return;
    if (feed(this)) outboxEmptied(this);
    if ((this.flags & Flag.drainOwed) === 0) return;
    const buffered = bufferedBytes(this);
    if (buffered > this.config.lowWaterMark) {
      // Bytes of this very turn may go out without a completion.
      if (this.config.engine.sendPending[this.slot] === 0) this.waitForPoll();
      return;
    }
    this.flags &= ~Flag.drainOwed;
    this.extras?.writer?.drained();
    if (this.extras !== undefined && heedsDrain(this.config.handlers)) this.extras.refusedBytes = 0;
    if (this.stateNumber === State.open || this.stateNumber === State.readEnded) callHandler(this, "drain");
    // After the handler, which may have filled the buffer again.
    if ((this.flags & Flag.drainOwed) === 0) resumeFrom(this, Flag.pausedByWriting);
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
    if ((this.flags & Flag.resuming) !== 0) deliverStash(this);
    this.goOn();
  }

  timerDue(timer: number): void {
    if (this.extras?.lingerTimer === timer) lingerDue(this);
    else this.config.timeLimits.due(this);
  }

  /** Somebody takes what comes: a handler or the stream. */
  get hasReader(): boolean {
    return this.config.handlers.data !== undefined || (this.flags & Flag.streaming) !== 0;
  }

  get slot(): number {
    return slotOf(this.number);
  }

  needExtras(): Extras {
    return this.extras ??= new Extras();
  }

  /** Remembers who ended the connection: the first one to do so, or the first error. */
  note(by: CloseReason["by"], error?: Error): void {
    if (error === undefined) {
      if ((this.flags & endedByMask) === 0) this.flags = withEndedBy(this.flags, by);
      return;
    }
    const extras = this.needExtras();
    if (extras.error !== undefined) return;
    this.flags = withEndedBy(this.flags, by);
    extras.error = error;
  }

  /** Handling what came for it has thrown: nobody knows how far it got. */
  broken(error: Error): void {
    this.note("error", error);
    callError(this, error);
    this.cut("error", error);
  }

  /** The loop is gone, and the connection with it. */
  lost(error: Error): void {
    lost(this, error);
  }

  closeNatively(): void {
    closeNatively(this);
  }

  cut(by: CloseReason["by"], error?: Error): void {
    cut(this, by, error);
  }

  failed(operation: string, status: number, systemError: number): void {
    failed(this, operation, status, systemError);
  }
}
