/**
 * Parts of windows, for code that passes bytes on.
 *
 * @module
 */
import type { Window } from "./window.ts";

/**
 * The bytes of a window from `position` on, `bytesMax` at most; the window itself where that is all of it.
 */
export function limitedTo(window: Window, position: number, bytesMax: number): Window {
  const length = Math.min(window.length - position, bytesMax);
  return position === 0 && length === window.length ? window : window.subarray(position, position + length);
}
