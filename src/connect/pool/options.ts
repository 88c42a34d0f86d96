/**
 * The options of a pool and of an acquire, and their defaults.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import {
  poolAcquireTimeoutDefaultMilliseconds,
  poolBackOffDefaultMilliseconds,
  poolCloseTimeoutDefaultMilliseconds,
  poolConnectionsDefault,
  poolConnectionsPerHostDefault,
  poolIdleTimeoutDefaultMilliseconds,
  poolWaitingMaxDefault,
} from "../../base/limits.ts";
import { OptionError } from "../../base/errors.ts";
import { abortSignal, anything, checkOptions, objectOf, type OptionSchema } from "../../base/options.ts";
import { flag, milliseconds, wholeNumber } from "../../base/option_kinds.ts";
import { isEventLoop } from "../../loop/event_loop.ts";
import { checkHandlers } from "../../stream/options.ts";
import type { PoolOptions, PoolTarget } from "./types.ts";

const countMax = 0x7fff_ffff;
const atLeastOne = wholeNumber(1, countMax);
const count = wholeNumber(0, countMax);
const delay = milliseconds(0, TIMER_DELAY_MAX_MS);

const poolSchema: OptionSchema = {
  connectionsPerHost: atLeastOne,
  connections: atLeastOne,
  idleTimeout: delay,
  lifetime: delay,
  acquireTimeout: delay,
  maxWaiting: count,
  maxUses: count,
  maxFailures: count,
  backOff: delay,
  closeTimeout: delay,
  socket: objectOf("an object of handlers"),
  connect: objectOf("an object of options of connect"),
  loop: { wants: "a loop made by createLoop", accepts: isEventLoop },
};

const leaseSchema: OptionSchema = {
  socket: objectOf("an object of handlers"),
  data: anything,
  signal: abortSignal,
  timeout: delay,
  fresh: flag,
  idleTimeout: delay,
  lifetime: delay,
};

const leaseKeys = Object.keys(leaseSchema) as (keyof PoolTarget)[];

/** Keys that are the lease's or the pool's own and must not be among the options of `connect`. */
const ownKeys = ["socket", "data", "loop", "signal", "localPort"];

/** The limits of a pool, with the defaults filled in. */
export interface PoolLimits {
  connectionsPerHost: number;
  connections: number;
  idleTimeout: number;
  lifetime: number;
  acquireTimeout: number;
  maxWaiting: number;
  maxUses: number;
  maxFailures: number;
  backOff: number;
  closeTimeout: number;
}

/** Checks the options of a pool and fills in what is left out; throws an OptionError. */
export function poolLimits<D>(options: PoolOptions<D>): PoolLimits {
  checkOptions("createPool", options, poolSchema);
  if (options.socket !== undefined) checkHandlers("createPool", options.socket);
  if (options.connect !== undefined) checkConnectKeys("createPool", options.connect);
  return {
    connectionsPerHost: options.connectionsPerHost ?? poolConnectionsPerHostDefault,
    connections: options.connections ?? poolConnectionsDefault,
    idleTimeout: options.idleTimeout ?? poolIdleTimeoutDefaultMilliseconds,
    lifetime: options.lifetime ?? 0,
    acquireTimeout: options.acquireTimeout ?? poolAcquireTimeoutDefaultMilliseconds,
    maxWaiting: options.maxWaiting ?? poolWaitingMaxDefault,
    maxUses: options.maxUses ?? 0,
    maxFailures: options.maxFailures ?? 0,
    backOff: options.backOff ?? poolBackOffDefaultMilliseconds,
    closeTimeout: options.closeTimeout ?? poolCloseTimeoutDefaultMilliseconds,
  };
}

/** Checks what concerns one lease alone; throws an OptionError. */
export function checkLease<D>(target: PoolTarget<D>): void {
  if (typeof target !== "object" || target === null) {
    throw new OptionError("acquire", "target", "the target must be an object with hostname and port");
  }
  const { socket } = target;
  for (const key of leaseKeys) {
    const value = target[key];
    // One by one: an object of them would be made for every acquire.
    if (value !== undefined && !leaseSchema[key].accepts(value)) {
      checkOptions("acquire", { [key]: value }, leaseSchema);
    }
  }
  if (socket !== undefined) checkHandlers("acquire", socket);
}

/** Throws an OptionError for a key of `connect` that a pool decides by itself. */
export function checkConnectKeys(operation: string, options: object): void {
  for (const key of ownKeys) {
    if (!Object.hasOwn(options, key)) continue;
    throw new OptionError(operation, key, `option "${key}" cannot be used in a pool`);
  }
}
