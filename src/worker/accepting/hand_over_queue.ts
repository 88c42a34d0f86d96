/**
 * Accepted sockets on their way from the supervisor's thread to a worker's: a ring in shared memory with one
 * writer and one reader, so that a connection costs no message. It also holds what the writer needs to
 * choose: how many connections the reader has of each listener, and whether it wants more.
 *
 * @module
 */
import { LISTENERS_MAX } from "../../base/layout.ts";
import type { HandedOver, HandOver } from "../../server/hand_over.ts";

/**
 * Words of the head: sockets the reader has taken, sockets the writer has given, the reader wants no more.
 */
const takenWord = 0;
const givenWord = 1;
const pressureWord = 2;
/** For each listener: sockets given, sockets taken, connections open. */
const listenersWord = 3;
const listenerWords = 3;
const headWords = listenersWord + LISTENERS_MAX * listenerWords;
const entryWords = 8;

/**
 * Connections on their way at once: a worker that does not take this many is stuck, and the kernel's own
 * queue holds the rest. A power of two, since positions wrap round.
 */
export const handOverQueueEntries = 1024;

/** One worker's queue. */
export class HandOverQueue implements HandOver {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Without a buffer: a new queue. */
  constructor(buffer?: SharedArrayBuffer) {
    const words = headWords + handOverQueueEntries * entryWords;
    this.buffer = buffer ?? new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT);
    this.#words = new Int32Array(this.buffer);
  }

  /** Sockets on their way. */
  get length(): number {
    return between(Atomics.load(this.#words, takenWord), Atomics.load(this.#words, givenWord));
  }

  /** Connections of one listener that the reader has or is about to have. Never too few. */
  loadOf(listener: number): number {
    const at = listenersWord + listener * listenerWords;
    const words = this.#words;
    // In this order: a socket taken in between is counted twice and not left out.
    const given = Atomics.load(words, at);
    const onTheirWay = between(Atomics.load(words, at + 1), given);
    return onTheirWay + Math.max(Atomics.load(words, at + 2), 0);
  }

  /** Connections of the first `listeners` listeners together. */
  load(listeners: number): number {
    let sum = 0;
    for (let listener = 0; listener < listeners; listener++) sum += this.loadOf(listener);
    return sum;
  }

  /** True while the reader has taken on too much to want more. */
  get pressure(): boolean {
    return Atomics.load(this.#words, pressureWord) !== 0;
  }

  /** Writer: false when the queue is full. */
  give(handed: HandedOver): boolean {
    const words = this.#words;
    const given = Atomics.load(words, givenWord);
    if (between(Atomics.load(words, takenWord), given) === handOverQueueEntries) return false;
    const at = entryAt(given);
    words[at] = handed.descriptor;
    words[at + 1] = handed.listener;
    words[at + 2] = handed.familyCode;
    words[at + 3] = handed.word0;
    words[at + 4] = handed.word1;
    words[at + 5] = handed.word2;
    words[at + 6] = handed.word3;
    words[at + 7] = handed.port;
    Atomics.add(words, listenersWord + handed.listener * listenerWords, 1);
    // The entry is written before this is seen.
    Atomics.store(words, givenWord, (given + 1) | 0);
    return true;
  }

  /** Reader: gives all that wait to `adopt`, which answers how many connections of the listener there are. */
  takeAll(adopt: (handed: HandedOver) => number): void {
    const words = this.#words;
    for (;;) {
      const given = Atomics.load(words, givenWord);
      // No further back than the ring is long, whatever the words say.
      const taken = (given - between(Atomics.load(words, takenWord), given)) | 0;
      if (taken === given) return;
      try {
        this.#takeOne(entryAt(taken), adopt);
      } finally {
        // A taker that throws must not meet the same socket forever.
        Atomics.store(words, takenWord, (taken + 1) | 0);
      }
    }
  }

  #takeOne(at: number, adopt: (handed: HandedOver) => number): void {
    const words = this.#words;
    const listener = words[at + 1];
    // No listener has this number: the entry is none that was given.
    if (listener >>> 0 >= LISTENERS_MAX) return;
    try {
      const open = adopt({
        descriptor: words[at],
        listener,
        familyCode: words[at + 2],
        word0: words[at + 3],
        word1: words[at + 4],
        word2: words[at + 5],
        word3: words[at + 6],
        port: words[at + 7],
      });
      this.setOpen(listener, open);
    } finally {
      Atomics.add(words, listenersWord + listener * listenerWords + 1, 1);
    }
  }

  /** Reader: how many connections of a listener there are now. */
  setOpen(listener: number, count: number): void {
    Atomics.store(this.#words, listenersWord + listener * listenerWords + 2, count);
  }

  /** Reader: it wants no more for now, or wants more again. */
  setPressure(on: boolean): void {
    Atomics.store(this.#words, pressureWord, on ? 1 : 0);
  }

  /** Writer: takes back what a reader that is gone will not take any more. */
  drain(take: (handed: HandedOver) => void): void {
    this.takeAll((handed) => {
      take(handed);
      return 0;
    });
  }
}

/** From one position to another, which never lie further apart than the ring is long. */
function between(from: number, to: number): number {
  return Math.min((to - from) >>> 0, handOverQueueEntries);
}

function entryAt(position: number): number {
  return headWords + (position & (handOverQueueEntries - 1)) * entryWords;
}
