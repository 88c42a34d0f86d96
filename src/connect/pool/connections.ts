/**
 * The connections of a pool: which are leased, which acquires wait, and when a connect begins.
 *
 * Invariants: connections and connects together never exceed the limits, a connection that closes counts
 * until it is gone; within a destination acquires are served in their order; nobody waits while an idle
 * connection could serve.
 *
 * @module
 */
import { StateError, TimeoutError } from "../../base/errors.ts";
import { connect } from "../connect.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import { type EventLoop, loopFor } from "../../loop/event_loop.ts";
import type { Loop } from "../../loop/types.ts";
import { firstDataOf } from "../../stream/shared_config.ts";
import { State } from "../../stream/state.ts";
import type { Connection, SocketHandlers } from "../../stream/types.ts";
import { PoolCounters } from "./counters.ts";
import { type Destination, Pooled, type PoolKeeper, Waiting } from "./destination.ts";
import { Destinations } from "./destinations.ts";
import { type Lease, makeLease } from "./lease.ts";
import type { PoolLimits } from "./options.ts";
import { expiredBecause, Sweeper } from "./sweeper.ts";
import type { PoolConnectOptions, PoolEvictions, PoolTarget } from "./types.ts";

export class PoolConnections implements PoolKeeper {
  readonly limits: PoolLimits;
  readonly counters: PoolCounters = new PoolCounters();
  readonly destinations: Destinations;
  /** Every connection that counts toward the limits. */
  readonly all: Set<Pooled> = new Set();
  /** Called when the last connection is gone and no acquire waits. */
  whenEmpty: (() => void) | undefined = undefined;
  closed = false;
  readonly #handlers: SocketHandlers<unknown> | undefined;
  readonly #loopGiven: Loop | undefined;
  readonly #sweeper: Sweeper;
  readonly #pumpNow = () => this.#pump();
  readonly #takeBack = (pooled: Pooled): boolean => pooled.takeBack(this.#limitReached(pooled));
  /** The loop, while there is a connection on it or an acquire waits. */
  #loop: EventLoop | undefined = undefined;
  #connecting = 0;
  #leaving = 0;
  #waiting = 0;
  #order = 0;
  #pumpPlanned = false;

  constructor(
    limits: PoolLimits,
    defaults: Partial<PoolConnectOptions>,
    handlers: SocketHandlers<unknown> | undefined,
    loop: Loop | undefined,
  ) {
    this.limits = limits;
    this.destinations = new Destinations(limits, defaults);
    this.#handlers = handlers;
    this.#loopGiven = loop;
    this.#sweeper = new Sweeper(() => this.destinations.idle());
  }

  get connecting(): number {
    return this.#connecting;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get empty(): boolean {
    return this.all.size + this.#connecting + this.#waiting === 0;
  }

  /** The loop, while the pool has something on it. */
  get loop(): EventLoop | undefined {
    return this.#loop;
  }

