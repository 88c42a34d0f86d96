/**
 * Healthy, slow or stuck: decided from a worker's heartbeat alone, which is the number of polls its loop has
 * made. A loop that sleeps makes none, so one that stands still is woken and must beat soon after.
 *
 * @module
 */
import type { Health } from "../metrics/table.ts";

/** Milliseconds without a heartbeat after which a worker is called so. */
export interface HealthLimits {
  slowAfter: number;
  stuckAfter: number;
}

/** One worker's heartbeat. Reads no clock. */
export class HealthWatch {
  readonly #limits: HealthLimits;
  #polls = -1;
  #beatAt: number;
  #observedAt: number;
  health: Health = "healthy";

  constructor(limits: HealthLimits, now: number) {
    this.#limits = limits;
    this.#beatAt = now;
    this.#observedAt = now;
  }

  /** Milliseconds since the last beat that was seen. */
  age(now: number): number {
    return now - this.#beatAt;
  }

  /**
   * Takes in a reading. True: the loop has not beaten since the last one, and is to be woken. `expected`:
   * when this reading should have come at the latest; what is later is the observer's own delay and not held
   * against the worker.
   */
  observe(polls: number, now: number, expected: number): boolean {
    const late = Math.max(0, now - Math.max(expected, this.#observedAt));
    this.#observedAt = now;
    if (polls !== this.#polls) {
      this.#polls = polls;
      this.#beatAt = now;
      this.health = "healthy";
      return false;
    }
    this.#beatAt += late;
    const age = this.age(now);
    this.health = age >= this.#limits.stuckAfter
      ? "stuck"
      : age >= this.#limits.slowAfter
      ? "slow"
      : "healthy";
    return true;
  }
}
