/**
 * Outgoing connections that are kept and used again.
 *
 * @module
 */
import type { TimerTarget } from "../../loop/timers.ts";
import type { Connection, SocketHandlers } from "../../stream/types.ts";
import type { Lease } from "./lease.ts";
import { checkLease, poolLimits } from "./options.ts";
import { poolClosed, PoolConnections } from "./connections.ts";
import type { PoolOptions, PoolStatistics, PoolTarget } from "./types.ts";

/**
 * Makes a pool of outgoing connections. Nothing is opened before the first acquire; idle connections do
 * not keep the process alive.
 *
 * @throws {OptionError} for an unknown key or a wrong type.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { createPool } from "@ringport/ringport/pool";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { data: (connection, window) => void connection.write(window) },
 * });
 * await using pool = createPool({ connectionsPerHost: 4, idleTimeout: 2_000 });
 * const target = { hostname: "127.0.0.1", port: listener.port };
 * for (const question of ["one", "two", "three"]) {
 *   const answer = await pool.use(target, async (connection) => {
 *     const reader = connection.readable.getReader();
 *     connection.write(question);
 *     return new TextDecoder().decode((await reader.read()).value);
 *   });
 *   console.log(answer);
 * }
 * console.log(pool.stats().created); // 1
 * ```
 */
export function createPool<D = undefined>(options: PoolOptions<D> = {}): ConnectionPool<D> {
  return new ConnectionPool<D>(options);
}

/**
 * An idle connection at once, without the checks of `acquire`: for the client of HTTP, which has made the
 * target and the handlers itself. Undefined where there is none, or not at once.
 */
export let leaseIdle: (
  pool: ConnectionPool<unknown>,
  target: PoolTarget<unknown>,
  handlers: SocketHandlers<unknown>,
) => Lease<unknown> | undefined;

/** Keeps connections to any number of destinations. Made by {@linkcode createPool}. */
export class ConnectionPool<D = undefined> implements AsyncDisposable {
  readonly #connections: PoolConnections;
  readonly #closed = Promise.withResolvers<void>();
  #isClosing = false;

  static {
    leaseIdle = (pool, target, handlers) => pool.#connections.leaseIdle(target, handlers);
  }

  /** The same as {@linkcode createPool}. */
  constructor(options: PoolOptions<D> = {}) {
    const limits = poolLimits(options);
    const handlers = options.socket as SocketHandlers<unknown> | undefined;
    this.#connections = new PoolConnections(limits, options.connect ?? {}, handlers, options.loop);
  }

  /**
   * A connection to `target`: the idle one that was used last, or a new one, or, if the limits allow none,
   * the next one released. Acquires of one destination are served in their order.
   *
   * A connection that its peer ended while it was idle is never given out, as far as the kernel knows of
   * it; but no pool can know what is still on its way. `reused` of a lease says that the peer may just
   * have left.
   *
   * With handlers (of the target, or of the pool), received bytes go to them directly.
   * Without a `data` handler they wait until `connection.readable` is read. `open` is not called.
   *
   * @throws {LimitError} `ERR_POOL_WAITING`, when `maxWaiting` acquires wait already.
   * @throws {TimeoutError} when it takes longer than `timeout` or the pool's `acquireTimeout`.
   * @throws {RingportError} `ERR_POOL_BACK_OFF`, while the pool backs off from the destination.
   * @throws {StateError} `ERR_POOL_CLOSED`, once the pool is closed.
   * @throws what `connect` throws, when the connection made for it fails. The next acquire tries again.
   */
  async acquire(target: PoolTarget<D>): Promise<Lease<D>> {
    if (this.#connections.closed) throw poolClosed();
    checkLease(target);
    target.signal?.throwIfAborted();
    return await this.#connections.acquire(target as PoolTarget<unknown>) as unknown as Lease<D>;
  }

  /**
   * Calls `action` with a connection, and gives it back when the promise resolves. When it rejects, nobody
   * knows what the peer believes: the connection is closed.
   *
   * @returns what `action` returned.
   */
  async use<R>(
    target: PoolTarget<D>,
    action: (connection: Connection<D>, lease: Lease<D>) => R | Promise<R>,
  ): Promise<R> {
    const lease = await this.acquire(target);
    try {
      const result = await action(lease.connection, lease);
      lease.release();
      return result;
    } catch (error) {
      lease.discard();
      throw error;
    }
  }

  /** The pool's counters, as they are now. */
  stats(): PoolStatistics {
    const { all, counters, connecting, waiting, destinations } = this.#connections;
    const count = { idle: 0, checking: 0, leased: 0, leaving: 0 };
    for (const { standing } of all) count[standing] += 1;
    return {
      open: count.idle + count.checking + count.leased,
      idle: count.idle,
      leased: count.leased,
      closing: count.leaving,
      connecting,
      waiting,
      destinations: destinations.count,
      created: counters.created,
      reused: counters.reused,
      failures: counters.failures,
      timeouts: counters.timeouts,
      refused: counters.refused,
      backedOff: counters.backedOff,
      evicted: { ...counters.evicted },
    };
  }

  /**
   * Takes no more acquires, rejects those that wait, closes what is idle, and waits for the leases. After
   * `closeTimeout` what is left is aborted. Resolves when all connections are gone; never rejects.
   */
  close(): Promise<void> {
    if (!this.#isClosing) void this.#close().then(this.#closed.resolve);
    this.#isClosing = true;
    return this.closed;
  }

  /** Resolves when the pool was closed and all connections are gone; never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const connections = this.#connections;
    const { promise, resolve } = Promise.withResolvers<void>();
    connections.close();
    if (connections.empty) return;
    const timers = connections.loop!.engine.timers;
    const { closeTimeout } = connections.limits;
    const deadline: TimerTarget = {
      timerDue() {
        timer = -1;
        for (const pooled of connections.all) pooled.abort("closed");
      },
    };
    let timer = closeTimeout > 0 ? timers.arm(closeTimeout, deadline) : -1;
    connections.whenEmpty = () => {
      if (timer >= 0) timers.cancel(timer);
      resolve();
    };
    if (timer < 0) deadline.timerDue(-1);
    await promise;
  }
}
