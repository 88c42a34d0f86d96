/**
 * Requests whose caller has stopped waiting. The library still reads them in place, and may still open a
 * socket for them.
 *
 * @module
 */
import { Operation, Status } from "../../ffi/layout.gen.ts";
import type { Segments } from "../memory/segments.ts";

interface Abandoned {
  readonly segment: number;
  readonly length: number;
}

/** Keeps each request in place until it is answered, and closes what was opened for it. */
export class LateAnswers {
  readonly #segments: Segments;
  readonly #close: (id: number) => void;
  readonly #byTag = new Map<number, Abandoned>();

  /** `close` submits the close of a socket that nobody knows. */
  constructor(segments: Segments, close: (id: number) => void) {
    this.#segments = segments;
    this.#close = close;
  }

  /** Takes over the hold on the segment of a request that was not answered in time. */
  abandon(tag: number, segment: number, length: number): void {
    this.#byTag.set(tag, { segment, length });
  }

  /** An answer has come in its turn. */
  answered(operation: number, tag: number, id: number, status: number): void {
    const abandoned = this.#byTag.get(tag);
    if (abandoned === undefined) return;
    this.#byTag.delete(tag);
    this.#segments.release(abandoned.segment, 0, abandoned.length);
    if (status === Status.ok && operation !== Operation.membership) this.#close(id);
  }
}
