/**
 * The library's timers, as numbered slots with a callback each.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import { errorOf } from "../base/thrown.ts";

const asserting = ASSERTIONS;

/** Called when a timer is due. */
export interface TimerTarget {
  /** `timer` is the number {@linkcode TimerTable.arm} returned, free again from now on. */
  timerDue(timer: number): void;
  /** Its `timerDue` has thrown. */
  broken?(error: Error): void;
}

/** How a timer reaches the submission ring. */
interface TimerSubmitter {
  submitTimer(index: number, delayMilliseconds: number, tag: number): void;
  submitTimerCancel(index: number): void;
}

/** The timers of one loop. Each index is used again with another tag, so that a late completion is seen. */
export class TimerTable {
  readonly #submitter: TimerSubmitter;
  readonly #capacity: number;
  readonly #targets: (TimerTarget | undefined)[] = [];
  readonly #tags: number[] = [];
  readonly #free: number[] = [];

  constructor(submitter: TimerSubmitter, capacity: number) {
    this.#submitter = submitter;
    this.#capacity = capacity;
  }

  /** Timers armed now. */
  get armed(): number {
    return this.#targets.length - this.#free.length;
  }

  /**
   * Tells `target` once after `delayMilliseconds`. Returns the timer's number, or -1 when there is none left.
   */
  arm(delayMilliseconds: number, target: TimerTarget): number {
    if (asserting) assert(delayMilliseconds >= 0, "a timer is due now or later");
    let index = this.#free.pop();
    if (index === undefined) {
      index = this.#targets.length;
      if (index >= this.#capacity) return -1;
      this.#targets.push(undefined);
      this.#tags.push(0);
    }
    if (asserting) assert(this.#targets[index] === undefined, "a timer has one target at a time");
    this.#targets[index] = target;
    this.#submitter.submitTimer(index, delayMilliseconds, this.#tags[index]);
    return index;
  }

  /** Forgets an armed timer. */
  cancel(index: number): void {
    if (asserting) {
      assert(index >= 0 && index < this.#targets.length, "only a timer that was armed is cancelled");
    }
    if (this.#targets[index] === undefined) return;
    this.#submitter.submitTimerCancel(index);
    this.#retire(index);
  }

  /** A timer completion has come. */
  fired(index: number, tag: number): void {
    const target = this.#targets[index];
    if (target === undefined || this.#tags[index] !== tag) return;
    this.#retire(index);
    try {
      target.timerDue(index);
    } catch (thrown) {
      target.broken?.(errorOf(thrown));
      throw thrown;
    }
  }

  #retire(index: number): void {
    this.#targets[index] = undefined;
    this.#tags[index] = (this.#tags[index] + 1) | 0;
    this.#free.push(index);
    if (asserting) assert(this.armed >= 0, "a timer is freed once");
  }
}
