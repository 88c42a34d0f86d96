/**
 * The body of a request or a response: a text or bytes as long as they suffice, the received body of a
 * request as long as nobody asks for its stream, and otherwise one of the runtime's own.
 *
 * @module
 */
import { RuntimeResponse } from "./runtime.ts";

/** A received body: that of the fast door's request. */
export interface ReceivedBody {
  readonly body: ReadableStream<Uint8Array<ArrayBuffer>> | null;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  text(): Promise<string>;
}

/** A body that needs nothing to be read. */
export type SimpleBody = string | Uint8Array<ArrayBuffer>;

/** What a body consists of, and the content type it asks for. */
interface Extracted {
  readonly body: SimpleBody | Body | null;
  readonly type: string | null;
}

/** The content type of a text. */
export const textType = "text/plain;charset=UTF-8";

const encoder = new TextEncoder();

/** Takes a body as the standard wants it; throws a TypeError for a stream that is read already. */
export function extractBody(input: unknown): Extracted {
  if (input === null || input === undefined) return { body: null, type: null };
  if (input instanceof ArrayBuffer) return { body: new Uint8Array(input.slice(0)), type: null };
  if (ArrayBuffer.isView(input)) {
    return { body: new Uint8Array(input.buffer, input.byteOffset, input.byteLength).slice(), type: null };
  }
  if (input instanceof URLSearchParams) {
    return { body: input.toString(), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  const simple = input instanceof ReadableStream ? simpleOf(input) : undefined;
  if (simple !== undefined) return { body: simple, type: null };
  if (isForTheRuntime(input)) {
    const made = new RuntimeResponse(input as BodyInit);
    return { body: Body.ofRuntime(made), type: made.headers.get("content-type") };
  }
  return { body: `${input}`, type: textType };
}

/** Streams that were made of a text or bytes, with the body they belong to. */
const madeOf = new WeakMap<ReadableStream, Body>();

/** The source of an unread stream: middleware makes `new Response(response.body, response)`. */
function simpleOf(stream: ReadableStream): SimpleBody | undefined {
  const origin = madeOf.get(stream);
  return origin === undefined || origin.isUsed || stream.locked ? undefined : origin.source ?? undefined;
}

function isForTheRuntime(input: unknown): boolean {
  return input instanceof ReadableStream || input instanceof Blob || input instanceof FormData ||
    (typeof input === "object" && Symbol.asyncIterator in input!);
}

function typeField(type: string | null): [string, string][] {
  return type === null ? [] : [["content-type", type]];
}

/** A body. One that is null is never used up. */
export class Body {
  #simple: SimpleBody | null = null;
  #received: ReceivedBody | null = null;
  /** The runtime's own, once a stream is wanted. */
  #inner: Response | null = null;
  #isUsed = false;

  /** A body out of a text or bytes, which are not copied. */
  static ofSimple(simple: SimpleBody): Body {
    const body = new Body();
    body.#simple = simple;
    return body;
  }

  static ofReceived(received: ReceivedBody): Body {
    const body = new Body();
    body.#received = received;
    return body;
  }

  static ofRuntime(inner: Response): Body {
    const body = new Body();
    body.#inner = inner;
    return body;
  }

  /** Text or bytes that nobody has read; null for any other. */
  get unread(): SimpleBody | null {
    return this.#isUsed || this.#inner !== null ? null : this.#simple;
  }

  /** The text or bytes it was made of; null for any other. */
  get source(): SimpleBody | null {
    return this.#simple;
  }

  get stream(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    const stream = this.#asRuntime().body as ReadableStream<Uint8Array<ArrayBuffer>> | null;
    if (stream !== null && this.#simple !== null) madeOf.set(stream, this);
    return stream;
  }

  get isUsed(): boolean {
    return this.#inner !== null ? this.#inner.bodyUsed : this.#isUsed;
  }

  /** Marks the body as used; throws a TypeError if it is already. */
  use(): void {
    if (this.#isUsed) throw new TypeError("the body is used already");
    this.#isUsed = true;
  }

  async text(): Promise<string> {
    if (this.#inner !== null) return await this.#inner.text();
    this.use();
    if (this.#received !== null) return await this.#received.text();
    const simple = this.#simple!;
    if (typeof simple !== "string") return new TextDecoder().decode(simple);
    return simple.charCodeAt(0) === 0xfeff ? simple.slice(1).toWellFormed() : simple.toWellFormed();
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#inner !== null) return await this.#inner.bytes();
    this.use();
    if (this.#received !== null) return await this.#received.bytes();
    const simple = this.#simple!;
    return typeof simple === "string" ? encoder.encode(simple) : simple.slice();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = await this.bytes();
    return byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength);
  }

  /** `type` is the content type of the headers, null without one. */
  async blob(type: string | null): Promise<Blob> {
    return await new RuntimeResponse(await this.bytes(), { headers: typeField(type) }).blob();
  }

  /** The fields of a form; the body is used up even if it is not one. */
  async formData(type: string | null): Promise<FormData> {
    return await new RuntimeResponse(await this.bytes(), { headers: typeField(type) }).formData();
  }

  textStream(): ReadableStream<string> {
    return (this.#asRuntime() as Response & { textStream(): ReadableStream<string> }).textStream();
  }

  /** Another body with the same bytes; throws a TypeError for one that is used or locked. */
  clone(): Body {
    if (this.#simple !== null && this.#inner === null) {
      if (this.#isUsed) throw new TypeError("the body is used already");
      return Body.ofSimple(this.#simple);
    }
    return Body.ofRuntime(this.#asRuntime().clone());
  }

  #asRuntime(): Response {
    if (this.#inner !== null) return this.#inner;
    let inner: Response;
    if (this.#received === null) inner = new RuntimeResponse(this.#simple);
    else inner = new RuntimeResponse(this.#isUsed ? "" : this.#received.body);
    // What was read in a shorter way shows as read.
    if (this.#isUsed) void inner.arrayBuffer();
    return this.#inner = inner;
  }
}
