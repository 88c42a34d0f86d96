/**
 * The single timer of a pool's idle connections: acquiring and releasing touch no timer.
 *
 * @module
 */
import { poolSweepShare } from "../../base/limits.ts";
import type { TimerTable, TimerTarget } from "../../loop/timers.ts";
import type { Pooled } from "./destination.ts";
import type { PoolEvictions } from "./types.ts";

/** Why an idle connection has had its time; undefined while it has not. */
export function expiredBecause(pooled: Pooled, now: number): keyof PoolEvictions | undefined {
  const { idleTimeout, lifetime } = pooled.destination.times;
  if (lifetime > 0 && now - pooled.madeAt >= lifetime) return "lifetime";
  if (idleTimeout > 0 && now - pooled.idleSince >= idleTimeout) return "idle";
  return undefined;
}

export class Sweeper implements TimerTarget {
  readonly #idle: () => Iterable<Pooled>;
  #timers: TimerTable | undefined = undefined;
  #timer = -1;
  /** When the armed timer is due. */
  #sweepsAt = Infinity;

  constructor(idle: () => Iterable<Pooled>) {
    this.#idle = idle;
  }

  /** A connection is idle from now on. */
  watch(pooled: Pooled): void {
    const at = sweepAt(pooled, pooled.idleSince);
    if (at >= this.#sweepsAt) return;
    this.stop();
    this.#arm(pooled.core.config.engine.timers, at, pooled.idleSince);
  }

  /** Nothing is left to be watched. */
  stop(): void {
    if (this.#timer >= 0) this.#timers?.cancel(this.#timer);
    this.#timer = -1;
    this.#sweepsAt = Infinity;
  }

  timerDue(): void {
    this.#timer = -1;
    this.#sweepsAt = Infinity;
    const now = performance.now();
    let next = Infinity;
    for (const pooled of [...this.#idle()]) {
      const reason = expiredBecause(pooled, now);
      if (reason !== undefined) pooled.evict(reason);
      else next = Math.min(next, sweepAt(pooled, now));
    }
    if (next < this.#sweepsAt) {
      this.stop();
      this.#arm(this.#timers!, next, now);
    }
  }

  #arm(timers: TimerTable, at: number, now: number): void {
    this.#timers = timers;
    this.#timer = timers.arm(Math.max(Math.ceil(at - now), 1), this);
    this.#sweepsAt = this.#timer < 0 ? Infinity : at;
  }
}

/** When to look at a connection next: as it has had its time, but not too soon after the look of now. */
function sweepAt({ idleSince, madeAt, destination }: Pooled, now: number): number {
  const { idleTimeout, lifetime } = destination.times;
  const idle = idleTimeout > 0 ? idleSince + idleTimeout : Infinity;
  const old = lifetime > 0 ? madeAt + lifetime : Infinity;
  const shortest = Math.min(idleTimeout || Infinity, lifetime || Infinity);
  return Math.max(Math.min(idle, old), now + shortest / poolSweepShare);
}
