/**
 * What a connection receives as a web stream: pulled, so that a slow reader makes the peer wait.
 *
 * @module
 */
import { StateError } from "../base/errors.ts";
import { readableHighWaterMarkBytes } from "../base/limits.ts";
import type { Window } from "../memory/window.ts";
import type { StreamConnection } from "./connection.ts";
import type { Reader } from "./extras.ts";
import { discard, pauseFor, readToTheEnd, resumeFrom } from "./reading.ts";
import { Flag, State } from "./state.ts";
import { waitsForConnection } from "./tasks.ts";

/** Makes the stream; from now on what comes goes there. */
export function createReadable<D>(connection: StreamConnection<D>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = new StreamReader(connection as StreamConnection);
  reader.goOnWith(readBefore(connection));
  connection.needExtras().reader = reader;
  const state = connection.stateNumber;
  const over = state !== State.open && state !== State.writeEnded;
  if (!over) {
    connection.flags = (connection.flags | Flag.streaming) & ~Flag.discarding;
  }
  const stream: ReadableStream<Uint8Array<ArrayBuffer>> = new ReadableStream(
    {
      type: "bytes",
      start: (controller) => reader.start(controller, over),
      pull: () => reader.pull(),
      cancel: () => reader.cancel(),
    },
    // The reader keeps what comes ahead itself: so a pull always means that somebody waits in a read, and the
    // end of the stream is only told to one who asks for what lies behind the last bytes.
    { highWaterMark: 0 },
  );
  resumeFrom(connection, Flag.unread | Flag.pausedByStream);
  return stream;
}

/** What a reader by `readExactly` and the like has taken in and nobody has asked for. */
function readBefore<D>(connection: StreamConnection<D>): Uint8Array<ArrayBuffer> {
  const { extras } = connection;
  if (extras?.reader === undefined) return new Uint8Array(0);
  const read = extras.reader.leave();
  if (read !== undefined) return read;
  throw new StateError("readable: another read of the connection is in progress", {
    code: "ERR_STATE",
    operation: "readable",
    origin: "application",
    connectionId: connection.id,
  });
}

/** The stream's source. */
export class StreamReader implements Reader {
  readonly #connection: StreamConnection;
  #controller: ReadableByteStreamController | undefined = undefined;
  /** What has come and was not asked for yet. */
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #queuedBytes = 0;
  /** A read waits. */
  #asked = false;
  /** The peer has ended its side; what is queued still comes. */
  #ended = false;
  #over = false;

  constructor(connection: StreamConnection) {
    this.#connection = connection;
  }

  start(controller: ReadableByteStreamController, over: boolean): void {
    this.#controller = controller;
    if (!over) return;
    const error = this.#connection.extras?.error;
    if (error !== undefined) this.fail(error);
    else if (this.#queuedBytes > 0) this.end();
    else this.#finish();
  }

  /** Bytes that were read before the stream was asked for. */
  goOnWith(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length > 0) this.#put(bytes);
  }

  /** Nobody reads any more: read to the end, canceled, failed or detached. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes taken in ahead of the reader. */
  get bufferedBytes(): number {
    return this.#queuedBytes;
  }

  pull(): void {
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
      resumeFrom(this.#connection, Flag.pausedByStream);
    }
  }

  cancel(): void {
    this.#close();
    if (this.#ended) readToTheEnd(this.#connection);
    else discard(this.#connection);
  }

  /** Bytes have come: into the reader's own buffer where it gave one, otherwise as a copy. */
  take(window: Window): void {
    if (this.#over) return;
    if (this.#asked) this.#give(window);
    else this.#put(window.slice());
    if (this.#queuedBytes >= readableHighWaterMarkBytes) pauseFor(this.#connection, Flag.pausedByStream);
  }

  /** The peer has ended its side. */
  end(): void {
    this.#ended = true;
    if (!this.#over && this.#asked && this.#queue.length === 0) this.#finish();
  }

  /** The connection is gone; without an error what has come can still be read. */
  fail(error: Error | undefined): void {
    if (this.#over) return;
    if (error === undefined) return this.end();
    this.#close();
    this.#controller!.error(error);
  }

  /** The connection goes on to somebody else: the stream ends here. */
  detach(): void {
    if (this.#over) return;
    this.#close();
    this.#tellEnd();
  }

  /** What the stream's reader has may be in anybody's hands. */
  leave(): undefined {}

  /** Answers the read that waits. */
  #give(bytes: Window | Uint8Array<ArrayBuffer>): void {
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
    waitsForConnection(this.#connection, on ? 1 : -1);
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
    readToTheEnd(this.#connection);
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
    // A reader that waits with its own buffer is told by an empty answer.
    controller.byobRequest?.respond(0);
  }
}
