/**
 * A connection as web streams, and reading a given number of bytes. All of them are pulled, so that a slow
 * reader makes the peer wait.
 *
 * @module
 */
import { OptionError, RingportError, StateError } from "../base/errors.ts";
import { bufferLimitMaxBytes, readableHighWaterMarkBytes } from "../base/limits.ts";
import { bytes } from "../base/option_kinds.ts";
import type { RingWindow } from "../memory/window.ts";
import { stateError } from "./errors.ts";
import { Flag, State } from "./state.ts";
import type { CloseReason, WriteResult } from "./types.ts";

/** A connection as its reader sees it. */
export interface ReadTarget {
  readonly id: number;
  readonly error: Error | undefined;
  pauseFor(reason: number): void;
  resumeFrom(reasons: number): void;
  /** Received bytes are discarded from now on. */
  discard(): void;
  /** The reader has read everything up to the peer's end. */
  readToTheEnd(): void;
  /** A read waits, or, with -1, no longer. */
  waitsForConnection(change: 1 | -1): void;
}

/** A connection as its writer sees it. */
export interface WriteTarget {
  readonly id: number;
  readonly error: Error | undefined;
  readonly flags: number;
  readonly stateNumber: State;
  readonly config: { readonly bufferLimit: number };
  readonly hasReader: boolean;
  /** Whether this number of bytes would be refused now, and a `drain` is owed for them. */
  mustWait(length: number): boolean;
  write(bytes: Uint8Array): WriteResult;
  end(): WriteResult;
  shutdownWrite(): void;
  abort(): void;
  /** A write waits, or, with -1, no longer. */
  waitsForConnection(change: 1 | -1): void;
}

/** The reader of a connection without a `data` handler. */
export interface Reader {
  /** Nobody reads any more: read to the end, canceled, failed or detached. */
  readonly over: boolean;
  /** Bytes taken in ahead of the reader. */
  readonly bufferedBytes: number;
  /** Bytes have come. */
  take(window: RingWindow): void;
  /** The peer has ended its side; what is buffered still comes. */
  end(): void;
  /** The connection is gone; without an error, received bytes can still be read. */
  fail(error: Error | undefined): void;
  /** The connection passes to another lease. */
  detach(): void;
  /** The connection passes to other handlers: returns unread bytes; undefined if it cannot be left. */
  leave(): Uint8Array<ArrayBuffer> | undefined;
}

/** The source of a connection's `readable`. */
export class StreamReader implements Reader {
  readonly #connection: ReadTarget;
  #controller: ReadableByteStreamController | undefined = undefined;
  /** Received bytes that were not requested yet. */
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queuedBytes = 0;
  /** A read waits. */
  #asked = false;
  /** The peer has ended its side; what is queued still comes. */
  #ended = false;
  #over = false;

  /** `bytes`: what was read before the stream was asked for. */
  constructor(connection: ReadTarget, bytes: Uint8Array<ArrayBuffer>) {
    this.#connection = connection;
    if (bytes.length > 0) this.#put(bytes);
  }

