/**
 * Short texts in shared memory: a length byte and UTF-8, truncated if there is no room. They are for people;
 * two threads that write one at the same moment may leave a mixture.
 *
 * @module
 */
import { reasonBytes } from "./layout.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a text at place `index`. */
export function writeText(bytes: Uint8Array, index: number, text: string): void {
  const at = index * reasonBytes;
  const encoded = encoder.encode(text);
  let length = Math.min(encoded.length, reasonBytes - 1);
  // Not in the middle of a character: continuation bytes begin with 10.
  while (length < encoded.length && length > 0 && (encoded[length] & 0xc0) === 0x80) length -= 1;
  bytes.set(encoded.subarray(0, length), at + 1);
  bytes[at] = length;
}

/** Reads the text at place `index`. */
export function readText(bytes: Uint8Array, index: number): string {
  const at = index * reasonBytes;
  const length = Math.min(bytes[at], reasonBytes - 1);
  // Copied first: a decoder takes no shared memory.
  return decoder.decode(new Uint8Array(bytes.subarray(at + 1, at + 1 + length)));
}
