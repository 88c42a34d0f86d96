/**
 * Several workers accept from one listening socket. The kernel does not regard how many connections each has:
 * the worker that wakes first gets them. So each keeps to its turn. It accepts only as far ahead of the one
 * with the fewest connections as its slack allows, and then rests until the others have caught up.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";

const asserting = ASSERTIONS;

/** Words of each worker: the server counts on it, its loop, its connections, and whether it rests. */
const countsWord = 0;
const loopWord = 1;
const loadWord = 2;
const restsWord = 3;
const wordsOfWorker = 4;

/** Connections of a worker that wants no more: it is never the one with the fewest. */
const wantsNone = 0x7fff_ffff;

/** Milliseconds over which closed connections are counted. */
const churnMilliseconds = 100;

/** Connections a worker may accept before it looks again, where nobody else has fewer. */
const aheadMax = 256;

/** A worker's place in the memory of the turns. */
export interface AcceptTurnMemory {
  words: SharedArrayBuffer;
  /** Its position. */
  place: number;
}

/** The memory of `places` workers. */
export function acceptTurnWords(places: number): SharedArrayBuffer {
  return new SharedArrayBuffer(places * wordsOfWorker * Int32Array.BYTES_PER_ELEMENT);
}

/** The server counts on the worker at this place, or on none there (`loop` undefined). */
export function countOn(words: SharedArrayBuffer, place: number, loop: number | undefined): void {
  const all = new Int32Array(words);
  const at = place * wordsOfWorker;
  if (loop !== undefined) Atomics.store(all, at + loopWord, loop | 0);
  Atomics.store(all, at + countsWord, loop === undefined ? 0 : 1);
}

export class AcceptTurn {
  readonly #words: Int32Array;
  readonly #at: number;
  readonly #wake: (loop: number) => void;
  /** Connections closed since `#countedFrom`, and in the whole period before. */
  #closed = 0;
  #closedBefore = 0;
  #countedFrom = 0;
  #rests = false;

  /** `wake` makes the worker with this loop look again. */
  constructor({ words, place }: AcceptTurnMemory, wake: (loop: number) => void) {
    this.#words = new Int32Array(words);
    this.#at = place * wordsOfWorker;
    this.#wake = wake;
    Atomics.store(this.#words, this.#at + loadWord, 0);
    Atomics.store(this.#words, this.#at + restsWord, 0);
  }

  /** A connection has gone. */
  closed(): void {
    this.#closed += 1;
  }

  /**
   * How many connections the worker may accept before it looks again, which has to be when it has accepted
   * some, when some have gone, and when it is woken. 0: it rests.
   *
   * @param load connections it has; undefined while it wants no more.
   * @param now milliseconds of any clock.
   */
  look(load: number | undefined, now: number): number {
    const words = this.#words;
    Atomics.store(words, this.#at + loadWord, load ?? wantsNone);
    const fewest = this.#fewest();
    const least = fewest < 0 ? wantsNone : Atomics.load(words, fewest + loadWord);
    // It has no room, so it has no turn either: what makes it stop accepting is decided elsewhere.
    const allowed = load === undefined || least === wantsNone
      ? aheadMax
      : Math.min(aheadMax, least + this.#slack(load, now) - load);
    this.#rest(allowed <= 0, fewest);
    this.#wakeResting(Math.min(least, load ?? wantsNone));
    return Math.max(0, allowed);
  }

  /**
   * Connections it may have beyond the worker with the fewest. One where connections stay, so that even a few
   * are spread; more where they come and go, since the next ones even out what these did, and each change of
   * turns costs a wake.
   */
  #slack(load: number, now: number): number {
    if (now - this.#countedFrom >= churnMilliseconds) {
      this.#closedBefore = now - this.#countedFrom < 2 * churnMilliseconds ? this.#closed : 0;
      this.#closed = 0;
      this.#countedFrom = now;
    }
    return 1 + (Math.max(this.#closed, this.#closedBefore) >> 1) + (load >> 5);
  }

  /** Where the words are of the other worker with the fewest connections; -1 where there is none. */
  #fewest(): number {
    const words = this.#words;
    let best = -1;
    let least = wantsNone;
    for (let at = 0; at < words.length; at += wordsOfWorker) {
      if (at === this.#at || Atomics.load(words, at + countsWord) === 0) continue;
      const load = Atomics.load(words, at + loadWord);
      if (load >= least) continue;
      least = load;
      best = at;
    }
    return best;
  }

  #rest(on: boolean, fewest: number): void {
    if (on === this.#rests) return;
    if (asserting) assert(!on || fewest >= 0, "a worker rests for another one");
    this.#rests = on;
    Atomics.store(this.#words, this.#at + restsWord, on ? 1 : 0);
    // It may have got more since its number was read, and then does not know that this one rests.
    if (on) this.#wakeAt(fewest);
  }

  /** Those that rest and have no more than anybody else have their turn. */
  #wakeResting(least: number): void {
    const words = this.#words;
    for (let at = 0; at < words.length; at += wordsOfWorker) {
      if (at === this.#at || Atomics.load(words, at + restsWord) === 0) continue;
      if (Atomics.load(words, at + countsWord) === 0 || Atomics.load(words, at + loadWord) > least) continue;
      this.#wakeAt(at);
    }
  }

  #wakeAt(at: number): void {
    this.#wake(Atomics.load(this.#words, at + loopWord) >>> 0);
  }
}
