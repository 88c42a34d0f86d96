/**
 * The layout of the address table in shared memory: a header, the banned networks, the heads of the entries
 * side by side (a search reads nothing else), the workers' counters, the reasons of bans.
 *
 * @module
 */
import { bannedNetworksMax } from "../../base/limits.ts";

/** "RPAT" and the version of this layout: another memory is refused. */
export const tableMagic = 0x5250_4154;
export const tableVersion = 1;

/** Words of the header. */
export const HeaderWord = {
  magic: 0,
  version: 1,
  /** Entries, a power of two. */
  entries: 2,
  workers: 3,
  /** Connections of one address at once, 0 for no limit. */
  connections: 4,
  /** The rate, see `token_bucket.ts`. */
  ticksPerMillisecond: 5,
  interval: 6,
  tolerance: 7,
  banAfter: 8,
  banWindow: 9,
  banTime: 10,
  /** Makes the places of addresses unforeseeable, so that nobody can fill one neighbourhood on purpose. */
  seed: 11,
  /** Network records that have ever been used. */
  networksUsed: 12,
  /** Counters: of {@linkcode AddressStatistics}. */
  admitted: 16,
  refusedConnections: 17,
  refusedRate: 18,
  refusedBanned: 19,
  uncounted: 20,
  offences: 21,
  bans: 22,
} as const;
export const headerWords = 32;

/** Words of an entry's head. */
export const Head = {
  /** Phase and generation, see below. */
  control: 0,
  family: 1,
  /** IPv4: the address, and 0. IPv6: the first 64 bits. */
  key0: 2,
  key1: 3,
  bucket: 4,
  offences: 5,
  bannedUntil: 6,
} as const;
export const headWords = 8;

/** Words of a network record. */
export const NetworkWord = {
  control: 0,
  family: 1,
  prefix: 2,
  w0: 3,
  w1: 4,
  w2: 5,
  w3: 6,
  until: 7,
} as const;
export const networkWords = 8;

/**
 * The low byte of a control word. Above `live`: being filled by the worker of that number; above it still, by
 * a thread that is not a worker. The upper 24 bits are a generation that changes whenever an entry gets
 * another address, so that a thread that read it earlier notices the change.
 */
export const EntryPhase = { empty: 0, live: 1, claimed: 2 } as const;
export const phaseMask = 0xff;
export const generationStep = 0x100;

/**
 * A counter word: connections below, pins above. A pin holds an entry in place while its words are worked
 * with. Both lie in one word of the worker's own, so that what a dead worker left is taken back by a zero.
 */
export const pinUnit = 1 << 24;
export const connectionsMask = pinUnit - 1;

/** Bytes of the reason of a ban: its length, and text. */
export const reasonBytes = 48;

/** Where the parts begin, in bytes. */
interface TableLayout {
  networks: number;
  heads: number;
  counters: number;
  /** Reasons of the networks first, then of the entries. */
  reasons: number;
  bytes: number;
}

const wordBytes = 4;

/** The layout of a table with this number of entries and workers. */
export function layoutOf(entries: number, workers: number): TableLayout {
  const networks = headerWords * wordBytes;
  const heads = networks + bannedNetworksMax * networkWords * wordBytes;
  const counters = heads + entries * headWords * wordBytes;
  const reasons = counters + entries * columnsOf(workers) * wordBytes;
  return { networks, heads, counters, reasons, bytes: reasons + (bannedNetworksMax + entries) * reasonBytes };
}

/** Counters of an entry: one for each worker, and one for all other threads. */
export function columnsOf(workers: number): number {
  return workers + 1;
}
