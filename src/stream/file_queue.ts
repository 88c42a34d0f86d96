/**
 * The files of one connection that are not with the kernel whole: those that the library has, and those
 * that wait behind bytes of the outbox.
 *
 * @module
 */
import { assert, ASSERTIONS } from "../base/assert.ts";
import type { OpenFile } from "./sendable_file.ts";
import type { FileSend, WriteResult } from "./types.ts";

const asserting = ASSERTIONS;

/** Bytes of a file on their way. */
export class QueuedFile implements FileSend {
  readonly result: WriteResult;
  readonly file: OpenFile;
  readonly offset: number;
  readonly length: number;
  /** Bytes it counts as in the connection's buffer. */
  readonly weight: number;
  /** Where its bytes begin among those of all files of the connection. */
  readonly start: number;
  #sent = 0;
  #over = false;
  #error: Error | undefined = undefined;
  #done: Promise<number> | undefined = undefined;
  #resolve: ((bytes: number) => void) | undefined = undefined;
  #reject: ((error: Error) => void) | undefined = undefined;
  readonly #queue: FileQueue | undefined;

  constructor(
    result: WriteResult,
    part: { file: OpenFile; offset: number; length: number },
    weight: number,
    start: number,
    queue: FileQueue | undefined,
  ) {
    this.result = result;
    this.file = part.file;
    this.offset = part.offset;
    this.length = part.length;
    this.weight = weight;
    this.start = start;
    this.#queue = queue;
  }

  get end(): number {
    return this.start + this.length;
  }

  get bytesSent(): number {
    if (this.#over || this.#queue === undefined) return this.#sent;
    return Math.min(Math.max(this.#queue.sent - this.start, 0), this.length);
  }

  get done(): Promise<number> {
    return this.#done ??= new Promise((resolve, reject) => {
      if (!this.#over) {
        this.#resolve = resolve;
        this.#reject = reject;
      } else if (this.#error === undefined) {
        resolve(this.#sent);
      } else {
        reject(this.#error);
      }
    });
  }

  /** It is over: `sent` bytes are with the kernel. */
  settle(sent: number, error?: Error): void {
    if (asserting) assert(!this.#over, "the send of a file ends once");
    this.#sent = sent;
    this.#over = true;
    this.#error = error;
    if (error === undefined) this.#resolve?.(sent);
    else this.#reject?.(error);
  }
}

/** The files of one connection, in their order. */
export class FileQueue {
  /** Bytes all of them count as in the connection's buffer. */
  weight = 0;
  /** Files the library has. */
  submitted = 0;
  readonly #files: QueuedFile[] = [];
  /** Two words for the connection's slot, see `NativeLoop.fileSent`. */
  readonly #counts: Uint32Array;
  readonly #at: number;
  /** What the counter of the slot was before the first file. */
  readonly #base: number;
  /** Bytes of all files so far. */
  #end = 0;

  constructor(counts: Uint32Array, slot: number) {
    this.#counts = counts;
    this.#at = 2 * slot;
    this.#base = countAt(counts, this.#at);
  }

  /** Bytes of all files that the kernel has taken. */
  get sent(): number {
    return countAt(this.#counts, this.#at) - this.#base;
  }

  /** Bytes the kernel has not taken. */
  get remaining(): number {
    return this.#files.length === 0 ? 0 : this.#end - this.sent;
  }

  push(
    result: WriteResult,
    part: { file: OpenFile; offset: number; length: number },
    weight: number,
  ): QueuedFile {
    const queued = new QueuedFile(result, part, weight, this.#end, this);
    part.file.hold();
    this.#files.push(queued);
    this.weight += weight;
    this.#end += part.length;
    return queued;
  }

  /** Files may have gone whole. */
  settle(): void {
    const { sent } = this;
    while (this.#files.length > 0 && this.#files[0].end <= sent) {
      this.submitted -= 1;
      const queued = this.#remove();
      queued.settle(queued.length);
    }
    if (asserting) {
      assert(
        this.submitted >= 0 && this.submitted <= this.#files.length,
        "files that have gone were submitted",
      );
      assert((this.weight > 0) === (this.#files.length > 0), "each file under way has a weight");
    }
  }

  /** The connection is gone. Returns how many bytes were lost. */
  fail(makeError: () => Error): number {
    this.settle();
    if (this.#files.length === 0) return 0;
    const { sent, remaining } = this;
    const error = makeError();
    while (this.#files.length > 0) {
      const queued = this.#remove();
      queued.settle(Math.max(sent - queued.start, 0), error);
    }
    this.submitted = 0;
    return remaining;
  }

  #remove(): QueuedFile {
    const queued = this.#files.shift()!;
    this.weight -= queued.weight;
    queued.file.release();
    return queued;
  }
}

const highHalf = 2 ** 32;

function countAt(counts: Uint32Array, at: number): number {
  return counts[at + 1] * highHalf + counts[at];
}
