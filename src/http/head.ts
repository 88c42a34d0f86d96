/**
 * The head of one request, as the parser's record describes it: texts are made when they are asked for.
 *
 * @module
 */
import { equalsLower, InternTable, textAt } from "./ascii.ts";
import { fieldIds } from "./parser.ts";
import * as records from "./records.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const { fieldNames, HeadFlag, HeadWord, headWords, methodNames } = records;
/** Words of one field. */
const fieldWords = 2;
const lowHalf = 0xffff;
const bits16 = 16;
const bits8 = 8;
const byteMask = 0xff;
const twoTo32 = 0x1_0000_0000;

/** Texts of paths and hosts of this thread. */
const interned = new InternTable();

/** Names asked for, in lower case, with the ids of those that are known; a bounded number of them is kept. */
const askedMax = 256;
const asked = new Map<string, { id: number; lower: string }>();

function askedName(name: string): { id: number; lower: string } {
  const known = asked.get(name);
  if (known !== undefined) return known;
  const lower = String(name).toLowerCase();
  const made = { id: fieldIds.get(lower) ?? 0, lower };
  if (asked.size < askedMax) asked.set(name, made);
  return made;
}

/** A request's head. The bytes and the record lie elsewhere, or, once it was copied, in memory of its own. */
export class RequestHead {
  bytes: Uint8Array = noBytes;
  words: Uint32Array = noWords;
  /** The first word of the record. */
  at = 0;
  /** The position of the head's first byte. */
  start = 0;
  flags = 0;
  #path: string | undefined = undefined;
  #ownBytes: Uint8Array<ArrayBuffer> | undefined = undefined;
  #ownWords: Uint32Array<ArrayBuffer> | undefined = undefined;

  /** Begins with another record. */
  renew(bytes: Uint8Array, words: Uint32Array, at: number): void {
    this.bytes = bytes;
    this.words = words;
    this.at = at;
    this.start = words[at + HeadWord.position];
    this.flags = words[at] >>> bits8 & byteMask;
    this.#path = undefined;
  }

