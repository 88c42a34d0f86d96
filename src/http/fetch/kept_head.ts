/**
 * Heads of requests that are over. A handler may keep its request and ask it for anything later, so each head
 * is copied when its request ends; few are ever looked at.
 *
 * @module
 */
import { textAt } from "../ascii.ts";
import type { RequestHead } from "../head.ts";
import { HeadWord } from "../records.ts";
import { type FieldSource, keepFields, receivedHeaders } from "./headers.ts";

/** What a request's URL and fields are made of. */
export interface HeadSource extends FieldSource {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Where the head lies while its request is served. */
  readonly headRecord?: RequestHead;
}

/** Heads are copied one behind the other: memory for each of them would cost more than the copy. */
const chunkBytes = 16 * 1024;
/** A longer head gets memory of its own, so that a kept request holds little beside it. */
const sharingMaxBytes = 2048;

let chunk = new Uint8Array(chunkBytes);
let chunkAt = 0;

const carriageReturn = 0x0d;

/** A copied head. */
export class KeptHead implements HeadSource {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #length: number;

  constructor({ bytes, start, words, at }: RequestHead) {
    const length = words[at + HeadWord.bytes];
    const head = bytes.subarray(start, start + length);
    this.#length = length;
    if (length > sharingMaxBytes) {
      this.#bytes = head.slice();
      this.#start = 0;
      return;
    }
    if (chunkAt + length > chunkBytes) {
      chunk = new Uint8Array(chunkBytes);
      chunkAt = 0;
    }
    chunk.set(head, chunkAt);
    this.#bytes = chunk;
    this.#start = chunkAt;
    chunkAt += length;
  }

  get #text(): string {
    return textAt(this.#bytes, this.#start, this.#length);
  }

  get #startLine(): string[] {
    const end = this.#bytes.indexOf(carriageReturn, this.#start);
    return textAt(this.#bytes, this.#start, end - this.#start).split(" ");
  }

  get method(): string {
    return this.#startLine[0];
  }

  get target(): string {
    return this.#startLine[1];
  }

  get host(): string {
    return this.header("host") ?? "";
  }

  header(name: string): string | undefined {
    const fields = receivedHeaders(this);
    keepFields(fields);
    return fields.get(name) ?? undefined;
  }

  *headers(): IterableIterator<[name: string, value: string]> {
    for (const line of this.#text.split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) {
        yield [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "")];
      }
    }
  }
}
