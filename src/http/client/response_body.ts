/**
 * The body of an answer: a queue between the connection and its one reader, with backpressure.
 *
 * @module
 */
import { clientBodyQueueBytes, clientDiscardBytesMax } from "../../base/limits.ts";
import { segmentsOutside } from "../../memory/segments.ts";
import type { RingWindow, Window } from "../../memory/window.ts";
import { bodyUsed } from "./errors.ts";
import { noFields } from "./response_fields.ts";
import type { ResponseFields } from "./types.ts";

/** The exchange a body comes from. */
export interface BodySource {
  /** Its reader has enough for now. */
  holdBack(): void;
  /** Its reader wants more. */
  letGo(): void;
  /** Much of the ring is held: what waits is better copied. */
  readonly crowded: boolean;
  /** Bytes that are known to be missing; 0 where nobody knows. */
  readonly missing: number;
  /** Nobody wants the rest, and it is too long to be read for nothing. */
  abandon(): void;
}

/** The one that reads a body. */
interface BodyReader {
  /** Bytes have come, in place; false where they must be queued. */
  take(bytes: Uint8Array<ArrayBuffer>, window: RingWindow | undefined): boolean;
  /** The queue is empty, and nothing more comes. */
  ended(): void;
  failed(error: unknown): void;
}

/** A body that comes in. */
export class ResponseBody {
  readonly #source: BodySource;
  /** Bytes that were not asked for yet: copies, or windows that are kept where the reader takes windows. */
  readonly #queue: (Uint8Array<ArrayBuffer> | Window)[] = [];
  #queued = 0;
  #held = false;
  #reader: BodyReader | undefined = undefined;
  /** The reader takes windows, so those that wait stay in place. */
  #inPlace = false;
  #discarded = 0;
  #ended = false;
  #failed = false;
  #error: unknown = undefined;
  #trailers: ResponseFields = noFields;
  #trailersAsked: PromiseWithResolvers<ResponseFields> | undefined = undefined;
  /** Somebody reads it, has read it, or has discarded it. */
  used = false;

  constructor(source: BodySource) {
    this.#source = source;
  }

  // What the exchange says.

