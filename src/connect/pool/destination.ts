/**
 * One destination of a pool: its connections, the acquires that wait for one, and its recent failures.
 *
 * @module
 */
import { formatHostAndPort } from "../../base/address.ts";
import { LimitError, RingportError } from "../../base/errors.ts";
import { poolBackOffDoublingsMax, poolCheckAfterMilliseconds } from "../../base/limits.ts";
import type { Engine, Waiter } from "../../loop/engine.ts";
import type { TimerTarget } from "../../loop/timers.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import { State } from "../../stream/state.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import type { PoolLimits } from "./options.ts";
import { handTo, uncleanBecause } from "./reuse.ts";
import type { PoolConnectOptions, PoolEvictions, PoolTarget, PoolTimeouts } from "./types.ts";

/** What connections and waiting acquires tell their pool. */
export interface PoolKeeper {
  /** The connection can be leased. */
  ready(pooled: Pooled): void;
  /** It is on its way out. */
  leaves(pooled: Pooled, reason: keyof PoolEvictions): void;
  /** It is gone, and another one may be made. */
  gone(pooled: Pooled): void;
  /** The time of the acquire is over. */
  late(waiting: Waiting): void;
  /** Its signal was aborted. */
  givenUp(waiting: Waiting, reason: unknown): void;
}

/** What concerns the destination within a target. */
function ownOptionsOf<D>(target: PoolTarget<D>): PoolConnectOptions & PoolTimeouts {
  const { socket: _socket, data: _data, signal: _signal, timeout: _timeout, fresh: _fresh, ...options } =
    target;
  return options;
}

/** The options of `connect` within a target. */
export function connectOptionsOf<D>(target: PoolTarget<D>): PoolConnectOptions {
  const { idleTimeout: _idle, lifetime: _lifetime, ...options } = ownOptionsOf(target);
  return options;
}

/** The times of a destination: those of its target, or of the pool. */
export function timesOf<D>(target: PoolTarget<D>, limits: PoolLimits): Required<PoolTimeouts> {
  return {
    idleTimeout: target.idleTimeout ?? limits.idleTimeout,
    lifetime: target.lifetime ?? limits.lifetime,
  };
}

/** Keys of a target that make no difference to the key, or are its beginning. */
const plainKeys: ReadonlySet<string> = new Set([
  "hostname",
  "port",
  "socket",
  "data",
  "signal",
  "timeout",
  "fresh",
]);

/** Targets with the same key share connections: the same address, reached with the same options. */
export function keyOf<D>(target: PoolTarget<D>): string {
  for (const key in target) {
    if (!plainKeys.has(key) && target[key as keyof PoolTarget] !== undefined) return longKey(target);
  }
  return `${target.hostname}:${target.port}`;
}

/** In brackets, as no short key is. */
function longKey<D>(target: PoolTarget<D>): string {
  const given = Object.entries(ownOptionsOf(target)).filter(([, value]) => value !== undefined);
  return JSON.stringify(given.sort(([left], [right]) => left < right ? -1 : 1));
}

export class Destination {
  readonly key: string;
  readonly options: PoolConnectOptions;
  readonly times: Required<PoolTimeouts>;
  /** Ready to be leased; the last one was used last and is leased first, so that those too many grow old. */
  readonly idle: Pooled[] = [];
  /** Acquires without a connection, the first one first. */
  readonly waiting: Waiting[] = [];
  /** Connects on their way, the latest last. */
  readonly attempts: AbortController[] = [];
  /** Connections in any state, until they are gone. */
  connections = 0;
  /** Connections that will be ready in a moment. */
  checking = 0;
  /** Connects that failed since the last one that did not. */
  failures = 0;
  lastFailure: unknown = undefined;
  #blockedUntil = 0;
  /** Back-offs since the last connect that came through. */
  #backOffs = 0;

  constructor(key: string, options: PoolConnectOptions, times: Required<PoolTimeouts>) {
    this.key = key;
    this.options = options;
    this.times = times;
  }

  /** How it is called in messages. */
  get name(): string {
    const options: { hostname?: string; port?: number; unix?: string } = this.options;
    return options.unix ?? formatHostAndPort(options.hostname ?? "", options.port ?? 0);
  }

