/**
 * What a server knows of the addresses its clients come from, in memory all its workers share: how many
 * connections each has, how fast new ones come, how often it offended, until when it is banned. It is used
 * when a connection opens and closes, never for a message.
 *
 * IPv4 clients are counted by address, IPv6 clients by the first 64 bits: a subscriber is given at least so
 * much (RFC 6177 section 2, RIPE-690), and can take any of its addresses at any time (RFC 8981), so that a
 * limit on single ones would limit nobody.
 *
 * @module
 */
import { type AddressWords, parseAddressWords } from "../../base/address_words.ts";
import { LimitError, OptionError } from "../../base/errors.ts";
import {
  addressEntriesDefault,
  addressEntriesMax,
  addressWorkersMax,
  banAfterDefault,
  bannedNetworksMax,
  banTimeDefaultMilliseconds,
  banTimeMaxMilliseconds,
  banWindowDefaultMilliseconds,
} from "../../base/limits.ts";
import { milliseconds, powerOfTwo, wholeNumber } from "../../base/option_kinds.ts";
import { checkOptions, type OptionSchema } from "../../base/options.ts";
import type { AdmissionVerdict } from "../../listen/admission.ts";
import { AddressEntries } from "./entries.ts";
import {
  connectionsMask,
  EntryPhase,
  Head,
  HeaderWord,
  headerWords,
  headWords,
  layoutOf,
  networkWords,
  reasonBytes,
  tableMagic,
  tableVersion,
} from "./layout.ts";
import { type BanList, makeBanList } from "./bans.ts";
import { BannedNetworks } from "./networks.ts";
import { banLeft, banWord, countOffence, offencesMax, windowOver } from "./offences.ts";
import { writeText } from "./shared_text.ts";
import { tableNow } from "./table_clock.ts";
import { bucketRate, isFull, takeToken } from "./tokens.ts";

/** Options of {@linkcode SharedAddressTable.create}. A limit of 0 is none. */
export interface AddressTableOptions {
  /** Addresses known at once, a power of two from 16 to 262,144. 16,384 by default. */
  entries?: number;
  /** Workers that share the table, 1 to 64. 64 by default. */
  workers?: number;
  /** Connections of one address at once, with all workers together. 0 by default. */
  connections?: number;
  /** New connections of one address per second. 0 by default. */
  rate?: number;
  /** New connections of one address at once, after it was quiet. The rate by default, at least 1. */
  burst?: number;
  /**
   * Offences within `banWindow` that lead to a ban, at most 255. 10 by default. A server counts timeouts as
   * offences too, which many users behind one gateway may share: its default is 0, never.
   */
  banAfter?: number;
  /** Milliseconds within which offences are counted together, exact to 256. 60,000 by default. */
  banWindow?: number;
  /** Milliseconds such a ban lasts. 60,000 by default; 0: offences are counted and lead to nothing. */
  banTime?: number;
}

/** Counters of a table, of all its workers together. */
export interface AddressStatistics {
  /** Connections admitted. */
  admitted: number;
  /** Connections refused because the address had too many. */
  refusedConnections: number;
  /** Connections refused because the address opened them too fast. */
  refusedRate: number;
  /** Connections refused because the address was banned. */
  refusedBanned: number;
  /** Of those, connections for which no entry was free: nothing limits them by address. */
  uncounted: number;
  /** Offences that were counted. */
  offences: number;
  /** Bans that offences led to. */
  bans: number;
}

const countMax = connectionsMask;
export const rateMax = 100_000;
/** A bucket that takes longer than this to fill would not fit the 32 bits its time is kept in. */
const fillTimeMaxMilliseconds = 2 ** 28;

const tableSchema: OptionSchema = {
  entries: powerOfTwo(16, addressEntriesMax),
  workers: wholeNumber(1, addressWorkersMax),
  connections: wholeNumber(0, countMax),
  rate: {
    wants: `a number from 0 to ${rateMax}`,
    accepts: (value) => typeof value === "number" && value >= 0 && value <= rateMax,
  },
  burst: wholeNumber(1, rateMax),
  banAfter: wholeNumber(1, offencesMax),
  banWindow: milliseconds(1, banTimeMaxMilliseconds),
  banTime: milliseconds(0, banTimeMaxMilliseconds),
};