  /** Bytes have come; `window` is the one they lie in, if any. */
  take(bytes: Uint8Array<ArrayBuffer>, window: RingWindow | undefined): void {
    const reader = this.#reader;
    if (reader !== undefined && this.#queue.length === 0 && reader.take(bytes, window)) return;
    const inPlace = this.#inPlace && window !== undefined && !this.#source.crowded;
    this.#queue.push(inPlace ? partOf(window, bytes).keep() : bytes.slice());
    this.#queued += bytes.length;
    if (this.#queued < clientBodyQueueBytes || this.#held) return;
    this.#held = true;
    this.#source.holdBack();
  }

  /** The body was received to its end. */
  end(trailers: ResponseFields): void {
    if (this.over) return;
    this.#ended = true;
    this.#trailers = trailers;
    this.#trailersAsked?.resolve(trailers);
    if (this.#queue.length === 0) this.#reader?.ended();
  }

  /** It breaks off; what waits is lost. */
  fail(error: unknown): void {
    if (this.over) return;
    this.#failed = true;
    this.#error = error;
    this.#drop();
    this.#trailersAsked?.reject(error);
    this.#reader?.failed(error);
  }

  /** Nothing more comes. */
  get over(): boolean {
    return this.#ended || this.#failed;
  }

  // What the answer's owner asks for.

  /** The trailers, once the body was received. */
  get trailers(): Promise<ResponseFields> {
    let asked = this.#trailersAsked;
    if (asked !== undefined) return asked.promise;
    asked = this.#trailersAsked = Promise.withResolvers<ResponseFields>();
    if (this.#ended) asked.resolve(this.#trailers);
    if (this.#failed) asked.reject(this.#error);
    return asked.promise;
  }

  /** All of it. */
  collect(operation: string): Promise<Uint8Array<ArrayBuffer>> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    if (this.used) {
      reject(bodyUsed(operation));
      return promise;
    }
    const whole = this.whole();
    if (whole !== undefined) {
      resolve(whole);
      return promise;
    }
    const missing = this.over ? 0 : Math.min(this.#source.missing, collectBytesAtFirst);
    const collected = new Collected(this.#queued + missing);
    this.#attach({
      take(bytes) {
        collected.add(bytes);
        return true;
      },
      ended: () => resolve(collected.bytes()),
      failed: reject,
    });
    while (this.#queue.length > 0) collected.add(this.#next() as Uint8Array<ArrayBuffer>);
    this.#settle();
    return promise;
  }

  /** All of it, where it has come already and lies in one piece; then it is used. */
  whole(): Uint8Array<ArrayBuffer> | undefined {
    if (this.used || !this.#ended || this.#queue.length > 1) return undefined;
    this.used = true;
    return this.#queue.length === 0 ? new Uint8Array(0) : this.#next() as Uint8Array<ArrayBuffer>;
  }

  /** As a byte stream. `errorOf` makes what the stream fails with. */
  stream(errorOf: (error: unknown) => unknown): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.used) throw bodyUsed("body");
    return new StreamedBody(this, errorOf).stream;
  }

  /** As windows. */
  windows(): AsyncIterable<Window> {
    if (this.used) throw bodyUsed("windows");
    this.#inPlace = true;
    return new WindowedBody(this);
  }

  /** Nobody reads it. */
  discard(): void {
    this.used = true;
    const reader = this.#reader;
    this.#reader = undefined;
    this.#discarded = this.#queued;
    this.#drop();
    reader?.failed(bodyUsed("discard"));
    if (this.over) return;
    if (this.#source.missing > clientDiscardBytesMax) return this.#source.abandon();
    this.#reader = {
      take: (bytes) => {
        this.#discarded += bytes.length;
        if (this.#discarded > clientDiscardBytesMax) this.#source.abandon();
        return true;
      },
      ended() {},
      failed() {},
    };
    this.#letGo();
  }

  // What a reader asks for.

  /** Becomes the reader. What was queued waits for {@linkcode shift}. */
  attach(reader: BodyReader): void {
    this.#attach(reader);
  }

  /** The next bytes that wait; undefined where none do. Once there are none, the reader learns of the end. */
  shift(): Uint8Array<ArrayBuffer> | Window | undefined {
    const next = this.#queue.length === 0 ? undefined : this.#next();
    if (next === undefined) this.#settle();
    if (this.#held && this.#queued <= clientBodyQueueBytes / 2) this.#letGo();
    return next;
  }

  /** Gives the rest of a part back. */
  unshift(bytes: Uint8Array<ArrayBuffer>): void {
    this.#queue.unshift(bytes);
    this.#queued += bytes.length;
  }

  #attach(reader: BodyReader): void {
    this.used = true;
    this.#reader = reader;
  }

  #next(): Uint8Array<ArrayBuffer> | Window {
    const next = this.#queue.shift()!;
    this.#queued -= next.length;
    return next;
  }

  /** The queue is empty: says so where nothing more comes. */
  #settle(): void {
    if (this.#ended) this.#reader?.ended();
    else if (this.#failed) this.#reader?.failed(this.#error);
    else this.#letGo();
  }

  #letGo(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#source.letGo();
  }

  #drop(): void {
    for (const part of this.#queue.splice(0)) if (!(part instanceof Uint8Array)) part.release();
    this.#queued = 0;
  }
}

/** The bytes of a window that `bytes` is a view of. */
function partOf(window: RingWindow, bytes: Uint8Array): RingWindow {
  const start = bytes.byteOffset - window.bytes.byteOffset;
  return window.subarray(start, start + bytes.length);
}

/** Bytes made room for before they have come, whatever length the peer has announced. */
const collectBytesAtFirst = 1 << 20;

/** Bytes put together, however small their pieces are: those of a hostile peer have one byte. */
class Collected {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  add(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = length;
  }

  /** All of them, in a buffer of their own. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }
}

/** A body as a stream: it is pulled, so that a slow reader makes the peer wait. */
class StreamedBody implements BodyReader {
  readonly #body: ResponseBody;
  readonly #errorOf: (error: unknown) => unknown;
  readonly stream: ReadableStream<Uint8Array<ArrayBuffer>>;
  #controller!: ReadableByteStreamController;
  /** A read waits. */
  #asked = false;
  #over = false;

  constructor(body: ResponseBody, errorOf: (error: unknown) => unknown) {
    this.#body = body;
    this.#errorOf = errorOf;
    // The body is the queue: a pull always means that a read waits.
    this.stream = new ReadableStream({
      type: "bytes",
      start: (controller) => void (this.#controller = controller),
      pull: () => this.#pull(),
      cancel: () => this.#cancel(),
    }, { highWaterMark: 0 });
    body.attach(this);
  }

  take(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (!this.#asked) return false;
    this.#give(bytes, true);
    return true;
  }

  ended(): void {
    if (this.#over || !this.#asked) return;
    this.#over = true;
    this.#controller.close();
    // A reader that waits with its own buffer gets an empty answer.
    this.#controller.byobRequest?.respond(0);
  }

  failed(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#controller.error(this.#errorOf(error));
  }

  #pull(): void {
    if (this.#over) return;
    this.#asked = true;
    const bytes = this.#body.shift();
    if (bytes !== undefined) this.#give(bytes as Uint8Array<ArrayBuffer>, false);
  }

  #cancel(): void {
    this.#over = true;
    this.#body.discard();
  }

  /** Answers the read that waits: into its own buffer where it gave one. */
  #give(bytes: Uint8Array<ArrayBuffer>, borrowed: boolean): void {
    const controller = this.#controller;
    // Before the answer, which may bring the next pull.
    this.#asked = false;
    const view = controller.byobRequest?.view as Uint8Array | null | undefined;
    if (view === null || view === undefined || view.byteLength === 0) {
      return controller.enqueue(borrowed ? bytes.slice() : bytes);
    }
    const target = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const taken = Math.min(target.length, bytes.length);
    target.set(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (taken < bytes.length) this.#body.unshift(bytes.slice(taken));
    controller.byobRequest!.respond(taken);
  }
}

/** A body as windows, one at a time. */
class WindowedBody implements BodyReader, AsyncIterable<Window>, AsyncIterator<Window> {
  readonly #body: ResponseBody;
  #current: Window | undefined = undefined;
  #waits: PromiseWithResolvers<IteratorResult<Window>> | undefined = undefined;
  #over = false;

  constructor(body: ResponseBody) {
    this.#body = body;
    body.attach(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Window> {
    return this;
  }

  next(): Promise<IteratorResult<Window>> {
    this.#endCurrent();
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    const waits = Promise.withResolvers<IteratorResult<Window>>();
    this.#waits = waits;
    const part = this.#body.shift();
    if (part !== undefined) this.#give(part instanceof Uint8Array ? windowOf(part) : part);
    return waits.promise;
  }

  return(): Promise<IteratorResult<Window>> {
    this.#endCurrent();
    this.#over = true;
    this.#body.discard();
    return Promise.resolve({ done: true, value: undefined });
  }

  take(bytes: Uint8Array<ArrayBuffer>, window: RingWindow | undefined): boolean {
    if (this.#waits === undefined) return false;
    this.#give(window === undefined ? windowOf(bytes.slice()) : partOf(window, bytes).keep());
    return true;
  }

  ended(): void {
    this.#over = true;
    this.#answer()?.resolve({ done: true, value: undefined });
  }

  failed(error: unknown): void {
    const waits = this.#answer();
    // Otherwise the next one who asks gets it.
    if (waits === undefined) return;
    this.#over = true;
    waits.reject(error);
  }

  #give(window: Window): void {
    this.#current = window;
    this.#answer()?.resolve({ done: false, value: window });
  }

  #answer(): PromiseWithResolvers<IteratorResult<Window>> | undefined {
    const waits = this.#waits;
    this.#waits = undefined;
    return waits;
  }

  #endCurrent(): void {
    this.#current?.release();
    this.#current = undefined;
  }
}

/** A copy as a window that is kept. */
function windowOf(bytes: Uint8Array<ArrayBuffer>): Window {
  return segmentsOutside(bytes, false).borrow(0, 0, bytes.length).keep();
}