  /** Makes the stream. `over`: nothing more comes. */
  stream(over: boolean): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream(
      {
        type: "bytes",
        start: (controller) => this.#start(controller, over),
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      },
      // The reader itself buffers bytes ahead. So a pull always means that a read waits, and
      // only a read behind the last bytes sees the end of the stream.
      { highWaterMark: 0 },
    );
  }

  get over(): boolean {
    return this.#over;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes have come: into the reader's own buffer where it gave one, otherwise as a copy. */
  take(window: RingWindow): void {
    if (this.#over) return;
    if (this.#asked) this.#give(window);
    else this.#put(window.slice());
    if (this.#queuedBytes >= readableHighWaterMarkBytes) this.#connection.pauseFor(Flag.pausedByStream);
  }

  end(): void {
    this.#ended = true;
    if (!this.#over && this.#asked && this.#queue.length === 0) this.#finish();
  }

  fail(error: Error | undefined): void {
    if (this.#over) return;
    if (error === undefined) return this.end();
    this.#close();
    this.#controller!.error(error);
  }

  /** The connection passes to another reader: the stream ends here. */
  detach(): void {
    if (this.#over) return;
    this.#close();
    this.#tellEnd();
  }

  /** What the stream's reader has may be in anybody's hands. */
  leave(): undefined {}

  #start(controller: ReadableByteStreamController, over: boolean): void {
    this.#controller = controller;
    if (!over) return;
    const error = this.#connection.error;
    if (error !== undefined) this.fail(error);
    else if (this.#queuedBytes > 0) this.end();
    else this.#finish();
  }

  #pull(): void {
    if (this.#over) return;
    this.#ask(true);
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      this.#give(chunk);
    } else if (this.#ended) {
      return this.#finish();
    }
    if (this.#queuedBytes < readableHighWaterMarkBytes) {
      this.#connection.resumeFrom(Flag.pausedByStream);
    }
  }

  #cancel(): void {
    this.#close();
    if (this.#ended) this.#connection.readToTheEnd();
    else this.#connection.discard();
  }

  /** Answers the read that waits. */
  #give(bytes: RingWindow | Uint8Array<ArrayBuffer>): void {
    const controller = this.#controller!;
    // Before the answer, which may bring the next pull.
    this.#ask(false);
    const view = controller.byobRequest?.view as Uint8Array | null | undefined;
    if (view === null || view === undefined || view.byteLength === 0) {
      return controller.enqueue(bytes instanceof Uint8Array ? bytes : bytes.slice());
    }
    const plain = bytes instanceof Uint8Array ? bytes : bytes.bytes;
    const target = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const taken = Math.min(target.length, plain.length);
    target.set(taken === plain.length ? plain : plain.subarray(0, taken));
    if (taken < plain.length) this.#put(plain.slice(taken), true);
    controller.byobRequest!.respond(taken);
  }

  /** A handler that waits in a read does no work meanwhile. */
  #ask(on: boolean): void {
    if (this.#asked === on) return;
    this.#asked = on;
    this.#connection.waitsForConnection(on ? 1 : -1);
  }

  #put(bytes: Uint8Array<ArrayBuffer>, first = false): void {
    this.#queuedBytes += bytes.length;
    if (first) this.#queue.unshift(bytes);
    else this.#queue.push(bytes);
  }

  /** The stream was read to its end. */
  #finish(): void {
    this.#close();
    this.#tellEnd();
    this.#connection.readToTheEnd();
  }

  #close(): void {
    this.#ask(false);
    this.#over = true;
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  #tellEnd(): void {
    const controller = this.#controller!;
    controller.close();
    // A reader that waits with its own buffer gets an empty answer.
    controller.byobRequest?.respond(0);
  }
}

/** The sink of a connection's `writable`. */
export class StreamWriter {
  readonly #connection: WriteTarget;
  #controller: WritableStreamDefaultController | undefined = undefined;
  #goOn: (() => void) | undefined = undefined;

  constructor(connection: WriteTarget) {
    this.#connection = connection;
  }

  /** Makes the stream. */
  stream(): WritableStream<Uint8Array | string> {
    return new WritableStream({
      start: (controller) => void (this.#controller = controller),
      write: (chunk) => this.#write(chunk),
      close: () => this.#close(),
      abort: () => this.#connection.abort(),
    });
  }

  /** The buffer has fallen to its low mark. */
  drained(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  /** The connection is gone. */
  fail(reason: CloseReason): void {
    if (!reason.flushed || reason.error !== undefined) this.#controller?.error(this.#gone());
    this.drained();
  }

  async #write(chunk: Uint8Array | string): Promise<void> {
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw new OptionError("writable", "chunk", "a chunk must be a Uint8Array or a string");
    }
    const connection = this.#connection;
    const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    // In pieces no larger than the limit, so that a chunk of any size finds its way.
    const step = connection.config.bufferLimit;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.length <= step ? bytes : bytes.subarray(at, at + step);
      const result = connection.mustWait(piece.length) ? "refused" : connection.write(piece);
      if (result !== "refused") at += piece.length;
      else if (!this.#writes()) throw this.#gone();
      if (result !== "sent") await this.#drain();
    }
  }

  #close(): void {
    const connection = this.#connection;
    if (connection.hasReader && (connection.flags & Flag.discarding) === 0) connection.shutdownWrite();
    else connection.end();
  }

  async #drain(): Promise<void> {
    if ((this.#connection.flags & Flag.drainOwed) !== 0 && this.#writes()) {
      this.#connection.waitsForConnection(1);
      await new Promise<void>((resolve) => this.#goOn = resolve);
      this.#connection.waitsForConnection(-1);
    }
    if (!this.#writes()) throw this.#gone();
  }

  #writes(): boolean {
    const state = this.#connection.stateNumber;
    return state === State.open || state === State.readEnded;
  }

  #gone(): Error {
    return this.#connection.error ??
      new StateError("writable: writing has ended on the connection", {
        code: "ERR_STATE",
        operation: "write",
        connectionId: this.#connection.id,
      });
  }
}

const encoder = new TextEncoder();

/** One read. */
interface Pull {
  /**
   * Looks at what lies from `start` to before `end`. Returns how many bytes it has taken, or -1 where more
   * must come. What it throws fails the read and takes nothing.
   */
  take(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): number;
  /** The peer has ended, and the bytes that are left are not enough. */
  ended(left: number): void;
  failed(error: unknown): void;
}

