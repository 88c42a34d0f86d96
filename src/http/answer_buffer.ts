/**
 * The bytes of answers on their way to a connection: those of one received window are gathered and written
 * together. Small ones are written where they are sent from, in a segment of the ring; where none is free, or
 * the connection has something else to do first, in memory of their own, and copied.
 *
 * @module
 */
import { httpOutputBytes } from "../base/limits.ts";
import type { Segments } from "../memory/segments.ts";
import { SideBySide } from "./side_by_side.ts";
import type { StreamConnection } from "../stream/connection.ts";

/** Takes what was gathered. */
interface BufferSink {
  /**
   * Sends bytes that lie in a segment, with one hold. False: they cannot leave from there, and the hold stays
   * with the caller.
   */
  commit(connection: StreamConnection, segment: number, offset: number, length: number): boolean;
  /** Writes bytes to a connection, in order. They are copied or sent before it returns. */
  deliver(connection: StreamConnection, bytes: Uint8Array): void;
}

/** Of a segment: what is written there at once has room behind it for further answers. */
const reservedShare = 2;

/** The gathered bytes of one loop. Whatever is rendered is rendered behind them. */
export class AnswerBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  /** Where the next byte goes. */
  at = 0;
  /** The connection whose received window is being handled. */
  target: StreamConnection | undefined = undefined;
  readonly #sink: BufferSink;
  readonly #segments: Segments;
  #own: Uint8Array<ArrayBuffer> = new Uint8Array(httpOutputBytes);
  readonly #brief = new SideBySide();
  /** The segment that is written to, which is held once for it; -1 for memory of its own. */
  #segment = -1;
  /** Where the gathered bytes begin, and where there is no more room. */
  #start = 0;
  #end = 0;

  constructor(segments: Segments, sink: BufferSink) {
    this.#segments = segments;
    this.#sink = sink;
    this.bytes = this.#own;
  }

  /** From now on bytes are gathered for `target`. What a window left whose handling has thrown is dropped. */
  begin(target: StreamConnection): void {
    if (this.#segment >= 0) {
      this.at = this.#start;
      this.#endSegment(undefined);
    }
    this.at = this.#start = this.#end = 0;
    this.target = target;
  }

  /** Makes room for `length` further bytes. No unfinished bytes may lie before `at`: what does is written. */
  room(length: number): void {
    if (this.at + length > this.#end) this.#makeRoom(length);
  }

  #makeRoom(length: number): void {
    if (this.at > this.#start || this.#segment >= 0) this.flush();
    const segments = this.#segments;
    if (this.target !== undefined && length * reservedShare <= segments.size) {
      const position = segments.reserve(length);
      if (position >= 0) {
        this.bytes = segments.bytes;
        this.#segment = segments.reservedSegment;
        this.at = this.#start = position;
        this.#end = (this.#segment + 1) * segments.size;
        return;
      }
    }
    if (length > this.#own.length) this.#own = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
    this.bytes = this.#own;
    this.at = this.#start = 0;
    this.#end = this.#own.length;
  }

  /** A copy of what was rendered from `from` on, which is gathered no more. */
  cut(from: number): Uint8Array<ArrayBuffer> {
    const bytes = this.bytes.slice(from, this.at);
    this.at = from;
    return bytes;
  }

  /**
   * The same for bytes that are needed until the end of the turn: a small copy lies behind others, since
   * memory of its own would cost more than the copy.
   */
  cutBriefly(from: number): Uint8Array<ArrayBuffer> {
    const length = this.at - from;
    const brief = this.#brief;
    brief.copy(this.bytes, from, length);
    this.at = from;
    return brief.bytes.subarray(brief.start, brief.start + length);
  }

  /** Writes what is gathered. */
  flush(): void {
    if (this.#segment >= 0) return this.#endSegment(this.target);
    const { at } = this;
    const own = this.#own;
    this.at = this.#end = 0;
    if (own.length > httpOutputBytes) this.#own = new Uint8Array(httpOutputBytes);
    if (at > 0) this.#sink.deliver(this.target!, own.subarray(0, at));
  }

  #endSegment(target: StreamConnection | undefined): void {
    const segments = this.#segments;
    const segment = this.#segment;
    const start = this.#start;
    const offset = start - segment * segments.size;
    const length = this.at - start;
    this.#segment = -1;
    this.at = this.#start = this.#end = 0;
    segments.endReservation(segment, offset + length);
    if (length > 0 && target !== undefined) {
      if (this.#sink.commit(target, segment, offset, length)) return;
      this.#sink.deliver(target, segments.bytes.subarray(start, start + length));
    }
    segments.release(segment, 0, 1);
  }
}
