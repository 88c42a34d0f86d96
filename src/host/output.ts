/**
 * Orders the output of a process: one write after the other on each stream, none of which blocks the caller.
 *
 * @module
 */
import type { OutputStream } from "./port.ts";

type Write = (stream: OutputStream, bytes: Uint8Array<ArrayBuffer>) => Promise<void>;

/** Writes by a runtime's own way, which resolves when the system has taken the bytes. */
export class Output {
  readonly #write: Write;
  /** The last write of each stream that is under way. */
  readonly #last = new Map<OutputStream, Promise<void>>();

  constructor(write: Write) {
    this.#write = write;
  }

  write(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const before = this.#last.get(stream);
    const next = () => this.#write(stream, bytes);
    // With nothing under way the system gets it at once, in case the process is about to end.
    const written = before === undefined ? next() : before.then(next, next);
    this.#last.set(stream, written);
    const settled = () => {
      if (this.#last.get(stream) === written) this.#last.delete(stream);
    };
    written.then(settled, settled);
    return written;
  }

  async flush(stream: OutputStream): Promise<void> {
    for (;;) {
      const last = this.#last.get(stream);
      if (last === undefined) return;
      await last.catch(() => {});
    }
  }
}
