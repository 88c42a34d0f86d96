/**
 * What a connection sends as a web stream: each write waits until the buffer is under its marks.
 *
 * @module
 */
import { OptionError, StateError } from "../base/errors.ts";
import type { StreamConnection } from "./connection.ts";
import { Flag, State } from "./state.ts";
import { waitsForConnection } from "./tasks.ts";
import type { CloseReason } from "./types.ts";
import { mustWait } from "./writing.ts";

/** Makes the stream. */
export function createWritable<D>(connection: StreamConnection<D>): WritableStream<Uint8Array | string> {
  const writer = new StreamWriter(connection as StreamConnection);
  connection.needExtras().writer = writer;
  return new WritableStream({
    start: (controller) => writer.start(controller),
    write: (chunk) => writer.write(chunk),
    close: () => writer.close(),
    abort: () => connection.abort(),
  });
}

/** The stream's sink. */
export class StreamWriter {
  readonly #connection: StreamConnection;
  #controller: WritableStreamDefaultController | undefined = undefined;
  #goOn: (() => void) | undefined = undefined;

  constructor(connection: StreamConnection) {
    this.#connection = connection;
  }

  start(controller: WritableStreamDefaultController): void {
    this.#controller = controller;
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
      throw new OptionError("writable", "chunk", "a chunk must be a Uint8Array or a string");
    }
    const connection = this.#connection;
    const bytes = typeof chunk === "string" ? encoder.encode(chunk) : chunk;
    // In pieces no larger than the limit, so that a chunk of any size finds its way.
    const step = connection.config.bufferLimit;
    for (let at = 0; at < bytes.length;) {
      const piece = bytes.length <= step ? bytes : bytes.subarray(at, at + step);
      const result = mustWait(connection, piece.length) ? "refused" : connection.write(piece);
      if (result !== "refused") at += piece.length;
      else if (!this.#writes()) throw this.#gone();
      if (result !== "sent") await this.#drain();
    }
  }

  close(): void {
    const connection = this.#connection;
    if (connection.hasReader && (connection.flags & Flag.discarding) === 0) connection.shutdownWrite();
    else connection.end();
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

  async #drain(): Promise<void> {
    if ((this.#connection.flags & Flag.drainOwed) !== 0 && this.#writes()) {
      waitsForConnection(this.#connection, 1);
      await new Promise<void>((resolve) => this.#goOn = resolve);
      waitsForConnection(this.#connection, -1);
    }
    if (!this.#writes()) throw this.#gone();
  }

  #writes(): boolean {
    const state = this.#connection.stateNumber;
    return state === State.open || state === State.readEnded;
  }

  #gone(): Error {
    return this.#connection.extras?.error ??
      new StateError("writable: writing has ended on the connection", {
        code: "ERR_STATE",
        operation: "write",
        connectionId: this.#connection.id,
      });
  }
}

const encoder = new TextEncoder();
