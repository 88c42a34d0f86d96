/**
 * A sleep of the loop: the doorbell wakes it and, for timers, the host's clock.
 *
 * @module
 */
import { NO_TIMER } from "../../ffi/layout.gen.ts";
import type { Doorbell } from "../../ffi/port.ts";
import { lookIntervalMilliseconds } from "../base/limits.ts";

/** What a sleep asks of its loop. */
interface Sleeper {
  /** The sleep is over. */
  ring(): void;
  /** Makes the doorbell ring. */
  wake(): void;
  /** The doorbell cannot be armed; the host's timers drive the loop meanwhile. */
  failed(thrown: unknown): void;
}

export class Sleep {
  readonly #doorbell: Doorbell;
  readonly #sleeper: Sleeper;
  readonly #ring = () => this.#sleeper.ring();
  /** Keeps the host process alive. */
  #referenced = false;
  #since = 0;
  /** When the armed doorbell rings at the latest. */
  #bellDue = Infinity;
  #hostTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #hostTimerDue = 0;

  constructor(doorbell: Doorbell, sleeper: Sleeper) {
    this.#doorbell = doorbell;
    this.#sleeper = sleeper;
    doorbell.unref();
    // Armed once before it is needed: what the doorbell opens for itself must not be missing when the first
    // sleep comes after the last descriptor has gone.
    doorbell.arm(this.#ring);
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
      try {
        return this.#doorbell.arm(this.#ring, next === NO_TIMER ? undefined : next);
      } catch (thrown) {
        return this.#lookLater(thrown, next);
      }
    }
    if (next === NO_TIMER) return;
    const due = this.#since + next;
    // Armed before for a later time: the host's clock wakes the loop instead. It keeps the process alive:
    // if that is not wanted, the bell is rung, to be armed again.
    if (this.#bellDue <= due || (this.#hostTimer !== undefined && this.#hostTimerDue <= due)) return;
    if (!this.#referenced) return this.#sleeper.wake();
    this.#ringBy(this.#since + next, next);
  }

  #ringBy(due: number, milliseconds: number): void {
    clearTimeout(this.#hostTimer);
    this.#hostTimerDue = due;
    this.#hostTimer = setTimeout(() => {
      this.#hostTimer = undefined;
      this.#ring();
    }, milliseconds);
  }

  /** Without a doorbell the loop is not woken, so it looks for itself until one can be armed again. */
  #lookLater(thrown: unknown, next: number): void {
    this.#sleeper.failed(thrown);
    const milliseconds = Math.min(next, lookIntervalMilliseconds);
    this.#ringBy(this.#since + milliseconds, milliseconds);
    // Only where a call cannot wait in the background can arming fail: there timers have this method.
    if (!this.#referenced) (this.#hostTimer as { unref?: () => void }).unref?.();
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
    this.#sleeper.wake();
  }

  /** The loop ends. */
  end(): void {
    clearTimeout(this.#hostTimer);
    this.#hostTimer = undefined;
  }
}
