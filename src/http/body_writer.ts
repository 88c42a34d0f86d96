/**
 * The body of an answer that is sent piece by piece: by length, in chunks, or until the connection ends.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { httpGatheredBodyMaxBytes } from "../base/limits.ts";
import { bytes } from "../base/option_kinds.ts";
import { checkOptions } from "../base/options.ts";
import { RingWindow } from "../memory/window.ts";
import { asBytes } from "../stream/sender.ts";
import type { Writable, WriteResult } from "../stream/types.ts";
import { AnswerFields } from "./answer_fields.ts";
import { putText } from "./ascii.ts";
import { wrongLength, wrongState } from "./errors.ts";
import type { AnswerBuffer } from "./answer_buffer.ts";
import { bytesOf, putField } from "./templates.ts";
import { checkFieldName } from "./field_check.ts";
import type { HeaderFields, ResponseStream, ResponseStreamOptions } from "./types.ts";

/** What a streamed body needs of its answer. */
export interface BodySink {
  readonly connectionId: number;
  readonly output: AnswerBuffer;
  /** Whether this number of further bytes may be buffered now; where not, {@linkcode drained} waits. */
  hasRoom(length: number): boolean;
  /** Whether the connection still takes bytes. */
  readonly writes: boolean;
  /** Bytes were rendered into the output from `from` on. */
  commit(from: number): WriteResult;
  /** Sends bytes apart, in their place behind what was committed. */
  putApart(bytes: RingWindow | Uint8Array): WriteResult;
  /** The client is not behind, or gone. */
  readonly clear: boolean;
  /** Bytes buffered for the connection and this answer. */
  readonly bufferedBytes: number;
  /** The answer is complete. */
  bodyEnded(): void;
  /** The answer cannot be completed: cuts the connection. */
  breakOff(error: Error | undefined): void;
}

/** How the body is framed. */
export const BodyMode = {
  length: 0,
  chunked: 1,
  untilClose: 2,
  /** None is sent: HEAD, 204, 304. */
  none: 3,
} as const;
export type BodyMode = (typeof BodyMode)[keyof typeof BodyMode];

/** Bytes around a chunk: its size in hexadecimal and two line ends. */
const chunkFrameMaxBytes = 16;
const hexadecimal = 16;
const encoder = new TextEncoder();
const lineEnd = new Uint8Array([0x0d, 0x0a]);

/** One body on its way out. */
export class BodyWriter implements ResponseStream {
  readonly #sink: BodySink;
  readonly #mode: BodyMode;
  /** What `Content-Length` says; -1 where it says nothing. */
  readonly #length: number;
  #given = 0;
  #done = false;
  #lost = false;
  #waiting: (() => void)[] = [];
  #writable: WritableStream<Uint8Array | string> | undefined = undefined;

  constructor(sink: BodySink, mode: BodyMode, length: number) {
    this.#sink = sink;
    this.#mode = mode;
    this.#length = length;
  }

  get done(): boolean {
    return this.#done;
  }

  get bufferedBytes(): number {
    return this.#done ? 0 : this.#sink.bufferedBytes;
  }

  write(bytes: Writable): WriteResult {
    if (this.#lost) return "refused";
    this.#checkOpen();
    const data = dataOf(bytes);
    const { length } = data;
    if (length === 0) return "sent";
    this.#checkLength(this.#given + length);
    if (this.#mode === BodyMode.none) {
      this.#given += length;
      return "sent";
    }
    if (!this.#sink.hasRoom(length + chunkFrameMaxBytes)) {
      // The connection is on its way out, and no wait for room would help.
      if (!this.#sink.writes) this.lose();
      return "refused";
    }
    this.#given += length;
    return this.#put(data);
  }

  #put(data: RingWindow | Uint8Array): WriteResult {
    const sink = this.#sink;
    const { output } = sink;
    const { length } = data;
    const chunked = this.#mode === BodyMode.chunked;
    if (length <= httpGatheredBodyMaxBytes) {
      output.room(length + chunkFrameMaxBytes);
      const from = output.at;
      if (chunked) this.#putSize(length);
      output.bytes.set(data instanceof RingWindow ? data.bytes : data, output.at);
      output.at += length;
      if (chunked) output.at = putText(output.bytes, output.at, "\r\n");
      return sink.commit(from);
    }
    if (!chunked) return sink.putApart(data);
    output.room(chunkFrameMaxBytes);
    const from = output.at;
    this.#putSize(length);
    sink.commit(from);
    sink.putApart(data);
    return sink.putApart(lineEnd);
  }

  #putSize(length: number): void {
    const { output } = this.#sink;
    output.at = putText(output.bytes, output.at, `${length.toString(hexadecimal)}\r\n`);
  }

