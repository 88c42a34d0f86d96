/**
 * The body of one request: read in one of several ways, or thrown away.
 *
 * @module
 */
import { follow } from "../base/handlers.ts";
import { readableHighWaterMarkBytes } from "../base/limits.ts";
import type { Segments } from "../memory/segments.ts";
import type { RingWindow, Window } from "../memory/window.ts";
import { bodyIncomplete, bodyTooLarge, wrongState } from "./errors.ts";
import { chunkStateWords } from "./parser.ts";
import type { PendingHead } from "./pending_head.ts";

/** What a body needs of its request. */
export interface BodyOwner {
  readonly connectionId: number;
  /** Somebody reads the body now. */
  bodyClaimed(): void;
  /** It takes further bytes. */
  bodyWanted(): void;
}

/** How it is read. */
const Mode = {
  /** Not yet: bytes wait in the kernel. */
  unclaimed: 0,
  /** In one piece. */
  collect: 1,
  /** In parts, by a callback. */
  parts: 2,
  /** As a stream. */
  stream: 3,
  /** Thrown away. */
  discard: 4,
} as const;
type Mode = (typeof Mode)[keyof typeof Mode];

/** Bytes of the smallest buffer a body is collected in. */
const collectedMin = 1024;

const badStatus = 400;
const tooLargeStatus = 413;

/** Fields behind a body. */
export type Trailers = ReadonlyArray<readonly [name: string, value: string]>;

/** One body on its way in. */
export class BodyReader {
  /** Bytes that are still to come; Infinity for a body in chunks. */
  left: number;
  /** Bytes that have come. */
  received = 0;
  /** Of these, the ones that came before it was thrown away. */
  keptBytes = 0;
  /** The beginning of its trailers, whose end has not come. */
  trailerBytes: PendingHead | undefined = undefined;
  /** Bytes of it came together with the head. */
  hasBytes = false;
  /** The parser's state of a body in chunks; undefined for a body with a length. */
  readonly chunks: Uint32Array<ArrayBuffer> | undefined;
  /** It has come whole, or never will. */
  over = false;
  /** Bytes it may have. */
  readonly limit: number;
  readonly #owner: BodyOwner;
  #mode: Mode = Mode.unclaimed;
  #error: unknown = undefined;
  #status = 0;
  /** Of `collect`. */
  #buffer: Uint8Array<ArrayBuffer> | undefined = undefined;
  #collected: PromiseWithResolvers<Uint8Array<ArrayBuffer>> | undefined = undefined;
  /** Of `parts`. */
  #take: ((window: Window) => void | Promise<void>) | undefined = undefined;
  #taken: PromiseWithResolvers<void> | undefined = undefined;
  /** The promise of the last part's callback has not settled. */
  #busy = false;
  /** Of `stream`. */
  #stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined = undefined;
  #controller: ReadableByteStreamController | undefined = undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queuedBytes = 0;
  #pulled = false;
  #trailers: Trailers = [];
  #trailersRead: PromiseWithResolvers<Trailers> | undefined = undefined;

  /** `length`: its bytes; -1 for a body in chunks. */
  constructor(owner: BodyOwner, length: number, limit: number) {
    this.#owner = owner;
    this.limit = limit;
    this.left = length < 0 ? Infinity : length;
    this.chunks = length < 0 ? new Uint32Array(chunkStateWords) : undefined;
  }

  /** Somebody has begun to read it. */
  get claimed(): boolean {
    return this.#mode !== Mode.unclaimed && this.#mode !== Mode.discard;
  }

  /** It takes no bytes now. */
  get blocked(): boolean {
    switch (this.#mode) {
      case Mode.unclaimed:
        return true;
      case Mode.parts:
        return this.#busy;
      case Mode.stream:
        return this.#queuedBytes >= readableHighWaterMarkBytes;
      default:
        return false;
    }
  }

  /** What a client is answered whose body has failed with this; 0 for anything else. */
  statusOf(thrown: unknown): number {
    return thrown === this.#error ? this.#status : 0;
  }

  get discarded(): boolean {
    return this.#mode === Mode.discard;
  }

  // Ways to read it.

