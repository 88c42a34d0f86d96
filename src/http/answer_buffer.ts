/**
 * The bytes of answers on their way to a connection: those of one received window are gathered and written
 * together.
 *
 * @module
 */
import { httpOutputBytes } from "../base/limits.ts";
import type { StreamConnection } from "../stream/connection.ts";

/** Takes what was gathered. */
interface BufferSink {
  /** Writes bytes to a connection, in order. They are copied or sent before it returns. */
  deliver(connection: StreamConnection, bytes: Uint8Array): void;
}

/** The gathered bytes of one loop. Whatever is rendered is rendered behind them. */
export class AnswerBuffer {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(httpOutputBytes);
  /** Where the next byte goes; those before it are gathered for `target`. */
  at = 0;
  /** The connection whose received window is being handled. */
  target: StreamConnection | undefined = undefined;
  readonly #sink: BufferSink;

  constructor(sink: BufferSink) {
    this.#sink = sink;
  }

  /** Makes room for `length` further bytes. No unfinished bytes may lie before `at`: what does is written. */
  room(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    this.flush();
    if (length <= this.bytes.length) return;
    this.bytes = new Uint8Array(2 ** Math.ceil(Math.log2(length)));
  }

  /** A copy of what was rendered from `from` on, which is gathered no more. */
  cut(from: number): Uint8Array<ArrayBuffer> {
    const bytes = this.bytes.slice(from, this.at);
    this.at = from;
    return bytes;
  }

  /** Writes what is gathered. */
  flush(): void {
    const { at, target, bytes } = this;
    if (at === 0) return;
    this.at = 0;
    this.#sink.deliver(target!, bytes.subarray(0, at));
    if (bytes.length > httpOutputBytes) this.bytes = new Uint8Array(httpOutputBytes);
  }
}
