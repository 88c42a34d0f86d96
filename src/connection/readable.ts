/**
 * What a connection receives as a web stream: pulled, so that a slow reader makes the peer wait.
 *
 * @module
 */
import { readableHighWaterMarkBytes } from "../base/limits.ts";
import type { Window } from "../memory/window.ts";
import type { ConnectionCore } from "./core.ts";
import { discard, pauseFor, resumeFrom } from "./reading.ts";
import { Flag, State } from "./state.ts";

/** Makes the stream; from now on what comes goes there. */
export function createReadable<D>(connection: ConnectionCore<D>): ReadableStream<Uint8Array<ArrayBuffer>> {
  const reader = new StreamReader(connection as ConnectionCore);
  connection.needExtras().reader = reader;
  const state = connection.stateNumber;
  const over = state !== State.open && state !== State.writeEnded;
  if (!over) {
    connection.flags = (connection.flags | Flag.streaming) & ~Flag.discarding;
    // The first pull begins to read.
    pauseFor(connection, Flag.pausedByStream);
    connection.flags &= ~Flag.unread;
  }
  return new ReadableStream(
    {
      type: "bytes",
      start: (controller) => reader.start(controller, over),
      pull: () => reader.pull(),
      cancel: () => reader.cancel(),
    },
    { highWaterMark: readableHighWaterMarkBytes },
  );
}

/** The stream's source. */
export class StreamReader {
  readonly #connection: ConnectionCore;
  #controller: ReadableByteStreamController | undefined = undefined;
  #over = false;

  constructor(connection: ConnectionCore) {
    this.#connection = connection;
  }

  start(controller: ReadableByteStreamController, over: boolean): void {
    this.#controller = controller;
    if (!over) return;
    const error = this.#connection.extras?.error;
    if (error === undefined) this.end();
    else this.fail(error);
  }

  /** Bytes taken in ahead of the reader. */
  get bufferedBytes(): number {
    const { desiredSize } = this.#controller!;
    return desiredSize === null || this.#over ? 0 : readableHighWaterMarkBytes - desiredSize;
  }

  pull(): void {
    if (!this.#over) resumeFrom(this.#connection, Flag.pausedByStream);
  }

  cancel(): void {
    this.#over = true;
    discard(this.#connection);
  }

  /** Bytes have come: into the reader's own buffer where it gave one, otherwise as a copy. */
  take(window: Window): void {
    const controller = this.#controller;
    if (this.#over || controller === undefined) return;
    let taken = 0;
    const view = controller.byobRequest?.view as Uint8Array | null | undefined;
    if (view !== null && view !== undefined && view.byteLength > 0) {
      const target = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
      taken = Math.min(target.length, window.length);
      target.set(taken === window.length ? window.bytes : window.bytes.subarray(0, taken));
      controller.byobRequest!.respond(taken);
    }
    if (taken < window.length) controller.enqueue(window.slice(taken));
    if ((controller.desiredSize ?? 0) <= 0) pauseFor(this.#connection, Flag.pausedByStream);
  }

  /** The peer has ended its side. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    const controller = this.#controller!;
    controller.close();
    // A reader that waits with its own buffer is told by an empty answer.
    controller.byobRequest?.respond(0);
  }

  /** The connection is gone before the peer has ended its side. */
  fail(error: Error | undefined): void {
    if (this.#over) return;
    if (error === undefined) return this.end();
    this.#over = true;
    this.#controller!.error(error);
  }
}
