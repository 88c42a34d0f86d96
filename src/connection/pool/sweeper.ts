/**
 * The one timer of a pool's idle connections: leasing one and giving it back touches no timer.
 *
 * @module
 */
import { poolSweepShare } from "../../base/limits.ts";
import type { TimerTable, TimerTarget } from "../../loop/timers.ts";
import type { PoolLimits } from "./options.ts";
import type { Pooled } from "./pooled.ts";
import type { PoolEvictions } from "./types.ts";

/** Why an idle connection has had its time; undefined while it has not. */
export function expiredBecause(
  pooled: Pooled,
  now: number,
  { idleTimeout, lifetime }: PoolLimits,
): keyof PoolEvictions | undefined {
  if (lifetime > 0 && now - pooled.madeAt >= lifetime) return "lifetime";
  if (idleTimeout > 0 && now - pooled.idleSince >= idleTimeout) return "idle";
  return undefined;
}

export class Sweeper implements TimerTarget {
  readonly #limits: PoolLimits;
  readonly #idle: () => Iterable<Pooled>;
  #timers: TimerTable | undefined = undefined;
  #timer = -1;

  constructor(limits: PoolLimits, idle: () => Iterable<Pooled>) {
    this.#limits = limits;
    this.#idle = idle;
  }

  /** A connection is idle from now on. */
  watch(pooled: Pooled): void {
    if (this.#timer >= 0) return;
    const due = this.#due(pooled);
    if (due < Infinity) this.#arm(pooled.core.group.engine.timers, due - pooled.idleSince);
  }

  /** Nothing is left to be watched. */
  stop(): void {
    if (this.#timer >= 0) this.#timers?.cancel(this.#timer);
    this.#timer = -1;
  }

  timerDue(): void {
    this.#timer = -1;
    const now = performance.now();
    let next = Infinity;
    for (const pooled of [...this.#idle()]) {
      const reason = expiredBecause(pooled, now, this.#limits);
      if (reason !== undefined) pooled.evict(reason);
      else next = Math.min(next, this.#due(pooled));
    }
    if (next < Infinity && this.#timer < 0) this.#arm(this.#timers!, next - now);
  }

  #due({ idleSince, madeAt }: Pooled): number {
    const { idleTimeout, lifetime } = this.#limits;
    const idle = idleTimeout > 0 ? idleSince + idleTimeout : Infinity;
    return lifetime > 0 ? Math.min(idle, madeAt + lifetime) : idle;
  }

  #arm(timers: TimerTable, milliseconds: number): void {
    const { idleTimeout, lifetime } = this.#limits;
    const shortest = Math.min(idleTimeout || Infinity, lifetime || Infinity);
    this.#timers = timers;
    this.#timer = timers.arm(Math.ceil(Math.max(milliseconds, shortest / poolSweepShare, 1)), this);
  }
}