function isMemory(buffer: unknown): buffer is ArrayBufferLike {
  return buffer instanceof SharedArrayBuffer || buffer instanceof ArrayBuffer;
}

/** An `AddressTable` as the library uses it: the table as one thread holds it. */
export class SharedAddressTable {
  /** The memory, to be handed to other threads; mapped by other processes where it was given to `create`. */
  readonly buffer: ArrayBufferLike;
  /** The bans, to be read and edited at any time. */
  readonly bans: BanList;
  /** Workers the table counts for. */
  readonly workers: number;
  /**
   * After `admit` has answered "ok": the argument for `leave` when the connection is gone. -1 if it is
   * not counted.
   */
  ticket = -1;
  readonly #header: Int32Array;
  readonly #entries: AddressEntries;
  readonly #networks: BannedNetworks;
  readonly #reasons: Uint8Array;
  readonly #connectionsMax: number;

  /** Bytes of the memory of a table of these options. Throws an OptionError as `create` does. */
  static bytes(options: AddressTableOptions = {}): number {
    checkOptions("AddressTable", options, tableSchema);
    const { entries = addressEntriesDefault, workers = addressWorkersMax } = options;
    return layoutOf(entries, workers).bytes;
  }

  /**
   * Makes a table. Throws an OptionError for an unknown key or a wrong value.
   *
   * @param given memory of {@linkcode bytes}, all zero; a new SharedArrayBuffer by default.
   */
  static create(
    options: AddressTableOptions = {},
    given?: ArrayBufferLike,
  ): SharedAddressTable {
    const size = SharedAddressTable.bytes(options);
    const buffer = given ?? new SharedArrayBuffer(size);
    if (!isMemory(buffer) || buffer.byteLength !== size) {
      throw new OptionError("AddressTable", "buffer", `the buffer must be memory of ${size} bytes`);
    }
    const { entries = addressEntriesDefault, workers = addressWorkersMax, connections = 0, rate = 0 } =
      options;
    const burst = options.burst ?? Math.max(1, Math.ceil(rate));
    if (rate > 0 && burst / rate * 1000 > fillTimeMaxMilliseconds) {
      throw new OptionError("AddressTable", "burst", 'option "burst" is too large for this "rate"');
    }
    const header = new Int32Array(buffer, 0, headerWords);
    header[HeaderWord.magic] = tableMagic;
    header[HeaderWord.version] = tableVersion;
    header[HeaderWord.entries] = entries;
    header[HeaderWord.workers] = workers;
    header[HeaderWord.connections] = connections;
    const bucket = bucketRate(rate, burst);
    header[HeaderWord.ticksPerMillisecond] = bucket.ticksPerMillisecond;
    header[HeaderWord.interval] = bucket.interval;
    header[HeaderWord.tolerance] = bucket.tolerance;
    header[HeaderWord.banAfter] = options.banAfter ?? banAfterDefault;
    header[HeaderWord.banWindow] = options.banWindow ?? banWindowDefaultMilliseconds;
    header[HeaderWord.banTime] = options.banTime ?? banTimeDefaultMilliseconds;
    header[HeaderWord.seed] = crypto.getRandomValues(new Int32Array(1))[0];
    return new SharedAddressTable(buffer);
  }

  /** The table of another thread or process. Throws an OptionError if the memory is not a table. */
  static attach(buffer: ArrayBufferLike): SharedAddressTable {
    const fits = isMemory(buffer) && buffer.byteLength > headerWords * 4;
    const header = fits ? new Int32Array(buffer, 0, headerWords) : new Int32Array(headerWords);
    if (
      header[HeaderWord.magic] !== tableMagic || header[HeaderWord.version] !== tableVersion ||
      layoutOf(header[HeaderWord.entries], header[HeaderWord.workers]).bytes !== buffer.byteLength
    ) throw new OptionError("AddressTable", "buffer", "the buffer does not belong to an AddressTable");
    return new SharedAddressTable(buffer);
  }

