/**
 * The driver for Bun.
 *
 * The first opening of a library in a process must not happen in several workers at once, which crashes Bun:
 * the code that starts workers opens the library on the main thread first.
 *
 * @module
 */
import { BunDoorbell } from "./bun_doorbell.ts";
import { bun, type BunFfi, NAME_OF_FFI, ownProcessId } from "./bun_types.ts";
import {
  type Driver,
  type HostFiles,
  type NativeFunctions,
  type OpenedLibrary,
  translateSymbols,
} from "./driver.ts";
import { closeToOthers, makeFolders, realPath, userId } from "./bun_files.ts";
import { detectHost } from "./host.ts";
import { namesThisHost, noAddressError } from "./host_name.ts";
import { SYMBOLS, type SymbolType } from "./symbols.gen.ts";

const SPELLING = { u32: "u32", i32: "i32", pointer: "ptr" } as const satisfies Record<SymbolType, string>;

const { dlopen, toArrayBuffer } = await import(NAME_OF_FFI) as BunFfi;

function openLibrary(path: string): OpenedLibrary {
  const definitions: Record<string, { args: string[]; returns: string }> = {};
  for (const { name, parameters, result } of translateSymbols(SYMBOLS, SPELLING)) {
    definitions[name] = { args: parameters, returns: result };
  }
  const functions = dlopen(path, definitions).symbols as NativeFunctions;
  const { operatingSystem } = detectHost();
  return {
    functions,
    view: (address, bytes) => toArrayBuffer(address, 0, bytes),
    createDoorbell: (loop) => new BunDoorbell(loop, functions, operatingSystem),
  };
}

const isWindows = detectHost().operatingSystem === "windows";
const MODE_BITS = 0o7777;

const files: HostFiles = {
  variable: (name) => bun.env[name],
  presence: (path) => bun.file(path).size > 0 ? "present" : "absent",
  read: (path) => bun.file(path).bytes(),
  async writeWhole(path, bytes) {
    const temporary = `${path}.${crypto.randomUUID()}`;
    await bun.write(temporary, bytes);
    if (!isWindows) closeToOthers(temporary);
    await bun.$`mv ${temporary} ${path}`.quiet();
  },
  async makeFolder(path) {
    if (isWindows) await bun.$`mkdir -p ${path}`.quiet();
    else makeFolders(path);
  },
  realPath: (path) => isWindows ? path : realPath(path),
  async facts(path) {
    try {
      const found = await bun.file(path).stat();
      const mode = found.mode & MODE_BITS;
      return { isFile: found.isFile(), isFolder: found.isDirectory(), owner: found.uid, mode };
    } catch {
      return undefined;
    }
  },
  userId: () => Promise.resolve(userId()),
};

async function resolve(hostname: string): Promise<string[]> {
  const own = namesThisHost(hostname);
  if (own !== undefined) return own;
  try {
    const answers = await bun.dns.lookup(hostname);
    if (answers.length > 0) return answers.map(({ address }) => address);
  } catch (error) {
    throw noAddressError(hostname, error);
  }
  throw noAddressError(hostname, undefined);
}

function openingFault(path: string): string | undefined {
  try {
    openLibrary(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export const driver: Driver = {
  runtime: "bun",
  files,
  processId: ownProcessId,
  openLibrary,
  openingFault,
  resolve,
};
