/**
 * All destinations of a pool, and the choice between them.
 *
 * @module
 */
import { LimitError } from "../../base/errors.ts";
import { poolConnectTimeoutDefaultMilliseconds } from "../../base/limits.ts";
import { checkConnectOptions } from "../options.ts";
import { absoluteUnixPath } from "../../stream/socket_address.ts";
import type { ConnectOptions } from "../types.ts";
import { connectOptionsOf, Destination, keyOf, type Pooled, timesOf } from "./destination.ts";
import { checkConnectKeys, type PoolLimits } from "./options.ts";
import type { PoolConnectOptions, PoolTarget } from "./types.ts";

export class Destinations {
  readonly #byKey = new Map<string, Destination>();
  readonly #limits: PoolLimits;
  readonly #defaults: Partial<PoolConnectOptions>;
  /** Above this many, those with nothing to remember are looked for. */
  #tidyAbove: number;

  constructor(limits: PoolLimits, defaults: Partial<PoolConnectOptions>) {
    this.#limits = limits;
    this.#defaults = fromRoot(defaults);
    this.#tidyAbove = tidyFloor;
  }

  get count(): number {
    return this.#byKey.size;
  }

  values(): Iterable<Destination> {
    return this.#byKey.values();
  }

  /** The destination of a target, if it is remembered. */
  known(target: PoolTarget<unknown>): Destination | undefined {
    return this.#byKey.get(keyOf(target));
  }

  /** The destination of a target; throws an OptionError for what `connect` would not take. */
  of(given: PoolTarget<unknown>): Destination {
    const target = fromRoot(given);
    const key = keyOf(target);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const options = connectOptionsOf(target);
    checkConnectKeys("acquire", options);
    const timeouts = {
      connect: poolConnectTimeoutDefaultMilliseconds,
      ...this.#defaults.timeouts,
      ...options.timeouts,
    };
    const merged = { ...this.#defaults, ...options, timeouts };
    checkConnectOptions(merged as ConnectOptions<undefined>);
    if (this.#byKey.size >= this.#tidyAbove) {
      this.forget();
      this.#tidyAbove = Math.max(tidyFloor, this.#byKey.size * 2);
    }
    const destination = new Destination(key, merged, timesOf(target, this.#limits));
    this.#byKey.set(key, destination);
    return destination;
  }

  /** Forgets those with no connection, nobody waiting and no failure to remember. */
  forget(): void {
    for (const destination of [...this.#byKey.values()]) {
      if (destination.forgettable(this.#limits)) this.#byKey.delete(destination.key);
    }
  }

  /** Every idle connection. */
  *idle(): Iterable<Pooled> {
    for (const { idle } of this.#byKey.values()) yield* idle;
  }

  /** Acquires that wait without a connect of their own. */
  unserved(): number {
    let count = 0;
    for (const destination of this.#byKey.values()) count += destination.unserved;
    return count;
  }

  /** Among those that may connect, the one whose acquire has waited longest for that. */
  nextToConnect(): Destination | undefined {
    let best: Destination | undefined = undefined;
    let bestOrder = Infinity;
    for (const destination of this.#byKey.values()) {
      const { unserved, waiting } = destination;
      if (unserved === 0 || !destination.mayConnect(this.#limits)) continue;
      const { order } = waiting[waiting.length - unserved];
      if (order >= bestOrder) continue;
      best = destination;
      bestOrder = order;
    }
    return best;
  }

  /** The connection nobody has used for longest, not counting those of one destination. */
  longestIdle(except: Destination): Pooled | undefined {
    let best: Pooled | undefined = undefined;
    for (const destination of this.#byKey.values()) {
      const oldest = destination.idle[0];
      if (oldest === undefined || destination === except) continue;
      if (best === undefined || oldest.idleSince < best.idleSince) best = oldest;
    }
    return best;
  }

  /** The error of one acquire too many. */
  tooManyWait({ name, taken }: Destination): LimitError {
    const { maxWaiting } = this.#limits;
    return new LimitError(
      `acquire ${name}: ${maxWaiting} acquires are already waiting (option "maxWaiting"), ` +
        `${taken} connections are in use`,
      { code: "ERR_POOL_WAITING", operation: "acquire", address: name },
    );
  }
}

/** Destinations below which none is looked for to be forgotten. */
const tidyFloor = 64;

/** A relative path means another file once the process has changed its current folder. */
function fromRoot<T extends { unix?: string }>(options: T): T {
  const { unix } = options;
  return typeof unix === "string" ? { ...options, unix: absoluteUnixPath(unix) } : options;
}