  /** Copies bytes and record, which are about to be used for something else. */
  detach(): void {
    const { bytes, words, at, start } = this;
    if (bytes === this.#ownBytes) return;
    const length = words[at + HeadWord.bytes];
    const count = headWords + fieldWords * (words[at] >>> bits16);
    let ownBytes = this.#ownBytes;
    if (ownBytes === undefined || ownBytes.length < length) {
      this.#ownBytes = ownBytes = new Uint8Array(roundedUp(length));
    }
    let ownWords = this.#ownWords;
    if (ownWords === undefined || ownWords.length < count) {
      this.#ownWords = ownWords = new Uint32Array(roundedUp(count));
    }
    ownBytes.set(bytes.subarray(start, start + length));
    for (let index = 0; index < count; index++) ownWords[index] = words[at + index];
    this.bytes = ownBytes;
    this.words = ownWords;
    this.at = 0;
    this.start = 0;
  }

  /** Gives up memory that a large head has needed. */
  forget(): void {
    this.bytes = noBytes;
    this.words = noWords;
    this.#path = undefined;
    if (this.#ownBytes !== undefined && this.#ownBytes.length > ownBytesMax) this.#ownBytes = undefined;
    if (this.#ownWords !== undefined && this.#ownWords.length > ownBytesMax) this.#ownWords = undefined;
  }

  /** Fields of known names that are present, a bit each, of the ids up to 31. */
  get known(): number {
    return this.words[this.at + HeadWord.known];
  }

  /** The id of the method; 0 for one without. */
  get methodId(): number {
    return this.words[this.at] & byteMask;
  }

  get method(): string {
    const id = this.methodId;
    if (id !== 0) return methodNames[id];
    // It ends with the space before the target.
    return textAt(this.bytes, this.start, (this.words[this.at + HeadWord.target] & lowHalf) - 1);
  }

  get target(): string {
    const word = this.words[this.at + HeadWord.target];
    return textAt(this.bytes, this.start + (word & lowHalf), word >>> bits16);
  }

  get path(): string {
    return this.#path ??= this.#makePath();
  }

  #makePath(): string {
    const { words, at } = this;
    const word = words[at + HeadWord.path];
    const length = word >>> bits16;
    if (length === 0) return methodNames[this.methodId] === "OPTIONS" ? "*" : "/";
    return interned.textOf(this.bytes, this.start + (word & lowHalf), length, words[at + HeadWord.pathHash]);
  }

  /** A hash of the path, the same for the same path. */
  get pathHash(): number {
    return this.words[this.at + HeadWord.pathHash];
  }

  get query(): string {
    const { words, at } = this;
    const path = words[at + HeadWord.path];
    const target = words[at + HeadWord.target];
    const targetEnd = (target & lowHalf) + (target >>> bits16);
    // With an empty path the query follows the authority.
    const from = (path & lowHalf) + (path >>> bits16);
    if (from >= targetEnd || this.bytes[this.start + from] !== questionMark) return "";
    return textAt(this.bytes, this.start + from + 1, targetEnd - from - 1);
  }

  get host(): string {
    const word = this.words[this.at + HeadWord.host];
    const length = word >>> bits16;
    if (length === 0) return "";
    const from = this.start + (word & lowHalf);
    return interned.textOf(this.bytes, from, length, length * hostSpread + this.bytes[from]);
  }

  /** The target is in absolute form and names another host or port than the field `Host`. */
  get hostDiffers(): boolean {
    if ((this.flags & HeadFlag.absolute) === 0) return false;
    const field = this.header("host");
    return field !== undefined && field.toLowerCase() !== this.host.toLowerCase();
  }

  /** Bytes of the body by `Content-Length`; 0 without it. */
  get length(): number {
    const { words, at } = this;
    return words[at + HeadWord.lengthHigh] * twoTo32 + words[at + HeadWord.lengthLow];
  }

  get isChunked(): boolean {
    return (this.flags & HeadFlag.chunked) !== 0;
  }

  has(name: string): boolean {
    return this.header(name) !== undefined;
  }

  /** The value of a field; those of repeated ones are joined. */
  header(name: string): string | undefined {
    const { id, lower } = askedName(name);
    const { words, at } = this;
    if (id !== 0) {
      const known = words[at + (id < 32 ? HeadWord.known : HeadWord.knownHigh)];
      if ((known >>> (id & 31) & 1) === 0) return undefined;
    }
    let value: string | undefined = undefined;
    const end = at + headWords + fieldWords * (words[at] >>> bits16);
    for (let field = at + headWords; field < end; field += fieldWords) {
      if (words[field] >>> 24 !== id) continue;
      if (id === 0 && !this.#isNamed(field, lower)) continue;
      const next = this.#valueAt(field);
      if (value === undefined) value = next;
      else value += (lower === "cookie" ? "; " : ", ") + next;
    }
    return value;
  }

  /** All fields in order, with names in lower case. */
  *headers(): IterableIterator<[name: string, value: string]> {
    const { words, at } = this;
    const end = at + headWords + fieldWords * (words[at] >>> bits16);
    for (let field = at + headWords; field < end; field += fieldWords) {
      yield [this.#nameAt(field), this.#valueAt(field)];
    }
  }

  #isNamed(field: number, lower: string): boolean {
    const word = this.words[field];
    return equalsLower(this.bytes, this.start + (word & lowHalf), word >>> bits16 & byteMask, lower);
  }

  #nameAt(field: number): string {
    const word = this.words[field];
    const id = word >>> 24;
    if (id !== 0) return fieldNames[id];
    return textAt(this.bytes, this.start + (word & lowHalf), word >>> bits16 & byteMask).toLowerCase();
  }

  #valueAt(field: number): string {
    const word = this.words[field + 1];
    return textAt(this.bytes, this.start + (word & lowHalf), word >>> bits16);
  }
}

/** Spreads hosts of different lengths over the table of texts. */
const hostSpread = 37;
const questionMark = 0x3f;
/** The smallest memory of a head of its own; it doubles as needed. */
const ownBytesMin = 512;
/** What of it is kept for the next request. */
const ownBytesMax = 4096;

function roundedUp(length: number): number {
  return Math.max(ownBytesMin, 2 ** Math.ceil(Math.log2(length)));
}

const noBytes = new Uint8Array(0);
const noWords = new Uint32Array(headWords);
