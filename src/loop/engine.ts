/**
 * One loop's turns: submissions out, one poll, completions to the sink; and between the turns its bargain
 * with the host loop.
 *
 * @module
 */
import type { CompletionRing } from "../../ffi/completion_ring.ts";
import {
  HEADER_NEXT_TIMER_MS,
  HEADER_SEGMENTS_HELD,
  HEADER_SEND_ENTRIES_FREE,
  HEADER_WORK_PENDING,
  NO_TIMER,
  Operation,
  Status,
} from "../../ffi/layout.gen.ts";
import type { NativeAddress, NativeLoop } from "../../ffi/port.ts";
import type { SubmissionRing } from "../../ffi/submission_ring.ts";
import { RingportError, StateError } from "../base/errors.ts";
import {
  inFlightSegmentsMin,
  inFlightShare,
  pinnedShare,
  segmentBudgetShareMin,
  submissionReserveShare,
} from "../base/limits.ts";
import { Segments } from "../memory/segments.ts";
import type { Window } from "../memory/window.ts";
import type { CompletionSink } from "./completion_sink.ts";
import { errorOfStatus } from "./native_errors.ts";
import { Overflow } from "./overflow.ts";
import { TimerTable } from "./timers.ts";
import { WakePolicy } from "./wake_policy.ts";

/** Somebody who could not go on for want of a record or a segment, and tries again after the next poll. */
export interface Waiter {
  tryAgain(): void;
}

/** The engine of one loop. Its sink is given once, before the first submission. */
export class Engine {
  readonly segments: Segments;
  readonly timers: TimerTable;
  /** Bytes in the library's send queue, by slot. */
  readonly sendPending: Uint32Array;
  /** Counts polls: what was submitted under an earlier number has been seen by the library. */
  turn = 0;
  /** Sends that may still be submitted before the next poll. */
  sendBudget = 0;
  /**
   * Segments one connection may have on their way to the kernel before its further bytes are copied aside.
   */
  inFlightMax = inFlightSegmentsMin;
  /** Too many segments are pinned: small writes share segments instead of pinning their own. */
  crowded = false;
  /** Segments that may still be submitted before the next poll. */
  segmentBudget = 0;
  /** Handlers whose promise has not settled. */
  promises = 0;
  /** Handlers that threw or rejected. */
  handlerErrors = 0;
  /** Of those, the ones no `error` handler took. */
  unhandledErrors = 0;
  /** The window of the running `data` callback. */
  window: Window | undefined = undefined;

  readonly #native: NativeLoop;
  readonly #header: Int32Array;
  readonly #submissions: SubmissionRing;
  readonly #completions: CompletionRing;
  readonly #poll: (waitMilliseconds: number) => number;
  readonly #overflow = new Overflow();
  readonly #policy = new WakePolicy();
  readonly #run = () => this.#runTurns();
  readonly #ring = () => {
    if (this.#awake) return;
    this.#policy.rang(performance.now() - this.#sleptAt);
    this.#runTurns();
  };
  #sink: CompletionSink | undefined = undefined;
  #waiters: Waiter[] = [];
  /** A turn is running or its task is in the host's queue. */
  #awake = false;
  #closed = false;
  #references = 0;
  #hostTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #hostTimerDue = 0;
  /** What {@linkcode segmentBudget} was at the last poll. */
  #segmentRation = 0;
  #sleptAt = 0;
  /** When the armed doorbell rings at the latest. */
  #bellDue = Infinity;

