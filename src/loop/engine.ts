/**
 * The turns of one loop: submissions out, one poll, completions to the sink; and between the turns, sharing
 * the thread with the host loop.
 *
 * @module
 */
import type { CompletionRing } from "../../ffi/completion_ring.ts";
import * as layout from "../../ffi/layout.gen.ts";
import type { NativeAddress, NativeLoop } from "../../ffi/port.ts";
import type { SubmissionRing } from "../../ffi/submission_ring.ts";
import { assert, ASSERTIONS } from "../base/assert.ts";
import { RingportError, StateError } from "../base/errors.ts";
import * as bounds from "../base/limits.ts";
import type { Segments } from "../memory/segments.ts";
import type { RingWindow } from "../memory/window.ts";
import { errorOf } from "../base/thrown.ts";
import { Clock } from "./clock.ts";
import { company } from "./company.ts";
import { type CompletionSink, noSockets } from "./completion_sink.ts";
import { dispatch } from "./dispatch.ts";
import { Exceptions } from "./exceptions.ts";
import { LateAnswers } from "./late_answers.ts";
import { errorOfNative, native } from "./native.ts";
import { brokenLoop, errorOfStatus, type StatusPlace, unanswered } from "./native_errors.ts";
import { Faults } from "./faults.ts";
import { Overflow } from "./overflow.ts";
import type { Pressure } from "./pressure.ts";
import { segmentsOf } from "./segments_of.ts";
import { Sleep } from "./sleep.ts";
import { noTimeouts, type TimeoutCounts } from "./timeout_counts.ts";
import { TimerTable } from "./timers.ts";
import type { Trace } from "./trace.ts";
import { restMicroseconds, WakePolicy } from "./wake_policy.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const {
  HEADER_LAST_SYSTEM_ERROR,
  HEADER_NEXT_TIMER_MS,
  HEADER_SEGMENTS_HELD,
  HEADER_SEND_ENTRIES_FREE,
  HEADER_WORK_PENDING,
  NO_LOOK,
  Operation,
  Status,
} = layout;
const {
  askPollsMax,
  inFlightSegmentsMin,
  inFlightShare,
  pinnedShare,
  segmentBudgetShareMin,
  statusesMax,
  submissionReserveShare,
} = bounds;
const asserting = ASSERTIONS;
/** Milliseconds between two attempts to close a broken loop: the kernel gives its sockets back soon. */
const seizeRetryMilliseconds = 100;

/** Code that lacked a record or a segment, and tries again after the next poll. */
export interface Waiter {
  tryAgain(): void;
  /** Its `tryAgain` has thrown. */
  broken?(error: Error): void;
}

/** Code that gathers what it has to submit, and is called once before the next poll. */
export interface Flusher {
  /** Submits it. */
  flush(): void;
  /** Its `flush` has thrown. */
  broken?(error: Error): void;
}

