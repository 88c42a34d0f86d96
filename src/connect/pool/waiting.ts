/**
 * An acquire that has no connection yet, with the time and the signal that may end its waiting.
 *
 * @module
 */
import { LimitError } from "../../base/errors.ts";
import type { Engine } from "../../loop/engine.ts";
import type { TimerTarget } from "../../loop/timers.ts";
import type { Destination } from "./destination.ts";
import type { Lease } from "./lease.ts";
import type { PoolTarget } from "./types.ts";

/** Told when an acquire gives up by itself. */
export interface WaitingOwner {
  /** The time is over. */
  late(waiting: Waiting): void;
  /** The signal has spoken. */
  givenUp(waiting: Waiting, reason: unknown): void;
}

export class Waiting implements TimerTarget {
  readonly target: PoolTarget<unknown>;
  readonly destination: Destination;
  /** Its place among all acquires of the pool. */
  readonly order: number;
  /** Milliseconds it may wait, 0 for no limit. */
  readonly timeout: number;
  readonly #result = Promise.withResolvers<Lease<unknown>>();
  readonly #engine: Engine;
  readonly #owner: WaitingOwner;
  readonly #onAbort = () => this.#owner.givenUp(this, this.target.signal!.reason);
  #timer = -1;

  constructor(
    target: PoolTarget<unknown>,
    destination: Destination,
    order: number,
    timeout: number,
    engine: Engine,
    owner: WaitingOwner,
  ) {
    this.target = target;
    this.destination = destination;
    this.order = order;
    this.timeout = timeout;
    this.#engine = engine;
    this.#owner = owner;
    if (timeout > 0) this.#timer = this.#arm(timeout);
    target.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get promise(): Promise<Lease<unknown>> {
    return this.#result.promise;
  }

  resolve(lease: Lease<unknown>): void {
    this.#settle();
    this.#result.resolve(lease);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#result.reject(error);
  }

  timerDue(): void {
    this.#timer = -1;
    this.#owner.late(this);
  }

  #arm(timeout: number): number {
    const timer = this.#engine.timers.arm(timeout, this);
    if (timer >= 0) return timer;
    throw new LimitError("acquire: the loop has no timer left", {
      code: "ERR_TIMERS_EXHAUSTED",
      operation: "acquire",
    });
  }

  #settle(): void {
    this.target.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#timer >= 0) this.#engine.timers.cancel(this.#timer);
    this.#timer = -1;
  }
}