  /** All of it. */
  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const refused = this.#refusal();
    if (refused !== undefined) return Promise.reject(refused);
    this.#collected = Promise.withResolvers();
    this.#claim(Mode.collect);
    if (this.over) this.#finishCollected();
    return this.#collected.promise;
  }

  /** Part by part. */
  parts(take: (window: Window) => void | Promise<void>): Promise<void> {
    const refused = this.#refusal();
    if (refused !== undefined) return Promise.reject(refused);
    this.#take = take;
    this.#taken = Promise.withResolvers();
    this.#claim(Mode.parts);
    if (this.over) this.#finishParts();
    return this.#taken.promise;
  }

  /** Window by window: each is kept until the next one is asked for. */
  async *windows(): AsyncGenerator<Window, void> {
    let next = Promise.withResolvers<Window | undefined>();
    let goOn = () => {};
    const whole = this.parts((window) => {
      next.resolve(window.keep());
      return new Promise<void>((resolve) => goOn = resolve);
    });
    whole.then(() => next.resolve(undefined), (error) => next.reject(error));
    try {
      for (;;) {
        const window = await next.promise;
        if (window === undefined) return;
        next = Promise.withResolvers();
        // Where the loop is left, nobody waits for it.
        next.promise.catch(() => {});
        try {
          yield window;
        } finally {
          window.release();
          goOn();
        }
      }
    } finally {
      if (this.#mode === Mode.parts && !this.over) this.discard();
    }
  }

  /** As a stream, the same one each time. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#stream !== undefined) return this.#stream;
    const refused = this.#refusal();
    this.#stream = new ReadableStream(
      {
        type: "bytes",
        start: (controller) => {
          this.#controller = controller;
          if (refused !== undefined) controller.error(refused);
        },
        pull: () => this.#pull(),
        cancel: () => this.discard(),
      },
      // A pull then means that a read waits.
      { highWaterMark: 0 },
    );
    if (refused === undefined) {
      // It is asked for bytes only when it is read.
      this.#mode = Mode.stream;
      if (this.#error !== undefined) this.#controller!.error(this.#error);
    }
    return this.#stream;
  }

  /** Resolves with the trailers once the body was read to its end. */
  get trailers(): Promise<Trailers> {
    if (this.over && this.#error === undefined) return Promise.resolve(this.#trailers);
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return (this.#trailersRead ??= Promise.withResolvers()).promise;
  }

  /** Nobody will read it any more. */
  discardUnlessClaimed(): void {
    if (!this.claimed) this.discard();
  }

  /** Its request is over: a stream that nobody reads stays unread. */
  abandon(): void {
    if (this.#mode === Mode.unclaimed) this.discard();
    else if (this.#mode === Mode.stream && !this.#stream!.locked) this.discard();
  }

  /** From now on it is thrown away. */
  discard(): void {
    if (this.#mode === Mode.discard) return;
    this.#mode = Mode.discard;
    this.keptBytes = this.received;
    this.#queue = [];
    this.#queuedBytes = 0;
    if (!this.over) this.#owner.bodyWanted();
  }

  #refusal(): Error | undefined {
    if (this.#mode === Mode.unclaimed) return undefined;
    return wrongState("body", "the body was read already, or is being read", this.#owner.connectionId);
  }

  #claim(mode: Mode): void {
    this.#mode = mode;
    if (this.#error !== undefined) this.#fail(this.#error);
    else if (!this.over) this.#owner.bodyClaimed();
  }

  // Bytes, as they come.

  /**
   * Bytes of the body lie in the ring. Called only while it is not blocked. False where the limit is
   * exceeded.
   */
  take(memory: Segments, window: RingWindow, position: number, length: number): boolean {
    this.received += length;
    this.left -= length;
    if (this.received > this.limit) {
      this.fail(bodyTooLarge(this.limit, this.#owner.connectionId), tooLargeStatus);
      return false;
    }
    switch (this.#mode) {
      case Mode.collect:
        this.#collect(memory.bytes, position, length);
        break;
      case Mode.parts:
        this.#hand(memory, window, position, length);
        break;
      case Mode.stream:
        this.#queueUp(memory.bytes, position, length);
        break;
    }
    return true;
  }

  /** It has come whole. */
  end(trailers: Trailers): void {
    if (this.over) return;
    this.over = true;
    this.#trailers = trailers;
    this.#trailersRead?.resolve(trailers);
    if (this.#mode === Mode.collect) this.#finishCollected();
    else if (this.#mode === Mode.parts) this.#finishParts();
    else if (this.#mode === Mode.stream && this.#pulled) this.#serve();
  }

  /** It will not come whole: the client has left, it is too large, or it is malformed. */
  fail(error: Error, status: number): void {
    if (this.over) return;
    this.over = true;
    this.#status = status;
    this.#fail(error);
  }

  /** The client has left. */
  leave(): void {
    this.fail(bodyIncomplete(this.received, this.#owner.connectionId), badStatus);
  }

  #fail(error: unknown): void {
    this.#error = error;
    this.#buffer = undefined;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#collected?.reject(error);
    if (!this.#busy) this.#taken?.reject(error);
    this.#trailersRead?.promise.catch(() => {});
    this.#trailersRead?.reject(error);
    if (this.#mode === Mode.stream) this.#controller?.error(error);
  }

  #collect(bytes: Uint8Array, position: number, length: number): void {
    const received = this.received;
    const before = received - length;
    let buffer = this.#buffer;
    if (buffer === undefined || buffer.length < received) {
      const total = received + this.left;
      // A client that announces much gets no memory before it has sent something.
      const grown = Math.max(collectedMin, 2 * received);
      const larger = new Uint8Array(Number.isFinite(total) ? Math.min(total, grown) : grown);
      if (buffer !== undefined) larger.set(buffer.subarray(0, before));
      this.#buffer = buffer = larger;
    }
    buffer.set(bytes.subarray(position, position + length), before);
  }

  #finishCollected(): void {
    const { received } = this;
    const buffer = this.#buffer ?? new Uint8Array(0);
    this.#buffer = undefined;
    this.#collected!.resolve(buffer.length === received ? buffer : buffer.slice(0, received));
  }

  #hand(memory: Segments, window: RingWindow, position: number, length: number): void {
    const part = memory.lend(window, position, length);
    let result;
    try {
      result = this.#take!(part);
    } catch (error) {
      memory.takeBack(part);
      return this.#partFailed(error);
    }
    memory.takeBack(part);
    this.#busy = follow(result, () => this.#partTaken(), (error) => {
      this.#busy = false;
      this.#partFailed(error);
    });
  }

  #partTaken(): void {
    this.#busy = false;
    if (this.#error !== undefined) return this.#taken!.reject(this.#error);
    if (this.over) this.#finishParts();
    else this.#owner.bodyWanted();
  }

  /** The callback has failed: nobody reads on. */
  #partFailed(error: unknown): void {
    this.#taken!.reject(error);
    this.discard();
  }

  #finishParts(): void {
    if (!this.#busy) this.#taken!.resolve();
  }

  #queueUp(bytes: Uint8Array, position: number, length: number): void {
    this.#queue.push(bytes.slice(position, position + length) as Uint8Array<ArrayBuffer>);
    this.#queuedBytes += length;
    if (this.#pulled) this.#serve();
  }

  #pull(): void {
    this.#pulled = true;
    if (this.#queue.length > 0 || this.over) return this.#serve();
    this.#owner.bodyClaimed();
  }

  /** Answers the read that waits. */
  #serve(): void {
    const controller = this.#controller!;
    const first = this.#queue.shift();
    if (first === undefined) {
      if (!this.over || this.#error !== undefined) return;
      this.#pulled = false;
      controller.close();
      // A reader that waits with its own buffer gets an empty answer.
      controller.byobRequest?.respond(0);
      return;
    }
    this.#pulled = false;
    this.#queuedBytes -= first.length;
    const view = controller.byobRequest?.view as Uint8Array | null | undefined;
    if (view === null || view === undefined || view.byteLength === 0) {
      controller.enqueue(first);
    } else {
      const target = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      const taken = Math.min(target.length, first.length);
      target.set(taken === first.length ? first : first.subarray(0, taken));
      if (taken < first.length) {
        this.#queue.unshift(first.slice(taken));
        this.#queuedBytes += first.length - taken;
      }
      controller.byobRequest!.respond(taken);
    }
    if (!this.over && this.#queuedBytes < readableHighWaterMarkBytes) this.#owner.bodyWanted();
  }
}
