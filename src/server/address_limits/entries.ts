/**
 * The entries of the table of addresses: finding, claiming and pinning one. There are no locks: what is
 * decided is decided by one compare and exchange, or by writing first and looking afterwards, so that of two
 * threads at least one sees the other.
 *
 * An address may stand in any of the 16 places from where its hash points. Two threads that see it for the
 * first time at the same moment may both enter it. Each looks again, and the one whose entry is not the first
 * goes over to that. Where the other one was put to sleep in the middle of it, both entries are used for that
 * once: the address's connections are the sum of both, and the first of them serves for all else.
 *
 * @module
 */
import type { AddressWords } from "../../base/address_words.ts";
import {
  columnsOf,
  connectionsMask,
  EntryPhase,
  generationStep,
  Head,
  HeaderWord,
  headWords,
  layoutOf,
  phaseMask,
  pinUnit,
} from "./layout.ts";
import { banLeft, windowOver } from "./offences.ts";
import { type BucketRate, isFull } from "./tokens.ts";

/** Places an address may stand in: at half load one in 65,000 neighbourhoods is full. */
const probesMax = 16;
/**
 * Looks at an entry another thread is about to give away or has just given away: some microseconds. If that
 * thread was put to sleep right there, the connection goes uncounted rather than waiting for it.
 */
const pinAttemptsMax = 200;

export class AddressEntries {
  readonly count: number;
  readonly rate: BucketRate;
  readonly words: Int32Array;
  /** The control word seen by {@linkcode find}. */
  #seen = 0;
  /** {@linkcode find} has met an entry of the address that another thread may be about to give away. */
  #undecided = false;
  /** Milliseconds the longest ban of the address found by {@linkcode find} still lasts. */
  banLeft = 0;
  readonly #counters: Int32Array;
  readonly #workers: number;
  readonly #columns: number;
  readonly #seed: number;
  readonly #banWindow: number;

