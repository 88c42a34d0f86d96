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
  #since = 0;
  /** When the armed doorbell rings at the latest. */
  #bellDue = Infinity;
  #hostTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #hostTimerDue = 0;

  constructor(doorbell: Doorbell, ring: () => void) {
    this.#doorbell = doorbell;
    this.#ring = ring;
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
    // Armed before for a later time: the host's clock wakes the loop instead.
    if (this.#bellDue <= due || (this.#hostTimer !== undefined && this.#hostTimerDue <= due)) return;
    clearTimeout(this.#hostTimer);
    this.#hostTimerDue = due;
    this.#hostTimer = setTimeout(() => {
      this.#hostTimer = undefined;
      this.#ring();
    }, next);
  }

  /** The loop ends. */
  end(): void {
    clearTimeout(this.#hostTimer);
  }
}
