/**
 * Reads one answer out of the bytes of a connection: interim heads, the head, the body as it is framed,
 * trailers.
 *
 * The bytes are parsed where they lie. A head, or trailers, that came in pieces are joined in the parser's
 * own memory; the body is not.
 *
 * @module
 */
import {
  HTTP1_REFUSALS,
  Http1HeadFlags,
  Http1Mode,
  Http1Outcome,
  Http1Refusal,
} from "../../../ffi/layout.gen.ts";
import { clientInterimMax, clientJoinBytes } from "../../base/limits.ts";
import type { Engine } from "../../loop/engine.ts";
import type { Segments } from "../../memory/segments.ts";
import type { RingWindow } from "../../memory/window.ts";
import { chunkStateWords, HeadRecord, type Http1Limits, Http1Parser } from "../parser.ts";
import { malformedAnswer, overLimit } from "./errors.ts";
import { ResponseHead, trailersOf } from "./response_head.ts";
import type { ResponseFields } from "./types.ts";

/** Where what is read goes. */
export interface ResponseSink {
  interim(head: ResponseHead): void;
  head(head: ResponseHead): void;
  /** Bytes of the body; they lie in `window`, where that is given. */
  bytes(bytes: Uint8Array<ArrayBuffer>, window: RingWindow | undefined): void;
  /** It wants no more. */
  readonly stopped: boolean;
}

/** What is asked, as far as the answer depends on it. */
interface AskedFor {
  readonly method: string;
  readonly address: string;
  readonly parserLimits: Http1Limits;
}

/** Heads are read. */
const inHead = 0;
/** A body of a known length. */
const inLength = 1;
const inChunks = 2;
/** A body that ends with the connection. */
const untilClose = 3;
const over = 4;

/** Refusals that a limit of this side decides. */
const limitRefusals: ReadonlySet<number> = new Set([
  Http1Refusal.headTooLarge,
  Http1Refusal.tooManyFields,
  Http1Refusal.trailersTooLarge,
  Http1Refusal.chunkExtensionsTooLarge,
]);

const noBytes = new Uint8Array(0);

/** Reads one answer. */
export class ResponseReader {
  readonly #parser: Http1Parser;
  readonly #segments: Segments;
  readonly #asked: AskedFor;
  readonly #sink: ResponseSink;
  readonly #mode: number;
  #state: number = inHead;
  /** Bytes of the body that are missing, where its length is known. */
  #missing = 0;
  #interim = 0;
  /** The state of a chunked body. */
  #chunkState: Uint32Array | undefined = undefined;
  /** The beginning of a head or of trailers that has not come whole. */
  #pending: Uint8Array = noBytes;
  #scanned = 0;
  /** Why the answer is refused. */
  fault: Error | undefined = undefined;
  /** The fields behind a chunked body. */
  trailers: ResponseFields | undefined = undefined;

  constructor(engine: Engine, segments: Segments, asked: AskedFor, sink: ResponseSink) {
    this.#parser = Http1Parser.of(engine);
    this.#segments = segments;
    this.#asked = asked;
    this.#sink = sink;
    this.#mode = asked.method === "HEAD" ? Http1Mode.headRequest : 0;
  }

  /** The answer has come whole. */
  get over(): boolean {
    return this.#state === over;
  }

  /** The body ends when the connection does. */
  get endsWithConnection(): boolean {
    return this.#state === untilClose;
  }

  /** Bytes of the body that are known to be missing. */
  get missing(): number {
    return this.#missing;
  }

  /** The connection has ended, and with it the body. */
  connectionEnded(): void {
    this.#state = over;
  }

