/**
 * Files with known bytes, of any size, with holes, and cut off while they are in use.
 *
 * @module
 */
import { Folder } from "./folder.ts";

interface FileSystem {
  openSync(path: string, flags: string): number;
  closeSync(file: number): void;
  writeSync(file: number, bytes: Uint8Array, from: number, length: number, position: number): number;
  truncateSync(path: string, length: number): void;
  chmodSync(path: string, mode: number): void;
  mkdirSync(path: string): void;
}

interface NodeProcess {
  getBuiltinModule(name: string): FileSystem;
}

/** Both runtimes have Node's files without a flag, and the same code writes them. */
const fileSystem = (globalThis as unknown as { process: NodeProcess }).process.getBuiltinModule("node:fs");

/** The byte of every file at a position: 251 is prime, so no buffer size hides a shift. */
export function diskByte(position: number): number {
  return position % 251;
}

/** The bytes of every file between two positions. */
export function diskBytes(from: number, to: number): Uint8Array {
  const bytes = new Uint8Array(to - from);
  for (let index = 0; index < bytes.length; index++) bytes[index] = diskByte(from + index);
  return bytes;
}

const chunkBytes = 1024 * 1024;

/** Files of one test, gone with the scope. */
export class Disk implements AsyncDisposable {
  readonly #folder: Folder;

  private constructor(folder: Folder) {
    this.#folder = folder;
  }

  static async make(): Promise<Disk> {
    return new Disk(await Folder.make());
  }

  path(name: string): string {
    return this.#folder.file(name);
  }

  /** Writes the bytes between two positions; what lies before is a hole. Returns the path. */
  write(name: string, to: number, from = 0): string {
    const path = this.path(name);
    const file = fileSystem.openSync(path, "w");
    for (let at = from; at < to; at += chunkBytes) {
      const bytes = diskBytes(at, Math.min(at + chunkBytes, to));
      fileSystem.writeSync(file, bytes, 0, bytes.length, at);
    }
    fileSystem.closeSync(file);
    return path;
  }

  /** Adds bytes behind those of a file. */
  append(path: string, from: number, to: number): void {
    const file = fileSystem.openSync(path, "r+");
    const bytes = diskBytes(from, to);
    fileSystem.writeSync(file, bytes, 0, bytes.length, from);
    fileSystem.closeSync(file);
  }

  cut(path: string, length: number): void {
    fileSystem.truncateSync(path, length);
  }

  forbid(path: string): void {
    fileSystem.chmodSync(path, 0);
  }

  makeFolder(name: string): string {
    fileSystem.mkdirSync(this.path(name));
    return this.path(name);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#folder[Symbol.asyncDispose]();
  }
}
