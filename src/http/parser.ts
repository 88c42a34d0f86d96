/**
 * The native parser of HTTP/1.1, one a loop: the crossing, and the records it leaves behind. A call parses
 * all whole heads of a range and allocates nothing. `zig/src/http1/records.zig` says what lies where.
 *
 * @module
 */
import * as layout from "../../ffi/layout.gen.ts";
import type { Http1Native } from "../../ffi/port.ts";
import type { Engine } from "../loop/engine.ts";
import { native } from "../loop/native.ts";
import { errorOfStatus } from "../loop/native_errors.ts";

// Copied into this module, because V8 loads an imported constant at each use; see ffi/completion_ring.ts.
const {
  HTTP1_HEAD_BYTES,
  HTTP1_HEAD_FIELDS_SHIFT,
  HTTP1_HEAD_FLAGS,
  HTTP1_HEAD_FLAGS_MASK,
  HTTP1_HEAD_FLAGS_SHIFT,
  HTTP1_HEAD_HOST_BYTES_SHIFT,
  HTTP1_HEAD_HOST_OFFSET,
  HTTP1_HEAD_HOST_OFFSET_MASK,
  HTTP1_HEAD_KNOWN,
  HTTP1_HEAD_LENGTH_HIGH,
  HTTP1_HEAD_LENGTH_LOW,
  HTTP1_HEAD_METHOD,
  HTTP1_HEAD_METHOD_MASK,
  HTTP1_HEAD_NEXT,
  HTTP1_HEAD_NEXT_MASK,
  HTTP1_HEAD_PATH_BYTES_SHIFT,
  HTTP1_HEAD_PATH_HASH,
  HTTP1_HEAD_PATH_OFFSET,
  HTTP1_HEAD_PATH_OFFSET_MASK,
  HTTP1_HEAD_POSITION,
  HTTP1_HEAD_STATUS_SHIFT,
  HTTP1_HEAD_TARGET_BYTES_SHIFT,
  HTTP1_HEAD_TARGET_OFFSET,
  HTTP1_HEAD_TARGET_OFFSET_MASK,
  HTTP1_HEAD_WORDS,
  HTTP1_NO_TRAILERS,
  HTTP1_PARAMETER_WORDS,
  HTTP1_PARAMETERS_CHUNK_EXTENSION_BYTES,
  HTTP1_PARAMETERS_CHUNK_EXTENSION_BYTES_MAX,
  HTTP1_PARAMETERS_CHUNK_LEFT_HIGH,
  HTTP1_PARAMETERS_CHUNK_LEFT_LOW,
  HTTP1_PARAMETERS_CHUNK_PHASE,
  HTTP1_PARAMETERS_CONSUMED,
  HTTP1_PARAMETERS_EMPTY_LINES,
  HTTP1_PARAMETERS_FIELDS_MAX,
  HTTP1_PARAMETERS_HEAD_BYTES_MAX,
  HTTP1_PARAMETERS_HEADS_MAX,
  HTTP1_PARAMETERS_KIND,
  HTTP1_PARAMETERS_MODE,
  HTTP1_PARAMETERS_OUTCOME,
  HTTP1_PARAMETERS_REFUSAL,
  HTTP1_PARAMETERS_REFUSAL_OFFSET,
  HTTP1_PARAMETERS_SCANNED,
  HTTP1_PARAMETERS_SOURCE,
  HTTP1_PARAMETERS_TARGET_BYTES_MAX,
  HTTP1_PARAMETERS_TRAILER_BYTES_MAX,
  HTTP1_PARAMETERS_TRAILERS,
  HTTP1_SPAN_WORDS,
  Http1Field,
  Http1Kind,
  Http1Source,
} = layout;
type Http1Kind = layout.Http1Kind;
type Http1Outcome = layout.Http1Outcome;
type Http1Source = layout.Http1Source;

/** Words of one connection's state of a chunked body. */
export const chunkStateWords = 4;