/** The engine of one loop. Its sink is given once, before the first socket is opened. */
export class Engine {
  readonly segments: Segments;
  readonly timers: TimerTable;
  readonly clock: Clock;
  /** Bytes in the library's send queue, by slot. */
  readonly sendPending: Uint32Array;
  /** Bytes of files sent by the connections of each slot; see `NativeLoop.fileSent`. */
  readonly fileSent: Uint32Array;
  /** Counts polls: what was submitted under an earlier number has been seen by the library. */
  turn = 0;
  /** Sends that may still be submitted before the next poll. */
  sendBudget = 0;
  /** Segments a connection may have on their way to the kernel before further bytes are copied aside. */
  inFlightMax = inFlightSegmentsMin;
  /** Too many segments are pinned: small writes share segments instead of pinning their own. */
  crowded = false;
  /** Segments that may still be submitted before the next poll. */
  segmentBudget = 0;
  /** Handlers whose promise has not settled. */
  promises = 0;
  /** Bytes of all outboxes, and of what was copied for paused connections. */
  outboxBytes = 0;
  /** Limits of all this, where there are some. */
  pressure: Pressure | undefined = undefined;
  /** Datagrams the kernel dropped because a buffer was full, as far as sockets were asked. */
  datagramsDropped = 0;
  /** Handlers that threw or rejected. */
  handlerErrors = 0;
  /** Of those, the ones no `error` handler took. */
  unhandledErrors = 0;
  /** Writes that were refused because a connection's buffer was full. */
  writesRefused = 0;
  /** Writes to connections that no longer wrote. */
  writesAfterEnd = 0;
  /** Called for the first refused write whose bytes nobody will write again. Must not throw. */
  whenWriteLost: ((message: string, connectionId: number) => void) | undefined = undefined;
  /** Connections that failed, by the library's status. */
  readonly failures: Uint32Array = new Uint32Array(statusesMax);
  /** What escaped into a turn. */
  readonly exceptions: Exceptions = new Exceptions();
  /** Called when an exception has left the loop in a state that nobody knows, and it was ended for that. */
  whenBroken: ((error: RingportError) => void) | undefined = undefined;
  /** Called once when another thread has taken the loop away. */
  whenSeized: (() => void) | undefined = undefined;
  /** Faults of the application that nothing else takes. */
  readonly faults: Faults = new Faults();
  /** Called when another thread has woken the loop. */
  whenWoken: (() => void) | undefined = undefined;
  /** Called forevery record while the loop is traced. */
  trace: Trace | undefined = undefined;
  readonly timeouts: TimeoutCounts = noTimeouts();
  /** The window of the running `data` callback. */
  window: RingWindow | undefined = undefined;