  private constructor(buffer: ArrayBufferLike) {
    this.buffer = buffer;
    this.#header = new Int32Array(buffer, 0, headerWords);
    this.workers = this.#header[HeaderWord.workers];
    this.#connectionsMax = this.#header[HeaderWord.connections];
    this.#entries = new AddressEntries(buffer, this.#header);
    const layout = layoutOf(this.#entries.count, this.workers);
    const networks = new Int32Array(buffer, layout.networks, bannedNetworksMax * networkWords);
    this.#networks = new BannedNetworks(this.#header, networks);
    const reasons = (bannedNetworksMax + this.#entries.count) * reasonBytes;
    this.#reasons = new Uint8Array(buffer, layout.reasons, reasons);
    const ban = (address: AddressWords, now: number, milliseconds: number, reason: string) =>
      this.#banByHand(address, now, milliseconds, reason);
    this.bans = makeBanList(ban, this.#entries, this.#networks, this.#reasons);
  }

  /**
   * Asks for one connection of an address with a worker. After "ok", and only then, `leave` is owed with
   * {@linkcode ticket}. A try that was too fast takes no token; one refused for too many connections has
   * taken its token.
   */
  admit(address: AddressWords, now: number, worker: number): AdmissionVerdict {
    this.ticket = -1;
    const verdict = address.family === 0 ? "ok" : this.#judge(address, now, worker);
    Atomics.add(this.#header, verdictCounters[verdict], 1);
    return verdict;
  }

  /**
   * Whether new connections of the address are refused for a ban; asking leaves nothing behind.
   */
  isBanned(address: AddressWords, now: number): boolean {
    if (address.family === 0) return false;
    this.#entries.find(address, now);
    const isBanned = this.#entries.banLeft > 0 || this.#networks.includes(address, now);
    if (isBanned) Atomics.add(this.#header, HeaderWord.refusedBanned, 1);
    return isBanned;
  }

  /**
   * An admitted connection is gone.
   */
  leave(ticket: number, worker: number): void {
    if (ticket >= 0) this.#entries.leave(ticket, worker);
  }

  /**
   * A client at this IP address has misbehaved, `weight` times at once. True when that leads to a ban now.
   *
   * @throws {OptionError} for text that is not an address.
   */
  offend(address: string, weight = 1): boolean {
    return this.offendBy(wordsOf("offend", address), tableNow(), this.workers, weight);
  }

  /**
   * The same for an address in words.
   */
  offendBy(address: AddressWords, now: number, worker: number = this.workers, weight = 1): boolean {
    if (address.family === 0) return false;
    Atomics.add(this.#header, HeaderWord.offences, weight);
    const entry = this.#entries.acquire(address, now, worker);
    if (entry < 0) return false;
    const at = entry * headWords;
    const { words } = this.#entries;
    const window = this.#header[HeaderWord.banWindow];
    const count = countOffence(words, at + Head.offences, now, window, weight);
    const banTime = this.#header[HeaderWord.banTime];
    const banAfter = this.#header[HeaderWord.banAfter];
    // Exactly one of several threads counts up to the number that bans, or past it.
    const bans = count >= banAfter && count - weight < banAfter && banTime > 0;
    if (bans) {
      Atomics.store(words, at + Head.offences, 0);
      this.#ban(entry, now, banTime, "abuse");
      Atomics.add(this.#header, HeaderWord.bans, 1);
    }
    this.#entries.unpin(entry, worker);
    return bans;
  }

  /**
   * Connections of an IP address now, with all workers.
   *
   * @throws {OptionError} for text that is not an address.
   */
  connections(address: string): number {
    return this.connectionsOf(wordsOf("connections", address));
  }

  /**
   * The same for an address in words.
   */
  connectionsOf(address: AddressWords): number {
    return this.#entries.connections(address);
  }

  /** The worker is gone: takes back its connections. Returns how many they were. */
  reclaim(worker: number): number {
    return this.#entries.reclaim(worker);
  }

  /** Forgets what is over, so that the clock may run over. Returns the entries still in use. */
  sweep(now: number): number {
    this.#networks.sweep(now);
    const { words, rate, count } = this.#entries;
    const banWindow = this.#header[HeaderWord.banWindow];
    let used = 0;
    for (let entry = 0; entry < count; entry++) {
      const at = entry * headWords;
      // What was never used is not looked at: memory that is read first is given first.
      if (Atomics.load(words, at) === EntryPhase.empty) continue;
      const clear = (place: number, isOver: (word: number) => boolean): void => {
        const word = Atomics.load(words, at + place);
        if (word !== 0 && isOver(word)) Atomics.compareExchange(words, at + place, word, 0);
      };
      clear(Head.bucket, (word) => isFull(word, now, rate));
      clear(Head.offences, (word) => windowOver(word, now, banWindow));
      clear(Head.bannedUntil, (word) => banLeft(word, now) <= 0);
      if (!this.#entries.isIdle(entry, now)) used += 1;
    }
    return used;
  }

  /** The counters. */
  stats(): AddressStatistics {
    const read = (word: number) => Atomics.load(this.#header, word) >>> 0;
    return {
      admitted: read(HeaderWord.admitted),
      refusedConnections: read(HeaderWord.refusedConnections),
      refusedRate: read(HeaderWord.refusedRate),
      refusedBanned: read(HeaderWord.refusedBanned),
      uncounted: read(HeaderWord.uncounted),
      offences: read(HeaderWord.offences),
      bans: read(HeaderWord.bans),
    };
  }

  #judge(address: AddressWords, now: number, worker: number): AdmissionVerdict {
    if (this.#networks.includes(address, now)) return "banned";
    const entry = this.#entries.acquire(address, now, worker);
    if (entry < 0) {
      Atomics.add(this.#header, HeaderWord.uncounted, 1);
      return "ok";
    }
    const verdict = this.#judgeEntry(entry, address, now, worker);
    if (verdict === "ok") this.ticket = entry;
    this.#entries.unpin(entry, worker);
    return verdict;
  }

  #judgeEntry(entry: number, address: AddressWords, now: number, worker: number): AdmissionVerdict {
    const entries = this.#entries;
    if (entries.banLeft > 0) return "banned";
    if (entries.rate.interval > 0) {
      if (!takeToken(entries.words, entry * headWords + Head.bucket, now, entries.rate)) return "rate";
    }
    for (let attempt = 0; attempt < joinAttemptsMax; attempt++) {
      entries.join(entry, worker);
      if (this.#connectionsMax === 0 || entries.connections(address) <= this.#connectionsMax) return "ok";
      entries.leave(entry, worker);
      if (entries.connections(address) >= this.#connectionsMax) break;
    }
    return "connections";
  }

  #banByHand(address: AddressWords, now: number, milliseconds: number, reason: string): void {
    const entry = this.#entries.acquire(address, now, this.workers);
    if (entry < 0) {
      throw new LimitError("add: the address table is full", {
        code: "ERR_ADDRESSES",
        operation: "add",
      });
    }
    this.#ban(entry, now, milliseconds, reason);
    this.#entries.unpin(entry, this.workers);
  }

  #ban(entry: number, now: number, milliseconds: number, reason: string): void {
    writeText(this.#reasons, bannedNetworksMax + entry, reason);
    Atomics.store(this.#entries.words, entry * headWords + Head.bannedUntil, banWord(now, milliseconds));
  }
}

/**
 * Two that come at the same moment for one last place see each other and both step back: they try again, and
 * are refused if it happens every time.
 */
const joinAttemptsMax = 4;

const verdictCounters: Readonly<Record<AdmissionVerdict, number>> = {
  ok: HeaderWord.admitted,
  connections: HeaderWord.refusedConnections,
  rate: HeaderWord.refusedRate,
  banned: HeaderWord.refusedBanned,
};

function wordsOf(operation: string, text: string): AddressWords {
  const words = typeof text === "string" ? parseAddressWords(text) : undefined;
  if (words !== undefined) return words;
  throw new OptionError(operation, "address", `${JSON.stringify(text)} is not an IP address`);
}