const TWO_TO_32 = 0x1_0000_0000;
/** A field's record: its name, then its value. */
const NAME_BYTES_SHIFT = 16;
const NAME_BYTES_MASK = 0xff;
const ID_SHIFT = 24;
const OFFSET_MASK = 0xffff;
const VALUE_BYTES_SHIFT = 16;
const FIELD_WORDS = 2;

/** Limits of heads, chunk extensions and trailers. The parser compares the object, so it must not change. */
export interface Http1Limits {
  /** Bytes of a head, from its first line to the empty one. 65,535 at most. */
  readonly headBytesMax: number;
  /** Bytes of a request's target. */
  readonly targetBytesMax: number;
  /** Fields of a head or of trailers. 2,048 at most. */
  readonly fieldsMax: number;
  /** Bytes of all chunk extensions of a message. */
  readonly chunkExtensionBytesMax: number;
  /** Bytes of all trailers of a message. */
  readonly trailerBytesMax: number;
}

const parsers = new WeakMap<Engine, Http1Parser>();

/** Ids of field names by the name in lower case, for {@linkcode HeadRecord.find}. */
export const fieldIds: ReadonlyMap<string, number> = new Map(
  Object.entries(Http1Field)
    .filter(([, id]) => id !== Http1Field.other)
    .map(([name, id]) => [name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), id]),
);

/**
 * A cursor over records: points to one head, or to the trailers of a chunked body. Offsets count from the
 * head's first byte, which is `start` in `bytes`. One object serves for all heads. It is valid until the next
 * call of the parser, unless it points to copies of record and bytes.
 */
export class HeadRecord {
  words: Uint32Array;
  /** Where the record begins in `words`. */
  word = 0;
  bytes: Uint8Array;
  /** Where the head begins in `bytes`. */
  start = 0;

  constructor(words: Uint32Array, bytes: Uint8Array) {
    this.words = words;
    this.bytes = bytes;
  }

  /** Points to a record that lies where the parser wrote it. */
  pointTo(word: number, bytes: Uint8Array): void {
    this.word = word;
    this.bytes = bytes;
    this.start = this.words[word + HTTP1_HEAD_POSITION];
  }

  /** Points to copies of a record and of its head's bytes. */
  pointToCopy(words: Uint32Array, word: number, bytes: Uint8Array, start: number): void {
    this.words = words;
    this.word = word;
    this.bytes = bytes;
    this.start = start;
  }

  /** An `Http1Method`; `other` for a method that is not known, whose bytes begin the head. */
  get method(): number {
    return this.words[this.word + HTTP1_HEAD_METHOD] & HTTP1_HEAD_METHOD_MASK;
  }

  /** Bytes of the method; they begin the head. */
  get methodBytes(): number {
    return this.targetOffset - 1;
  }

  /** Bits of `Http1HeadFlags`. */
  get flags(): number {
    return (this.words[this.word + HTTP1_HEAD_FLAGS] >>> HTTP1_HEAD_FLAGS_SHIFT) & HTTP1_HEAD_FLAGS_MASK;
  }

  /** Fields of the head. */
  get fields(): number {
    return this.words[this.word] >>> HTTP1_HEAD_FIELDS_SHIFT;
  }

  /** Bytes of the head with the empty line that ends it. */
  get headBytes(): number {
    return this.words[this.word + HTTP1_HEAD_BYTES];
  }

  /** Words of the record. */
  get recordWords(): number {
    return this.words[this.word + HTTP1_HEAD_NEXT] & HTTP1_HEAD_NEXT_MASK;
  }

  /** The target of a request, the reason of a response. */
  get targetOffset(): number {
    return this.words[this.word + HTTP1_HEAD_TARGET_OFFSET] & HTTP1_HEAD_TARGET_OFFSET_MASK;
  }

  get targetBytes(): number {
    return this.words[this.word + HTTP1_HEAD_TARGET_OFFSET] >>> HTTP1_HEAD_TARGET_BYTES_SHIFT;
  }

  /** The path without the query. Without bytes it is "/", or "*" for OPTIONS. */
  get pathOffset(): number {
    return this.words[this.word + HTTP1_HEAD_PATH_OFFSET] & HTTP1_HEAD_PATH_OFFSET_MASK;
  }

