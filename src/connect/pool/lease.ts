/**
 * A connection of a pool while it is leased.
 *
 * @module
 */
import { OptionError, StateError } from "../../base/errors.ts";
import { checkHandlers } from "../../stream/options.ts";
import { Flag } from "../../stream/state.ts";
import type { Connection, SocketHandlers } from "../../stream/types.ts";
import type { Pooled } from "./destination.ts";
import { handTo } from "./reuse.ts";

/** Returns a connection to its pool or closes it. True when the pool keeps it. */
type TakeBack = (pooled: Pooled) => boolean;

/** The constructor, for the pool alone. */
export let makeLease: <D>(pooled: Pooled, takeBack: TakeBack) => Lease<D>;

/**
 * A connection for a while: made by `pool.acquire`, ended by {@linkcode release}, {@linkcode discard} or
 * the end of an `await using` scope.
 */
export class Lease<D = undefined> implements AsyncDisposable, Disposable {
  /** True when somebody has used the connection before: its peer may end it at any moment. */
  readonly reused: boolean;
  readonly #takeBack: TakeBack;
  readonly #pooled: Pooled;
  #released = false;

  static {
    makeLease = (pooled, takeBack) => new Lease(pooled, takeBack);
  }

  private constructor(pooled: Pooled, takeBack: TakeBack) {
    this.#takeBack = takeBack;
    this.#pooled = pooled;
    this.reused = pooled.uses > 1;
  }

  /** The connection. Throws a StateError once the lease is over: it is somebody else's then. */
  get connection(): Connection<D> {
    this.#check("connection");
    return this.#pooled.core as unknown as Connection<D>;
  }

  /** True once the lease is over. */
  get released(): boolean {
    return this.#released;
  }

  /** The connection's handlers during this lease. `open` is not called. */
  get handlers(): SocketHandlers<D> {
    this.#check("handlers");
    return this.#pooled.core.config.handlers as unknown as SocketHandlers<D>;
  }

  /**
   * Takes other handlers. They are the connection's own table from now on: nothing stands between,
   * whatever comes.
   *
   * @throws {StateError} when `connection.readable` is read already, or the lease is over.
   */
  set handlers(handlers: SocketHandlers<D>) {
    this.#check("handlers");
    if (typeof handlers !== "object" || handlers === null) {
      throw new OptionError("lease", "handlers", 'option "handlers" must be an object of handlers');
    }
    checkHandlers("lease", handlers);
    const { core } = this.#pooled;
    if ((core.flags & Flag.streaming) !== 0) {
      throw new StateError("lease: the connection's stream is being read and receives the data", {
        code: "ERR_STATE",
        operation: "handlers",
        origin: "application",
        connectionId: core.id,
      });
    }
    if (this.#pooled.usable) handTo(core, handlers);
  }

  /**
   * Gives the connection back. It is kept when it is open both ways, all that was written is with the
   * kernel and nothing received waits to be read; otherwise it is closed, after what was written. To
   * release it before the whole answer has arrived is a mistake: the rest closes it, or reaches the
   * next lease.
   *
   * @returns true when it was kept. A second call does nothing and returns false.
   */
  release(): boolean {
    if (this.#released) return false;
    this.#released = true;
    return this.#takeBack(this.#pooled);
  }

  /** Ends the lease and the connection: for when it is not known what its peer believes. */
  discard(): void {
    if (this.#released) return;
    this.#released = true;
    this.#pooled.evict("discarded");
  }

  /** The same as {@linkcode release}. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** The same as {@linkcode release}. */
  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  #check(operation: string): void {
    if (!this.#released) return;
    throw new StateError("lease: it was released, and its connection may be in use elsewhere", {
      code: "ERR_LEASE_OVER",
      operation,
      origin: "application",
    });
  }
}
