/**
 * The tables of addresses of a server: the memory they lie in, the workers' places in them, and that what is
 * over is forgotten.
 *
 * @module
 */
import { AddressLimits } from "../server/address_limits/tables.ts";
import type { ResolvedServerOptions } from "../server/options/mod.ts";
import { SharedParts } from "./process/shared_parts.ts";
import { TablePlaces, tablePlaces } from "./table_places.ts";

/** Milliseconds between two looks for bans and counts that are over. */
const sweepInterval = 15 * 60_000;

export class AddressTables {
  /** Who may connect. */
  readonly judges: AddressLimits;
  /** The memory, where workers are processes. */
  readonly shared: SharedParts | undefined = undefined;
  readonly #places = new TablePlaces();
  #timer: ReturnType<typeof setInterval> | undefined = undefined;

  constructor(options: ResolvedServerOptions) {
    const { isolation, library } = options;
    if (isolation === "thread") {
      this.judges = AddressLimits.create(options, tablePlaces);
    } else {
      let shared: SharedParts | undefined;
      this.judges = AddressLimits.create(options, tablePlaces, (sizes) => {
        shared = SharedParts.create(sizes, library);
        return [...shared.buffers];
      });
      this.shared = shared;
    }
  }

  /** From now on what is over is forgotten, until {@linkcode end}. */
  begin(): void {
    this.#timer = setInterval(() => this.judges.sweep(), sweepInterval);
  }

  end(): void {
    clearInterval(this.#timer);
  }

  /** A place for a worker. */
  take(worker: object): number {
    return this.#places.take(worker);
  }

  /** The worker is gone: what was counted for it is taken back. */
  reclaim(worker: object): void {
    this.judges.reclaim(this.#places.give(worker));
  }

  /** No worker is left that counts here. What is banned can still be read. */
  close(): void {
    this.end();
    if (this.shared === undefined) return;
    this.judges.settle();
    this.shared.close();
  }
}
