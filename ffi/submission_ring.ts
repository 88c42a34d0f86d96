/**
 * Writes the submission ring. A full ring is an answer, not an exception: the caller polls and continues.
 *
 * @module
 */
import { assert, ASSERTIONS } from "./assert.ts";
import * as layout from "./layout.gen.ts";
import { look, type RecordViewer } from "./ring_look.ts";

// Copied into this module: V8 folds a module's own constants into the code, but loads an imported one each
// time, which makes both rings two to three times slower.
const HEAD = layout.HEADER_SUBMISSION_HEAD;
const TAIL = layout.HEADER_SUBMISSION_TAIL;
const SEND = layout.Operation.send;
const SEND_FILE = layout.Operation.sendFile;
const HIGH_HALF = 2 ** 32;
const ARGUMENT = layout.RECORD_ARGUMENT;
const FLAGS_SHIFT = layout.RECORD_FLAGS_SHIFT;
const ID = layout.RECORD_ID;
const LENGTH = layout.RECORD_LENGTH;
const OFFSET = layout.RECORD_OFFSET;
const OPERATION_MASK = layout.RECORD_OPERATION_MASK;
const SEGMENT = layout.RECORD_SEGMENT;
const SYSTEM_ERROR = layout.RECORD_SYSTEM_ERROR;
const TAG = layout.RECORD_TAG;
const RECORD_WORDS = layout.RECORD_WORDS;
const asserting = ASSERTIONS;

/** The writing end of the submissions. Numbers are stored modulo 2^32, so ids need no conversion. */
export class SubmissionRing {
  readonly #header: Int32Array;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #mask: number;

  /** `words` are the ring's records alone, a power of two of them. */
  constructor(header: Int32Array, words: Int32Array) {
    this.#header = header;
    this.#words = words;
    this.#capacity = words.length / RECORD_WORDS;
    this.#mask = this.#capacity - 1;
    if (asserting) {
      assert(this.#capacity >= 1, "a submission ring has a record");
      assert((this.#capacity & this.#mask) === 0, "a submission ring has a power of two of records");
    }
  }

  /** Records that can be written before the next poll. */
  get space(): number {
    return this.#capacity - this.pending;
  }

  /**
   * Takes back the records of `operation` the library will never see, and reports the length field of each.
   */
  takeBack(operation: number, each: (length: number) => void): void {
    const head = this.#header[HEAD];
    const { pending } = this;
    for (let count = 0; count < pending; count++) {
      const at = ((head + count) & this.#mask) * RECORD_WORDS;
      if ((this.#words[at] & OPERATION_MASK) === operation) each(this.#words[at + LENGTH] >>> 0);
    }
    this.#header[HEAD] = this.#header[TAIL];
  }

  /**
   * Records written and not yet taken by the library. The positions lie in shared memory: more than the whole
   * ring can never be there.
   */
  get pending(): number {
    return Math.min((this.#header[TAIL] - this.#header[HEAD]) >>> 0, this.#capacity);
  }

  /** Shows what the library has not taken yet; see {@linkcode look}. */
  look(from: number, view: RecordViewer): number {
    return look(this.#words, this.#mask, this.#header[HEAD], this.#header[TAIL], from, view);
  }

  /** Submits a send; the hold on the bytes' segments passes to the library. False when the ring is full. */
  send(id: number, segment: number, offset: number, length: number, flags: number): boolean {
    return this.push(SEND, id, segment, offset, length, 0, 0, flags);
  }

  /** Submits bytes of a file. False when the ring is full. */
  sendFile(id: number, file: number, offset: number, length: number): boolean {
    const at = (this.#header[TAIL] & this.#mask) * RECORD_WORDS;
    const low = offset | 0;
    const high = Math.floor(length / HIGH_HALF);
    if (!this.push(SEND_FILE, id, file, low, length | 0, 0, high, 0)) return false;
    this.#words[at + SYSTEM_ERROR] = Math.floor(offset / HIGH_HALF);
    return true;
  }

  /**
   * Lengthens the last record when the library has not taken it, it is a send of `id` without flags, and its
   * bytes end where these begin. The hold it carries covers them too. False when it is not so.
   */
  extendSend(id: number, segment: number, offset: number, length: number): boolean {
    if (asserting) assert(length > 0, "a send is lengthened by a byte or more");
    const header = this.#header;
    const tail = header[TAIL];
    if (tail === header[HEAD]) return false;
    const words = this.#words;
    const at = ((tail - 1) & this.#mask) * RECORD_WORDS;
    if (
      words[at] !== SEND || words[at + ID] !== (id | 0) ||
      words[at + SEGMENT] !== segment ||
      words[at + OFFSET] + words[at + LENGTH] !== offset
    ) return false;
    words[at + LENGTH] += length;
    return true;
  }

  /** Submits one operation. False, and nothing written, when the ring is full. */
  push(
    operation: number,
    id: number,
    segment: number,
    offset: number,
    length: number,
    tag: number,
    argument: number,
    flags: number,
  ): boolean {
    const header = this.#header;
    const tail = header[TAIL];
    if (asserting) {
      assert(operation > 0 && operation <= OPERATION_MASK, "an operation fits its field");
      assert(flags >= 0 && flags <= layout.RECORD_FLAGS_MASK, "the flags fit their field");
    }
    if ((tail - header[HEAD]) >>> 0 >= this.#capacity) return false;
    const words = this.#words;
    const at = (tail & this.#mask) * RECORD_WORDS;
    words[at] = operation | (flags << FLAGS_SHIFT);
    words[at + ID] = id;
    words[at + SEGMENT] = segment;
    words[at + OFFSET] = offset;
    words[at + LENGTH] = length;
    words[at + TAG] = tag;
    words[at + SYSTEM_ERROR] = 0;
    words[at + ARGUMENT] = argument;
    // The tail runs freely: the array wraps it to 32 bits.
    header[TAIL] = tail + 1;
    return true;
  }
}
