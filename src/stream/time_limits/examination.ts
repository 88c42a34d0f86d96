/**
 * One check of a connection: which limit is reached, or how long until one could be.
 *
 * A limit that does not count now, because its thing has not begun, could begin right after the look. So the
 * wait is never longer than such a limit, and what is armed then is never too late.
 *
 * @module
 */
import { slotOf } from "../../base/ids.ts";
import { pausedLooks, stallLooks } from "../../base/limits.ts";
import { Flag, State } from "../state.ts";
import type { LimitedConnection } from "./limited_connection.ts";
import { type Limits, limitTable, phaseKinds } from "./table.ts";
import type { TimeoutKind } from "./types.ts";
import {
  Rate,
  rateWords,
  saturated,
  TimedPhase,
  type TimeMarks,
  unknown,
  Word,
  wordsOfSlot,
} from "./words.ts";

const millisecondsPerSecond = 1000;

/** A span this long has not passed: times recorded while the loop slept may lie a little ahead. */
const backwards = 0xc000_0000;

/**
 * Pauses that are the application's own. The others end with what they wait for: bytes that are buffered,
 * which `writeStall` watches, or replies in work.
 */
const pausedByUse = Flag.unread | Flag.pausedByApplication | Flag.pausedByStream;

/** Looks at one connection after the other. */
export class Examination {
  readonly #marks: TimeMarks;
  /** Milliseconds until the next look; Infinity where none is needed. */
  wait = Infinity;
  #now = 0;
  #reached: TimeoutKind | undefined = undefined;

  constructor(marks: TimeMarks) {
    this.#marks = marks;
  }

  /** The limit that is reached; undefined for none, and `wait` says when to look again. */
  run(connection: LimitedConnection, limits: Limits): TimeoutKind | undefined {
    this.wait = Infinity;
    this.#now = this.#marks.clock.now;
    this.#reached = undefined;
    // Cut: whatever is buffered goes nowhere.
    if (connection.stateNumber >= State.aborting) return undefined;
    const buffered = connection.bufferedBytes;
    this.#sending(connection, limits, buffered);
    const { stateNumber } = connection;
    const leaving = stateNumber >= State.closing || (connection.flags & Flag.lingering) !== 0;
    // The linger timer watches a closing connection; only bytes that are still to be sent count here.
    if (leaving) return this.#reached;
    if (stateNumber !== State.readEnded) this.#receiving(connection, limits);
    if (this.#phaseOf(connection) !== TimedPhase.unused) this.#inPhase(connection, limits, buffered);
    this.#idling(connection, limits, buffered);
    const opened = this.#marks.words[slotOf(connection.number) * wordsOfSlot + Word.opened];
    if (limits.lifetime > 0) this.#count("lifetime", limits.lifetime, this.#since(opened));
    return this.#reached;
  }

  #receiving(connection: LimitedConnection, limits: Limits): void {
    const { words, rates } = this.#marks;
    const slot = slotOf(connection.number);
    const at = slot * wordsOfSlot;
    const inMessage = (connection.flags & Flag.inMessage) !== 0;
    const comes = inMessage || words[at + Word.phase] === TimedPhase.body;
    if (limits.message > 0 && !inMessage) this.#within(limits.message + 1);
    const paused = (connection.flags & Flag.paused) !== 0;
    if (limits.firstByte > 0 && (connection.flags & Flag.unheard) !== 0) {
      if (paused) this.#standsStill(limits.firstByte);
      else this.#count("firstByte", limits.firstByte, this.#since(words[at + Word.received]));
    }
    if (limits.message > 0 && inMessage) {
      if (paused) this.#standsStill(limits.message);
      else this.#count("message", limits.message, this.#since(words[at + Word.message]));
    }
    if (limits.receiveRate > 0) {
      if (comes && !paused) this.#judgeReceiving(limits, rates!, slot * rateWords);
      else this.#within(limits.rateGrace + 1);
    }
  }

