/**
 * Copies of few bytes, one behind the other: memory of its own would cost more than the copy.
 *
 * @module
 */

const chunkBytes = 16 * 1024;
/** More than this gets memory of its own, so that a copy that is kept holds little beside it. */
const sharingMaxBytes = 2048;

/** Copies bytes. `bytes` and `start` say where the last copy lies; it is never written to again. */
export class SideBySide {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  start = 0;
  #chunk: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #at = chunkBytes;

  copy(bytes: Uint8Array, from: number, length: number): void {
    if (length > sharingMaxBytes) {
      this.bytes = new Uint8Array(bytes.subarray(from, from + length));
      this.start = 0;
      return;
    }
    if (this.#at + length > chunkBytes) {
      this.#chunk = new Uint8Array(chunkBytes);
      this.#at = 0;
    }
    this.#chunk.set(bytes.subarray(from, from + length), this.#at);
    this.bytes = this.#chunk;
    this.start = this.#at;
    this.#at += length;
  }
}