  readonly #native: NativeLoop;
  readonly #header: Int32Array;
  readonly #submissions: SubmissionRing;
  readonly #completions: CompletionRing;
  readonly #poll: (waitMilliseconds: number) => number;
  readonly #overflow = new Overflow();
  readonly #late: LateAnswers;
  readonly #policy: WakePolicy;
  readonly #run = () => {
    // Nobody stands above a turn: what leaves it would end the loop in silence, or the process.
    try {
      this.#runTurns();
    } catch (thrown) {
      this.#break(thrown);
    }
  };
  readonly #ring = () => {
    if (this.#awake) return;
    this.#policy.rang(this.#sleep.milliseconds);
    this.#run();
  };
  readonly #dispatchFailed = (operation: number, id: number, thrown: unknown) => {
    this.exceptions.tell(thrown);
    if (operation !== Operation.timer && operation !== Operation.wake) {
      this.#contain(() => this.#sink.broken(id, errorOf(thrown)));
    }
  };
  readonly #sleep: Sleep;
  #sink: CompletionSink = noSockets;
  readonly #woken = () => this.whenWoken?.();
  #waiters: Waiter[] = [];
  #flushers: Flusher[] = [];
  /** The array that serves again once those in it were called. */
  #flushed: Flusher[] = [];
  /** A turn is running or its task is in the host's queue. */
  #awake = false;
  #closed = false;
  #writeLostTold = false;
  /** The library has no such loop any more. */
  #lost = false;
  #references = 0;
  /** What {@linkcode segmentBudget} was at the last poll. */
  #segmentRation = 0;
  /** Shares of the rings: records kept for other submissions, segments that may be pinned, and so on. */
  readonly #reservedRecords: number;
  readonly #pinnedMax: number;
  readonly #inFlightOfCalm: number;
  readonly #segmentRationMin: number;

  constructor(loop: NativeLoop, development: boolean) {
    this.#native = loop;
    this.#header = loop.header;
    this.clock = new Clock(loop.header);
    this.#submissions = loop.submissions;
    this.#completions = loop.completions;
    this.#poll = loop.poll;
    this.#policy = new WakePolicy(loop.rest(0) >= 0);
    this.sendPending = loop.sendPending;
    this.fileSent = loop.fileSent;
    this.segments = segmentsOf(loop, development);
    this.segments.whenFreed = () => {
      if (!this.#awake && !this.#closed) this.#touch();
    };
    this.#late = new LateAnswers(this.segments, (id) => this.submit(Operation.close, id));
    this.timers = new TimerTable(this, loop.sizes.timers);
    const { count } = this.segments;
    this.#reservedRecords = Math.floor(loop.sizes.submissionRecords / submissionReserveShare);
    this.#pinnedMax = Math.floor(count * pinnedShare);
    this.#inFlightOfCalm = Math.max(inFlightSegmentsMin, Math.floor(count / inFlightShare));
    this.#segmentRationMin = Math.floor(count / segmentBudgetShareMin);
    this.#ration();
    this.#sleep = new Sleep(loop.doorbell, {
      ring: this.#ring,
      wake: () => loop.wake(),
      failed: (thrown) => this.exceptions.tell(errorOfNative(thrown, { operation: "sleep" })),
    });
    this.#readHeader();
  }

  /** Gives the sink of all completions. */
  attach(sink: CompletionSink): void {
    if (asserting) assert(this.#sink === noSockets, "an engine has one sink");
    this.#sink = sink;
  }

  /** The library's loop: its sizes and counters. */
  get native(): NativeLoop {
    return this.#native;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** True once another thread has taken the loop away: nothing submitted reaches the library any more. */
  get lost(): boolean {
    return this.#lost;
  }

  /** Milliseconds of a clock that never goes back, as it was when the last poll ended. Costs two loads. */
  get now(): number {
    return this.clock.polledAt;
  }

  /**
   * Submits a send of bytes in `covered` segments; one hold on each goes with it. Only within
   * {@linkcode sendBudget} and {@linkcode segmentBudget}.
   */
  submitSend(
    id: number,
    segment: number,
    offset: number,
    length: number,
    flags: number,
    covered: number,
  ): void {
    if (asserting) this.#assertSend(segment, offset, length);
    this.sendBudget -= 1;
    this.segmentBudget -= covered;
    this.#submissions.send(id, segment, offset, length, flags);
    if (!this.#awake) this.#touch();
  }

  /** Submits bytes of an opened file. Only within {@linkcode sendBudget}. */
  submitFile(id: number, file: number, offset: number, length: number): void {
    if (asserting) {
      assert(this.sendBudget > 0, "a file is submitted within the budget of its turn");
      assert(length > 0 && offset >= 0, "bytes of a file are submitted");
    }
    this.sendBudget -= 1;
    this.#submissions.sendFile(id, file, offset, length);
    if (!this.#awake) this.#touch();
  }

  /** As {@linkcode submitSend}, for one datagram. */
  submitDatagram(id: number, segment: number, offset: number, length: number, covered: number): void {
    if (asserting) this.#assertSend(segment, offset, length);
    this.sendBudget -= 1;
    this.segmentBudget -= covered;
    this.#submissions.push(Operation.datagramSend, id, segment, offset, length, 0, 0, 0);
    if (!this.#awake) this.#touch();
  }

  /** Lengthens the last submission when it is a plain send of `id` that ends where these bytes begin. */
  extendSend(id: number, segment: number, offset: number, length: number): boolean {
    return this.#submissions.extendSend(id, segment, offset, length);
  }

  /** Submits an operation with an id and, where it has them, an argument and flags. */
  submit(operation: number, id: number, argument = 0, flags = 0): void {
    this.#push(operation, id, 0, 0, 0, 0, argument, flags);
  }

  /** Submits a connect; the request lies at `position` of the segments until the next poll. */
  submitConnect(position: number, length: number, attempt: number, flags: number): void {
    const { size } = this.segments;
    this.#push(Operation.connect, 0, Math.floor(position / size), position % size, length, attempt, 0, flags);
  }

  /** Submits the raw descriptor of a connection; false: the loop is gone and so is the descriptor. */
  submitAdopt(descriptor: number, tag: number, flags: number): boolean {
    if (this.#lost || this.#closed) return this.#native.discard(descriptor), false;
    this.#push(Operation.adopt, 0, 0, 0, descriptor, tag, 0, flags);
    return true;
  }

  submitTimer(index: number, delayMilliseconds: number, tag: number): void {
    this.#push(Operation.timer, index, 0, 0, 0, tag, delayMilliseconds, 0);
  }

  submitTimerCancel(index: number): void {
    this.#push(Operation.timerCancel, index, 0, 0, 0, 0, 0, 0);
  }

  /**
   * Submits a listen and polls until it is answered. Returns the listener's id; throws where it is refused.
   * `accepts`: accepts at most this number until more are allowed, 0 for any number.
   */
  listenNow(segment: number, length: number, tag: number, place: StatusPlace, accepts = 0): number {
    return this.askNow(Operation.listen, 0, segment, length, tag, place, accepts);
  }

  /**
   * The same for any request in a segment. Returns the id in the answer. The hold on the segment passes to
   * the engine, which keeps it until the library has read the request.
   */
  askNow(
    operation: number,
    id: number,
    segment: number,
    length: number,
    tag: number,
    place: StatusPlace,
    argument = 0,
  ): number {
    this.#push(operation, id, segment, 0, length, tag, argument, 0);
    let submitted = this.#submitted;
    for (let idle = 0; idle < askPollsMax; idle++) {
      if (this.#pollOnce() < 0 && this.#lost) throw this.errorOf(Status.seized, 0, place.operation);
      const ring = this.#completions;
      if (ring.takeAhead(operation, tag)) {
        this.segments.release(segment, 0, length);
        if (ring.status !== Status.ok) throw errorOfStatus(ring.status, ring.systemError, place);
        return ring.id | 0;
      }
      // Many submissions may lie before it; what counts is that they become fewer.
      if (this.#submitted < submitted) idle = 0;
      submitted = this.#submitted;
    }
    this.#late.abandon(tag, segment, length);
    throw unanswered(place.operation);
  }

  /** Submissions the library has not taken. */
  get #submitted(): number {
    return this.#overflow.length + this.#submissions.pending;
  }

  /** The error of a status that came with a completion. */
  errorOf(
    status: number,
    systemError: number,
    operation: string,
    connectionId?: number,
    address?: string,
  ): RingportError {
    return errorOfStatus(status, systemError, { operation, connectionId, address });
  }

  /** Address of one end; throws where the id is stale. */
  address(id: number, end: "local" | "remote"): NativeAddress {
    return native("address", () => this.#native.address(id >>> 0, end), { connectionId: id });
  }

  /** The system's number of a listening socket; throws where the id is stale. */
  descriptorOf(id: number): number {
    return native("descriptorOf", () => this.#native.descriptorOf(id >>> 0));
  }

  /**
   * Bytes of a connection that the kernel has taken and the peer has not acknowledged: 0 where the system
   * does not report it. A system call, for when a limit is due.
   */
  unacknowledged(id: number): number {
    return this.#native.unacknowledged(id >>> 0);
  }

  /** Sets an option of a socket; returns the status with the system's number. */
  setOption(id: number, option: number, value: number): { status: number; systemError: number } {
    return this.#native.setOption(id >>> 0, option, value);
  }

  /** The bytes of a refused write are lost: reported once per loop. */
  writeLost(message: string, connectionId: number): void {
    if (this.#writeLostTold) return;
    this.#writeLostTold = true;
    if (this.whenWriteLost !== undefined) return this.whenWriteLost(message, connectionId);
    console.warn(
      `${message}: they are lost. Wait for "drain" after "queued" (told once; writesRefused counts)`,
    );
  }

  /** Calls `waiter` after the next poll. */
  waitForPoll(waiter: Waiter): void {
    this.#waiters.push(waiter);
    if (!this.#awake) this.#touch();
  }

  /**
   * Calls `flusher` once, right before the next poll: after the completions of this turn were handled and,
   * where the host has its turn in between, after the promises that then settle. What it submits leaves with
   * that poll. A flusher that registers itself twice is called twice. The polls of a request that is answered
   * at once ({@linkcode askNow}) call none, because a running handler may still be gathering.
   */
  flushBeforePoll(flusher: Flusher): void {
    this.#flushers.push(flusher);
    if (this.#awake || this.#lost || this.#closed) return;
    // Not by a microtask, as what is submitted: those that settle behind this one would come too late.
    this.#awake = true;
    this.#policy.roused();
    setImmediate(this.#run);
  }

  /** Keeps the host process alive until the same number of {@linkcode unref}. */
  ref(): void {
    if (this.#references++ === 0) this.#sleep.ref();
  }

  unref(): void {
    if (asserting) assert(this.#references > 0, "unref follows a ref");
    if (--this.#references === 0) this.#sleep.unref();
  }

  /** Ends the loop. Nothing may be open on it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    company.left(this);
    this.#sleep.end();
    try {
      await this.#native.close();
    } catch (thrown) {
      throw errorOfNative(thrown, { operation: "close" });
    }
    this.#overflow.takeBack(Operation.adopt, (descriptor) => this.#native.discard(descriptor));
  }

  #push(
    operation: number,
    id: number,
    segment: number,
    offset: number,
    length: number,
    tag: number,
    argument: number,
    flags: number,
  ): void {
    if (this.#lost) return;
    if (this.#closed) {
      throw new StateError("the loop is closed", { code: "ERR_STATE", operation: "submit" });
    }
    const taken = this.#overflow.length === 0 &&
      this.#submissions.push(operation, id, segment, offset, length, tag, argument, flags);
    if (!taken) this.#overflow.push(operation, id, segment, offset, length, tag, argument, flags);
    if (!this.#awake) this.#touch();
  }

  /** Something was submitted outside a turn: one turn follows as soon as the running task lets it. */
  #touch(): void {
    this.#awake = true;
    this.#policy.roused();
    queueMicrotask(this.#run);
  }

  #runTurns(): void {
    if (this.#closed || this.#lost || this.#native.ended) return;
    this.#awake = true;
    const policy = this.#policy;
    policy.beginTurn();
    if (this.#flushers.length > 0) this.#flush();
    let rests = policy.restsFirst(this.promises, this.#overflow.length > 0 || this.#mustPoll);
    let flushes = false;
    for (;;) {
      const count = this.#pollOnce(rests ? restMicroseconds : flushes ? NO_LOOK : 0);
      if (count < 0) return this.#lost ? undefined : void setImmediate(this.#run);
      policy.polled(count, rests);
      rests = flushes = false;
      if (count > 0) {
        company.active(this);
        dispatch(this.#completions, this.#sink, this.timers, this.#late, this.#woken, this.#dispatchFailed);
      }
      if (this.#waiters.length > 0) this.#wakeWaiters();
      if (this.#closed) return;
      this.pressure?.check();
      const workPending = this.#header[HEADER_WORK_PENDING] !== 0 || this.#submissions.pending > 0 ||
        this.#flushers.length > 0;
      const verdict = policy.decide(this.promises, workPending, this.#mustPoll);
      if (verdict === "poll" || verdict === "rest" || verdict === "flush") {
        rests = verdict === "rest";
        flushes = verdict === "flush";
        if (this.#flushers.length > 0) this.#flush();
        continue;
      }
      if (verdict === "sleep") {
        this.#awake = false;
        this.clock.slept();
        return this.#sleep.begin(this.#header[HEADER_NEXT_TIMER_MS] >>> 0);
      }
      setImmediate(this.#run);
      return;
    }
  }

  /** Somebody waits for the next poll, or another loop of this thread for its events. */
  get #mustPoll(): boolean {
    return this.#waiters.length > 0 || !company.isAlone(this);
  }

  /**
   * One crossing, which waits at most this many microseconds. Negative: another thread is inside the
   * loop, or has taken it away for good.
   */
  #pollOnce(wait = 0): number {
    this.segments.endCopies();
    this.window?.endSpent();
    this.#ration();
    this.trace?.beforePoll();
    const count = wait === 0 ? this.#poll(0) : this.#native.rest(wait);
    this.trace?.afterPoll();
    if (count < 0) {
      if (count !== -Status.busy) this.#refused(-count);
      return count;
    }
    this.turn = (this.turn + 1) | 0;
    if (this.#overflow.length > 0) this.#overflow.drain(this.#submissions);
    this.#readHeader();
    if (asserting) this.#invariants();
    return count;
  }

  /** A send that is submitted finds room for its record, and its bytes lie in the ring. */
  #assertSend(segment: number, offset: number, length: number): void {
    const { segments } = this;
    assert(this.sendBudget > 0, "a send is submitted within the budget of its turn");
    assert(segment >= 0 && offset >= 0, "a send begins in the ring of segments");
    assert(
      segment * segments.size + offset + length <= segments.bytes.length,
      "a send ends in the ring of segments",
    );
  }

  /** After a poll. */
  #invariants(): void {
    this.segments.invariants();
    assert(this.#overflow.length === 0 || this.#submissions.space === 0, "submissions keep their order");
    assert(this.sendBudget <= this.#submissions.space, "every send of the budget finds room in the ring");
  }

  #readHeader(): void {
    this.sendBudget = Math.min(
      this.#header[HEADER_SEND_ENTRIES_FREE],
      this.#submissions.space - this.#reservedRecords,
    );
  }

  /**
   * Before a poll: what is held and not about to be sent belongs to peers that do not read, or to an
   * application that keeps it. Where that is much, the rest of the ring is rationed.
   */
  #ration(): void {
    const submitted = this.#segmentRation - this.segmentBudget;
    const pinned = this.#header[HEADER_SEGMENTS_HELD] - submitted;
    const free = this.#pinnedMax - pinned;
    this.crowded = free < 0;
    this.inFlightMax = this.crowded ? 1 : this.#inFlightOfCalm;
    // Whether the peers of one turn's sends read shows only after those of the next: hence half of it.
    this.#segmentRation = Math.max(free >> 1, this.#segmentRationMin);
    this.segmentBudget = this.#segmentRation;
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      try {
        waiter.tryAgain();
      } catch (thrown) {
        this.exceptions.tell(thrown);
        this.#contain(() => waiter.broken?.(errorOf(thrown)));
      }
    }
  }

  #flush(): void {
    const flushers = this.#flushers;
    this.#flushers = this.#flushed;
    for (const flusher of flushers) {
      try {
        flusher.flush();
      } catch (thrown) {
        this.exceptions.tell(thrown);
        this.#contain(() => flusher.broken?.(errorOf(thrown)));
      }
    }
    flushers.length = 0;
    this.#flushed = flushers;
  }

  /** What is done about an exception may throw as well. */
  #contain(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.exceptions.tell(thrown);
    }
  }

  /**
   * An exception has interrupted a turn, so it is unknown what is polled, armed or owed. The
   * loop ends: its sockets are closed, and their owners are notified.
   */
  #break(thrown: unknown): void {
    if (this.#lost) return;
    this.exceptions.tell(thrown);
    const error = errorOf(thrown);
    this.#contain(() => this.#seize());
    this.#contain(() => this.#lose(Status.invalidState, error));
    this.#contain(() => this.whenBroken?.(brokenLoop(error)));
  }

  /** The library does not poll: the loop was taken away or, for another status, its queue is gone. */
  #refused(status: number): void {
    if (status === Status.seized || status === Status.invalidLoop) return this.#lose(status);
    const systemError = this.#header[HEADER_LAST_SYSTEM_ERROR] >>> 0;
    this.#break(this.errorOf(status, systemError, "poll"));
  }

  /** Closes the loop's sockets; again as long as the kernel holds one of them. */
  #seize(): void {
    if (this.#closed || this.#native.seize() !== Status.busy) return;
    setTimeout(() => this.#contain(() => this.#seize()), seizeRetryMilliseconds);
  }

  /** The loop is gone. Told once; never thrown, since nobody stands above a turn to catch it. */
  #lose(status: number, cause?: Error): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#awake = false;
    this.#waiters = [];
    this.#flushers.length = 0;
    this.sendBudget = 0;
    this.segmentBudget = 0;
    this.#sleep.end();
    this.#sink.lost(status, cause);
    if (status === Status.seized) this.#contain(() => this.whenSeized?.());
  }
}
