/**
 * Opening the library and a loop in it.
 *
 * @module
 */
import {
  type Lane,
  type ListenQueue,
  type LoopMeasure,
  type LoopSizes,
  type Native,
  openNative,
  type ProcessCounters,
  type SharedMemory,
} from "../../ffi/mod.ts";
import { parseAddress } from "../base/address.ts";
import { StateError } from "../base/errors.ts";
import { Status } from "../base/layout.ts";
import { Engine } from "./engine.ts";
import { errorOfNative } from "./native_errors.ts";

export { environment, processId } from "../../ffi/mod.ts";
export type {
  Lane,
  ListenQueue,
  LoopMeasure,
  LoopSizes,
  ProcessCounters,
  SharedMemory,
} from "../../ffi/mod.ts";

/** Libraries by the path asked for: finding one looks at files, which is too much for every connection. */
const natives = new Map<string | undefined, Native>();

function nativeOf(library?: string): Native {
  let native = natives.get(library);
  if (native === undefined) natives.set(library, native = openNative({ library }));
  return native;
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
 * does not tell. See `Native.listenQueue`.
 */
export function listenQueue(
  { hostname, port }: { hostname: string; port: number },
  library?: string,
): ListenQueue | undefined {
  const address = parseAddress(hostname);
  return address && nativeOf(library).listenQueue({ family: address.family, port, bytes: address.bytes });
}

/** Opens the giving end of a lane, see `Native.openLane`; throws this framework's errors. */
export function openLane(connection: number | undefined, processId?: number, library?: string): Lane {
  try {
    return nativeOf(library).openLane(connection, processId);
  } catch (error) {
    throw errorOfNative(error, { operation: "openLane" });
  }
}

/** Takes the other end of a lane, see `Native.takeLane`; throws this framework's errors. */
export function takeLane(
  connection: number | undefined,
  processId?: number,
  library?: string,
): Lane | undefined {
  try {
    return nativeOf(library).takeLane(connection, processId);
  } catch (error) {
    throw errorOfNative(error, { operation: "takeLane" });
  }
}

/** Gives a socket over a lane, see `Lane.give`; throws this framework's errors. */
export function giveDescriptor(descriptor: number, lane: Lane): Uint8Array<ArrayBuffer> | "busy" {
  try {
    return lane.give("socket", descriptor);
  } catch (error) {
    throw errorOfNative(error, { operation: "give" });
  }
}

/** Takes what was given under a ticket, see `Lane.take`; throws this framework's errors. */
export function takeDescriptor(ticket: Uint8Array, lane: Lane): number | "exhausted" {
  try {
    return lane.take(ticket);
  } catch (error) {
    throw errorOfNative(error, { operation: "take" });
  }
}

/** Connects to a Unix socket, see `Native.dialMeeting`; throws this framework's errors. */
export function dialMeeting(path: string, processId?: number, library?: string): number {
  try {
    return nativeOf(library).dialMeeting(path, processId);
  } catch (error) {
    throw errorOfNative(error, { operation: "dialMeeting" });
  }
}

/** Makes a folder for this user alone, see `Native.makeMeetingFolder`; throws this framework's errors. */
export function makeMeetingFolder(parent: string, library?: string): string {
  try {
    return nativeOf(library).makeMeetingFolder(parent);
  } catch (error) {
    throw errorOfNative(error, { operation: "makeMeetingFolder" });
  }
}

/** Removes it, see `Native.removeMeetingFolder`. */
export function removeMeetingFolder(path: string, library?: string): void {
  nativeOf(library).removeMeetingFolder(path);
}

/** Makes memory that other processes can map, see `Native.createMemory`; throws this framework's errors. */
export function createSharedMemory(bytes: number, library?: string): SharedMemory {
  try {
    return nativeOf(library).createMemory(bytes);
  } catch (error) {
    throw errorOfNative(error, { operation: "createSharedMemory" });
  }
}

/** Maps memory of another process, see `Native.openMemory`; throws this framework's errors. */
export function openSharedMemory(descriptor: number, bytes: number, library?: string): SharedMemory {
  try {
    return nativeOf(library).openMemory(descriptor, bytes);
  } catch (error) {
    throw errorOfNative(error, { operation: "openSharedMemory" });
  }
}

/** Gives memory made here over a lane, as often as wanted; throws this framework's errors. */
export function giveMemory(memory: SharedMemory, lane: Lane): Uint8Array<ArrayBuffer> | "busy" {
  if (memory.descriptor === 0) {
    const details = { code: "ERR_STATE", operation: "giveMemory", origin: "application" } as const;
    throw new StateError("giveMemory: this process has not made the memory, or has closed it", details);
  }
  try {
    return lane.give("memory", memory.descriptor);
  } catch (error) {
    throw errorOfNative(error, { operation: "giveMemory" });
  }
}

let clock: Native | undefined = undefined;

/** The clock of all threads and processes, see `Native.now`: any library that is open tells it. */
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

/** What does not depend on the library's file is asked of the one that is open. */
function anyNative(): Native {
  return natives.values().next().value ?? nativeOf();
}

/** What the memory of a loop will be, see `Native.measureLoop`; throws this framework's errors. */
export function measureSizes(sizes: LoopSizes, library?: string): LoopMeasure {
  try {
    return nativeOf(library).measureLoop(given(sizes));
  } catch (error) {
    throw errorOfNative(error, { operation: "createLoop" });
  }
}

function given(sizes: LoopSizes): LoopSizes {
  return Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
}

/** Opens a loop, whose numbers may lie in memory that is given; throws this framework's errors. */
export function openEngine(
  sizes: LoopSizes,
  development: boolean,
  library?: string,
  shared?: ArrayBufferLike,
): Engine {
  try {
    return new Engine(nativeOf(library).openLoop(given(sizes), shared), development);
  } catch (error) {
    throw errorOfNative(error, { operation: "createLoop" });
  }
}

/** Descriptors the process may have open, Infinity where the system sets no limit. */
export function descriptorLimit(library?: string): number {
  return nativeOf(library).descriptorLimit();
}

/** The library's addresses of a host name. */
export function resolve(hostname: string): Promise<string[]> {
  const native: Native = openNative();
  return native.resolve(hostname);
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
