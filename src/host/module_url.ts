/**
 * The URL of a module named on a command line.
 *
 * @module
 */

import { AccessDeniedError, OptionError } from "../base/errors.ts";
import { messageOf } from "../base/thrown.ts";

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
 * The URL of a module: a URL stays as it is, a path is taken from the current folder. Whether `\` separates
 * folders is seen by whether that begins with a drive.
 */
export function moduleUrl(name: string, currentFolder: () => string): string {
  if (scheme.test(name)) {
    const url = URL.parse(name);
    if (url !== null) return url.href;
    throw new OptionError("server", "application", `"${name}" is not a valid URL`);
  }
  const folder = folderFor(name, currentFolder);
  const onWindows = drive.test(folder);
  const separator = onWindows ? /[\\/]/ : /\//;
  const path = encodePath(name, separator);
  const folderPath = encodePath(folder, separator).replace(/^\/+|\/+$/g, "");
  const base = `file:///${folderPath}${folderPath === "" ? "" : "/"}`;
  return new URL(onWindows && drive.test(name) ? `file:///${path}` : path, base).href;
}

/** Deno needs a permission to return the current folder. */
function folderFor(name: string, currentFolder: () => string): string {
  try {
    return currentFolder();
  } catch (cause) {
    const message = `server: "${name}" cannot be found from the current folder: ${messageOf(cause)}`;
    throw new AccessDeniedError(message, { code: "EACCES", operation: "server", cause });
  }
}
