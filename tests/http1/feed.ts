/**
 * A connection without a socket: gives the parser bytes in pieces as a connection receives them, and keeps
 * what it reads. Heads and trailers that came in pieces are joined, all others stay in the ring.
 *
 * @module
 */
import {
  HTTP1_METHOD_NAMES,
  HTTP1_REFUSALS,
  Http1HeadFlags,
  Http1Kind,
  Http1Method,
  Http1Mode,
  Http1Outcome,
  Http1Refusal,
} from "../../ffi/layout.gen.ts";
import { chunkStateWords, HeadRecord, type Http1Limits, type Http1Parser } from "../../src/http/parser.ts";

/** A message as it was read; everything is there, so that two readings can be compared. */
export interface Message {
  method: string;
  target: string;
  path: string;
  host: string;
  status: number;
  reason: string;
  fields: [name: string, value: string][];
  body: string;
  trailers: [name: string, value: string][];
  flags: string[];
  rest: string;
  /** All of the body has come. */
  whole: boolean;
}

/** Why the bytes were refused, and the byte that decided it, counted from the first one fed. */
export interface Refused {
  status: number;
  refusal: string;
  offset: number;
}

const refusalNames = Object.keys(Http1Refusal);

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** The bytes of a text, a byte a character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

type State = "head" | "length" | "chunked" | "rest";

export class Feed {
  readonly messages: Message[] = [];
  refused: Refused | undefined = undefined;
  readonly #parser: Http1Parser;
  readonly #limits: Http1Limits;
  readonly #kind: number;
  readonly #mode: number;
  readonly #head: HeadRecord;
  readonly #chunk = new Uint32Array(chunkStateWords);
  #state: State = "head";
  #left = 0;
  /** Bytes at the beginning of the join area that wait for what follows them. */
  #kept = 0;
  #scanned = 0;
  #emptyLines = 0;
  /** Bytes of the stream in front of what is kept. */
  #taken = 0;
  /** Where in the ring the next piece goes. */
  readonly #place: number;

  constructor(
    parser: Http1Parser,
    limits: Http1Limits,
    kind: "request" | "response",
    answers?: "HEAD" | "CONNECT",
    place = 8_190,
  ) {
    this.#parser = parser;
    this.#limits = limits;
    this.#kind = kind === "request" ? Http1Kind.requests : Http1Kind.responses;
    this.#mode = answers === "HEAD"
      ? Http1Mode.headRequest
      : answers === "CONNECT"
      ? Http1Mode.connectRequest
      : 0;
    this.#head = new HeadRecord(parser.words, parser.ring);
    this.#place = place;
  }

  /** Whether the last message is whole and nothing waits. */
  get idle(): boolean {
    return this.#state === "head" && this.#kept === 0;
  }

