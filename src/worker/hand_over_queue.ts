/**
 * Accepted sockets on their way from the supervisor's thread to one worker's: a ring in shared memory with
 * one writer and one reader, so that a connection costs no message.
 *
 * @module
 */
import type { HandedOver, HandOver } from "../server/hand_over.ts";

/** Words of the ring's head: what the reader has taken, what the writer has given, connections open. */
const headWords = 3;
const takenWord = 0;
const givenWord = 1;
const openWord = 2;
const entryWords = 7;

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
    return (Atomics.load(this.#words, givenWord) - Atomics.load(this.#words, takenWord)) | 0;
  }

  /** Connections the reader has or is about to have. Never too few. */
  get load(): number {
    // In this order: a socket taken in between is counted twice and not left out.
    return this.length + Atomics.load(this.#words, openWord);
  }

  /** Writer: false when the queue is full. */
  give(handed: HandedOver): boolean {
    const words = this.#words;
    const given = Atomics.load(words, givenWord);
    if (((given - Atomics.load(words, takenWord)) | 0) >= handOverQueueEntries) return false;
    const at = entryAt(given);
    words[at] = handed.descriptor;
    words[at + 1] = handed.listener;
    words[at + 2] = handed.family;
    words[at + 3] = handed.word0;
    words[at + 4] = handed.word1;
    words[at + 5] = handed.word2;
    words[at + 6] = handed.word3;
    // The entry is written before this is seen.
    Atomics.store(words, givenWord, (given + 1) | 0);
    return true;
  }

  /** Reader: gives all that wait to `adopt`, which answers how many connections there are then. */
  takeAll(adopt: (handed: HandedOver) => number): void {
    const words = this.#words;
    for (;;) {
      const taken = Atomics.load(words, takenWord);
      if (taken === Atomics.load(words, givenWord)) return;
      const at = entryAt(taken);
      const open = adopt({
        descriptor: words[at],
        listener: words[at + 1],
        family: words[at + 2],
        word0: words[at + 3],
        word1: words[at + 4],
        word2: words[at + 5],
        word3: words[at + 6],
      });
      Atomics.store(words, openWord, open);
      Atomics.store(words, takenWord, (taken + 1) | 0);
    }
  }

  /** Reader: how many connections there are now. */
  setOpen(count: number): void {
    Atomics.store(this.#words, openWord, count);
  }

  /** Writer: takes back what a reader that is gone will not take any more. */
  drain(take: (handed: HandedOver) => void): void {
    this.takeAll((handed) => {
      take(handed);
      return 0;
    });
  }
}

function entryAt(position: number): number {
  return headWords + (position & (handOverQueueEntries - 1)) * entryWords;
}
