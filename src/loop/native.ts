/**
 * The library as the rest of `src/` calls it. Every call that can throw goes through {@linkcode native}, so
 * that no error but this framework's own leaves the boundary.
 *
 * @module
 */
import {
  currentProcessId,
  HostNameError,
  type Lane,
  LibraryError,
  type ListenQueue,
  type LoopMeasure,
  type LoopSizes,
  type Native,
  NativeError,
  type NativeLoop,
  type OpenedFile,
  openNative,
  type ProcessCounters,
  readEnvironment,
  type SharedMemory,
} from "../../ffi/mod.ts";
import { parseAddress } from "../base/address.ts";
import { ResolveError, RingportError, StateError } from "../base/errors.ts";
import { Status } from "../base/layout.ts";
import { messageOf } from "../base/thrown.ts";
import { errorOfStatus, type StatusPlace } from "./native_errors.ts";

export type {
  Lane,
  ListenQueue,
  LoopMeasure,
  LoopSizes,
  OpenedFile,
  ProcessCounters,
  SharedMemory,
} from "../../ffi/mod.ts";

/** Calls the library; throws nothing but a RingportError of this operation. */
export function native<T>(operation: string, call: () => T, place?: Omit<StatusPlace, "operation">): T {
  try {
    return call();
  } catch (error) {
    throw errorOfNative(error, { operation, ...place });
  }
}

/** What the boundary threw, as one of this framework's errors. */
export function errorOfNative(error: unknown, place: StatusPlace): RingportError {
  if (error instanceof RingportError) return error;
  if (error instanceof NativeError) {
    const meanings = error.detail === "" ? place.meanings : { [error.status]: error.detail };
    return errorOfStatus(error.status, error.systemError, { ...place, meanings });
  }
  const { operation, address, connectionId } = place;
  const details = { operation, address, connectionId, origin: "library", cause: error } as const;
  const message = `${operation}: ${messageOf(error)}`;
  if (error instanceof HostNameError) {
    const { code, hostname } = error;
    return new ResolveError(message, { ...details, code, address: hostname, origin: "kernel" });
  }
  const code = error instanceof LibraryError ? error.code : "ERR_UNEXPECTED";
  return new RingportError(message, { ...details, code });
}

/** Libraries by the path asked for: finding one looks at files, which is too much forevery connection. */
const natives = new Map<string | undefined, Native>();

function nativeOf(library?: string): Native {
  let opened = natives.get(library);
  if (opened === undefined) {
    opened = native("openLibrary", () => openNative({ library }));
    natives.set(library, opened);
  }
  return opened;
}

/** A variable of the environment; undefined where it is not set or may not be read. Never prompts. */
export function environment(name: string): string | undefined {
  return native("readEnvironment", () => readEnvironment(name));
}

/** The system's number of this process. */
export function processId(): number {
  return native("processId", currentProcessId);
}

/** The system's own counters of TCP, see `Native.networkCounters`. */
export function networkCounters(): string | undefined {
  return nativeOf().networkCounters();
}

/** This process as the system sees it, see `Native.processCounters`. */
export function processCounters(library?: string): ProcessCounters {
  return nativeOf(library).processCounters();
}

/**
 * What waits to be accepted at an IP address, over all sockets that listen there; undefined where the system
 * does not report them. See `Native.listenQueue`.
 */
export function listenQueue(
  { hostname, port }: { hostname: string; port: number },
  library?: string,
): ListenQueue | undefined {
  const address = parseAddress(hostname);
  return address && nativeOf(library).listenQueue({ family: address.family, port, bytes: address.bytes });
}

/** Opens the giving end of a lane, see `Native.openLane`. */
export function openLane(connection: number | undefined, processId?: number, library?: string): Lane {
  return native("openLane", () => nativeOf(library).openLane(connection, processId));
}

/** Takes the other end of a lane, see `Native.takeLane`. */
export function takeLane(
  connection: number | undefined,
  processId?: number,
  library?: string,
): Lane | undefined {
  return native("takeLane", () => nativeOf(library).takeLane(connection, processId));
}

/** Gives a socket over a lane, see `Lane.give`. */
export function giveDescriptor(descriptor: number, lane: Lane): Uint8Array<ArrayBuffer> | "busy" {
  return native("give", () => lane.give("socket", descriptor));
}

/** Takes what was given under a ticket, see `Lane.take`. */
export function takeDescriptor(ticket: Uint8Array, lane: Lane): number | "exhausted" {
  return native("take", () => lane.take(ticket));
}

/** Connects to a Unix socket, see `Native.dialMeeting`. */
export function dialMeeting(path: string, processId?: number, library?: string): number {
  return native("dialMeeting", () => nativeOf(library).dialMeeting(path, processId));
}

