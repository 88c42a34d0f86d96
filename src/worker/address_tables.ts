/**
 * The address tables of a server: their memory, the numbers of the workers in them, and the removal of
 * expired entries.
 *
 * @module
 */
import { AddressLimits } from "../server/address_limits/tables.ts";
import type { ResolvedServerOptions } from "../server/options/mod.ts";
import { SharedParts } from "./process/shared_parts.ts";
import { addressWorkersMax } from "../base/limits.ts";

/** Milliseconds between two looks for bans and counts that are over. */
const sweepInterval = 15 * 60_000;

/** The number of the server's own thread, which only asks for bans. */
const ownIndex = 0;

/** Workers that tables count apart. Further ones share the last number, whose counts are then kept. */
const indicesMax = addressWorkersMax;

export class AddressTables {
  /** The limits by address. */
  readonly limits: AddressLimits;
  /** The memory, where workers are processes. */
  readonly shared: SharedParts | undefined = undefined;
  readonly #indices = new TableIndices();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;

  constructor(options: ResolvedServerOptions) {
    const { isolation, library } = options;
    if (isolation === "thread") {
      this.limits = AddressLimits.create(options, indicesMax);
    } else {
      let shared: SharedParts | undefined;
      this.limits = AddressLimits.create(options, indicesMax, (sizes) => {
        shared = SharedParts.create(sizes, library);
        return [...shared.buffers];
      });
      this.shared = shared;
    }
  }

  /** From now on what is over is forgotten, until {@linkcode end}. */
  begin(): void {
    this.#timer = setInterval(() => this.limits.sweep(), sweepInterval);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** A number for a worker. */
  take(worker: object): number {
    return this.#indices.take(worker);
  }

  /** The worker is gone: what was counted for it is taken back. */
  reclaim(worker: object): void {
    this.limits.reclaim(this.#indices.give(worker));
  }

  /** No worker is left that counts here. What is banned can still be read. */
  close(): void {
    this.end();
    if (this.shared === undefined) return;
    this.limits.settle();
    this.shared.close();
  }
}

/**
 * The numbers of workers in the tables of addresses. A replacement gets another one than the worker it
 * replaces, so that what was counted for that one can be taken back.
 */
class TableIndices {
  readonly #free: number[] = Array.from({ length: indicesMax - 2 }, (_, taken) => indicesMax - 2 - taken);
  readonly #taken = new Map<object, number>();

  /** A number for a worker. */
  take(worker: object): number {
    const index = this.#free.pop() ?? indicesMax - 1;
    this.#taken.set(worker, index);
    return index;
  }

  /** The worker is gone. Its number, for its counts to be taken back; the own one where it had none. */
  give(worker: object): number {
    const index = this.#taken.get(worker);
    if (index === undefined || index === indicesMax - 1) return ownIndex;
    this.#taken.delete(worker);
    this.#free.push(index);
    return index;
  }
}