const lengths = bytes(0, bufferLimitMaxBytes);

/** Reads exactly `length` bytes by a reader that `reader` gives, once the length was checked. */
export function readExactly(
  connectionId: number,
  length: number,
  reader: () => PullReader,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!lengths.accepts(length)) {
    throw new OptionError("readExactly", "length", `the length must be ${lengths.wants}`);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  reader().read({
    take(bytes, start, end) {
      if (end - start < length) return -1;
      resolve(bytes.slice(start, start + length));
      return length;
    },
    ended: (left) => reject(endedEarly(connectionId, left, length)),
    failed: reject,
  });
  return promise;
}

function endedEarly(connectionId: number, left: number, length: number): RingportError {
  return new RingportError(`readExactly: the peer ended after ${left} of ${length} bytes`, {
    code: "ERR_UNEXPECTED_END",
    operation: "readExactly",
    origin: "application",
    connectionId,
  });
}

/** Bytes of the first buffer; it doubles as needed. */
const bufferMinBytes = 1024;

/** A reader that is asked for each piece. */
export class PullReader implements Reader {
  readonly #connection: ReadTarget;
  /** Received bytes that were not taken lie between the two. */
  #bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #pull: Pull | undefined = undefined;
  #ended = false;
  #error: Error | undefined = undefined;
  #over = false;

  constructor(connection: ReadTarget) {
    this.#connection = connection;
  }

  /** Reading is over: the end was reported. */
  get over(): boolean {
    return this.#over;
  }

  get bufferedBytes(): number {
    return this.#end - this.#start;
  }

  /** Begins a read. One waits at a time. */
  read(pull: Pull): void {
    if (this.#pull !== undefined) {
      return pull.failed(
        stateError(this.#connection.id, "read", "another read of the connection is in progress"),
      );
    }
    this.#wait(pull);
    this.#serve();
  }

  /** Bytes have come: copied together with those that wait. */
  take(window: RingWindow): void {
    this.#append(window.bytes);
    this.#serve();
    if (this.#pull === undefined && this.bufferedBytes >= readableHighWaterMarkBytes) {
      this.#connection.pauseFor(Flag.pausedByStream);
    }
  }

  end(): void {
    this.#ended = true;
    this.#serve();
  }

  fail(error: Error | undefined): void {
    this.#error ??= error;
    this.end();
  }

  /** The connection passes to another reader. */
  detach(): void {
    const pull = this.#pull;
    this.#wait(undefined);
    this.#over = true;
    this.#start = this.#end = 0;
    pull?.failed(stateError(this.#connection.id, "read", "the lease of the connection was released"));
  }

  leave(): Uint8Array<ArrayBuffer> | undefined {
    if (this.#pull !== undefined) return undefined;
    this.#over = true;
    return this.#bytes.slice(this.#start, this.#end);
  }

  /** A handler that waits in a read does no work meanwhile. */
  #wait(pull: Pull | undefined): void {
    if ((pull === undefined) !== (this.#pull === undefined)) {
      this.#connection.waitsForConnection(pull === undefined ? -1 : 1);
    }
    this.#pull = pull;
  }

  #serve(): void {
    const pull = this.#pull;
    if (pull === undefined) return;
    let taken;
    try {
      taken = pull.take(this.#bytes, this.#start, this.#end);
    } catch (error) {
      this.#wait(undefined);
      return pull.failed(error);
    }
    if (taken >= 0) {
      this.#wait(undefined);
      this.#start += taken;
      if (this.bufferedBytes >= readableHighWaterMarkBytes) return;
    } else if (this.#error !== undefined || this.#ended) {
      this.#wait(undefined);
      return this.#tellEnd(pull);
    }
    this.#connection.resumeFrom(Flag.pausedByStream);
  }

  #tellEnd(pull: Pull): void {
    const first = !this.#over;
    this.#over = true;
    if (this.#error !== undefined) return pull.failed(this.#error);
    pull.ended(this.bufferedBytes);
    if (first) this.#connection.readToTheEnd();
  }

  #append(bytes: Uint8Array): void {
    const length = this.bufferedBytes + bytes.length;
    if (this.#end + bytes.length > this.#bytes.length) {
      const old = this.#bytes.subarray(this.#start, this.#end);
      if (length > this.#bytes.length / 2) {
        this.#bytes = new Uint8Array(Math.max(bufferMinBytes, 2 * length));
        this.#bytes.set(old);
      } else {
        this.#bytes.copyWithin(0, this.#start, this.#end);
      }
      this.#end -= this.#start;
      this.#start = 0;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }
}