  /** Reads received bytes. Returns how many belong to the answer; what is wrong with it stands in `fault`. */
  feed(window: RingWindow): number {
    let at = 0;
    while (at < window.length && this.#state !== over && this.fault === undefined && !this.#sink.stopped) {
      if (this.#state === inHead) at = this.#feedHeads(window, at);
      else if (this.#state === inChunks) at = this.#feedChunks(window, at);
      else at = this.#feedPlain(window, at);
    }
    return at;
  }

  #feedPlain(window: RingWindow, at: number): number {
    const left = window.length - at;
    const length = this.#state === inLength ? Math.min(left, this.#missing) : left;
    const bytes = at === 0 && length === left ? window.bytes : window.bytes.subarray(at, at + length);
    if (this.#state === inLength) {
      this.#missing -= length;
      if (this.#missing === 0) this.#state = over;
    }
    this.#sink.bytes(bytes, window);
    return at + length;
  }

  // Heads.

  #feedHeads(window: RingWindow, at: number): number {
    const parser = this.#parser;
    const { parserLimits } = this.#asked;
    const joined = this.#joins(window);
    let outcome;
    let length;
    if (joined) {
      length = this.#join(window, at);
      outcome = parser.parseResponsesJoined(length, parserLimits, this.#mode, this.#scanned);
    } else {
      length = window.length - at;
      outcome = parser.parseResponses(this.#position(window, at), length, parserLimits, this.#mode);
    }
    const { consumed, scanned } = parser;
    this.#takeHeads(joined ? parser.join : parser.ring);
    if (outcome === Http1Outcome.refused && this.fault === undefined) this.#refuse(parser);
    return this.#leave(window, at, length, consumed, outcome, scanned);
  }

  /** Takes what the parser has found; the last head may be that of the answer itself. */
  #takeHeads(bytes: Uint8Array): void {
    const parser = this.#parser;
    const record = new HeadRecord(parser.words, bytes);
    let word = parser.firstRecord;
    if (parser.count === 1) {
      record.pointTo(word, bytes);
      return this.#takeHead(new ResponseHead(record));
    }
    // The sink is the application's as well: what it does may call the parser, so all is read before.
    const heads: ResponseHead[] = [];
    for (let left = parser.count; left > 0; left--) {
      record.pointTo(word, bytes);
      word += record.recordWords;
      heads.push(new ResponseHead(record));
    }
    for (const head of heads) {
      if (this.#sink.stopped || this.fault !== undefined) return;
      this.#takeHead(head);
    }
  }

  #takeHead(head: ResponseHead): void {
    const { status, flags } = head;
    if ((flags & Http1HeadFlags.upgrade) !== 0) {
      this.fault = malformedAnswer(
        `${status} changes the protocol, which was not asked for`,
        this.#asked.address,
      );
      return;
    }
    if (status < 200) {
      this.#interim += 1;
      if (this.#interim <= clientInterimMax) return this.#sink.interim(head);
      this.fault = overLimit(`more than ${clientInterimMax} interim answers`, this.#asked.address);
      return;
    }
    const length = head.length ?? 0;
    if ((flags & Http1HeadFlags.chunked) !== 0) {
      this.#state = inChunks;
      this.#chunkState = new Uint32Array(chunkStateWords);
    } else if ((flags & Http1HeadFlags.untilClose) !== 0) {
      this.#state = untilClose;
    } else if (length > 0 && this.#hasBody(status)) {
      this.#state = inLength;
      this.#missing = length;
    } else {
      this.#state = over;
    }
    this.#sink.head(head);
  }

  #hasBody(status: number): boolean {
    return this.#asked.method !== "HEAD" && status !== 204 && status !== 304;
  }

  // Chunks.

  #feedChunks(window: RingWindow, at: number): number {
    const parser = this.#parser;
    const { parserLimits } = this.#asked;
    const state = this.#chunkState!;
    const joined = this.#joins(window);
    let outcome;
    let length;
    if (joined) {
      length = this.#join(window, at);
      outcome = parser.chunksJoined(state, 0, length, parserLimits, this.#scanned);
    } else {
      length = window.length - at;
      outcome = parser.chunks(state, 0, this.#position(window, at), length, parserLimits);
    }
    const { consumed, scanned, trailers } = parser;
    if (trailers >= 0) {
      const bytes = joined ? parser.join : parser.ring;
      const record = new HeadRecord(parser.words, bytes);
      record.pointTo(trailers, bytes);
      this.trailers = trailersOf(record);
    }
    // A reader of the body may call the parser from its callback, so the refusal is read before.
    if (outcome === Http1Outcome.refused) this.#refuse(parser);
    if (outcome === Http1Outcome.done) this.#state = over;
    this.#takeSpans(window, at, joined);
    return this.#leave(window, at, length, consumed, outcome, scanned);
  }

  /** Hands the decoded pieces on. No callback of the application runs meanwhile, so the spans stay. */
  #takeSpans(window: RingWindow, at: number, joined: boolean): void {
    const parser = this.#parser;
    // Where the first byte of the call lies in the window; behind joined bytes they are copied.
    const origin = joined ? 0 : this.#position(window, at) - at;
    for (let span = 0; span < parser.count && !this.#sink.stopped; span++) {
      const start = parser.spanPosition(span) - origin;
      const end = start + parser.spanBytes(span);
      if (joined) this.#sink.bytes(parser.join.slice(start, end) as Uint8Array<ArrayBuffer>, undefined);
      else this.#sink.bytes(window.bytes.subarray(start, end), window);
    }
  }

  // Where the bytes lie.

  /** Whether bytes are joined: something waits, or the window lies outside of the ring. */
  #joins(window: RingWindow): boolean {
    return this.#pending.length > 0 || window.segments !== this.#segments;
  }

  /** Copies what waits and some of the window side by side; returns how many bytes that are. */
  #join(window: RingWindow, at: number): number {
    const { join } = this.#parser;
    const pending = this.#pending;
    join.set(pending);
    const part = window.bytes.subarray(at, at + clientJoinBytes);
    join.set(part, pending.length);
    return pending.length + part.length;
  }

  #position(window: RingWindow, at: number): number {
    return window.segment * this.#segments.size + window.offset + at;
  }

  /**
   * After a call over `length` bytes, of which the last ones are those of the window from `at` on: keeps what
   * has not come whole, and returns where in the window to continue.
   */
  #leave(
    window: RingWindow,
    at: number,
    length: number,
    consumed: number,
    outcome: Http1Outcome,
    scanned: number,
  ): number {
    const waited = this.#pending.length;
    if (outcome !== Http1Outcome.incomplete || consumed === length) {
      this.#pending = noBytes;
      this.#scanned = 0;
      return at + consumed - waited;
    }
    const rest = new Uint8Array(length - consumed);
    const old = this.#pending.subarray(Math.min(consumed, waited));
    rest.set(old);
    const end = at + length - waited;
    rest.set(window.bytes.subarray(end - (rest.length - old.length), end), old.length);
    this.#pending = rest;
    this.#scanned = scanned;
    return end;
  }

  #refuse(parser: Http1Parser): void {
    const { refusal } = parser;
    const { reason } = HTTP1_REFUSALS[refusal];
    const { address } = this.#asked;
    this.fault = limitRefusals.has(refusal)
      ? overLimit(`${reason} (limits)`, address)
      : malformedAnswer(reason, address);
  }
}
