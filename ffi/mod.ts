/**
 * The native library, opened and checked: the only way from `src/` to it. The runtime is detected here, once,
 * by importing its driver; neither runtime could load the other's.
 *
 * @module
 */
import { readListenQueue, readNetworkCounters, readProcessCounters } from "./counters.ts";
import type { Driver, OpenedLibrary } from "./driver.ts";
import { detectHost } from "./host.ts";
import { findLibrary, type FoundLibrary, type LibrarySearch, packagedPath } from "./library.ts";
import { LibraryError } from "./library_error.ts";
import { checkLibrary } from "./load_check.ts";
import { Status } from "./layout.gen.ts";
import { measureLoop, openLoop } from "./native_loop.ts";
import { dialMeeting, makeMeetingFolder, openLane, removeMeetingFolder, takeLane } from "./passing.ts";
import type { Native } from "./port.ts";
import { openFile } from "./files.ts";
import { createMemory, openMemory } from "./shared_memory.ts";
import { NativeError } from "./status.ts";
import { importShipped, unpack, type Unpacked } from "./shipped.ts";

export type {
  Doorbell,
  Gift,
  Lane,
  ListenQueue,
  LoopMeasure,
  LoopSizes,
  Native,
  NativeAddress,
  NativeLoop,
  OpenedFile,
  ProcessCounters,
  ResolvedLoopSizes,
  ShareableLoop,
  SharedMemory,
} from "./port.ts";
export { AbiVersionError, LayoutHashError, LibraryError, PatternError } from "./library_error.ts";
export { HostNameError } from "./host_name.ts";
export { NativeError };

/** What can be asked for when the library is opened. */
interface NativeOptions {
  /** Absolute path of the library's file, instead of searching for it. */
  library?: string;
}

/** What a library is looked for and opened with. */
interface Surroundings {
  readonly driver: Driver;
  readonly search: LibrarySearch;
}

// Done at load, as it takes awaiting, so that opening, and with it listening, is synchronous. An error is
// thrown when the library is opened: importing alone must not fail.
const found: Surroundings | LibraryError = await findSurroundings();

async function findSurroundings(): Promise<Surroundings | LibraryError> {
  try {
    const driver = await importDriver();
    const search = { files: driver.files, host: detectHost(), moduleUrl: import.meta.url };
    return { driver, search: { ...search, unpacked: await unpackWhereNeeded(driver, search) } };
  } catch (error) {
    if (error instanceof LibraryError) return error;
    throw error;
  }
}

async function importDriver(): Promise<Driver> {
  if ("Bun" in globalThis) return (await import("./bun.ts")).driver;
  if ("Deno" in globalThis) return (await import("./deno.ts")).driver;
  throw new LibraryError("ERR_UNSUPPORTED_RUNTIME", "", "Ringport runs on Bun and Deno only");
}

function surroundings(): Surroundings {
  if (found instanceof LibraryError) throw found;
  return found;
}

/** A variable of the environment; undefined where it is not set or may not be read. Never prompts. */
export function readEnvironment(name: string): string | undefined {
  return surroundings().driver.files.variable(name);
}

/** The system's number of this process. */
export function currentProcessId(): number {
  return surroundings().driver.processId;
}

/** Libraries opened by this thread: a second opening gives the same one. */
const opened = new Map<string, Native>();

/**
 * Finds, opens and checks the library; a second call gives what the first one gave. Throws a LibraryError, or
 * the subclass of it that says what does not fit.
 */