  constructor(native: NativeLoop, development: boolean) {
    this.#native = native;
    this.#header = native.header;
    this.#submissions = native.submissions;
    this.#completions = native.completions;
    this.#poll = native.poll;
    this.sendPending = native.sendPending;
    this.segments = new Segments(
      {
        bytes: native.bytes as Uint8Array<ArrayBuffer>,
        holds: native.segmentHolds,
        header: native.header,
        segmentSize: native.sizes.segmentSize,
        segmentCount: native.sizes.segmentCount,
      },
      development,
    );
    this.segments.whenFreed = () => {
      if (!this.#awake && !this.#closed) this.#touch();
    };
    this.timers = new TimerTable(this, native.sizes.timers);
    this.#ration();
    native.doorbell.unref();
    // Armed once before it is needed: what the doorbell opens for itself must not be missing when the first
    // sleep comes after the last descriptor has gone.
    native.doorbell.arm(this.#ring);
    this.#readHeader();
  }

  /** Gives the sink of all completions. */
  attach(sink: CompletionSink): void {
    this.#sink = sink;
  }

  /** The library's loop: its sizes and counters. */
  get native(): NativeLoop {
    return this.#native;
  }

  get closed(): boolean {
    return this.#closed;
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
    this.sendBudget -= 1;
    this.segmentBudget -= covered;
    this.#submissions.send(id, segment, offset, length, flags);
    if (!this.#awake) this.#touch();
  }

  /** Lengthens the last submission when it is a plain send of `id` that ends where these bytes begin. */
  extendSend(id: number, segment: number, offset: number, length: number): boolean {
    return this.#submissions.extendSend(id, segment, offset, length);
  }

  /** Submits an operation with an id and nothing else. */
  submit(operation: number, id: number): void {
    this.#push(operation, id, 0, 0, 0, 0, 0, 0);
  }

  /** Submits a connect; the request lies at `position` of the segments until the next poll. */
  submitConnect(position: number, length: number, attempt: number, flags: number): void {
    const { size } = this.segments;
    this.#push(Operation.connect, 0, Math.floor(position / size), position % size, length, attempt, 0, flags);
  }

  submitTimer(index: number, delayMilliseconds: number, tag: number): void {
    this.#push(Operation.timer, index, 0, 0, 0, tag, delayMilliseconds, 0);
  }

  submitTimerCancel(index: number): void {
    this.#push(Operation.timerCancel, index, 0, 0, 0, 0, 0, 0);
  }

  /**
   * Submits a listen and polls until it is answered, so that the caller knows at once. Returns the listener's
   * id; throws the error of a refusal.
   */
  listenNow(segment: number, length: number, tag: number, address: string): number {
    this.#push(Operation.listen, 0, segment, 0, length, tag, 0, 0);
    for (let attempt = 0; attempt < listenPollsMax; attempt++) {
      this.#pollOnce();
      const ring = this.#completions;
      if (!ring.takeAhead(Operation.listen, tag)) continue;
      if (ring.status !== Status.ok) {
        throw errorOfStatus(ring.status, ring.systemError, { operation: "listen", address });
      }
      return ring.id | 0;
    }
    throw new RingportError("listen: the library did not answer", {
      code: "ERR_LISTEN_UNANSWERED",
      operation: "listen",
      origin: "library",
    });
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
    return this.#native.address(id >>> 0, end);
  }

  /** Sets an option of a socket; returns the status with the system's number. */
  setOption(id: number, option: number, value: number): { status: number; systemError: number } {
    return this.#native.setOption(id >>> 0, option, value);
  }

  /** Calls `waiter` after the next poll. */
  waitForPoll(waiter: Waiter): void {
    this.#waiters.push(waiter);
    if (!this.#awake) this.#touch();
  }

  /** Keeps the host process alive until the same number of {@linkcode unref}. */
  ref(): void {
    if (this.#references++ === 0) this.#native.doorbell.ref();
  }

  unref(): void {
    if (--this.#references === 0) this.#native.doorbell.unref();
  }

  /** Ends the loop. Nothing may be open on it. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#hostTimer);
    await this.#native.close();
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
    if (this.#closed || this.#native.ended) return;
    this.#awake = true;
    const policy = this.#policy;
    policy.beginTurn();
    for (;;) {
      const count = this.#pollOnce();
      policy.polled(count);
      if (count > 0) this.#dispatch();
      if (this.#waiters.length > 0) this.#wakeWaiters();
      if (this.#closed) return;
      const workPending = this.#header[HEADER_WORK_PENDING] !== 0 || this.#submissions.pending > 0;
      const verdict = policy.decide(this.promises, workPending);
      if (verdict === "poll") continue;
      if (verdict === "sleep") return this.#sleep();
      setImmediate(this.#run);
      return;
    }
  }

  /** One crossing. */
  #pollOnce(): number {
    this.segments.endCopies();
    this.window?.endSpent();
    this.#ration();
    const count = this.#poll(0);
    if (count < 0) throw errorOfStatus(-count, 0, { operation: "poll" });
    this.turn = (this.turn + 1) | 0;
    if (this.#overflow.length > 0) this.#overflow.drain(this.#submissions);
    this.#readHeader();
    return count;
  }

  #readHeader(): void {
    const header = this.#header;
    const space = this.#submissions.space;
    const capacity = this.#native.sizes.submissionRecords;
    this.sendBudget = Math.min(
      header[HEADER_SEND_ENTRIES_FREE],
      space - Math.floor(capacity / submissionReserveShare),
    );
  }

  /**
   * Before a poll: what is held and not about to be sent belongs to peers that do not read, or to an
   * application that keeps it. Where that is much, the rest of the ring is rationed.
   */
  #ration(): void {
    const { count } = this.segments;
    const submitted = this.#segmentRation - this.segmentBudget;
    const pinned = this.#header[HEADER_SEGMENTS_HELD] - submitted;
    const free = Math.floor(count * pinnedShare) - pinned;
    this.crowded = free < 0;
    this.inFlightMax = this.crowded ? 1 : Math.max(inFlightSegmentsMin, Math.floor(count / inFlightShare));
    // Whether the peers of one turn's sends read shows only after those of the next: hence half of it.
    this.#segmentRation = Math.max(Math.floor(free / 2), Math.floor(count / segmentBudgetShareMin));
    this.segmentBudget = this.#segmentRation;
  }

  /** Hands every completion in the ring to the sink. */
  #dispatch(): void {
    const ring = this.#completions;
    const sink = this.#sink!;
    while (ring.next()) {
      const operation = ring.operation;
      if (operation === Operation.receive) {
        if (ring.status === Status.ok) sink.received(ring.id | 0, ring.segment, ring.offset, ring.length);
        else sink.receiveEnded(ring.id | 0, ring.status, ring.systemError);
      } else {
        this.#dispatchOther(operation, ring, sink);
      }
    }
  }

  #dispatchOther(operation: number, ring: CompletionRing, sink: CompletionSink): void {
    const id = ring.id | 0;
    switch (operation) {
      case Operation.send:
        return sink.sent(id, ring.status, ring.systemError);
      case Operation.accept:
        return sink.accepted(id, ring.tag, ring.status, ring.systemError);
      case Operation.close:
        // Another status answers a close that came too late.
        return ring.status === Status.ok ? sink.closed(id, ring.length) : undefined;
      case Operation.shutdownWrite:
        return sink.writeEnded(id, ring.status, ring.systemError);
      case Operation.connect:
        return sink.connected(id, ring.tag, ring.status, ring.systemError);
      case Operation.timer:
        return this.timers.fired(id, ring.tag | 0);
    }
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.tryAgain();
  }

  /** Nothing to do: the doorbell and, for timers, the host's clock wake the loop. */
  #sleep(): void {
    this.#awake = false;
    this.#sleptAt = performance.now();
    const { doorbell } = this.#native;
    const next = this.#header[HEADER_NEXT_TIMER_MS] >>> 0;
    if (!doorbell.armed) {
      this.#bellDue = next === NO_TIMER ? Infinity : this.#sleptAt + next;
      return doorbell.arm(this.#ring, next === NO_TIMER ? undefined : next);
    }
    if (next === NO_TIMER) return;
    const due = this.#sleptAt + next;
    // Armed before for a later time: the host's clock wakes the loop instead.
    if (this.#bellDue <= due || (this.#hostTimer !== undefined && this.#hostTimerDue <= due)) return;
    clearTimeout(this.#hostTimer);
    this.#hostTimerDue = due;
    this.#hostTimer = setTimeout(() => {
      this.#hostTimer = undefined;
      this.#ring();
    }, next);
  }
}

/** Polls until a listen must have been answered: the library answers in the poll that takes it. */
const listenPollsMax = 64;
