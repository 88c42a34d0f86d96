/**
 * Bytes that wait in TypeScript's own memory because the library or the ring accepts no more of them.
 *
 * @module
 */
import { outboxChunkBytes } from "../base/limits.ts";

/** A queue of bytes in chunks. Small pieces share a chunk. */
export class Outbox {
  /** Bytes in the queue. */
  length = 0;
  readonly #chunks: Uint8Array[] = [];
  /** Bytes already taken from the first chunk. */
  #taken = 0;
  /** Bytes in use of the last chunk. */
  #filled = 0;

  /** Copies `bytes` to the queue's end. */
  push(bytes: Uint8Array): void {
    this.length += bytes.length;
    let rest = bytes;
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#filled < last.length) {
      const part = rest.subarray(0, last.length - this.#filled);
      last.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
    }
    if (rest.length === 0) return;
    const chunk = new Uint8Array(Math.max(rest.length, this.#chunkSize()));
    chunk.set(rest);
    this.#chunks.push(chunk);
    this.#filled = rest.length;
  }

  /** Moves bytes from the queue's beginning to `target` at `position`, `limit` at most. Returns how many. */
  take(target: Uint8Array, position: number, limit: number): number {
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
      this.#chunks.shift();
      this.#taken = 0;
    }
    return moved;
  }

  /** Throws everything away. */
  clear(): void {
    this.#chunks.length = 0;
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
