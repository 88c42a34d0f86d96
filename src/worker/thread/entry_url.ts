/**
 * Where the script of a worker's thread is.
 *
 * @module
 */

/** This module as itself, not as a part of a bundle. */
const UNBUNDLED = /\/src\/worker\/thread\/entry_url\.[jt]s$/;

/**
 * The script of a thread. A program that was put into one file has it beside itself, under a name that the
 * program's author gives it (docs/packaging.md).
 */
export function threadEntry(): URL {
  if (!UNBUNDLED.test(import.meta.url)) return new URL("./ringport_worker.js", import.meta.url);
  return new URL("./entry.ts", import.meta.url);
}
