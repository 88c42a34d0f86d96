/**
 * The head of an answer. Its text is copied when it comes; its fields are taken apart when somebody asks.
 *
 * @module
 */
import { Http1HeadFlags } from "../../../ffi/layout.gen.ts";
import type { HeadRecord } from "../parser.ts";
import { FieldList, noFields } from "./response_fields.ts";
import type { ResponseFields } from "./types.ts";

const decoder = new TextDecoder();
/** What bytes become that are not UTF-8. */
const replacement = "\ufffd";
/** Characters made from bytes at once: a call takes that many arguments on every engine. */
const charactersAtOnce = 4096;

/** Bytes as text of one character a byte. */
function latin1(bytes: Uint8Array): string {
  const decoded = decoder.decode(bytes);
  // Nearly every head is ASCII, for which the decoder is by far the fastest.
  if (decoded.length === bytes.length && !decoded.includes(replacement)) return decoded;
  let text = "";
  for (let at = 0; at < bytes.length; at += charactersAtOnce) {
    const part = bytes.subarray(at, at + charactersAtOnce);
    // By `apply`, which does not go through an iterator as the spread of arguments does.
    text += String.fromCharCode.apply(null, part as unknown as number[]);
  }
  return text;
}

/** The fields of a text in which the parser has found nothing wrong, from its line at `start` on. */
function fieldsOf(text: string, start: number): ResponseFields {
  const names: string[] = [];
  const values: string[] = [];
  for (let at = start;;) {
    const end = text.indexOf("\r\n", at);
    if (end <= at) break;
    const colon = text.indexOf(":", at);
    names.push(text.slice(at, colon).toLowerCase());
    values.push(withoutSpace(text, colon + 1, end));
    at = end + 2;
  }
  return names.length === 0 ? noFields : new FieldList(names, values);
}

const isSpace = (code: number) => code === 0x20 || code === 0x09;

/** A part of a text without spaces and tabs around it; `trim` would take more. */
function withoutSpace(text: string, start: number, end: number): string {
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (start < end && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** The fields of a record of trailers. */
export function trailersOf(record: HeadRecord): ResponseFields {
  if (record.fields === 0) return noFields;
  return fieldsOf(latin1(record.bytes.subarray(record.start, record.start + record.headBytes)), 0);
}

/** The head of an answer. */
export class ResponseHead {
  readonly status: number;
  /** Content-Length; of an answer without a body as well. */
  readonly length: number | undefined;
  /** Bits of `Http1HeadFlags`. */
  readonly flags: number;
  readonly #text: string;
  readonly #reasonAt: number;
  readonly #reasonEnd: number;
  #fields: ResponseFields | undefined = undefined;

  constructor(record: HeadRecord) {
    const { flags, start, bytes, targetOffset } = record;
    this.status = record.status;
    this.length = (flags & Http1HeadFlags.hasLength) === 0 ? undefined : record.length;
    this.flags = flags;
    this.#text = latin1(bytes.subarray(start, start + record.headBytes));
    this.#reasonAt = targetOffset;
    this.#reasonEnd = targetOffset + record.targetBytes;
  }

  get reason(): string {
    return this.#text.slice(this.#reasonAt, this.#reasonEnd);
  }

  get version(): "1.1" | "1.0" {
    return (this.flags & Http1HeadFlags.version10) === 0 ? "1.1" : "1.0";
  }

  get fields(): ResponseFields {
    return this.#fields ??= fieldsOf(this.#text, this.#text.indexOf("\r\n") + 2);
  }

  /** The server keeps the connection behind this answer. */
  get keeps(): boolean {
    return (this.flags & Http1HeadFlags.close) === 0;
  }
}
