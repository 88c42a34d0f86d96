/**
 * One connection of a pool. While it is not leased, this is the connection's handler table: it continues
 * reading, so that the peer's end is seen when it arrives and not by the next lease that writes.
 *
 * @module
 */
import { poolCheckAfterMilliseconds } from "../../base/limits.ts";
import type { Waiter } from "../../loop/engine.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import { State } from "../../stream/state.ts";
import type { SocketHandlers } from "../../stream/types.ts";
import type { Destination } from "./destination.ts";
import { handTo, uncleanBecause } from "./reuse.ts";
import type { PoolEvictions } from "./types.ts";

/** Receives the events of a pooled connection. */
export interface Keeper {
  /** It can be leased. */
  ready(pooled: Pooled): void;
  /** It is on its way out. */
  leaves(pooled: Pooled, reason: keyof PoolEvictions): void;
  /** Its place is free. */
  gone(pooled: Pooled): void;
}

/**
 * Its state. `"checking"`: the kernel is asked once whether bytes or an end have arrived, before it is used.
 */
export type PooledState = "idle" | "checking" | "leased" | "leaving";

export class Pooled implements SocketHandlers<unknown>, Waiter {
  readonly core: StreamConnection;
  readonly destination: Destination;
  readonly madeAt: number = performance.now();
  readonly #keeper: Keeper;
  standing: PooledState = "leased";
  idleSince = 0;
  /** Leases so far. */
  uses = 0;
  /** Polls still to be waited for while it is checked. */
  #polls = 0;

  constructor(core: StreamConnection, destination: Destination, keeper: Keeper) {
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
    this.core.close();
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
