/**
 * The body of a request: what it is, and its way onto the connection as fast as the peer takes it.
 *
 * @module
 */
import { LimitError, OptionError } from "../../base/errors.ts";
import { clientWriteBytes } from "../../base/limits.ts";
import type { StreamConnection } from "../../stream/connection.ts";
import { State } from "../../stream/state.ts";
import type { WriteResult } from "../../stream/types.ts";
import { asciiBytes } from "../ascii.ts";
import { wrongBodyLength } from "./errors.ts";
import { trailerText } from "./request_fields.ts";
import type { ClientRequest, RequestBody } from "./types.ts";

/** A stream or an iterable, to be read once. */
type ByteSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** A body that was checked. */
export interface PlannedBody {
  /** All of it; it can be sent again. */
  readonly bytes: Uint8Array | undefined;
  /** It is read while it is sent. */
  readonly source: ByteSource | undefined;
  /** Undefined for a body in chunks. */
  readonly length: number | undefined;
  /** The content type of a text. */
  readonly isText: boolean;
  /** Fields behind it. */
  readonly trailers: ClientRequest["trailers"];
}

/** A request without a body. */
export const noBody: PlannedBody = {
  bytes: undefined,
  source: undefined,
  length: 0,
  isText: false,
  trailers: undefined,
};

const encoder = new TextEncoder();

/** The body of a request; throws an OptionError where its length cannot be what was said. */
export function planBody(
  body: RequestBody | null | undefined,
  length: number | undefined,
  trailers: ClientRequest["trailers"],
): PlannedBody {
  if (body === undefined || body === null) {
    if (length !== undefined && length > 0) refuse("bodyLength", 'option "bodyLength" needs a body');
    if (trailers !== undefined) refuse("trailers", 'option "trailers" needs a body');
    return noBody;
  }
  const bytes = bytesOf(body);
  if (length !== undefined) {
    if (trailers !== undefined) {
      refuse("trailers", 'a body with "trailers" is sent as chunks, so it cannot have "bodyLength"');
    }
    if (bytes !== undefined && bytes.length !== length) {
      refuse("bodyLength", `option "bodyLength" is ${length}, but the body has ${bytes.length} bytes`);
    }
  }
  return {
    bytes,
    source: bytes === undefined ? body as ByteSource : undefined,
    length: trailers === undefined ? bytes?.length ?? length : undefined,
    isText: typeof body === "string",
    trailers,
  };
}

function refuse(option: string, message: string): never {
  throw new OptionError("request", option, message);
}

/** A body that is known in one piece. */
function bytesOf(body: RequestBody): Uint8Array | undefined {
  if (typeof body === "string") return encoder.encode(body);
  if (body instanceof Uint8Array) return body;
  return body instanceof ArrayBuffer ? new Uint8Array(body) : undefined;
}

/** What a sender tells. */
interface SenderOwner {
  /** Bytes went on their way, or the body is out. */
  bodyMoved(): void;
  /** The body itself has failed: what its source threw, or a wrong length. */
  bodyFailed(error: unknown): void;
}

/** The next part of a source, and its end. */
interface Puller {
  next(): Promise<{ done?: boolean; value?: Uint8Array }>;
  cancel(reason: unknown): unknown;
}

function pullerOf(source: ByteSource): Puller {
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason) };
  }
  const iterator = source[Symbol.asyncIterator]();
  return { next: () => iterator.next(), cancel: () => iterator.return?.() };
}

/** Writes one body to one connection. */
export class BodySender {
  readonly #body: PlannedBody;
  readonly #core: StreamConnection;
  readonly #owner: SenderOwner;
  readonly #address: string;
  #puller: Puller | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  /** Bytes of the body that were written. */
  #sent = 0;
  #stopped = false;
  /** All of the body is written. */
  done = false;
  /** The source is asked: it is not the peer that keeps everybody waiting. */
  waitsForSource = false;

  constructor(body: PlannedBody, core: StreamConnection, owner: SenderOwner, address: string) {
    this.#body = body;
    this.#core = core;
    this.#owner = owner;
    this.#address = address;
  }

  /** Every byte of the body is written, whether or not its source has said that this is all. */
  get whole(): boolean {
    return this.done || this.#sent === this.#body.length;
  }

