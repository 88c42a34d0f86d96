/**
 * The single timer of a client's exchanges: a request arms and cancels none of its own.
 *
 * @module
 */
import { LimitError } from "../../base/errors.ts";
import type { Engine } from "../../loop/engine.ts";
import type { TimerTarget } from "../../loop/timers.ts";

/** Something that may take only so long. */
export interface Watched {
  /** When to look at it, as `performance.now()` gives it; Infinity for never. */
  readonly dueAt: number;
  /** It is due. It sets `dueAt` where it wants another look. */
  due(now: number): void;
}

/** Looks at each exchange when it is due, and seldom before. */
export class Deadlines implements TimerTarget {
  readonly #watched = new Set<Watched>();
  #engine: Engine | undefined = undefined;
  #timer = -1;
  /** When the armed timer is due. */
  #timerAt = Infinity;

  /** Looks at it from now on, or sooner than before. Throws a LimitError where the loop has no timer left. */
  watch(one: Watched, engine: Engine, now: number): void {
    this.#watched.add(one);
    if (engine !== this.#engine) {
      // The loop of before is over, and its timer with it.
      this.#engine = engine;
      this.#timer = -1;
      this.#timerAt = Infinity;
    }
    if (one.dueAt < this.#timerAt) this.#arm(one.dueAt, now);
  }

  /** It is over. */
  forget(one: Watched): void {
    this.#watched.delete(one);
  }

  /** Nothing is left to be looked at. The timer stays for the next one otherwise. */
  stop(): void {
    if (this.#timer >= 0 && !this.#engine!.closed) this.#engine!.timers.cancel(this.#timer);
    this.#timer = -1;
    this.#timerAt = Infinity;
  }

  timerDue(): void {
    this.#timer = -1;
    this.#timerAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const one of [...this.#watched]) {
      if (one.dueAt <= now) one.due(now);
      if (this.#watched.has(one)) next = Math.min(next, one.dueAt);
    }
    if (next < this.#timerAt) this.#arm(next, now);
  }

  #arm(at: number, now: number): void {
    const { timers } = this.#engine!;
    if (this.#timer >= 0) timers.cancel(this.#timer);
    this.#timer = timers.arm(Math.max(Math.ceil(at - now), 1), this);
    this.#timerAt = this.#timer < 0 ? Infinity : at;
    if (this.#timer >= 0) return;
    const details = { code: "ERR_TIMERS_EXHAUSTED", operation: "request" };
    throw new LimitError("request: the loop has no timer left", details);
  }
}
