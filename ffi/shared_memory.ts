/**
 * Memory that several processes map: the only memory here that comes from the system instead of the runtime.
 *
 * Its parts are ArrayBuffers over an address. Neither engine frees or moves what it has not allocated, and
 * both carry out `Atomics` on them as on a SharedArrayBuffer, by the same instructions of the processor
 * (`tests/process_hammer_test.ts`); only waiting on them is not available. Parts are detached before the
 * memory is freed, so that code with a forgotten view gets an error instead of reading freed memory.
 *
 * @module
 */
import type { OpenedLibrary } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { SharedMemory } from "./port.ts";
import { NativeError } from "./status.ts";

/** Bytes. Buffers of a page and more stay where they are. */
const PAGE_BYTES = 4096;
const UINT32_MAX = 0xffff_ffff;
const HIGH_HALF = 2 ** 32;

/** Creates shared memory of this length, all zero. */
export function createMemory(library: OpenedLibrary, bytes: number): SharedMemory {
  return new MappedMemory(library, "memory_create", bytes, 0);
}

/** Maps a piece of another process; the descriptor is closed in any case. */
export function openMemory(library: OpenedLibrary, descriptor: number, bytes: number): SharedMemory {
  return new MappedMemory(library, "memory_map", bytes, descriptor);
}

class MappedMemory implements SharedMemory {
  readonly bytes: number;
  readonly #library: OpenedLibrary;
  /** The SharedMemory struct. */
  readonly #struct = new Uint8Array(new ArrayBuffer(PAGE_BYTES));
  readonly #words = new Uint32Array(this.#struct.buffer);
  /** 0 once closed. */
  #address: number;
  #parts: ArrayBuffer[] = [];

  constructor(library: OpenedLibrary, operation: Operation, bytes: number, descriptor: number) {
    if (!Number.isInteger(bytes) || bytes <= 0 || bytes > UINT32_MAX) {
      const detail = `shared memory must have 1 to ${UINT32_MAX} bytes, not ${bytes}`;
      throw new NativeError(operation, layout.Status.invalidArgument, 0, detail);
    }
    this.bytes = bytes;
    this.#library = library;
    this.#words[layout.SHARED_MEMORY_BYTES] = bytes;
    this.#words[layout.SHARED_MEMORY_DESCRIPTOR] = descriptor;
    const result = library.functions[`ringport_${operation}`](this.#struct);
    if (result < 0) {
      throw new NativeError(operation, -result, this.#words[layout.SHARED_MEMORY_SYSTEM_ERROR]);
    }
    this.#address = this.#words[layout.SHARED_MEMORY_ADDRESS_HIGH] * HIGH_HALF +
      this.#words[layout.SHARED_MEMORY_ADDRESS_LOW];
  }

  get descriptor(): number {
    return this.#words[layout.SHARED_MEMORY_DESCRIPTOR];
  }

  part(offset: number, bytes: number): ArrayBuffer {
    const fits = this.#address !== 0 && offset >= 0 && bytes > 0 && offset + bytes <= this.bytes;
    if (!fits) throw new NativeError("memory_part", layout.Status.invalidArgument);
    const part = this.#library.view(this.#address + offset, bytes);
    this.#parts.push(part);
    return part;
  }

  close(): void {
    this.#address = 0;
    for (const part of this.#parts) part.transfer(0);
    this.#parts = [];
    this.#library.functions.ringport_memory_close(this.#struct);
  }
}

type Operation = "memory_create" | "memory_map";
