/**
 * A running hash that tells loss, repetition and reordering of a byte stream, whatever pieces it arrives in.
 *
 * @module
 */

/** Feed it bytes in order; two streams with the same digest were the same stream. */
export class StreamHash {
  /** Bytes hashed so far. */
  length = 0;
  #low = 0x811c9dc5 | 0;
  #high = 0x2545f491 | 0;

  update(bytes: Uint8Array): this {
    let low = this.#low;
    let high = this.#high;
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index];
      low = Math.imul(low ^ byte, 0x01000193);
      high = Math.imul((high + byte) | 0, 0x85ebca6b) ^ (high >>> 15);
    }
    this.#low = low;
    this.#high = high;
    this.length += bytes.length;
    return this;
  }

  digest(): string {
    const words = [this.#low, this.#high].map((word) => (word >>> 0).toString(16).padStart(8, "0"));
    return `${this.length}:${words.join("")}`;
  }
}

/** The digest of bytes that lie in one piece. */
export function hashOf(bytes: Uint8Array): string {
  return new StreamHash().update(bytes).digest();
}
