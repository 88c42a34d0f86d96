/**
 * File attributes for which Bun has no function outside Node's names, read through the C library.
 *
 * @module
 */
import { type BunFfi, NAME_OF_FFI } from "./bun_types.ts";

interface CFunctions {
  chmod(path: Uint8Array, mode: number): number;
  geteuid(): number;
  mkdir(path: Uint8Array, mode: number): number;
  realpath(path: Uint8Array, resolved: Uint8Array): number | null;
}

const DEFINITIONS = {
  chmod: { args: ["ptr", "u32"], returns: "i32" },
  geteuid: { args: [], returns: "u32" },
  mkdir: { args: ["ptr", "u32"], returns: "i32" },
  realpath: { args: ["ptr", "ptr"], returns: "ptr" },
} as const;

/** glibc, and musl as its distributions name it. */
const C_LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];
/** Bytes of the longest path. */
const PATH_BYTES_MAX = 4096;

/** Modes of what is made here: for this user alone, whatever the user's mask says. */
const OWN_FILE_MODE = 0o600;
const OWN_FOLDER_MODE = 0o700;

let functions: CFunctions | undefined = undefined;

const { dlopen } = await import(NAME_OF_FFI) as BunFfi;

function cFunctions(): CFunctions {
  if (functions !== undefined) return functions;
  for (const name of C_LIBRARIES) {
    try {
      return functions = dlopen(name, DEFINITIONS).symbols as CFunctions;
    } catch {
      // The next one may be there.
    }
  }
  throw new Error("the system's C library was not found");
}

function bytesOf(path: string): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(PATH_BYTES_MAX));
  const { read, written } = new TextEncoder().encodeInto(path, bytes.subarray(1));
  if (read < path.length || path.includes("\0")) throw new Error(`"${path}" is not a path`);
  bytes.copyWithin(0, 1);
  return bytes.subarray(0, written + 1);
}

/** The path without links; throws where there is none. */
export function realPath(path: string): string {
  const resolved = new Uint8Array(new ArrayBuffer(PATH_BYTES_MAX));
  if (!cFunctions().realpath(bytesOf(path), resolved)) throw new Error(`${path} does not exist`);
  return new TextDecoder().decode(resolved.subarray(0, resolved.indexOf(0)));
}

/** Makes a folder and those above it. One that is there already is left as it is. */
export function makeFolders(path: string): void {
  for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
    cFunctions().mkdir(bytesOf(path.slice(0, end)), OWN_FOLDER_MODE);
  }
  cFunctions().mkdir(bytesOf(path), OWN_FOLDER_MODE);
  realPath(path);
}

/** Closes a file to all other users. */
export function closeToOthers(path: string): void {
  if (cFunctions().chmod(bytesOf(path), OWN_FILE_MODE) !== 0) {
    throw new Error(`${path} could not be made private`);
  }
}

/** The number of the user this process acts for. */
export function userId(): number | undefined {
  try {
    return cFunctions().geteuid() >>> 0;
  } catch {
    return undefined;
  }
}