  get pathBytes(): number {
    return this.words[this.word + HTTP1_HEAD_PATH_OFFSET] >>> HTTP1_HEAD_PATH_BYTES_SHIFT;
  }

  /** 32 bits over the path, the same for the same bytes. */
  get pathHash(): number {
    return this.words[this.word + HTTP1_HEAD_PATH_HASH];
  }

  /** The authority the request is meant for: that of its target, otherwise Host; no bytes without either. */
  get hostOffset(): number {
    return this.words[this.word + HTTP1_HEAD_HOST_OFFSET] & HTTP1_HEAD_HOST_OFFSET_MASK;
  }

  get hostBytes(): number {
    return this.words[this.word + HTTP1_HEAD_HOST_OFFSET] >>> HTTP1_HEAD_HOST_BYTES_SHIFT;
  }

  /** The Content-Length; 0 without one, which the flag `hasLength` tells apart. */
  get length(): number {
    const at = this.word;
    return this.words[at + HTTP1_HEAD_LENGTH_HIGH] * TWO_TO_32 + this.words[at + HTTP1_HEAD_LENGTH_LOW];
  }

  /** The status of a response. */
  get status(): number {
    return this.words[this.word + HTTP1_HEAD_NEXT] >>> HTTP1_HEAD_STATUS_SHIFT;
  }

  /** Whether the head has a known field, by its id. */
  has(id: number): boolean {
    return (this.words[this.word + HTTP1_HEAD_KNOWN + (id >>> 5)] & (1 << (id & 31))) !== 0;
  }

  /** The number of the first field of this id at or behind a number, or -1. */
  find(id: number, from = 0): number {
    if (!this.has(id)) return -1;
    const { words, fields } = this;
    let at = this.word + HTTP1_HEAD_WORDS + from * FIELD_WORDS;
    for (let field = from; field < fields; field++, at += FIELD_WORDS) {
      if (words[at] >>> ID_SHIFT === id) return field;
    }
    return -1;
  }

  /** The `Http1Field` of a field by its number, `other` where its name is not known. */
  fieldId(field: number): number {
    return this.#name(field) >>> ID_SHIFT;
  }

  nameOffset(field: number): number {
    return this.#name(field) & OFFSET_MASK;
  }

  nameBytes(field: number): number {
    return (this.#name(field) >>> NAME_BYTES_SHIFT) & NAME_BYTES_MASK;
  }

  valueOffset(field: number): number {
    return this.#value(field) & OFFSET_MASK;
  }

  valueBytes(field: number): number {
    return this.#value(field) >>> VALUE_BYTES_SHIFT;
  }

  #name(field: number): number {
    return this.words[this.word + HTTP1_HEAD_WORDS + field * FIELD_WORDS];
  }

  #value(field: number): number {
    return this.words[this.word + HTTP1_HEAD_WORDS + field * FIELD_WORDS + 1];
  }
}

/**
 * The parser of one loop. What a call answered is read from it until the next call: `outcome`, `count`,
 * `consumed`, and the records or spans.
 */
export class Http1Parser {
  /** Parameters, then records. */
  readonly words: Uint32Array;
  /** The bytes of the ring; positions of `parse`, `parseResponses` and `chunks` count from its first one. */
  readonly ring: Uint8Array;
  /** Heads that came in pieces are copied to its beginning; positions of `…Joined` count from there. */
  readonly join: Uint8Array;
  /** Where the first record begins in `words`. */
  readonly firstRecord: number = HTTP1_PARAMETER_WORDS;
  /** Records or spans of the last call. */
  count = 0;

  readonly #native: Http1Native;
  #limits: Http1Limits | undefined = undefined;

  /** The parser of a loop. Its memory is made by the first call. Throws a RingportError. */
  static of(engine: Engine): Http1Parser {
    let parser = parsers.get(engine);
    if (parser === undefined) {
      parser = new Http1Parser(native("http1", () => engine.native.http1()), engine.native.bytes);
      parsers.set(engine, parser);
    }
    return parser;
  }

