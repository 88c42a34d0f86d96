/**
 * Files that connections send: opened by the library, which names them by a number.
 *
 * @module
 */
import type { NativeFunctions } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { OpenedFile } from "./port.ts";
import { NativeError } from "./status.ts";

/** Bytes. Buffers of a page and more stay where they are. */
const PAGE_BYTES = 4096;
const HIGH_HALF = 2 ** 32;

/** Opens a file to be sent; throws a NativeError. */
export function openFile(
  functions: Pick<NativeFunctions, "ringport_file_open">,
  path: string,
): OpenedFile {
  const bytes = new TextEncoder().encode(path);
  const padded = new Uint8Array(new ArrayBuffer(Math.max(PAGE_BYTES, bytes.length)));
  padded.set(bytes);
  const words = new Uint32Array(new ArrayBuffer(PAGE_BYTES));
  const result = functions.ringport_file_open(padded, bytes.length, new Uint8Array(words.buffer));
  if (result < 0) throw new NativeError("file_open", -result, words[layout.OPENED_FILE_SYSTEM_ERROR]);
  return {
    number: words[layout.OPENED_FILE_NUMBER],
    size: words[layout.OPENED_FILE_SIZE_HIGH] * HIGH_HALF + words[layout.OPENED_FILE_SIZE_LOW],
    modified: words[layout.OPENED_FILE_MODIFIED_HIGH] * HIGH_HALF + words[layout.OPENED_FILE_MODIFIED_LOW],
  };
}
