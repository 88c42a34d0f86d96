/**
 * Bytes that wait in TypeScript's own memory because the library or the ring accepts no more of them, and
 * files between them.
 *
 * @module
 */
import { outboxChunkBytes, outboxSpareChunksMax } from "../base/limits.ts";
import type { FileQueue, QueuedFile } from "./file_queue.ts";

/** A file in the queue, with the number of bytes between it and the file before, or the beginning. */
interface WaitingFile {
  before: number;
  readonly queued: QueuedFile;
}

/** A queue of bytes in chunks. Small pieces share a chunk. */
export class Outbox {
  /** Bytes in the queue. */
  length = 0;
  /** All files of the connection that are under way, here or with the library. */
  files: FileQueue | undefined = undefined;
  readonly #waiting: WaitingFile[] = [];
  /** Bytes behind the last file. */
  #behind = 0;
  readonly #chunks: Uint8Array[] = [];
  /** Bytes already taken from the first chunk. */
  #taken = 0;
  /** Bytes in use of the last chunk. */
  #filled = 0;

  /** Nothing waits. */
  get isEmpty(): boolean {
    return this.length === 0 && this.#waiting.length === 0;
  }

  /** Nothing waits, and the library has no file either. */
  get isIdle(): boolean {
    return this.isEmpty && (this.files === undefined || this.files.weight === 0);
  }

  /** Puts a file at the queue's end. */
  pushFile(queued: QueuedFile): void {
    this.#waiting.push({ before: this.#behind, queued });
    this.#behind = 0;
  }

  /** Takes the file at the queue's beginning; undefined where bytes are, or nothing. */
  takeFile(): QueuedFile | undefined {
    const first = this.#waiting[0];
    if (first === undefined || first.before > 0) return undefined;
    this.#waiting.shift();
    return first.queued;
  }

  /** Copies `bytes` to the queue's end. */
  push(bytes: Uint8Array): void {
    this.length += bytes.length;
    this.#behind += bytes.length;
    let rest = bytes;
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#filled < last.length) {
      const part = rest.subarray(0, last.length - this.#filled);
      last.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
    }
    while (rest.length > 0) {
      const chunk = makeChunk(Math.max(rest.length, this.#chunkSize()));
      const part = rest.length > chunk.length ? rest.subarray(0, chunk.length) : rest;
      chunk.set(part);
      this.#chunks.push(chunk);
      this.#filled = part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** Bytes before the first file. */
  get lengthToFile(): number {
    return this.#waiting.length === 0 ? this.length : this.#waiting[0].before;
  }

  /**
   * Moves bytes from the queue's beginning to `target` at `position`, `limit` at most and none behind a file.
   * Returns how many.
   */
  take(target: Uint8Array, position: number, most: number): number {
    const limit = Math.min(most, this.lengthToFile);
    const moved = this.#take(target, position, limit);
    if (this.#waiting.length === 0) this.#behind -= moved;
    else this.#waiting[0].before -= moved;
    return moved;
  }

  #take(target: Uint8Array, position: number, limit: number): number {
    let moved = 0;
    while (moved < limit && this.length > 0) {
      const chunk = this.#chunks[0];
      const end = this.#chunks.length === 1 ? this.#filled : chunk.length;
      const part = chunk.subarray(this.#taken, Math.min(end, this.#taken + limit - moved));
      target.set(part, position + moved);
      moved += part.length;
      this.length -= part.length;
      this.#taken += part.length;
      if (this.#taken < end) continue;
      keepChunk(chunk);
      this.#chunks.shift();
      this.#taken = 0;
    }
    return moved;
  }

  /** Throws everything away. */
  clear(): void {
    this.#chunks.forEach(keepChunk);
    this.#chunks.length = 0;
    this.#waiting.length = 0;
    this.#behind = 0;
    this.length = 0;
    this.#taken = 0;
    this.#filled = 0;
  }

  /**
   * A queue that has little in it begins with small chunks: a thousand slow readers should not cost 64 MB.
   */
  #chunkSize(): number {
    return Math.min(outboxChunkBytes, Math.max(outboxChunkMinBytes, this.length));
  }
}

/** Bytes of the smallest chunk. */
const outboxChunkMinBytes = 1024;

/**
 * Chunks of the full length that are free, of all queues of the thread: fresh memory has to be cleared and
 * mapped page by page, which takes as long as the copy.
 */
const spareChunks: Uint8Array[] = [];

function makeChunk(wanted: number): Uint8Array {
  if (wanted < outboxChunkBytes) return new Uint8Array(wanted);
  return spareChunks.pop() ?? new Uint8Array(outboxChunkBytes);
}

function keepChunk(chunk: Uint8Array): void {
  if (chunk.length === outboxChunkBytes && spareChunks.length < outboxSpareChunksMax) spareChunks.push(chunk);
}
