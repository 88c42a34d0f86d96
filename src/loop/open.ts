/**
 * Opening the library and a loop in it.
 *
 * @module
 */
import { type LoopSizes, type Native, openNative } from "../../ffi/mod.ts";
import { Engine } from "./engine.ts";
import { errorOfNative } from "./native_errors.ts";

/** Opens a loop; throws this framework's errors. */
export function openEngine(sizes: LoopSizes, development: boolean, library?: string): Engine {
  const given = Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
  try {
    return new Engine(openNative({ library }).openLoop(given), development);
  } catch (error) {
    throw errorOfNative(error, { operation: "createLoop" });
  }
}

/** The library's addresses of a host name. */
export function resolve(hostname: string): Promise<string[]> {
  const native: Native = openNative();
  return native.resolve(hostname);
}
