/**
 * One destination of a pool: its idle connections, the acquires that wait for one, and its recent failures.
 *
 * @module
 */
import { formatHostAndPort } from "../../base/address.ts";
import { RingportError } from "../../base/errors.ts";
import { poolBackOffDoublingsMax } from "../../base/limits.ts";
import type { PoolLimits } from "./options.ts";
import type { Pooled } from "./pooled.ts";
import type { PoolConnectOptions, PoolTarget, PoolTimeouts } from "./types.ts";
import type { Waiting } from "./waiting.ts";

/** What concerns the destination within a target. */
function ownOptionsOf<D>(target: PoolTarget<D>): PoolConnectOptions & PoolTimeouts {
  const { socket: _socket, data: _data, signal: _signal, timeout: _timeout, ...options } = target;
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
const plainKeys: ReadonlySet<string> = new Set(["hostname", "port", "socket", "data", "signal", "timeout"]);

/** Targets with the same key share connections: the same place, reached with the same options. */
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
  /** Connections, in whatever state, that hold a place. */
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

  /** Places taken. */
  get taken(): number {
    return this.connections + this.attempts.length;
  }

  /** Acquires that wait without a connect on its way for them, or a connection about to be ready. */
  get unserved(): number {
    return Math.max(this.waiting.length - this.attempts.length - this.checking, 0);
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