  /** Connections and connects that count toward the limits. */
  get taken(): number {
    return this.connections + this.attempts.length;
  }

  /** Acquires that wait without a connect on its way for them, or a connection about to be ready. */
  get unserved(): number {
    return Math.max(this.waiting.length - this.attempts.length - this.checking, 0);
  }

  /** Takes the first acquire that a connection may serve; `used`: it was leased before. */
  takeWaiting(used: boolean): Waiting | undefined {
    if (this.waiting.length === 0) return undefined;
    if (!used) return this.waiting.shift();
    const index = this.waiting.findIndex(({ target }) => target.fresh !== true);
    return index < 0 ? undefined : this.waiting.splice(index, 1)[0];
  }

  /** Whether one more connect may begin, as far as this destination is concerned. */
  mayConnect({ connectionsPerHost, maxFailures }: PoolLimits): boolean {
    // After failures one connect at a time tries whether the destination is back.
    const probing = maxFailures > 0 && this.failures >= maxFailures;
    return this.taken < connectionsPerHost && !(probing && this.attempts.length > 0);
  }

  /** A connect has come through. */
  succeeded(): void {
    this.failures = 0;
    this.lastFailure = undefined;
    this.#backOffs = 0;
  }

  /** A connect has failed. */
  failed(error: unknown, { maxFailures, backOff }: PoolLimits): void {
    this.failures += 1;
    this.lastFailure = error;
    const now = performance.now();
    // Connects that were under way together fail together: that is one back-off.
    if (maxFailures === 0 || this.failures < maxFailures || now < this.#blockedUntil) return;
    this.#blockedUntil = now + backOff * 2 ** Math.min(this.#backOffs, poolBackOffDoublingsMax);
    this.#backOffs += 1;
  }

  /** The error of an acquire while the pool backs off; undefined where it does not. */
  backOffError({ maxFailures }: PoolLimits): RingportError | undefined {
    if (maxFailures === 0 || this.failures < maxFailures) return undefined;
    const left = Math.ceil(this.#blockedUntil - performance.now());
    if (left <= 0) return undefined;
    return new RingportError(
      `acquire ${this.name}: the last ${this.failures} connects failed; the next attempt is in ${left} ms`,
      { code: "ERR_POOL_BACK_OFF", operation: "acquire", address: this.name, cause: this.lastFailure },
    );
  }

  /** Nothing of it needs to be remembered. */
  forgettable({ maxFailures }: PoolLimits): boolean {
    return this.taken === 0 && this.waiting.length === 0 && (maxFailures === 0 || this.failures === 0);
  }
}

/**
 * Its state. `"checking"`: the kernel is asked once whether bytes or an end have arrived, before it is used.
 */
type PooledState = "idle" | "checking" | "leased" | "leaving";

/**
 * One connection of a pool. While it is not leased, this is the connection's handler table: it continues
 * reading, so that the peer's end is seen when it arrives and not by the next lease that writes.
 */
export class Pooled implements SocketHandlers<unknown>, Waiter {
  readonly core: StreamConnection;
  readonly destination: Destination;
  readonly madeAt: number = performance.now();
  readonly #keeper: PoolKeeper;
  standing: PooledState = "leased";
  idleSince = 0;
  /** Leases so far. */
  uses = 0;
  /** Polls still to be waited for while it is checked. */
  #polls = 0;

  constructor(core: StreamConnection, destination: Destination, keeper: PoolKeeper) {
    this.core = core;
    this.destination = destination;
    this.#keeper = keeper;
    const { owner } = core.config;
    core.config.owner = {
      left: (connection) => {
        if (this.standing !== "leaving") this.#leave("ended");
        keeper.gone(this);
        owner?.left(connection);
      },
    };
  }

  /** Bytes came and nobody has asked for any: whatever they answer, they must not answer the next lease. */
  data(): void {
    this.evict("unexpectedData");
  }

  /** The peer's FIN. */
  end(): void {
    this.evict("peerEnded");
  }

  /** A reset, or a peer that no longer answers. The caller aborts the connection. */
  error(): void {
    if (this.standing !== "leaving") this.#leave("failed");
  }

  /** Gives it to a lease. */
  lease<D>(handlers: SocketHandlers<D> | undefined, data: D | undefined): void {
    this.standing = "leased";
    this.uses += 1;
    this.core.data = data;
    this.core.ref();
    handTo(this.core, handlers);
  }

  /** Takes it back from a lease, or closes it. True when it stays. */
  takeBack(limitReached: keyof PoolEvictions | undefined): boolean {
    if (this.standing !== "leased") return false;
    const reason = uncleanBecause(this.core) ?? limitReached;
    if (reason !== undefined) {
      this.evict(reason);
      return false;
    }
    this.settle();
    return true;
  }

  /** Stands by without a lease; ready at once, or after a check where it did not read up to now. */
  settle(): void {
    this.core.detachStreams();
    this.core.config.generation += 1;
    this.core.resetTimeouts();
    this.core.data = undefined;
    this.core.unref();
    if (handTo(this.core, this)) this.check();
    else this.#ready();
  }

  /** True when it has been idle for so long that its peer may have ended it while this thread was busy. */
  needsCheck(now: number): boolean {
    return now - this.idleSince >= poolCheckAfterMilliseconds;
  }

  /** Looks at the kernel: two polls, since some systems answer a request to read in the poll after it. */
  check(): void {
    this.standing = "checking";
    this.destination.checking += 1;
    this.#polls = 2;
    this.core.config.engine.waitForPoll(this);
  }

  tryAgain(): void {
    if (this.standing !== "checking") return;
    this.#polls -= 1;
    if (this.#polls === 0) return this.#ready();
    // From outside the turn, so that the loop does not go to sleep before it.
    queueMicrotask(() => {
      const { engine } = this.core.config;
      if (this.standing === "checking" && !engine.closed) engine.waitForPoll(this);
    });
  }

  /** Sends it off: what was written still goes out. */
  evict(reason: keyof PoolEvictions): void {
    if (this.standing === "leaving") return;
    const wasLeased = this.standing === "leased";
    this.#leave(reason);
    this.core.detachStreams();
    this.core.config.handlers = this as SocketHandlers<unknown>;
    // What a lease has written keeps the process alive until it is out; an idle connection has nothing.
    if (!wasLeased) this.core.unref();
    this.core.closeGently();
  }

  /** Cuts it. */
  abort(reason: keyof PoolEvictions): void {
    if (this.standing !== "leaving") this.#leave(reason);
    this.core.abort();
  }

  /** True while it can be used. */
  get usable(): boolean {
    return this.core.stateNumber === State.open;
  }

  #ready(): void {
    if (this.standing === "checking") this.destination.checking -= 1;
    this.standing = "idle";
    this.idleSince = performance.now();
    this.#keeper.ready(this);
  }

  #leave(reason: keyof PoolEvictions): void {
    if (this.standing === "checking") this.destination.checking -= 1;
    this.#keeper.leaves(this, reason);
    this.standing = "leaving";
  }
}

/** An acquire that has no connection yet, with the time and the signal that may end its waiting. */
export class Waiting implements TimerTarget {
  readonly target: PoolTarget<unknown>;
  readonly destination: Destination;
  /** Its position among all acquires of the pool. */
  readonly order: number;
  /** Milliseconds it may wait, 0 for no limit. */
  readonly timeout: number;
  readonly #engine: Engine;
  readonly #keeper: PoolKeeper;
  readonly #served: (pooled: Pooled) => void;
  readonly #rejected: (error: unknown) => void;
  readonly #onAbort = () => this.#keeper.givenUp(this, this.target.signal!.reason);
  #timer = -1;

  constructor(
    target: PoolTarget<unknown>,
    destination: Destination,
    order: number,
    timeout: number,
    engine: Engine,
    keeper: PoolKeeper,
    served: (pooled: Pooled) => void,
    rejected: (error: unknown) => void,
  ) {
    this.target = target;
    this.destination = destination;
    this.order = order;
    this.timeout = timeout;
    this.#engine = engine;
    this.#keeper = keeper;
    this.#served = served;
    this.#rejected = rejected;
    if (timeout > 0) this.#timer = this.#arm(timeout);
    target.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Gives it a connection. */
  serve(pooled: Pooled): void {
    this.#settle();
    this.#served(pooled);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#rejected(error);
  }

  timerDue(): void {
    this.#timer = -1;
    this.#keeper.late(this);
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
