/**
 * Admission by address: the tables of a server, shared by all its workers, one for each set of limits
 * its listeners have, and the bans of all of them as one list.
 *
 * @module
 */
import type { Admission } from "../../listen/admission.ts";
import type { AddressWords } from "../../base/address_words.ts";
import { TableAdmission } from "./admission.ts";
import { type AddressTableOptions, SharedAddressTable } from "./table.ts";
import type { Ban } from "./bans.ts";
import type { ResolvedListenerOptions, ResolvedServerOptions } from "../options/mod.ts";
import { tableNow } from "./table_clock.ts";

/** The memory of the tables, the same for all workers, and which table each listener asks. */
export interface AddressLimitsMemory {
  tables: ArrayBufferLike[];
  /** Place in `tables`, by listener. */
  ofListener: number[];
}

/** Bans that can be read and changed while the server runs, from any thread. */
export interface ServerBans {
  /** The bans in force. */
  list(): Ban[];
  /** Bans an IP address or a network for this many milliseconds. Only new connections are affected. */
  add(address: string, milliseconds: number, reason?: string): void;
  /** Ends a ban; false when there was none. */
  remove(address: string): boolean;
  /** Whether new connections of the address are refused. */
  has(address: string): boolean;
}

/** Gives memory of these sizes, all zero. */
type MemoryMaker = (sizes: readonly number[]) => ArrayBufferLike[];

export class AddressLimits implements ServerBans {
  #memory: AddressLimitsMemory;
  #tables: SharedAddressTable[];

  private constructor(memory: AddressLimitsMemory) {
    this.#memory = memory;
    this.#tables = memory.tables.map((buffer) => SharedAddressTable.attach(buffer));
  }

  get memory(): AddressLimitsMemory {
    return this.#memory;
  }

  /** Makes the tables the options ask for: in memory that threads share, or what `make` gives. */
  static create(
    options: ResolvedServerOptions,
    workers: number,
    make: MemoryMaker = makeForThreads,
  ): AddressLimits {
    const tables: AddressTableOptions[] = [];
    const places = new Map<string, number>();
    const ofListener = options.listeners.map(({ limits }) => {
      const { connectionsPerAddress: connections, ratePerAddress: rate, burstPerAddress } = limits;
      const burst = burstPerAddress > 0 ? burstPerAddress : Math.max(1, Math.ceil(2 * rate));
      const key = `${connections} ${rate} ${burst}`;
      const known = places.get(key);
      if (known !== undefined) return known;
      const { banTime, banAfter } = options.limits;
      places.set(key, tables.length);
      return tables.push({
        workers,
        connections,
        rate,
        burst: rate > 0 ? burst : undefined,
        // Without offences there is nothing to ban for; bans by hand last as long as they say.
        banTime: banAfter === 0 ? 0 : banTime,
        banWindow: banTime,
        banAfter: banAfter === 0 ? undefined : banAfter,
      }) - 1;
    });
    const buffers = make(tables.map((table) => SharedAddressTable.bytes(table)));
    tables.forEach((table, place) => SharedAddressTable.create(table, buffers[place]));
    return new AddressLimits({ tables: buffers, ofListener });
  }

  /** The tables of another thread or process. */
  static attach(memory: AddressLimitsMemory): AddressLimits {
    return new AddressLimits(memory);
  }

  /** The judge of one listener's connections for one worker's place in the tables. */
  admission(listener: number, place: number): Admission {
    return new TableAdmission(this.#tableOf(listener), place);
  }

  /** An address has abused its welcome. True when that leads to a ban now. */
  offend(listener: number, address: AddressWords, place: number, weight = 1): boolean {
    return this.#tableOf(listener).offendBy(address, tableNow(), place, weight);
  }

  /** Whether an address is banned: what is asked where nothing is counted. */
  isBanned(listener: number, address: AddressWords): boolean {
    return this.#tableOf(listener).isBanned(address, tableNow());
  }

  /** A worker is gone: what was counted for it is taken back. */
  reclaim(place: number): void {
    for (const table of this.#tables) table.reclaim(place);
  }

  /** Ends bans that are over; to be called now and then. */
  sweep(): void {
    for (const table of this.#tables) table.sweep(tableNow());
  }

  /** The memory is about to be taken away: what stands in it is kept in some of this thread's own. */
  settle(): void {
    const tables = this.#memory.tables.map((buffer) => buffer.slice(0));
    this.#memory = { ...this.#memory, tables };
    this.#tables = tables.map((buffer) => SharedAddressTable.attach(buffer));
  }

  /** What the tables have counted. A ban by hand is in all of them, and counts once. */
  statistics(): { bans: number; offences: number; uncounted: number } {
    const all = this.#tables.map((table) => table.stats());
    return {
      bans: this.list().length,
      offences: all.reduce((sum, { offences }) => sum + offences, 0),
      uncounted: all.reduce((sum, { uncounted }) => sum + uncounted, 0),
    };
  }

  list(): Ban[] {
    const bans = new Map<string, Ban>();
    for (const table of this.#tables) {
      for (const ban of table.bans.list()) {
        if ((bans.get(ban.address)?.left ?? -1) < ban.left) bans.set(ban.address, ban);
      }
    }
    return [...bans.values()];
  }

  add(address: string, milliseconds: number, reason?: string): void {
    for (const table of this.#tables) table.bans.add(address, milliseconds, reason);
  }

  remove(address: string): boolean {
    let removed = false;
    for (const table of this.#tables) removed = table.bans.remove(address) || removed;
    return removed;
  }

  has(address: string): boolean {
    return this.#tables.some((table) => table.bans.has(address));
  }

  #tableOf(listener: number): SharedAddressTable {
    return this.#tables[this.#memory.ofListener[listener]];
  }
}

function makeForThreads(sizes: readonly number[]): ArrayBufferLike[] {
  return sizes.map((bytes) => new SharedArrayBuffer(bytes));
}

/**
 * Whether the connections of a listener are judged where they are served, and not where they are accepted.
 */
export function isJudgedInWorker({ limits, proxyProtocol }: ResolvedListenerOptions): boolean {
  const { connectionsPerAddress, ratePerAddress } = limits;
  return connectionsPerAddress > 0 || ratePerAddress > 0 || proxyProtocol.trusted.length > 0;
}