  /** A connection at once, or the promise of one. Throws where none may be waited for. */
  acquire(given: PoolTarget<unknown>): Lease<unknown> | Promise<Lease<unknown>> {
    // Made here, so that the caller of acquire gets what making it throws.
    const made = firstDataOf(given.data);
    const target = typeof given.data === "function" ? { ...given, data: () => made } : given;
    const destination = this.destinations.of(target);
    const pooled = target.fresh === true ? undefined : this.#takeIdle(destination, performance.now());
    if (pooled !== undefined && !pooled.needsCheck(performance.now())) return this.#lease(pooled, target);
    const blocked = pooled === undefined ? destination.backOffError(this.limits) : undefined;
    if (blocked !== undefined) {
      this.counters.backedOff += 1;
      throw blocked;
    }
    if (this.#loop === undefined) {
      const loop = loopFor(this.#loopGiven);
      loop.retain("acquire");
      this.#loop = loop;
    }
    try {
      pooled?.check();
      return this.#wait(target, destination);
    } finally {
      if (this.empty) this.#planPump();
    }
  }

  /** An idle connection that needs no look at the kernel; undefined without one. */
  leaseIdle(target: PoolTarget<unknown>, handlers: SocketHandlers<unknown>): Lease<unknown> | undefined {
    const destination = this.closed ? undefined : this.destinations.known(target);
    if (destination === undefined) return undefined;
    const now = performance.now();
    const pooled = this.#takeIdle(destination, now);
    if (pooled === undefined) return undefined;
    if (!pooled.needsCheck(now)) return this.#lend(pooled, handlers, undefined);
    destination.idle.push(pooled);
    return undefined;
  }

  ready(pooled: Pooled): void {
    const { destination } = pooled;
    if (this.#givesWay(destination)) return pooled.evict("room");
    const waiting = destination.takeWaiting(pooled.uses > 0);
    if (waiting !== undefined) return this.#serve(waiting, pooled);
    // Those that wait want one that nobody has used: this one would keep it from being made.
    if (destination.unserved > 0 && destination.taken >= this.limits.connectionsPerHost) {
      return pooled.evict("room");
    }
    destination.idle.push(pooled);
    this.#sweeper.watch(pooled);
    // Another destination may need a connection more.
    if (this.#waiting > 0) this.#planPump();
  }

  leaves(pooled: Pooled, reason: keyof PoolEvictions): void {
    const { idle } = pooled.destination;
    const index = pooled.standing === "idle" ? idle.lastIndexOf(pooled) : -1;
    if (index >= 0) idle.splice(index, 1);
    this.counters.evicted[reason] += 1;
    this.#leaving += 1;
    this.#planPump();
  }

  gone(pooled: Pooled): void {
    this.#leaving -= 1;
    this.all.delete(pooled);
    pooled.destination.connections -= 1;
    this.#planPump();
  }

  late(waiting: Waiting): void {
    const { name, taken, lastFailure } = waiting.destination;
    this.counters.timeouts += 1;
    const error = new TimeoutError(
      `acquire ${name}: no connection within ${waiting.timeout} ms; ${taken} connections to it and ` +
        `${this.#taken} of ${this.limits.connections} in total are in use, ${
          this.#waiting - 1
        } others are waiting`,
      { code: "ETIMEDOUT", operation: "acquire", address: name, cause: lastFailure },
    );
    this.givenUp(waiting, error);
  }

  givenUp(waiting: Waiting, reason: unknown): void {
    const { destination } = waiting;
    const index = destination.waiting.indexOf(waiting);
    if (index < 0) return;
    destination.waiting.splice(index, 1);
    this.#reject(waiting, reason);
    // The connects nobody waits for any more, the latest first.
    while (destination.attempts.length > destination.waiting.length) this.#cancel(destination);
    this.#planPump();
  }

  /** Takes no more acquires, refuses those that wait, and closes what nobody uses. */
  close(): void {
    this.closed = true;
    for (const destination of this.destinations.values()) {
      for (const waiting of destination.waiting.splice(0)) this.#reject(waiting, poolClosed());
      while (destination.attempts.length > 0) this.#cancel(destination);
    }
    for (const pooled of [...this.all]) {
      if (pooled.standing !== "leased") pooled.evict("closed");
      // The end of the pool waits for these.
      pooled.core.ref();
    }
    this.#planPump();
  }

  get #taken(): number {
    return this.all.size + this.#connecting;
  }

  #takeIdle({ idle }: Destination, now: number): Pooled | undefined {
    for (;;) {
      const pooled = idle.at(-1);
      if (pooled === undefined) return undefined;
      const reason = pooled.usable ? expiredBecause(pooled, now) : "failed";
      if (reason === undefined) return idle.pop();
      pooled.evict(reason);
    }
  }

  #lease(pooled: Pooled, target: PoolTarget<unknown>): Lease<unknown> {
    return this.#lend(pooled, target.socket ?? this.#handlers, firstDataOf(target.data));
  }

  #lend(pooled: Pooled, handlers: SocketHandlers<unknown> | undefined, data: unknown): Lease<unknown> {
    pooled.lease(handlers, data);
    if (pooled.uses > 1) this.counters.reused += 1;
    return makeLease<unknown>(pooled, this.#takeBack);
  }

  #wait(target: PoolTarget<unknown>, destination: Destination): Promise<Lease<unknown>> {
    const { engine } = this.#loop!;
    const timeout = target.timeout ?? this.limits.acquireTimeout;
    const { promise, resolve, reject } = Promise.withResolvers<Lease<unknown>>();
    const served = (pooled: Pooled) => resolve(this.#lease(pooled, target));
    const waiting = new Waiting(target, destination, this.#order++, timeout, engine, this, served, reject);
    destination.waiting.push(waiting);
    if (this.#waiting++ === 0) engine.ref();
    if (target.fresh === true && destination.taken >= this.limits.connectionsPerHost) {
      destination.idle[0]?.evict("room");
    }
    this.#pump();
    if (destination.unserved > 0 && this.destinations.unserved() > this.limits.maxWaiting) {
      destination.waiting.pop();
      this.counters.refused += 1;
      this.#reject(waiting, this.destinations.tooManyWait(destination));
    }
    return promise;
  }

  #serve(waiting: Waiting, pooled: Pooled): void {
    waiting.serve(pooled);
    this.#noLongerWaits();
  }

  #reject(waiting: Waiting, error: unknown): void {
    this.#noLongerWaits();
    waiting.reject(error);
  }

