/**
 * A request as the application sees it.
 *
 * @module
 */
import type { Connection } from "../stream/types.ts";
import type { Window } from "../memory/window.ts";
import type { BodyReader, Trailers } from "./body_reader.ts";
import { clientLeft, wrongState } from "./errors.ts";
import { RequestHead } from "./head.ts";
import { HeadFlag } from "./records.ts";
import type { HttpRequest } from "./types.ts";

const decoder = new TextDecoder();

/** One request; the object serves again. */
export class ServerRequest<D = unknown> implements HttpRequest<D> {
  /** The head, also for the rest of the library. */
  readonly headRecord: RequestHead = new RequestHead();
  /** The body; undefined where there is none. */
  reader: BodyReader | undefined = undefined;
  #connection: Connection<D>;
  #signal: AbortController | undefined = undefined;
  /** It may be used. */
  #live = true;
  /** The client has left before it had its answer. */
  #isAbandoned = false;

  constructor(connection: Connection<D>) {
    this.#connection = connection;
  }

  /** Begins with another request. */
  renew(connection: Connection<D>, bytes: Uint8Array, words: Uint32Array, at: number): void {
    this.#connection = connection;
    this.headRecord.renew(bytes, words, at);
    this.reader = undefined;
    this.#signal = undefined;
    this.#live = true;
    this.#isAbandoned = false;
  }

  /** Its time is over. */
  expire(): void {
    this.#live = false;
    this.headRecord.forget();
  }

  /** The client has left before it had its answer. */
  left(): void {
    this.#isAbandoned = true;
    this.#signal?.abort(clientLeft(this.#connection.id));
  }

  get connection(): Connection<D> {
    return this.#connection;
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.target;
  }

  get path(): string {
    return this.#head.path;
  }

  get query(): string {
    return this.#head.query;
  }

  get version(): "1.1" | "1.0" {
    return (this.#head.flags & HeadFlag.version10) === 0 ? "1.1" : "1.0";
  }

  get host(): string {
    return this.#head.host;
  }

  header(name: string): string | undefined {
    return this.#head.header(name);
  }

  has(name: string): boolean {
    return this.#head.has(name);
  }

  headers(): IterableIterator<[name: string, value: string]> {
    return this.#head.headers();
  }

  get hasBody(): boolean {
    return this.reader !== undefined;
  }

  get contentLength(): number | undefined {
    const head = this.#head;
    return head.isChunked ? undefined : head.length;
  }

  get bodyUsed(): boolean {
    return this.reader?.claimed ?? false;
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    this.#check();
    return calm(this.reader?.bytes() ?? Promise.resolve(new Uint8Array(0)));
  }

  text(): Promise<string> {
    return calm(this.bytes().then((bytes) => decoder.decode(bytes)));
  }

  json(): Promise<unknown> {
    return calm(this.bytes().then((bytes) => JSON.parse(decoder.decode(bytes))));
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return calm(this.bytes().then(({ buffer }) => buffer));
  }

  formData(): Promise<FormData> {
    // Read before the wait: the request may be over after it.
    const type = this.header("content-type") ?? "";
    return calm(
      this.bytes().then((bytes) => new Response(bytes, { headers: { "content-type": type } }).formData()),
    );
  }

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    this.#check();
    return this.reader?.stream() ?? null;
  }

  onData(data: (window: Window) => void | Promise<void>): Promise<void> {
    this.#check();
    return calm(this.reader?.parts(data) ?? Promise.resolve());
  }

  windows(): AsyncIterableIterator<Window> {
    this.#check();
    return this.reader?.windows() ?? nothing();
  }

  get trailers(): Promise<Trailers> {
    this.#check();
    return calm(this.reader?.trailers ?? Promise.resolve([]));
  }

  get signal(): AbortSignal {
    this.#check();
    if (this.#signal === undefined) {
      this.#signal = new AbortController();
      // Asked for only now.
      if (this.#isAbandoned) this.left();
    }
    return this.#signal.signal;
  }

  get #head(): RequestHead {
    this.#check();
    return this.headRecord;
  }

  #check(): void {
    if (this.#live) return;
    throw wrongState(
      "request",
      "the request is over: it lasts until it is answered and its callback has returned or settled",
      this.#connection.id,
    );
  }
}

/** The windows of a request without a body. */
async function* nothing(): AsyncGenerator<Window, void> {}

/**
 * A promise whose rejection does not end the process where nobody waits for it: clients leave at any time,
 * also while a handler waits for something else first.
 */
function calm<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