  constructor(buffer: ArrayBufferLike, header: Int32Array) {
    this.count = header[HeaderWord.entries];
    this.#workers = header[HeaderWord.workers];
    this.#columns = columnsOf(this.#workers);
    this.#seed = header[HeaderWord.seed];
    this.#banWindow = header[HeaderWord.banWindow];
    this.rate = {
      ticksPerMillisecond: header[HeaderWord.ticksPerMillisecond],
      interval: header[HeaderWord.interval],
      tolerance: header[HeaderWord.tolerance],
    };
    const layout = layoutOf(this.count, this.#workers);
    this.words = new Int32Array(buffer, layout.heads, this.count * headWords);
    this.#counters = new Int32Array(buffer, layout.counters, this.count * this.#columns);
  }

  /** The first entry of an address, -1 where it has none. */
  find(address: AddressWords, now: number): number {
    const start = this.#hash(address);
    let found = -1;
    this.banLeft = 0;
    this.#undecided = false;
    for (let probe = 0; probe < probesMax; probe++) {
      const entry = (start + probe) & (this.count - 1);
      const control = Atomics.load(this.words, entry * headWords);
      if (!this.#holds(entry, control, address)) continue;
      const left = banLeft(Atomics.load(this.words, entry * headWords + Head.bannedUntil), now);
      if (Atomics.load(this.words, entry * headWords) !== control) continue;
      if (left > this.banLeft) this.banLeft = left;
      if ((control & phaseMask) !== EntryPhase.live) {
        this.#undecided = true;
      } else if (found < 0) {
        found = entry;
        this.#seen = control;
      }
    }
    return found;
  }

  /**
   * The entry of an address, pinned in `column` until {@linkcode unpin}; made where there is none. -1 when
   * all its places are taken.
   */
  acquire(address: AddressWords, now: number, column: number): number {
    for (let attempt = 0; attempt < pinAttemptsMax; attempt++) {
      const entry = this.find(address, now);
      if (entry < 0 && this.#undecided) continue;
      if (entry < 0) return this.#unified(this.#create(address, now, column), address, now, column);
      Atomics.add(this.#counters, entry * this.#columns + column, pinUnit);
      if (Atomics.load(this.words, entry * headWords) === this.#seen) return entry;
      this.unpin(entry, column);
    }
    return -1;
  }

  /** The entry to work with in place of one that was just made: the first one, though another's. */
  #unified(made: number, address: AddressWords, now: number, column: number): number {
    if (made < 0) return made;
    for (let attempt = 0; attempt < pinAttemptsMax; attempt++) {
      if (this.#isClaimedBefore(made, address)) continue;
      const entry = this.find(address, now);
      if (entry === made || entry < 0) return made;
      Atomics.add(this.#counters, entry * this.#columns + column, pinUnit);
      if (Atomics.load(this.words, entry * headWords) === this.#seen) {
        this.unpin(made, column);
        return entry;
      }
      this.unpin(entry, column);
    }
    return made;
  }

  /** Whether another thread is filling a place before this entry, maybe with the same address. */
  #isClaimedBefore(made: number, address: AddressWords): boolean {
    const start = this.#hash(address);
    for (let probe = 0; probe < probesMax; probe++) {
      const entry = (start + probe) & (this.count - 1);
      if (entry === made) return false;
      if ((Atomics.load(this.words, entry * headWords) & phaseMask) >= EntryPhase.claimed) return true;
    }
    return false;
  }

  /** Ends every ban of an address. False when there was none in force. */
  endBans(address: AddressWords, now: number): boolean {
    let ended = false;
    for (;;) {
      const entry = this.#findBanned(address, now);
      if (entry < 0) return ended;
      Atomics.add(this.#counters, entry * this.#columns + this.#workers, pinUnit);
      if (Atomics.load(this.words, entry * headWords) === this.#seen) {
        Atomics.store(this.words, entry * headWords + Head.bannedUntil, 0);
        ended = true;
      }
      this.unpin(entry, this.#workers);
    }
  }

  unpin(entry: number, column: number): void {
    Atomics.sub(this.#counters, entry * this.#columns + column, pinUnit);
  }

  /** One more connection of a worker. The entry is pinned. */
  join(entry: number, worker: number): void {
    Atomics.add(this.#counters, entry * this.#columns + worker, 1);
  }

  /** One connection less. False when the worker has none there: the call is then without effect. */
  leave(entry: number, worker: number): boolean {
    const at = entry * this.#columns + worker;
    if ((Atomics.load(this.#counters, at) & connectionsMask) === 0) return false;
    Atomics.sub(this.#counters, at, 1);
    return true;
  }

  /** Connections of an address with all workers. */
  connections(address: AddressWords): number {
    const start = this.#hash(address);
    let sum = 0;
    for (let probe = 0; probe < probesMax; probe++) {
      const entry = (start + probe) & (this.count - 1);
      const control = Atomics.load(this.words, entry * headWords);
      if (!this.#holds(entry, control, address)) continue;
      const here = this.connectionsAt(entry);
      if (Atomics.load(this.words, entry * headWords) === control) sum += here;
    }
    return sum;
  }

  /** Connections of one entry. */
  connectionsAt(entry: number): number {
    const first = entry * this.#columns;
    let sum = 0;
    for (let worker = 0; worker < this.#workers; worker++) {
      sum += Atomics.load(this.#counters, first + worker) & connectionsMask;
    }
    return sum;
  }

  /** Takes back all a worker that is gone has left: its connections, its pins, what it was filling. */
  reclaim(worker: number): number {
    let connections = 0;
    for (let entry = 0; entry < this.count; entry++) {
      const at = entry * this.#columns + worker;
      connections += Atomics.exchange(this.#counters, at, 0) & connectionsMask;
      const control = Atomics.load(this.words, entry * headWords);
      // What others hold or have banned there meanwhile it would have given back; if it had begun to fill the
      // entry, nobody has, and half an address with nothing to its name is idle.
      if ((control & phaseMask) === EntryPhase.claimed + worker) {
        this.#publish(entry, control, EntryPhase.live);
      }
    }
    return connections;
  }

  /** The address of a live entry, filled into `address`; false where the entry has none. */
  read(entry: number, address: AddressWords): boolean {
    const at = entry * headWords;
    const control = Atomics.load(this.words, at);
    if ((control & phaseMask) !== EntryPhase.live) return false;
    const family = Atomics.load(this.words, at + Head.family) as 4 | 6;
    address.set(
      family,
      Atomics.load(this.words, at + Head.key0),
      Atomics.load(this.words, at + Head.key1),
      0,
      0,
    );
    return Atomics.load(this.words, at) === control;
  }

  /** Whether nothing is lost when the entry is given to another address. */
  isIdle(entry: number, now: number): boolean {
    const at = entry * headWords;
    return this.#unused(entry) && banLeft(Atomics.load(this.words, at + Head.bannedUntil), now) <= 0 &&
      windowOver(Atomics.load(this.words, at + Head.offences), now, this.#banWindow) &&
      isFull(Atomics.load(this.words, at + Head.bucket), now, this.rate);
  }

  #findBanned(address: AddressWords, now: number): number {
    const start = this.#hash(address);
    for (let probe = 0; probe < probesMax; probe++) {
      const entry = (start + probe) & (this.count - 1);
      const control = Atomics.load(this.words, entry * headWords);
      if ((control & phaseMask) !== EntryPhase.live || !this.#holds(entry, control, address)) continue;
      if (banLeft(Atomics.load(this.words, entry * headWords + Head.bannedUntil), now) <= 0) continue;
      this.#seen = control;
      return entry;
    }
    return -1;
  }

  #create(address: AddressWords, now: number, column: number): number {
    const start = this.#hash(address);
    for (let probe = 0; probe < probesMax; probe++) {
      const entry = (start + probe) & (this.count - 1);
      const at = entry * headWords;
      const control = Atomics.load(this.words, at);
      const phase = control & phaseMask;
      if (phase >= EntryPhase.claimed || (phase === EntryPhase.live && !this.isIdle(entry, now))) continue;
      const claimed = control & ~phaseMask | (EntryPhase.claimed + column);
      if (Atomics.compareExchange(this.words, at, control, claimed) !== control) continue;
      // A thread that pinned it before the claim is seen now; one that pins it later sees the claim and lets
      // go.
      if (phase === EntryPhase.live && !this.isIdle(entry, now)) {
        Atomics.store(this.words, at, control);
        continue;
      }
      Atomics.store(this.words, at + Head.family, address.family);
      Atomics.store(this.words, at + Head.key0, address.w0);
      Atomics.store(this.words, at + Head.key1, address.w1);
      for (let word: number = Head.bucket; word <= Head.bannedUntil; word++) {
        Atomics.store(this.words, at + word, 0);
      }
      Atomics.add(this.#counters, entry * this.#columns + column, pinUnit);
      this.#publish(entry, control, EntryPhase.live);
      return entry;
    }
    return -1;
  }

  #publish(entry: number, control: number, phase: number): void {
    Atomics.store(this.words, entry * headWords, ((control & ~phaseMask) + generationStep) | phase);
  }

  /**
   * Whether an entry is that of the address; one that is claimed still is until it gets another one. True
   * only counts if the control word is unchanged afterwards.
   */
  #holds(entry: number, control: number, address: AddressWords): boolean {
    const at = entry * headWords;
    return (control & phaseMask) !== EntryPhase.empty &&
      Atomics.load(this.words, at + Head.key0) === address.w0 &&
      Atomics.load(this.words, at + Head.family) === address.family &&
      (address.family === 4 || Atomics.load(this.words, at + Head.key1) === address.w1);
  }

  /** Neither connections nor pins. */
  #unused(entry: number): boolean {
    const first = entry * this.#columns;
    for (let column = 0; column < this.#columns; column++) {
      if (Atomics.load(this.#counters, first + column) !== 0) return false;
    }
    return true;
  }

  /** The first place of an address (the finaliser of MurmurHash3, over the seed and each word). */
  #hash(address: AddressWords): number {
    const longer = address.family === 6;
    let hash = mix(this.#seed ^ address.w0);
    if (longer) hash = mix(hash ^ address.w1 ^ ipv6Mark);
    return hash & (this.count - 1);
  }
}

/** Keeps a network of IPv6 from sharing its place with the IPv4 address of the same first word. */
const ipv6Mark = 0x3c6e_f372;

function mix(word: number): number {
  word = Math.imul(word ^ word >>> 16, 0x85eb_ca6b);
  word = Math.imul(word ^ word >>> 13, 0xc2b2_ae35);
  return word ^ word >>> 16;
}