  /** Use {@linkcode Http1Parser.of}, which makes one a loop. */
  constructor(native: Http1Native, ring: Uint8Array) {
    this.#native = native;
    this.words = native.words;
    this.join = native.join;
    this.ring = ring;
  }

  /**
   * Parses all whole requests of a range of the ring. `scanned`: with the beginning of a head that an earlier
   * call found incomplete, what `scanned` said then; otherwise 0.
   */
  parse(position: number, length: number, limits: Http1Limits, scanned = 0): Http1Outcome {
    return this.#parse(Http1Source.ring, Http1Kind.requests, position, length, limits, scanned);
  }

  /** As `parse`, of the first `length` bytes of `join`. */
  parseJoined(length: number, limits: Http1Limits, scanned: number): Http1Outcome {
    return this.#parse(Http1Source.join, Http1Kind.requests, 0, length, limits, scanned);
  }

  /**
   * Parses interim responses and one final one. `mode`: bits of `Http1Mode`, since what a response answers
   * decides whether it has a body.
   */
  parseResponses(
    position: number,
    length: number,
    limits: Http1Limits,
    mode: number,
    scanned = 0,
  ): Http1Outcome {
    this.words[HTTP1_PARAMETERS_MODE] = mode;
    return this.#parse(Http1Source.ring, Http1Kind.responses, position, length, limits, scanned);
  }

  /** As `parseResponses`, of the first `length` bytes of `join`. */
  parseResponsesJoined(length: number, limits: Http1Limits, mode: number, scanned: number): Http1Outcome {
    this.words[HTTP1_PARAMETERS_MODE] = mode;
    return this.#parse(Http1Source.join, Http1Kind.responses, 0, length, limits, scanned);
  }

  /**
   * Decodes a range of the ring as a piece of a chunked body. `state`: four words of the connection from
   * `stateAt` on, all zero at the beginning of a body; the call updates them. Outcomes: `done` (the body and
   * its trailers are whole; `consumed` says where), `incomplete`, `full` (no room for further spans: call
   * again behind `consumed`), `refused`. Incomplete with fewer bytes consumed than given: the rest is the
   * beginning of the trailers, to be kept and given again with the bytes that follow, and with `scanned`.
   */
  chunks(
    state: Uint32Array,
    stateAt: number,
    position: number,
    length: number,
    limits: Http1Limits,
    scanned = 0,
  ): Http1Outcome {
    return this.#chunks(Http1Source.ring, state, stateAt, position, length, limits, scanned);
  }

  /** As `chunks`, of the first `length` bytes of `join`. */
  chunksJoined(
    state: Uint32Array,
    stateAt: number,
    length: number,
    limits: Http1Limits,
    scanned: number,
  ): Http1Outcome {
    return this.#chunks(Http1Source.join, state, stateAt, 0, length, limits, scanned);
  }

  /** Records of one call at most from now on; 0, as at the beginning, for any number. */
  set headsMax(heads: number) {
    this.words[HTTP1_PARAMETERS_HEADS_MAX] = heads;
  }

  /** Empty lines behind the last head, for the next call: of requests, a call counts on from this number. */
  get emptyLines(): number {
    return this.words[HTTP1_PARAMETERS_EMPTY_LINES];
  }

  set emptyLines(lines: number) {
    this.words[HTTP1_PARAMETERS_EMPTY_LINES] = lines;
  }

  /** How the last call ended. */
  get outcome(): Http1Outcome {
    return this.words[HTTP1_PARAMETERS_OUTCOME] as Http1Outcome;
  }

  /** Bytes of the range that records or spans stand for, or that mean nothing. */
  get consumed(): number {
    return this.words[HTTP1_PARAMETERS_CONSUMED];
  }

  /** To be given with the rest that an incomplete outcome left, and what follows it. */
  get scanned(): number {
    return this.words[HTTP1_PARAMETERS_SCANNED];
  }

  /** An `Http1Refusal`: the position in `HTTP1_REFUSALS` of what is answered and logged. */
  get refusal(): number {
    return this.words[HTTP1_PARAMETERS_REFUSAL];
  }