export function openNative(options: NativeOptions = {}): Native {
  const { driver, search } = surroundings();
  const { path } = findLibrary({ ...search, library: options.library });
  const known = opened.get(path);
  if (known !== undefined) return known;
  const library = openLibrary(driver, path);
  checkLibrary(library.functions, path);
  const native: Native = {
    runtime: driver.runtime,
    libraryPath: path,
    openLoop: (sizes = {}, shared) => openLoop(library, sizes, shared),
    measureLoop: (sizes) => measureLoop(library, sizes),
    resolve: driver.resolve,
    descriptorLimit: () => library.functions.ringport_descriptor_limit() || Infinity,
    wakeLoop: (handle) => void library.functions.ringport_wake(handle),
    seizeLoop: (handle) => seizeLoop(library.functions, handle),
    discard: (descriptor) => library.functions.ringport_discard(0, descriptor >>> 0) === 0,
    processCounters: () => readProcessCounters(library.functions),
    listenQueue: (address) => readListenQueue(library.functions, address),
    networkCounters: () => readNetworkCounters(library.functions),
    openLane: (connection, processId) => openLane(library.functions, connection, processId),
    takeLane: (connection, processId) => takeLane(library.functions, connection, processId),
    dialMeeting: (path, processId) => dialMeeting(library.functions, path, processId),
    makeMeetingFolder: (parent) => makeMeetingFolder(library.functions, parent),
    removeMeetingFolder: (path) => removeMeetingFolder(library.functions, path),
    createMemory: (bytes) => createMemory(library, bytes),
    openMemory: (descriptor, bytes) => openMemory(library, descriptor, bytes),
    openFile: (path) => openFile(library.functions, path),
    closeFile: (number) => void library.functions.ringport_file_close(number),
    now: () => library.functions.ringport_now(),
    interfaceIndex: (name) => interfaceIndex(library.functions, name),
    currentFolder: () => currentFolder(library.functions),
    notify: (path, text, stamped) => notify(library.functions, path, text, stamped),
  };
  opened.set(path, native);
  return native;
}

/**
 * A thread that is gone does not close its doorbell, whose own thread would sleep as long as the process
 * lives.
 */
function seizeLoop(functions: OpenedLibrary["functions"], handle: number): number {
  const status = -functions.ringport_loop_seize(handle);
  if (status !== Status.busy) functions.ringport_doorbell_close(handle);
  return status;
}

/** Bytes. In a longer folder no path of a Unix socket has room. */
const FOLDER_BYTES = 2048;

function interfaceIndex(functions: OpenedLibrary["functions"], name: string): number | undefined {
  const bytes = new TextEncoder().encode(name);
  if (bytes.length === 0) return undefined;
  const index = functions.ringport_interface_index(bytes, bytes.length);
  return index < 0 ? undefined : index;
}

function notify(
  functions: OpenedLibrary["functions"],
  path: string,
  text: string,
  stamped: boolean,
): number {
  const [name, bytes] = [path, text].map((part) => new TextEncoder().encode(part));
  if (name.length === 0 || bytes.length === 0) return Status.invalidArgument;
  return -functions.ringport_notify(name, name.length, bytes, bytes.length, stamped ? 1 : 0);
}

function currentFolder(functions: OpenedLibrary["functions"]): string | undefined {
  const bytes = new Uint8Array(new ArrayBuffer(FOLDER_BYTES));
  const length = functions.ringport_current_folder(bytes, bytes.length);
  return length < 0 ? undefined : new TextDecoder().decode(bytes.subarray(0, length));
}

function openLibrary(driver: Driver, path: string): OpenedLibrary {
  try {
    return driver.openLibrary(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LibraryError("ERR_LIBRARY_OPEN", path, `${path} could not be opened: ${reason}`, { cause });
  }
}

/** The package's library, where no other one is found: the file it has, or unpacked. */
async function unpackWhereNeeded(
  { files, openingFault }: Driver,
  search: LibrarySearch,
): Promise<Unpacked | undefined> {
  if (otherLibrary(search) !== undefined) return undefined;
  const { host } = search;
  const own = packagedPath(import.meta.url, host);
  if (own !== undefined && files.presence(own) === "present" && openingFault(own) === undefined) {
    return { path: own };
  }
  try {
    return await unpack(await importShipped(host), { files, host, openingFault });
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split("\n");
    return { reason: `it gives no library for this system (${reason})` };
  }
}

function otherLibrary(search: LibrarySearch): FoundLibrary | undefined {
  try {
    return findLibrary(search);
  } catch {
    // Told when the library is opened.
    return undefined;
  }
}