  /** Begins; a short body is written when this returns. */
  start(): void {
    const { bytes, source, length } = this.#body;
    if (bytes !== undefined && length !== undefined && length <= clientWriteBytes) {
      if (!this.#core.mustWait(length)) {
        if (length > 0) this.#core.write(bytes);
        return this.#finish();
      }
    }
    const work = bytes === undefined ? this.#sendSource(source!) : this.#sendBytes(bytes);
    work.then(() => this.#finish(), (error) => this.#failed(error));
  }

  /** The connection takes bytes again, or never will. */
  drained(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Nobody wants the rest. */
  stop(reason: unknown): void {
    if (this.done || this.#stopped) return;
    this.#stopped = true;
    this.#cancel(reason);
    this.drained();
  }

  async #sendSource(source: ByteSource): Promise<void> {
    const puller = this.#puller = pullerOf(source);
    const { length } = this.#body;
    for (;;) {
      const { done, value } = await this.#fromSource(() => puller.next());
      if (this.#stopped) return;
      if (done === true) break;
      if (!(value instanceof Uint8Array)) {
        throw new OptionError("request", "body", "a part of the body must be a Uint8Array");
      }
      if (length !== undefined && this.#sent + value.length > length) {
        throw wrongBodyLength(`the body has more than the ${length} bytes of bodyLength`, this.#address);
      }
      // An empty chunk would end the body.
      if (value.length > 0) await this.#sendPart(value, length === undefined);
      if (this.#stopped) return;
    }
    this.#puller = undefined;
    if (length === undefined) await this.#endChunks();
    else if (this.#sent < length) {
      throw wrongBodyLength(`the body has ${this.#sent} of the ${length} bytes of bodyLength`, this.#address);
    }
  }

  async #sendBytes(bytes: Uint8Array): Promise<void> {
    const chunked = this.#body.length === undefined;
    await this.#sendPart(bytes, chunked);
    if (chunked && !this.#stopped) await this.#endChunks();
  }

  /** Writes the last chunk and the trailers. */
  async #endChunks(): Promise<void> {
    const { trailers } = this.#body;
    const fields = typeof trailers === "function" ? await this.#fromSource(trailers) : trailers;
    const end = lastChunk + (fields === undefined ? "\r\n" : trailerText(fields));
    const bytes = asciiBytes(end);
    while (this.#writable && this.#core.mustWait(bytes.length)) await this.#room();
    if (!this.#stopped) this.#take(this.#core.write(bytes));
  }

  /** What the application gives; meanwhile it is not the peer that keeps everybody waiting. */
  async #fromSource<T>(ask: () => T | Promise<T>): Promise<T> {
    this.waitsForSource = true;
    const given = await ask();
    this.waitsForSource = false;
    this.#owner.bodyMoved();
    return given;
  }

  async #sendPart(bytes: Uint8Array, chunked: boolean): Promise<void> {
    const limit = this.#core.config.bufferLimit - (chunked ? chunkFrameBytes : 0);
    const step = Math.max(1, Math.min(clientWriteBytes, limit));
    for (let at = 0; at < bytes.length && !this.#stopped; at += step) {
      const piece = bytes.length <= step ? bytes : bytes.subarray(at, at + step);
      this.#sent += piece.length;
      while (this.#writable && this.#core.mustWait(piece.length + chunkFrameBytes)) await this.#room();
      if (this.#stopped || !this.#writable) return;
      if (chunked) this.#take(this.#core.write(`${piece.length.toString(16)}\r\n`));
      let result = this.#take(this.#core.write(piece));
      if (chunked) result = this.#take(this.#core.write("\r\n"));
      this.#owner.bodyMoved();
      if (result === "queued") await this.#room();
    }
  }

  /** A part of a chunk that is not taken would leave a chunk that nobody understands. */
  #take(result: WriteResult): WriteResult {
    if (result !== "refused" || !this.#writable) return result;
    throw new LimitError("request: bufferLimit of the connection is too low for a body", {
      code: "ERR_WRITE_REFUSED",
      operation: "request",
      address: this.#address,
    });
  }

  /** Waits while the connection has enough. */
  #room(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }

  get #writable(): boolean {
    const { stateNumber } = this.#core;
    return stateNumber === State.open || stateNumber === State.readEnded;
  }

  #finish(): void {
    if (this.#stopped) return;
    // Where the connection no longer writes, its end is on its way to the owner.
    this.done = true;
    this.#owner.bodyMoved();
  }

  #failed(error: unknown): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancel(error);
    this.#owner.bodyFailed(error);
  }

  #cancel(reason: unknown): void {
    const puller = this.#puller ?? (this.#body.source === undefined ? undefined : this.#unread());
    this.#puller = undefined;
    if (puller === undefined) return;
    // What the source says to it concerns nobody: the request is over.
    Promise.resolve().then(() => puller.cancel(reason)).catch(() => {});
  }

  /** A source that was not begun is canceled as well, unless somebody else reads it. */
  #unread(): Puller | undefined {
    const source = this.#body.source!;
    if (source instanceof ReadableStream && source.locked) return undefined;
    return pullerOf(source);
  }
}

/** The last chunk; trailers or an empty line follow. */
const lastChunk = "0\r\n";

/** Bytes around a chunk at most: its size in hexadecimal, and two ends of lines. */
const chunkFrameBytes = 16;
