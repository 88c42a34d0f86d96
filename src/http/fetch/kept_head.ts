/**
 * Heads of requests that are over. A handler may keep its request and ask it for anything later, so each head
 * is copied when its request ends; few are ever looked at.
 *
 * @module
 */
import { textAt } from "../ascii.ts";
import type { RequestHead } from "../head.ts";
import { HeadWord } from "../records.ts";
import { SideBySide } from "../side_by_side.ts";
import { type FieldSource, keepFields, receivedHeaders } from "./headers.ts";

/** What a request's URL and fields are made of. */
export interface HeadSource extends FieldSource {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  /** Where the head lies while its request is served. */
  readonly headRecord?: RequestHead;
}

const copies = new SideBySide();
const carriageReturn = 0x0d;

/** A copied head. */
export class KeptHead implements HeadSource {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #length: number;

  constructor({ bytes, start, words, at }: RequestHead) {
    this.#length = words[at + HeadWord.bytes];
    copies.copy(bytes, start, this.#length);
    this.#bytes = copies.bytes;
    this.#start = copies.start;
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
