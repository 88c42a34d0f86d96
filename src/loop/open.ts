/**
 * Opening the library and a loop in it.
 *
 * @module
 */
import { type Inbox, type LoopSizes, type Native, openNative, type Taker } from "../../ffi/mod.ts";
import { Status } from "../base/layout.ts";
import { Engine } from "./engine.ts";
import { errorOfNative } from "./native_errors.ts";

export { environment, processId } from "../../ffi/mod.ts";
export type { Inbox, Taker } from "../../ffi/mod.ts";

/** The system's own counters of TCP, see `Native.networkCounters`. */
export function networkCounters(): string | undefined {
  return openNative().networkCounters();
}

/** Opens the inbox of a token, see `Native.openInbox`; throws this framework's errors. */
export function openInbox(token: string, library?: string): Inbox {
  try {
    return openNative({ library }).openInbox(token);
  } catch (error) {
    throw errorOfNative(error, { operation: "openInbox" });
  }
}

/** Gives a socket to another process, see `Native.give`; throws this framework's errors. */
export function giveDescriptor(
  descriptor: number,
  to: Taker,
  library?: string,
): Uint8Array<ArrayBuffer> | "busy" {
  try {
    return openNative({ library }).give(descriptor, to);
  } catch (error) {
    throw errorOfNative(error, { operation: "give" });
  }
}

/** Opens a loop; throws this framework's errors. */
export function openEngine(sizes: LoopSizes, development: boolean, library?: string): Engine {
  const given = Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
  try {
    return new Engine(openNative({ library }).openLoop(given), development);
  } catch (error) {
    throw errorOfNative(error, { operation: "createLoop" });
  }
}

/** Descriptors the process may have open, Infinity where the system sets no limit. */
export function descriptorLimit(library?: string): number {
  return openNative({ library }).descriptorLimit();
}

/** The library's addresses of a host name. */
export function resolve(hostname: string): Promise<string[]> {
  const native: Native = openNative();
  return native.resolve(hostname);
}

/** Takes the loop of another thread away, see `Native.seizeLoop`. */
export function seizeLoop(handle: number, library?: string): "seized" | "busy" | "gone" {
  const status = openNative({ library }).seizeLoop(handle);
  if (status === Status.ok) return "seized";
  return status === Status.busy ? "busy" : "gone";
}

/** Closes the raw descriptor of a connection that no loop took; false where it names no socket. */
export function discardDescriptor(descriptor: number, library?: string): boolean {
  return openNative({ library }).discard(descriptor);
}

/**
 * Gives the function that wakes the loop of another thread of this process. Finding the library looks at files,
 * which is too much for every connection, so it is done once, here.
 */
export function loopWaker(library?: string): (handle: number) => void {
  const native = openNative({ library });
  return (handle) => native.wakeLoop(handle);
}