  /** Takes a piece; false once something was refused. */
  push(piece: Uint8Array): boolean {
    const { join, ring } = this.#parser;
    if (this.#kept > 0) {
      join.set(piece, this.#kept);
      const length = this.#kept + piece.length;
      this.#kept = 0;
      this.#take(join, 0, length);
    } else {
      ring.set(piece, this.#place);
      this.#take(ring, this.#place, this.#place + piece.length);
    }
    return this.refused === undefined;
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && this.refused === undefined) {
      const before = at;
      if (this.#state === "head") at = this.#takeHeads(bytes, at, end);
      else if (this.#state === "chunked") at = this.#takeChunks(bytes, at, end);
      else at = this.#takeBytes(bytes, at, end);
      this.#taken += at - before;
      if (this.#scanned > 0) return this.#keep(bytes, at, end);
    }
  }

  #keep(bytes: Uint8Array, at: number, end: number): void {
    const { join } = this.#parser;
    if (bytes === join) join.copyWithin(0, at, end);
    else join.set(bytes.subarray(at, end));
    this.#kept = end - at;
  }

  #takeHeads(bytes: Uint8Array, at: number, end: number): number {
    const parser = this.#parser;
    const joined = bytes === parser.join;
    const length = end - at;
    const scanned = this.#scanned;
    this.#scanned = 0;
    let outcome: Http1Outcome;
    if (joined && at > 0) {
      // Joined calls begin with the join area.
      parser.join.copyWithin(0, at, end);
      return this.#again(at, this.#takeHeads(bytes, 0, length));
    }
    parser.emptyLines = this.#emptyLines;
    if (this.#kind === Http1Kind.requests) {
      outcome = joined
        ? parser.parseJoined(length, this.#limits, scanned)
        : parser.parse(at, length, this.#limits, scanned);
    } else {
      outcome = joined
        ? parser.parseResponsesJoined(length, this.#limits, this.#mode, scanned)
        : parser.parseResponses(at, length, this.#limits, this.#mode, scanned);
    }
    this.#emptyLines = parser.emptyLines;
    this.#readHeads(bytes);
    if (outcome === Http1Outcome.refused) this.#refuse();
    if (outcome === Http1Outcome.incomplete) this.#scanned = parser.scanned;
    if (outcome === Http1Outcome.body) this.#beginBody();
    else if (this.#kind === Http1Kind.responses && (this.messages.at(-1)?.status ?? 0) >= 200) {
      this.#state = "rest";
    }
    return at + parser.consumed;
  }

  /** After the bytes from `at` on were moved to the beginning of the join area: they are moved back. */
  #again(at: number, consumed: number): number {
    this.#parser.join.copyWithin(at, 0, this.#parser.join.length - at);
    return at + consumed;
  }

  #readHeads(bytes: Uint8Array): void {
    const head = this.#head;
    let word = this.#parser.firstRecord;
    for (let left = this.#parser.count; left > 0; left--) {
      head.pointTo(word, bytes);
      word += head.recordWords;
      this.messages.push(this.#read());
    }
  }

  #text(offset: number, length: number): string {
    const { bytes, start } = this.#head;
    return latin1(bytes.subarray(start + offset, start + offset + length));
  }

  #fields(): [string, string][] {
    const head = this.#head;
    return Array.from({ length: head.fields }, (_, field) => [
      this.#text(head.nameOffset(field), head.nameBytes(field)),
      this.#text(head.valueOffset(field), head.valueBytes(field)),
    ]);
  }

  #read(): Message {
    const head = this.#head;
    const request = this.#kind === Http1Kind.requests;
    const method = request ? this.#text(0, head.methodBytes) : "";
    if (head.method !== Http1Method.other && HTTP1_METHOD_NAMES[head.method].toUpperCase() !== method) {
      throw new Error(`the method ${method} has the number ${head.method}`);
    }
    const target = this.#text(head.targetOffset, head.targetBytes);
    this.#left = head.length;
    return {
      method,
      target: request ? target : "",
      path: this.#text(head.pathOffset, head.pathBytes),
      host: this.#text(head.hostOffset, head.hostBytes),
      status: head.status,
      reason: request ? "" : target,
      fields: this.#fields(),
      body: "",
      trailers: [],
      flags: Object.entries(Http1HeadFlags).filter(([, bit]) => (head.flags & bit) !== 0).map(([name]) =>
        name
      ).sort(),
      rest: "",
      whole: true,
    };
  }

  #beginBody(): void {
    const last = this.messages.at(-1)!;
    if (last.flags.includes("upgrade") || last.method === "CONNECT") {
      this.#state = "rest";
    } else if (last.flags.includes("chunked")) {
      this.#state = "chunked";
      this.#chunk.fill(0);
      last.whole = false;
    } else {
      this.#state = "length";
      if (last.flags.includes("untilClose")) this.#left = Infinity;
      else last.whole = false;
    }
  }

  #takeBytes(bytes: Uint8Array, at: number, end: number): number {
    const last = this.messages.at(-1)!;
    if (this.#state === "rest") {
      last.rest += latin1(bytes.subarray(at, end));
      return end;
    }
    const length = Math.min(this.#left, end - at);
    last.body += latin1(bytes.subarray(at, at + length));
    this.#left -= length;
    if (this.#left === 0) this.#endBody();
    return at + length;
  }

  #endBody(): void {
    this.messages.at(-1)!.whole = true;
    this.#state = this.#kind === Http1Kind.requests ? "head" : "rest";
  }

  #takeChunks(bytes: Uint8Array, at: number, end: number): number {
    const parser = this.#parser;
    const joined = bytes === parser.join;
    if (joined && at > 0) {
      parser.join.copyWithin(0, at, end);
      return this.#again(at, this.#takeChunks(bytes, 0, end - at));
    }
    const scanned = this.#scanned;
    this.#scanned = 0;
    const outcome = joined
      ? parser.chunksJoined(this.#chunk, 0, end - at, this.#limits, scanned)
      : parser.chunks(this.#chunk, 0, at, end - at, this.#limits, scanned);
    const last = this.messages.at(-1)!;
    for (let span = 0; span < parser.count; span++) {
      const position = parser.spanPosition(span);
      last.body += latin1(bytes.subarray(position, position + parser.spanBytes(span)));
    }
    if (outcome === Http1Outcome.refused) this.#refuse();
    if (outcome === Http1Outcome.incomplete) this.#scanned = parser.scanned;
    if (outcome === Http1Outcome.done) {
      if (parser.trailers >= 0) {
        this.#head.pointTo(parser.trailers, bytes);
        last.trailers = this.#fields();
      }
      this.#endBody();
    }
    return at + parser.consumed;
  }

  #refuse(): void {
    const { refusal, refusalOffset } = this.#parser;
    const { status } = HTTP1_REFUSALS[refusal];
    this.refused = { status, refusal: refusalNames[refusal], offset: this.#taken + refusalOffset };
  }
}
