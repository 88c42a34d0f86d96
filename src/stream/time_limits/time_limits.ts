/**
 * The time limits of a loop's connections. Activity is recorded as a number in an array; one timer for each
 * connection, set to the earliest time at which a limit could be reached, checks the numbers. A message
 * therefore costs a store or two, and never a timer.
 *
 * @module
 */
import { slotOf } from "../../base/ids.ts";
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import { heldUpGraceMilliseconds, heldUpMilliseconds, timerStepMaxMilliseconds } from "../../base/limits.ts";
import type { Clock } from "../../loop/clock.ts";
import type { Engine } from "../../loop/engine.ts";
import * as states from "../state.ts";
import { timersExhausted } from "./errors.ts";
import { Examination } from "./examination.ts";
import { expire } from "./expire.ts";
import type { LimitedConnection } from "./limited_connection.ts";
import { isRated, type Limits, limitTable, phaseKinds } from "./table.ts";
import * as layout from "./words.ts";
import type { TimeMarks } from "./words.ts";
import type { ConnectionTimeoutOptions, RateOptions, TimeoutKind } from "./types.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { Flag, State } = states;
const { Rate, rateWords, saturated, TimedPhase, unknown, Word, wordsOfSlot } = layout;
type TimedPhase = layout.TimedPhase;

/** Slots there is room for at first; it doubles as needed. */
const slotsAtFirst = 64;

/** The watch of one loop. */
export class TimeLimits implements TimeMarks {
  readonly engine: Engine;
  readonly clock: Clock;
  /** What is known of each watched connection, by slot; see {@linkcode Word}. */
  words: Int32Array = new Int32Array(slotsAtFirst * wordsOfSlot);
  /** The same for rates; there once a connection has one. */
  rates: Int32Array | undefined = undefined;
  readonly #examination = new Examination(this);

  constructor(engine: Engine) {
    this.engine = engine;
    this.clock = engine.clock;
  }

  /** From now on the connection is watched, which lasts until it is closed. */
  begin(connection: LimitedConnection): void {
    const slot = slotOf(connection.number);
    this.#makeRoom(slot);
    const { words } = this;
    const now = this.clock.now;
    const at = slot * wordsOfSlot;
    words.fill(0, at, at + wordsOfSlot);
    words[at + Word.received] = now;
    words[at + Word.active] = now;
    words[at + Word.opened] = now;
    words[at + Word.message] = now;
    words[at + Word.pausedAt] = now;
    words[at + Word.stallAt] = now;
    words[at + Word.written] = connection.bufferedBytes - connection.fileWeight;
    connection.flags |= Flag.watched | Flag.unheard;
    if (isRated(connection.limits)) this.#makeRateRoom();
    if (this.rates !== undefined) {
      this.restart(connection, "receiveRate");
      this.restart(connection, "sendRate");
    }
    this.#lookAnew(connection);
  }

  /** The connection has other limits now: those that are given count from now on. */
  limitsChanged(connection: LimitedConnection, given: ConnectionTimeoutOptions & RateOptions): void {
    if (isRated(connection.limits)) this.#makeRateRoom();
    for (const [kind, limit] of Object.entries(given)) {
      if (limit !== undefined && kind !== "rateGrace") this.restart(connection, kind as TimeoutKind);
    }
    if (given.firstByte !== undefined) connection.flags |= Flag.unheard;
    // From within the `timeout` handler: the check that called it continues after it.
    if ((connection.flags & Flag.telling) === 0) this.#lookAnew(connection);
  }

