/**
 * The library a published package carries as text, written once to the user's cache folder to be opened.
 * A checkout has no such modules: they are made when the package is.
 *
 * @module
 */
import type { HostFiles } from "./driver.ts";
import type { Host } from "./host.ts";

/** What a module `shipped/<system>_<architecture>.gen.ts` exports. */
export interface ShippedLibrary {
  /** The library's bytes in base64. */
  readonly LIBRARY_BASE64: string;
  /** Their SHA-256 in lower-case hexadecimal. */
  readonly LIBRARY_SHA256: string;
}

/** The path of the written library, or why there is none. */
export type Unpacked = { readonly path: string } | { readonly reason: string };

/** The module of the package for a system, imported only where it is needed; rejects where there is none. */
export async function importShipped(host: Host): Promise<ShippedLibrary> {
  // Registries for Bun carry the modules translated to JavaScript under that ending.
  const ending = import.meta.url.endsWith(".js") ? "js" : "ts";
  const specifier = `./shipped/${host.operatingSystem}_${host.architecture}.gen.${ending}`;
  return await import(specifier) as ShippedLibrary;
}

/** Writes the library to the cache folder unless it is there already, whole and unchanged. */
export async function unpack(library: ShippedLibrary, files: HostFiles, host: Host): Promise<Unpacked> {
  const folder = cacheFolder(files, host);
  if (folder === undefined) {
    return { reason: `no cache folder is known: set ${CACHE_VARIABLE} or permit reading it` };
  }
  const bytes = Uint8Array.from(atob(library.LIBRARY_BASE64), (character) => character.charCodeAt(0));
  if (await sha256(bytes) !== library.LIBRARY_SHA256) {
    return { reason: "the package's library is damaged: its bytes do not have the hash it names" };
  }
  const path = `${folder}/${library.LIBRARY_SHA256.slice(0, NAME_DIGITS)}-${libraryFileName(host)}`;
  try {
    if (!await isWhole(path, library.LIBRARY_SHA256, files)) await files.writeWhole(path, bytes);
    // Read back: another user of a shared cache folder may have been first with something else.
    if (await isWhole(path, library.LIBRARY_SHA256, files)) return { path };
    return { reason: `${path} is not what was written there` };
  } catch (error) {
    return { reason: `${path} cannot be written: ${error instanceof Error ? error.message : error}` };
  }
}

/** The file's name on a system. */
export function libraryFileName(host: Host): string {
  return host.operatingSystem === "windows" ? "ringport.dll" : "libringport.so";
}

/** Names the folder that holds unpacked libraries; without it the system's usual place is taken. */
export const CACHE_VARIABLE = "RINGPORT_CACHE";
/** Digits of the hash in the name: enough that no two builds ever meet. */
const NAME_DIGITS = 32;

function cacheFolder(files: HostFiles, host: Host): string | undefined {
  const own = files.variable(CACHE_VARIABLE);
  if (own) return own;
  if (host.operatingSystem === "windows") {
    const local = files.variable("LOCALAPPDATA");
    return local ? `${local}\\ringport` : undefined;
  }
  const cache = files.variable("XDG_CACHE_HOME");
  if (cache) return `${cache}/ringport`;
  const home = files.variable("HOME");
  return home ? `${home}/.cache/ringport` : undefined;
}

async function isWhole(path: string, hash: string, files: HostFiles): Promise<boolean> {
  return files.presence(path) === "present" && await sha256(await files.read(path)) === hash;
}

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
