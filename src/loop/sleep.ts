/**
 * A sleep of the loop: the doorbell wakes it and, for timers, the host's clock.
 *
 * @module
 */
import { NO_TIMER } from "../../ffi/layout.gen.ts";
import type { Doorbell } from "../../ffi/port.ts";

export class Sleep {
  readonly #doorbell: Doorbell;
  readonly #ring: () => void;
  readonly #wake: () => void;
  /** Keeps the host process alive. */
  #referenced = false;
  #since = 0;
  /** When the armed doorbell rings at the latest. */
  #bellDue = Infinity;
  #hostTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #hostTimerDue = 0;

  /** `ring` is called when the sleep is over; `wake` makes the doorbell ring. */
  constructor(doorbell: Doorbell, ring: () => void, wake: () => void) {
    this.#doorbell = doorbell;
    this.#ring = ring;
    this.#wake = wake;
    doorbell.unref();
    // Armed once before it is needed: what the doorbell opens for itself must not be missing when the first
    // sleep comes after the last descriptor has gone.
    doorbell.arm(ring);
  }

  /** Milliseconds since the loop fell asleep. */
  get milliseconds(): number {
    return performance.now() - this.#since;
  }

  /** Nothing to do until something comes or `next` milliseconds are over; NO_TIMER: only when it comes. */
  begin(next: number): void {
    this.#since = performance.now();
    if (!this.#doorbell.armed) {
      this.#bellDue = next === NO_TIMER ? Infinity : this.#since + next;
      return this.#doorbell.arm(this.#ring, next === NO_TIMER ? undefined : next);
    }
    if (next === NO_TIMER) return;
    const due = this.#since + next;
    // Armed before for a later time: the host's clock wakes the loop instead. It keeps the process alive:
    // where that is not wanted the bell is rung, to be armed anew.
    if (this.#bellDue <= due || (this.#hostTimer !== undefined && this.#hostTimerDue <= due)) return;
    if (!this.#referenced) return this.#wake();
    clearTimeout(this.#hostTimer);
    this.#hostTimerDue = due;
    this.#hostTimer = setTimeout(() => {
      this.#hostTimer = undefined;
      this.#ring();
    }, next);
  }

  /** From now on the loop keeps the process alive. */
  ref(): void {
    this.#referenced = true;
    this.#doorbell.ref();
  }

  /** From now on it does not. */
  unref(): void {
    this.#referenced = false;
    this.#doorbell.unref();
    if (this.#hostTimer === undefined) return;
    clearTimeout(this.#hostTimer);
    this.#hostTimer = undefined;
    this.#wake();
  }

  /** The loop ends. */
  end(): void {
    clearTimeout(this.#hostTimer);
    this.#hostTimer = undefined;
  }
}