  #lookAnew(connection: LimitedConnection): void {
    const limits = connection.limits;
    this.#disarm(connection);
    this.#look(connection, limits, false);
  }

  /** Bytes have come. */
  received(connection: LimitedConnection, length: number): void {
    const slot = slotOf(connection.number);
    if ((connection.flags & Flag.unheard) !== 0) connection.flags &= ~Flag.unheard;
    this.words[slot * wordsOfSlot + Word.received] = this.clock.now;
    const { rates } = this;
    if (rates === undefined) return;
    const at = slot * rateWords + Rate.received;
    rates[at] = Math.min(rates[at] + length, saturated);
  }

  /**
   * `length` bytes were accepted by `write`, or a file, whose bytes the library counts as they go; `first`:
   * nothing was buffered before.
   */
  written(connection: LimitedConnection, length: number, first: boolean): void {
    const slot = slotOf(connection.number);
    const { words, rates } = this;
    const at = slot * wordsOfSlot;
    const now = this.clock.now;
    const before = words[at + Word.written];
    words[at + Word.active] = now;
    words[at + Word.written] = before + length;
    if (first) {
      words[at + Word.stallAt] = now;
      words[at + Word.stallTaken] = (before + this.engine.fileSent[2 * slot]) | 0;
    }
    if (rates === undefined) return;
    const rateAt = slot * rateWords;
    if (first) {
      rates[rateAt + Rate.sendAt] = now;
      rates[rateAt + Rate.unacknowledged] = unknown;
      rates[rateAt + Rate.files] = this.engine.fileSent[2 * slot];
    }
    rates[rateAt + Rate.sent] = first ? length : Math.min(rates[rateAt + Rate.sent] + length, saturated);
  }

  /** Something else has happened that shows the connection is in use. */
  active(connection: LimitedConnection): void {
    this.words[slotOf(connection.number) * wordsOfSlot + Word.active] = this.clock.now;
  }

  /** The first byte of a message. */
  messageBegan(connection: LimitedConnection): void {
    const slot = slotOf(connection.number);
    const now = this.clock.now;
    this.words[slot * wordsOfSlot + Word.message] = now;
    if ((connection.flags & Flag.paused) !== 0) this.words[slot * wordsOfSlot + Word.pausedAt] = now;
    if (this.rates !== undefined) this.#beginReceiveWindow(slot);
  }

  /** The protocol goes to another phase. */
  phaseBegan(connection: LimitedConnection, phase: TimedPhase): void {
    const slot = slotOf(connection.number);
    const at = slot * wordsOfSlot;
    const { words } = this;
    const now = this.clock.now;
    const before = words[at + Word.phase];
    if (before === TimedPhase.unused && phase === TimedPhase.none) return;
    words[at + Word.phase] = phase;
    words[at + Word.phaseAt] = now;
    if (before === TimedPhase.unused) this.#lookInTime(connection);
    if (phase !== TimedPhase.head && phase !== TimedPhase.body) return;
    if ((connection.flags & Flag.paused) !== 0) words[at + Word.pausedAt] = now;
    if (phase === TimedPhase.body && this.rates !== undefined) this.#beginReceiveWindow(slot);
  }

  /** The limits of phases count from now on: the next look must not come after the first of them. */
  #lookInTime(connection: LimitedConnection): void {
    const { limits } = connection;
    let soonest = Infinity;
    for (const kind of phaseKinds) if (limits[kind] > 0) soonest = Math.min(soonest, limits[kind] + 1);
    const at = slotOf(connection.number) * wordsOfSlot;
    const left = (this.words[at + Word.deadline] - this.clock.now) | 0;
    const isEarly = this.words[at + Word.timer] !== 0 && left <= soonest;
    if (isEarly || soonest === Infinity || (connection.flags & Flag.telling) !== 0) return;
    this.#lookAnew(connection);
  }

  /** A framed handler owes a reply, or no longer. */
  replies(connection: LimitedConnection, change: 1 | -1): void {
    if (connection.stateNumber === State.closed) return;
    const at = slotOf(connection.number) * wordsOfSlot;
    this.words[at + Word.replies] += change;
    this.words[at + Word.active] = this.clock.now;
  }

  /** Reading has stopped. */
  paused(connection: LimitedConnection): void {
    this.words[slotOf(connection.number) * wordsOfSlot + Word.pausedAt] = this.clock.now;
  }

  /** Reading continues: limits that count only while bytes may arrive are moved by the time between. */
  resumed(connection: LimitedConnection): void {
    const slot = slotOf(connection.number);
    const { words } = this;
    const at = slot * wordsOfSlot;
    const now = this.clock.now;
    const pause = now - words[at + Word.pausedAt];
    words[at + Word.active] = now;
    words[at + Word.message] += pause;
    if ((connection.flags & Flag.unheard) !== 0) words[at + Word.received] += pause;
    const phase = words[at + Word.phase];
    if (phase === TimedPhase.head) words[at + Word.phaseAt] += pause;
    // It counts from the last byte, which may have come long before the pause.
    else if (phase === TimedPhase.body) words[at + Word.phaseAt] = now;
    if (this.rates !== undefined) this.#beginReceiveWindow(slot);
  }

  /** The limit starts again from now. */
  restart(connection: LimitedConnection, kind: TimeoutKind): void {
    const slot = slotOf(connection.number);
    const now = this.clock.now;
    const at = slot * wordsOfSlot;
    const { words } = this;
    const { from, phase } = limitTable[kind];
    // The word belongs to the phase that the protocol is in.
    if (phase !== undefined && words[at + Word.phase] !== phase) return;
    words[at + from] = now;
    const paused = (connection.flags & Flag.paused) !== 0;
    if (paused && kind !== "receiveRate" && limitTable[kind].operation === "receive") {
      words[at + Word.pausedAt] = now;
    }
    if (kind === "receiveRate" && this.rates !== undefined) this.#beginReceiveWindow(slot);
    if (kind === "sendRate" && this.rates !== undefined) {
      this.rates[slot * rateWords + Rate.sendAt] = now;
      this.rates[slot * rateWords + Rate.sent] = connection.bufferedBytes - connection.fileWeight;
      this.rates[slot * rateWords + Rate.files] = this.engine.fileSent[2 * slot];
      this.rates[slot * rateWords + Rate.unacknowledged] = unknown;
    }
  }

  /** The connection's timer is due. */
  due(connection: LimitedConnection): void {
    const at = slotOf(connection.number) * wordsOfSlot;
    this.words[at + Word.timer] = 0;
    const limits = connection.limits;
    const late = (this.clock.now - this.words[at + Word.deadline]) | 0;
    this.#look(connection, limits, late > limits.step + heldUpMilliseconds);
  }

  /** The connection is gone. */
  end(connection: LimitedConnection): void {
    this.#disarm(connection);
  }

  /**
   * Ends the connection where a limit is reached, and arms the timer for the next look. `heldUp`: the thread
   * was held up, so what the peer has sent may not have been received: it gets a grace once.
   */
  #look(connection: LimitedConnection, limits: Limits, heldUp: boolean): void {
    const examination = this.#examination;
    for (let round = 0; round < kindsMax; round++) {
      const kind = examination.run(connection, limits);
      if (kind === undefined) break;
      if (heldUp && kind !== "lifetime" && (connection.flags & Flag.granted) === 0) {
        connection.flags |= Flag.granted;
        const at = slotOf(connection.number) * wordsOfSlot;
        const late = (this.clock.now - this.words[at + Word.deadline]) | 0;
        if (kind === "receiveRate" || kind === "sendRate") this.restart(connection, kind);
        return this.#arm(connection, Math.min(late, heldUpGraceMilliseconds), limits.step);
      }
      connection.flags |= Flag.telling;
      this.engine.timeouts[kind] += 1;
      if (expire(connection, kind, limits)) this.restart(connection, kind);
      connection.flags &= ~Flag.telling;
      const state = connection.stateNumber;
      if (state === State.aborting || state === State.closed) return;
      // The handler has set other limits.
      if (connection.limits !== limits) return this.#lookAnew(connection);
    }
    connection.flags &= ~Flag.granted;
    if (examination.wait !== Infinity) this.#arm(connection, examination.wait, limits.step);
  }

  #arm(connection: LimitedConnection, wait: number, step: number): void {
    const { words, engine } = this;
    const at = slotOf(connection.number) * wordsOfSlot;
    const now = this.clock.now;
    const deadline = (now + Math.min(wait, waitMax) + step - 1) & -step;
    const timer = engine.timers.arm((deadline - now) >>> 0, connection);
    if (timer < 0) return connection.cut("error", timersExhausted(connection.id));
    words[at + Word.timer] = timer + 1;
    words[at + Word.deadline] = deadline;
  }

  #disarm(connection: LimitedConnection): void {
    const at = slotOf(connection.number) * wordsOfSlot + Word.timer;
    const timer = this.words[at];
    if (timer !== 0) this.engine.timers.cancel(timer - 1);
    this.words[at] = 0;
  }

  #beginReceiveWindow(slot: number): void {
    const rates = this.rates!;
    rates[slot * rateWords + Rate.receiveAt] = this.clock.now;
    rates[slot * rateWords + Rate.received] = 0;
  }

  #makeRoom(slot: number): void {
    let slots = this.words.length / wordsOfSlot;
    if (slot < slots) return;
    while (slot >= slots) slots *= 2;
    this.words = grown(this.words, slots * wordsOfSlot);
    if (this.rates !== undefined) this.rates = grown(this.rates, slots * rateWords);
  }

  #makeRateRoom(): void {
    this.rates ??= new Int32Array(this.words.length / wordsOfSlot * rateWords);
  }
}

/** Milliseconds of the longest wait: rounded up it is still one the wheel takes. */
const waitMax = TIMER_DELAY_MAX_MS - timerStepMaxMilliseconds;

/** Kinds of limits: the number that one check may find reached. */
const kindsMax = Object.keys(limitTable).length;

function grown(words: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(words);
  return larger;
}
