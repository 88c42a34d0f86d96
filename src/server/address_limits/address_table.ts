/**
 * Limits by address, in memory that several threads or processes share.
 *
 * @module
 */
import type { BanList } from "./bans.ts";
import { type AddressStatistics, type AddressTableOptions, SharedAddressTable } from "./table.ts";

/** Makes tables of addresses. */
export interface AddressTableMaker {
  /**
   * Bytes of memory that a table with these options takes.
   *
   * @throws {OptionError} for an unknown key or a wrong value.
   */
  bytes(options?: AddressTableOptions): number;
  /**
   * Makes a table.
   *
   * @param buffer memory of as many bytes as {@linkcode AddressTableMaker.bytes} says, all zero; a new
   * SharedArrayBuffer by default.
   * @throws {OptionError} for an unknown key or a wrong value.
   */
  create(options?: AddressTableOptions, buffer?: ArrayBufferLike): AddressTable;
  /**
   * The table that another thread or process has made.
   *
   * @throws {OptionError} if the memory is not a table.
   */
  attach(buffer: ArrayBufferLike): AddressTable;
}

/**
 * The table as one thread holds it. One thread creates it; the others attach to its `buffer`.
 *
 * `now` is milliseconds of a clock all threads share (`tableNow`), of which the lower 32 bits
 * count. Since they run over after 49 days, {@linkcode sweep} must be called at least once an hour.
 *
 * When all entries of an address are taken, its connection is admitted and counted as `uncounted`: refusing
 * it would let anybody with enough addresses keep out everybody else, and the limits of the server still
 * hold.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { AddressTable, TableAdmission } from "@ringport/ringport/admission";
 *
 * const table = AddressTable.create({ connections: 100, rate: 20, burst: 50, workers: 1 });
 * await using listener = listen({ hostname: "127.0.0.1", admission: new TableAdmission(table, 0) });
 * console.log(table.stats().admitted, listener.refusals.rate); // 0 0
 * ```
 */
export interface AddressTable {
  /** The memory, to be passed to other threads, which {@linkcode AddressTableMaker.attach} to it. */
  readonly buffer: ArrayBufferLike;
  /** The bans, which can be read and edited at any time. */
  readonly bans: BanList;
  /** How many workers the table counts for. */
  readonly workers: number;
  /**
   * Reports that a client at this IP address has misbehaved, `weight` times at once. True if that bans it
   * now.
   *
   * @throws {OptionError} for text that is not an address.
   */
  offend(address: string, weight?: number): boolean;
  /**
   * The current connections of an IP address, with all workers.
   *
   * @throws {OptionError} for text that is not an address.
   */
  connections(address: string): number;
  /** Takes back the connections of a worker that is gone. Returns how many they were. */
  reclaim(worker: number): number;
  /**
   * Forgets what is over. Returns the entries still in use.
   *
   * @param now milliseconds of the clock that all threads share, of which the lower 32 bits count.
   */
  sweep(now: number): number;
  /** The counters of the table. */
  stats(): AddressStatistics;
}

/** Tables of addresses. */
export const AddressTable: AddressTableMaker = SharedAddressTable;