  #phaseOf(connection: LimitedConnection): TimedPhase {
    return this.#marks.words[slotOf(connection.number) * wordsOfSlot + Word.phase] as TimedPhase;
  }

  /** The limits of what the protocol is doing. */
  #inPhase(connection: LimitedConnection, limits: Limits, buffered: number): void {
    const { words } = this.#marks;
    const at = slotOf(connection.number) * wordsOfSlot;
    const phase = this.#phaseOf(connection);
    for (const kind of phaseKinds) {
      const limit = limits[kind];
      if (limit === 0) continue;
      // It could begin right after this look.
      if (limitTable[kind].phase !== phase) {
        this.#within(limit + 1);
        continue;
      }
      let elapsed = this.#since(words[at + Word.phaseAt]);
      if (phase === TimedPhase.body) elapsed = Math.min(elapsed, this.#since(words[at + Word.received]));
      if (phase === TimedPhase.keepAlive) elapsed = this.#unused(connection, elapsed, buffered);
      const comes = phase === TimedPhase.head || phase === TimedPhase.body;
      if (comes && connection.stateNumber === State.readEnded) this.#within(limit + 1);
      else if (comes && (connection.flags & Flag.paused) !== 0) this.#standsStill(limit);
      else this.#count(kind, limit, elapsed);
    }
  }

  /** Milliseconds in which a connection that waits for its next request was not used. */
  #unused(connection: LimitedConnection, elapsed: number, buffered: number): number {
    const { words } = this.#marks;
    const at = slotOf(connection.number) * wordsOfSlot;
    // The last answer is still on its way.
    if (buffered > 0) {
      words[at + Word.phaseAt] = this.#now;
      return 0;
    }
    return Math.min(elapsed, this.#since(words[at + Word.received]), this.#since(words[at + Word.active]));
  }

  /** Whether the protocol is at something that is not idle, or that a limit of its own watches over. */
  #isAtWork(connection: LimitedConnection, limits: Limits): boolean {
    const phase = this.#phaseOf(connection);
    if (phase === TimedPhase.handler || phase === TimedPhase.answer) return true;
    return (phase === TimedPhase.head && limits.head > 0) || (phase === TimedPhase.body && limits.body > 0);
  }

  /** While paused nothing can come in; what is left of the limit counts from `resume` on. */
  #standsStill(limit: number): void {
    this.#within(Math.ceil(limit / pausedLooks));
  }

  #judgeReceiving(limits: Limits, rates: Int32Array, at: number): void {
    const elapsed = this.#since(rates[at + Rate.receiveAt]);
    if (elapsed <= limits.rateGrace) return this.#within(limits.rateGrace + 1 - elapsed);
    if (isSlow(rates[at + Rate.received], limits.receiveRate, elapsed)) {
      this.#reached ??= "receiveRate";
    } else {
      rates[at + Rate.receiveAt] = this.#now;
      rates[at + Rate.received] = 0;
    }
    this.#within(limits.rateGrace + 1);
  }

  #sending(connection: LimitedConnection, limits: Limits, buffered: number): void {
    if (limits.writeStall > 0) {
      if (buffered > 0) this.#stalling(connection, limits.writeStall, buffered);
      else this.#within(Math.ceil(limits.writeStall / 2));
    }
    if (limits.sendRate > 0) {
      if (buffered > 0) this.#judgeSending(connection, limits, buffered);
      else this.#within(limits.rateGrace + 1);
    }
  }

  /** Bytes the peer took between two looks show at the second: from there on it may stall. */
  #stalling(connection: LimitedConnection, limit: number, buffered: number): void {
    const { words } = this.#marks;
    const at = slotOf(connection.number) * wordsOfSlot;
    if (this.#moved(connection, buffered)) words[at + Word.stallAt] = this.#now;
    this.#count("writeStall", limit, this.#since(words[at + Word.stallAt]));
    this.#within(Math.ceil(limit / stallLooks));
  }

  /**
   * Whether the peer has acknowledged anything since the last look. What the kernel takes would not do: a
   * full buffer takes nothing before a third of it is free, which a slow peer needs many seconds for.
   */
  #moved(connection: LimitedConnection, buffered: number): boolean {
    const { words, engine } = this.#marks;
    const at = slotOf(connection.number) * wordsOfSlot;
    const files = engine.fileSent[2 * slotOf(connection.number)];
    const written = words[at + Word.written] + files - (buffered - connection.fileWeight);
    const taken = (written - engine.unacknowledged(connection.number)) | 0;
    const moved = taken !== words[at + Word.stallTaken];
    words[at + Word.stallTaken] = taken;
    return moved;
  }

  /**
   * Fast enough is what either the kernel or the peer takes at the rate; the kernel's is known without
   * asking.
   */
  #judgeSending(connection: LimitedConnection, limits: Limits, buffered: number): void {
    const rates = this.#marks.rates!;
    const at = slotOf(connection.number) * rateWords;
    const elapsed = this.#since(rates[at + Rate.sendAt]);
    if (elapsed <= limits.rateGrace) return this.#within(limits.rateGrace + 1 - elapsed);
    const files = this.#marks.engine.fileSent[2 * slotOf(connection.number)];
    const sent = Math.min(rates[at + Rate.sent] + ((files - rates[at + Rate.files]) >>> 0), saturated);
    const left = buffered - connection.fileWeight;
    const before = rates[at + Rate.unacknowledged];
    const unacknowledged = this.#marks.engine.unacknowledged(connection.number);
    // Where it is not known how much the peer had still to take, the next span is the first to be judged.
    const known = before !== unknown || unacknowledged === 0;
    const acknowledged = Math.max(before, 0) + sent - left - unacknowledged;
    const slow = sent < saturated && isSlow(sent - left, limits.sendRate, elapsed) &&
      known && isSlow(acknowledged, limits.sendRate, elapsed);
    if (slow) {
      this.#reached ??= "sendRate";
    } else {
      rates[at + Rate.sendAt] = this.#now;
      rates[at + Rate.sent] = left;
      rates[at + Rate.files] = files;
      rates[at + Rate.unacknowledged] = unacknowledged;
    }
    this.#within(limits.rateGrace + 1);
  }

  /**
   * What a handler, a pause, or another limit watches over is not idle, and neither are bytes that go out:
   * watched by `writeStall`, or otherwise in use as long as the peer takes some. An answer that has begun is
   * idle between its writes once the peer has ended its side: it may be gone.
   */
  #idling(connection: LimitedConnection, limits: Limits, buffered: number): void {
    if (limits.idle === 0) return;
    const { words } = this.#marks;
    const at = slotOf(connection.number) * wordsOfSlot;
    const { flags } = connection;
    const wasBuffered = (flags & Flag.wasBuffered) !== 0;
    if (buffered > 0) connection.flags |= Flag.wasBuffered;
    else connection.flags &= ~Flag.wasBuffered;
    const answersEnded = connection.stateNumber === State.readEnded &&
      this.#phaseOf(connection) === TimedPhase.answer;
    const atWork = words[at + Word.replies] > 0 || connection.tasksAtWork > 0 ||
      this.#isAtWork(connection, limits);
    const busy = (atWork && !answersEnded) || (flags & pausedByUse) !== 0 ||
      (limits.message > 0 && (flags & Flag.inMessage) !== 0) ||
      (buffered > 0 ? limits.writeStall > 0 || this.#moved(connection, buffered) : wasBuffered);
    if (busy) {
      words[at + Word.active] = this.#now;
      return this.#within(limits.idle + 1);
    }
    let elapsed = Math.min(this.#since(words[at + Word.received]), this.#since(words[at + Word.active]));
    if (answersEnded) elapsed = Math.min(elapsed, this.#since(words[at + Word.phaseAt]));
    this.#count("idle", limits.idle, elapsed);
  }

  /** Milliseconds since `then`. */
  #since(then: number): number {
    const elapsed = (this.#now - then) >>> 0;
    return elapsed >= backwards ? 0 : elapsed;
  }

  /** Reached after more than `limit` milliseconds: clocks are cut to whole ones, and early is never. */
  #count(kind: TimeoutKind, limit: number, elapsed: number): void {
    if (elapsed > limit) this.#reached ??= kind;
    else this.#within(limit + 1 - elapsed);
  }

  #within(milliseconds: number): void {
    if (milliseconds < this.wait) this.wait = milliseconds;
  }
}

function isSlow(bytes: number, rate: number, elapsed: number): boolean {
  return bytes * millisecondsPerSecond < rate * elapsed;
}