  drained(): Promise<void> {
    if (this.#done || this.#sink.clear) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  end(bytes?: Writable, trailers?: HeaderFields): WriteResult {
    if (this.#lost) return "refused";
    this.#checkOpen();
    const fields = trailers === undefined ? undefined : trailerFields(trailers);
    let result: WriteResult = "sent";
    if (bytes !== undefined) {
      result = this.write(bytes);
      if (result === "refused") return result;
    }
    if (this.#length >= 0 && this.#mode !== BodyMode.none && this.#given < this.#length) this.#wrongLength();
    if (this.#mode === BodyMode.chunked) result = this.#putEnd(fields) === "queued" ? "queued" : result;
    this.#done = true;
    this.goOn();
    this.#sink.bodyEnded();
    return result;
  }

  #putEnd(fields: AnswerFields | undefined): WriteResult {
    const { output } = this.#sink;
    output.room(chunkFrameMaxBytes + (fields === undefined ? 0 : bytesOf(fields)));
    const from = output.at;
    const { bytes } = output;
    let at = putText(bytes, from, "0\r\n");
    if (fields !== undefined) {
      for (let index = 0; index < fields.count; index++) {
        at = putField(bytes, at, fields.names[index], fields.values[index]);
      }
    }
    output.at = putText(bytes, at, "\r\n");
    return this.#sink.commit(from);
  }

  abort(): void {
    if (this.#done) return;
    this.lose();
    this.#sink.breakOff(undefined);
  }

  /** The client has caught up, or a wait for that is pointless. */
  goOn(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Nothing of it is sent any more. */
  lose(): void {
    if (this.#done) return;
    this.#done = true;
    this.#lost = true;
    this.goOn();
  }

  get writable(): WritableStream<Uint8Array | string> {
    return this.#writable ??= new WritableStream({
      write: (chunk) => this.#writeChunk(chunk),
      close: () => this.#closeStream(),
      abort: () => this.abort(),
    });
  }

  #closeStream(): void {
    if (this.#lost) throw wrongState("response", "the client has left", this.#sink.connectionId);
    this.end();
  }

  async #writeChunk(chunk: Uint8Array | string): Promise<void> {
    // In pieces that are copied behind one another: a chunk may be of any size.
    const bytes = typeof chunk === "string" ? encoder.encode(chunk) : asBytes(chunk);
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.subarray(at, at + streamStepBytes);
      const result = this.write(piece);
      if (result !== "refused") at += piece.length;
      else if (this.#lost) throw wrongState("response", "the client has left", this.#sink.connectionId);
      if (result !== "sent") await this.drained();
    }
  }

  #checkOpen(): void {
    if (this.#done) throw wrongState("response", "the body was ended already", this.#sink.connectionId);
  }

  #checkLength(given: number): void {
    if (this.#length < 0 || given <= this.#length || this.#mode === BodyMode.none) return;
    this.#given = given;
    this.#wrongLength();
  }

  #wrongLength(): never {
    const error = wrongLength(this.#length, this.#given, this.#sink.connectionId);
    this.lose();
    this.#sink.breakOff(error);
    throw error;
  }
}

/** Bytes of one piece of a stream's chunk. */
const streamStepBytes = 256 * 1024;

function dataOf(bytes: Writable): RingWindow | Uint8Array {
  if (typeof bytes === "string") return encoder.encode(bytes);
  if (!(bytes instanceof RingWindow)) return asBytes(bytes);
  bytes.checkLive();
  return bytes;
}

function trailerFields(trailers: HeaderFields): AnswerFields {
  const fields = new AnswerFields();
  fields.appendAll(trailers);
  const names = fields.names.slice(0, fields.count);
  if (fields.contentLength >= 0) names.push("Content-Length");
  if (fields.closes) names.push("Connection");
  const name = names.find((name) => notInTrailers.test(name));
  if (name === undefined) return fields;
  throw new OptionError("response", name, `the field ${name} must not be a trailer`);
}

/** Fields that frame or route a message: RFC 9110, section 6.5.1. */
const notInTrailers = /^(content-length|transfer-encoding|host|connection|trailer)$/i;

const streamSchema = {
  length: bytes(0, Number.MAX_SAFE_INTEGER),
  trailers: { wants: "a list of names", accepts: Array.isArray },
};

/** Throws an OptionError for wrong options of a stream. `said`: the length that a field says, or -1. */
export function checkStreamOptions(options: ResponseStreamOptions, said: number): void {
  for (const _ in options) return checkGiven(options, said);
}

function checkGiven(options: ResponseStreamOptions, said: number): void {
  checkOptions("response", options, streamSchema);
  const { length, trailers } = options;
  for (const name of trailers ?? []) checkFieldName("response", name);
  if (length === undefined || said < 0 || length === said) return;
  throw new OptionError(
    "response",
    "length",
    `option "length" is ${length} where Content-Length says ${said}`,
  );
}
