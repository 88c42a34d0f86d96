/**
 * Reads the completion ring in place. The fields are those of the record last taken; no object is made.
 *
 * @module
 */
import { assert, ASSERTIONS } from "./assert.ts";
import * as layout from "./layout.gen.ts";
import { look, type RecordViewer } from "./ring_look.ts";

// Copied into this module: V8 folds a module's own constants into the code, but loads an imported one each
// time, which makes both rings two to three times slower.
const HEAD = layout.HEADER_COMPLETION_HEAD;
const TAIL = layout.HEADER_COMPLETION_TAIL;
const ARGUMENT = layout.RECORD_ARGUMENT;
const FLAGS_MASK = layout.RECORD_FLAGS_MASK;
const FLAGS_SHIFT = layout.RECORD_FLAGS_SHIFT;
const ID = layout.RECORD_ID;
const LENGTH = layout.RECORD_LENGTH;
const OFFSET = layout.RECORD_OFFSET;
const OPERATION_MASK = layout.RECORD_OPERATION_MASK;
const SEGMENT = layout.RECORD_SEGMENT;
const STATUS_SHIFT = layout.RECORD_STATUS_SHIFT;
const SYSTEM_ERROR = layout.RECORD_SYSTEM_ERROR;
const TAG = layout.RECORD_TAG;
const RECORD_WORDS = layout.RECORD_WORDS;
const asserting = ASSERTIONS;

/** A cursor over the records the library wrote. A record taken stays readable until the next poll. */
export class CompletionRing {
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #mask: number;
  /** Word at which the current record begins. */
  #at = 0;

  /** `words` are the ring's records alone, a power of two of them. */
  constructor(header: Int32Array, words: Int32Array) {
    this.#header = header;
    this.#words = words;
    this.#mask = words.length / RECORD_WORDS - 1;
    if (asserting) {
      assert(words.length >= RECORD_WORDS, "a completion ring has a record");
      assert(((this.#mask + 1) & this.#mask) === 0, "a completion ring has a power of two of records");
    }
  }

  /** Records not yet taken; the positions lie in shared memory, so never more than the whole ring holds. */
  get available(): number {
    return Math.min((this.#header[TAIL] - this.#header[HEAD]) >>> 0, this.#mask + 1);
  }

  /** Reads the records that were not taken yet; see {@linkcode look}. */
  look(from: number, view: RecordViewer): number {
    return look(this.#words, this.#mask, this.#header[HEAD], this.#header[TAIL], from, view);
  }

  /** Takes the next record; false when there is none. */
  next(): boolean {
    const header = this.#header;
    const head = header[HEAD];
    const tail = header[TAIL];
    if (head === tail) return false;
    if ((tail - head) >>> 0 > this.#mask + 1) header[TAIL] = head + this.#mask + 1;
    this.#at = (head & this.#mask) * RECORD_WORDS;
    // The head runs freely: the array wraps it to 32 bits.
    header[HEAD] = head + 1;
    if (asserting) assert(this.available <= this.#mask, "a record taken is no longer available");
    return true;
  }

  /**
   * Takes the first waiting record of `operation` with `tag` out of turn, so that a caller can have its
   * answer while the records before it wait for theirs. False when there is none.
   */
  takeAhead(operation: number, tag: number): boolean {
    const head = this.#header[HEAD];
    const { available } = this;
    if (asserting) assert(operation > 0 && operation <= OPERATION_MASK, "only an operation has an answer");
    for (let count = 0; count < available; count++) {
      const at = ((head + count) & this.#mask) * RECORD_WORDS;
      if ((this.#words[at] & OPERATION_MASK) !== operation) continue;
      if (this.#words[at + TAG] !== (tag | 0)) continue;
      this.#at = at;
      // Its place stays in the ring, as a record that means nothing.
      this.#words[at] &= ~OPERATION_MASK;
      return true;
    }
    return false;
  }

  get operation(): number {
    return this.#words[this.#at] & OPERATION_MASK;
  }

  get flags(): number {
    return (this.#words[this.#at] >> FLAGS_SHIFT) & FLAGS_MASK;
  }

  get status(): number {
    return this.#words[this.#at] >>> STATUS_SHIFT;
  }

  get id(): number {
    return this.#words[this.#at + ID] >>> 0;
  }

  get segment(): number {
    return this.#words[this.#at + SEGMENT] >>> 0;
  }

  get offset(): number {
    return this.#words[this.#at + OFFSET] >>> 0;
  }

  get length(): number {
    return this.#words[this.#at + LENGTH] >>> 0;
  }

  get tag(): number {
    return this.#words[this.#at + TAG] >>> 0;
  }

  get systemError(): number {
    return this.#words[this.#at + SYSTEM_ERROR] >>> 0;
  }

  get argument(): number {
    return this.#words[this.#at + ARGUMENT] >>> 0;
  }
}
