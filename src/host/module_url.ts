/**
 * What a command line calls a module, as its URL.
 *
 * @module
 */

/** Letters and digits before a colon; one letter alone is a drive. */
const scheme = /^[a-z][a-z0-9+.-]+:/i;
const drive = /^[a-z]:[\\/]/i;

/** A path whose parts are not URL syntax. */
function encodePath(path: string, separator: RegExp): string {
  return path.split(separator)
    .map((part) => /^[a-z]:$/i.test(part) ? part : encodeURIComponent(part))
    .join("/");
}

/**
 * The URL of a module: a URL stays as it is, a path is taken from `folder`, which is absolute. Whether `\`
 * separates folders is seen by whether `folder` begins with a drive.
 */
export function moduleUrl(name: string, folder: string): string {
  if (scheme.test(name)) return new URL(name).href;
  const onWindows = drive.test(folder);
  const separator = onWindows ? /[\\/]/ : /\//;
  const path = encodePath(name, separator);
  const folderPath = encodePath(folder, separator).replace(/^\/+|\/+$/g, "");
  const base = `file:///${folderPath}${folderPath === "" ? "" : "/"}`;
  return new URL(onWindows && drive.test(name) ? `file:///${path}` : path, base).href;
}