  #noLongerWaits(): void {
    this.#waiting -= 1;
    if (this.#waiting === 0) this.#loop!.engine.unref();
  }

  #limitReached(pooled: Pooled): keyof PoolEvictions | undefined {
    if (this.closed) return "closed";
    const { maxUses } = this.limits;
    const { lifetime } = pooled.destination.times;
    if (maxUses > 0 && pooled.uses >= maxUses) return "uses";
    return lifetime > 0 && performance.now() - pooled.madeAt >= lifetime ? "lifetime" : undefined;
  }

  #planPump(): void {
    if (this.#pumpPlanned) return;
    this.#pumpPlanned = true;
    queueMicrotask(this.#pumpNow);
  }

  /** Begins connects up to the limits, and cancels those no longer needed. */
  #pump(): void {
    this.#pumpPlanned = false;
    while (this.#waiting > 0) {
      const destination = this.destinations.nextToConnect();
      if (destination === undefined) break;
      if (this.#taken >= this.limits.connections) {
        this.#makeRoom(destination);
        break;
      }
      this.#connect(destination);
    }
    if (!this.empty) return;
    this.#sweeper.stop();
    this.destinations.forget();
    const loop = this.#loop;
    this.#loop = undefined;
    this.whenEmpty?.();
    loop?.release();
  }

  /**
   * True when another destination has not a single connection, the pool is full, and its acquire has waited
   * longer than those of this one: otherwise a busy destination would keep its connections forever.
   */
  #givesWay(destination: Destination): boolean {
    if (this.#waiting === destination.waiting.length || this.#leaving > 0) return false;
    if (this.#taken < this.limits.connections) return false;
    const next = this.destinations.nextToConnect();
    if (next === undefined || next.taken > 0) return false;
    return next.waiting[0].order < (destination.waiting[0]?.order ?? Infinity);
  }

  /** Closes one of the longest idle connections for each acquire that waits without one. */
  #makeRoom(destination: Destination): void {
    for (let needed = this.destinations.unserved() - this.#leaving; needed > 0; needed--) {
      const oldest = this.destinations.longestIdle(destination);
      if (oldest === undefined) return;
      oldest.evict("room");
    }
  }

  #connect(destination: Destination): void {
    const attempt = new AbortController();
    destination.attempts.push(attempt);
    this.#connecting += 1;
    connect({
      ...destination.options,
      loop: this.#loop,
      signal: attempt.signal,
    }).then(
      (connection) => this.#connected(destination, attempt, connection as Connection<unknown>),
      (error: unknown) => this.#failed(destination, attempt, error),
    );
  }

  #cancel(destination: Destination): void {
    destination.attempts.pop()!.abort();
  }

  #attemptOver(destination: Destination, attempt: AbortController): void {
    const index = destination.attempts.indexOf(attempt);
    if (index >= 0) destination.attempts.splice(index, 1);
    this.#connecting -= 1;
    this.#planPump();
  }

  #connected(destination: Destination, attempt: AbortController, connection: Connection<unknown>): void {
    const core = connection as StreamConnection;
    if (core.stateNumber !== State.open) {
      // Cut by the peer before anybody had it.
      core.abort();
      return this.#failed(destination, attempt, core.error ?? endedAtOnce(destination));
    }
    this.#attemptOver(destination, attempt);
    const pooled = new Pooled(core, destination, this);
    this.all.add(pooled);
    destination.connections += 1;
    destination.succeeded();
    this.counters.created += 1;
    const waiting = destination.waiting.shift();
    if (waiting !== undefined) return this.#serve(waiting, pooled);
    if (this.closed) pooled.evict("closed");
    else pooled.settle();
  }

  #failed(destination: Destination, attempt: AbortController, error: unknown): void {
    this.#attemptOver(destination, attempt);
    if (attempt.signal.aborted) return;
    this.counters.failures += 1;
    destination.failed(error, this.limits);
    const waiting = destination.waiting.shift();
    if (waiting !== undefined) this.#reject(waiting, error);
    const blocked = destination.backOffError(this.limits);
    if (blocked === undefined) return;
    // Those behind would wait for connects that are not going to be made.
    while (destination.unserved > 0) {
      this.counters.backedOff += 1;
      this.#reject(destination.waiting.pop()!, blocked);
    }
  }
}

/** The error of an acquire from a closed pool. */
export function poolClosed(): StateError {
  return new StateError("acquire: the pool is closed", { code: "ERR_POOL_CLOSED", operation: "acquire" });
}

function endedAtOnce({ name }: Destination): StateError {
  return new StateError(`acquire ${name}: the peer closed the connection at once`, {
    code: "ERR_STATE",
    operation: "acquire",
    address: name,
  });
}