  /** The byte of the range that decided a refusal. */
  get refusalOffset(): number {
    return this.words[HTTP1_PARAMETERS_REFUSAL_OFFSET];
  }

  /** Where a span of a body begins, counted as the positions of its call. */
  spanPosition(span: number): number {
    return this.words[HTTP1_PARAMETER_WORDS + span * HTTP1_SPAN_WORDS];
  }

  spanBytes(span: number): number {
    return this.words[HTTP1_PARAMETER_WORDS + span * HTTP1_SPAN_WORDS + 1];
  }

  /** Where the record of the trailers begins in `words`; -1 where there are none. */
  get trailers(): number {
    const word = this.words[HTTP1_PARAMETERS_TRAILERS];
    return word === HTTP1_NO_TRAILERS ? -1 : HTTP1_PARAMETER_WORDS + word;
  }

  #parse(
    source: Http1Source,
    kind: Http1Kind,
    position: number,
    length: number,
    limits: Http1Limits,
    scanned: number,
  ): Http1Outcome {
    this.#prepare(source, limits, scanned);
    this.words[HTTP1_PARAMETERS_KIND] = kind;
    return this.#answered("http1_parse", this.#native.parse(position, length));
  }

  #chunks(
    source: Http1Source,
    state: Uint32Array,
    stateAt: number,
    position: number,
    length: number,
    limits: Http1Limits,
    scanned: number,
  ): Http1Outcome {
    const { words } = this;
    this.#prepare(source, limits, scanned);
    words[HTTP1_PARAMETERS_CHUNK_PHASE] = state[stateAt];
    words[HTTP1_PARAMETERS_CHUNK_LEFT_LOW] = state[stateAt + 1];
    words[HTTP1_PARAMETERS_CHUNK_LEFT_HIGH] = state[stateAt + 2];
    words[HTTP1_PARAMETERS_CHUNK_EXTENSION_BYTES] = state[stateAt + 3];
    const outcome = this.#answered("http1_chunks", this.#native.chunks(position, length));
    state[stateAt] = words[HTTP1_PARAMETERS_CHUNK_PHASE];
    state[stateAt + 1] = words[HTTP1_PARAMETERS_CHUNK_LEFT_LOW];
    state[stateAt + 2] = words[HTTP1_PARAMETERS_CHUNK_LEFT_HIGH];
    state[stateAt + 3] = words[HTTP1_PARAMETERS_CHUNK_EXTENSION_BYTES];
    return outcome;
  }

  /** Writes the parameters that every call has. */
  #prepare(source: Http1Source, limits: Http1Limits, scanned: number): void {
    const { words } = this;
    if (limits !== this.#limits) this.#use(limits);
    words[HTTP1_PARAMETERS_SOURCE] = source;
    words[HTTP1_PARAMETERS_SCANNED] = scanned;
  }

  /** Keeps what a call has returned. Throws where the library did not take it. */
  #answered(operation: string, count: number): Http1Outcome {
    if (count < 0) throw refusedCall(operation, count);
    this.count = count;
    return this.words[HTTP1_PARAMETERS_OUTCOME] as Http1Outcome;
  }

  #use(limits: Http1Limits): void {
    const { words } = this;
    words[HTTP1_PARAMETERS_HEAD_BYTES_MAX] = limits.headBytesMax;
    words[HTTP1_PARAMETERS_TARGET_BYTES_MAX] = limits.targetBytesMax;
    words[HTTP1_PARAMETERS_FIELDS_MAX] = limits.fieldsMax;
    words[HTTP1_PARAMETERS_CHUNK_EXTENSION_BYTES_MAX] = limits.chunkExtensionBytesMax;
    words[HTTP1_PARAMETERS_TRAILER_BYTES_MAX] = limits.trailerBytesMax;
    this.#limits = limits;
  }
}

/** The library did not take a call: the loop is gone, or the range is none of its memory. */
function refusedCall(operation: string, answer: number): Error {
  return errorOfStatus(-answer, 0, { operation });
}
