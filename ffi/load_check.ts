/**
 * Whether a library just opened is the one these sources were generated for, and whether memory really is
 * shared with it. Each mismatch has its own error.
 *
 * @module
 */
import type { NativeFunctions } from "./driver.ts";
import { ABI_VERSION, LAYOUT_HASH, PATTERN_STEP } from "./layout.gen.ts";
import { AbiVersionError, LayoutHashError, PatternError } from "./library_error.ts";

/** The functions the checks call. */
export type CheckedFunctions = Pick<
  NativeFunctions,
  "ringport_abi_version" | "ringport_layout_hash" | "ringport_pattern_test"
>;

/** Bytes. Two pages: enough that runtimes which copy or move small buffers are caught where they do not. */
const PATTERN_BYTES = 8192;
/** Any number will do that leaves neither pattern all zero. */
const PATTERN_SEED = 41;

/** Throws the error that says what does not fit. */
export function checkLibrary(functions: CheckedFunctions, path: string): void {
  const version = functions.ringport_abi_version() >>> 0;
  if (version !== ABI_VERSION) throw new AbiVersionError(path, version, ABI_VERSION);
  const hash = functions.ringport_layout_hash() >>> 0;
  if (hash !== LAYOUT_HASH) throw new LayoutHashError(path, hash, LAYOUT_HASH);
  checkMemory(functions, path, new Uint8Array(new ArrayBuffer(PATTERN_BYTES)));
  checkMemory(functions, path, new Uint8Array(new SharedArrayBuffer(PATTERN_BYTES)));
}

function checkMemory(functions: CheckedFunctions, path: string, memory: Uint8Array): void {
  for (let index = 0; index < memory.length; index++) memory[index] = patternByte(PATTERN_SEED, index);
  const answer = functions.ringport_pattern_test(memory, memory.length, PATTERN_SEED);
  if (answer !== 0) throw new PatternError(path, "library");
  for (let index = 0; index < memory.length; index++) {
    if (memory[index] !== patternByte(PATTERN_SEED + 1, index)) throw new PatternError(path, "runtime");
  }
}

/** Byte of the pattern both sides know, as `pattern_test` of the library writes it. */
export function patternByte(seed: number, index: number): number {
  return (seed + index * PATTERN_STEP) & 0xff;
}