/** Makes a folder for this user alone, see `Native.makeMeetingFolder`. */
export function makeMeetingFolder(parent: string, library?: string): string {
  return native("makeMeetingFolder", () => nativeOf(library).makeMeetingFolder(parent));
}

/** Removes it, see `Native.removeMeetingFolder`. */
export function removeMeetingFolder(path: string, library?: string): void {
  native("removeMeetingFolder", () => nativeOf(library).removeMeetingFolder(path));
}

/** Makes memory that other processes can map, see `Native.createMemory`. */
export function createSharedMemory(bytes: number, library?: string): SharedMemory {
  return native("createSharedMemory", () => nativeOf(library).createMemory(bytes));
}

/** Maps memory of another process, see `Native.openMemory`. */
export function openSharedMemory(descriptor: number, bytes: number, library?: string): SharedMemory {
  return native("openSharedMemory", () => nativeOf(library).openMemory(descriptor, bytes));
}

/** Gives memory made here over a lane, as often as wanted. */
export function giveMemory(memory: SharedMemory, lane: Lane): Uint8Array<ArrayBuffer> | "busy" {
  if (memory.descriptor === 0) {
    const details = { code: "ERR_STATE", operation: "giveMemory", origin: "application" } as const;
    throw new StateError("giveMemory: this process has not made the memory, or has closed it", details);
  }
  return native("giveMemory", () => lane.give("memory", memory.descriptor));
}

let clock: Native | undefined = undefined;

/** The clock of all threads and processes, see `Native.now`: read through any open library. */
export function systemNow(): number {
  clock ??= anyNative();
  return clock.now();
}

/** The number of a network interface, see `Native.interfaceIndex`. */
export function interfaceIndex(name: string): number | undefined {
  return anyNative().interfaceIndex(name);
}

/** Tells the service manager something, see `Native.notify`. */
export function notifyManager(path: string, text: string, stamped: boolean): "sent" | "busy" | "failed" {
  const status = anyNative().notify(path, text, stamped);
  return status === Status.ok ? "sent" : status === Status.busy ? "busy" : "failed";
}

/** The path of the current folder, see `Native.currentFolder`. */
export function currentFolder(): string | undefined {
  return anyNative().currentFolder();
}

/** Opens a file to be sent, see `Native.openFile`. */
export function openFile(path: string, library?: string): OpenedFile {
  return native("SendableFile.open", () => fileLibrary(library).openFile(path), { address: path });
}

/** Gives it back, see `Native.closeFile`. */
export function closeFile(number: number, library?: string): void {
  fileLibrary(library).closeFile(number);
}

/** Loops of the same library can send the file. */
function fileLibrary(library?: string): Native {
  return library === undefined ? anyNative() : nativeOf(library);
}

/** What does not depend on the library's file is asked of the one that is open. */
function anyNative(): Native {
  return natives.values().next().value ?? nativeOf();
}

/** What the memory of a loop will be, see `Native.measureLoop`. */
export function measureSizes(sizes: LoopSizes, library?: string): LoopMeasure {
  return native("createLoop", () => nativeOf(library).measureLoop(given(sizes)));
}

function given(sizes: LoopSizes): LoopSizes {
  return Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
}

/** Opens a loop, whose numbers may lie in memory that is given. */
export function openLoop(sizes: LoopSizes, library?: string, shared?: ArrayBufferLike): NativeLoop {
  return native("createLoop", () => nativeOf(library).openLoop(given(sizes), shared));
}

/** Descriptors the process may have open, Infinity where the system sets no limit. */
export function descriptorLimit(library?: string): number {
  return nativeOf(library).descriptorLimit();
}

/** The library's addresses of a host name; rejects with a ResolveError where it has none. */
export async function resolve(hostname: string): Promise<string[]> {
  try {
    return await nativeOf().resolve(hostname);
  } catch (error) {
    throw errorOfNative(error, { operation: "resolve", address: hostname });
  }
}

/** Takes the loop of another thread away, see `Native.seizeLoop`. */
export function seizeLoop(handle: number, library?: string): "seized" | "busy" | "gone" {
  const status = nativeOf(library).seizeLoop(handle);
  if (status === Status.ok) return "seized";
  return status === Status.busy ? "busy" : "gone";
}

/** Closes the raw descriptor of a connection that no loop took; false where it names no socket. */
export function discardDescriptor(descriptor: number, library?: string): boolean {
  return nativeOf(library).discard(descriptor);
}

/** Wakes the loop of another thread of this process. */
export function wakeLoop(handle: number, library?: string): void {
  nativeOf(library).wakeLoop(handle);
}
