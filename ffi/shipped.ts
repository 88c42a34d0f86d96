/**
 * The library in a published package: as a file, or as text that is written to a folder no other user can
 * change. A checkout has neither; they are created with the package.
 *
 * @module
 */
import type { HostFiles } from "./driver.ts";
import type { Host } from "./host.ts";
import { importShippedModule } from "./shipped_modules.ts";
import { fileFault, folderFault } from "./trusted_folder.ts";

/** What a module `shipped/<system>_<architecture>.gen.ts` exports. */
interface ShippedLibrary {
  /** The library's bytes in base64. */
  readonly LIBRARY_BASE64: string;
  /** Their SHA-256 in lower-case hexadecimal. */
  readonly LIBRARY_SHA256: string;
}

/** The path of the library to open, or why there is none. */
export type Unpacked = { readonly path: string } | { readonly reason: string };

/** What unpacking needs of the runtime. */
interface UnpackSurroundings {
  readonly files: HostFiles;
  readonly host: Host;
  /** Why the library there cannot be opened, see `Driver.openingFault`. */
  openingFault(path: string): string | undefined;
}

/** The module of the package for a system, imported only where it is needed; rejects where there is none. */
export async function importShipped(host: Host): Promise<ShippedLibrary> {
  return await importShippedModule(`${host.operatingSystem}_${host.architecture}`) as ShippedLibrary;
}

/**
 * Writes the library to the first folder that is this user's alone and from which it can be opened, unless it
 * is there already, whole and unchanged. Nobody else can change it between this check and the opening.
 */
export async function unpack(library: ShippedLibrary, surroundings: UnpackSurroundings): Promise<Unpacked> {
  const { host, files } = surroundings;
  const bytes = Uint8Array.from(atob(library.LIBRARY_BASE64), (character) => character.charCodeAt(0));
  if (await sha256(bytes) !== library.LIBRARY_SHA256) {
    return { reason: "its library is damaged: the hash does not match" };
  }
  const faults: string[] = [];
  for await (const { name, folder } of cacheFolders(files, host)) {
    if (folder === undefined) {
      faults.push(`${name}: not set, or not permitted to be read`);
      continue;
    }
    try {
      const found = await unpackIn(folder, bytes, library.LIBRARY_SHA256, surroundings);
      if ("path" in found) return found;
      faults.push(`${name}: ${found.reason}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : error;
      faults.push(`${name}: ${folder} cannot be used: ${reason}`);
    }
  }
  return {
    reason: `no folder was found to unpack its library to:${faults.map((one) => `\n    - ${one}`).join("")}`,
  };
}

async function unpackIn(
  folder: string,
  bytes: Uint8Array<ArrayBuffer>,
  hash: string,
  { files, host, openingFault }: UnpackSurroundings,
): Promise<Unpacked> {
  const isWindows = host.operatingSystem === "windows";
  const whole = `${hash.slice(0, NAME_DIGITS)}-${libraryFileName(host)}`;
  const separator = isWindows ? "\\" : "/";
  // Where it is there already, nothing need be permitted or possible to write.
  if (files.presence(`${folder}${separator}${whole}`) !== "present") await files.makeFolder(folder);
  const real = files.realPath(folder);
  const path = `${real}${separator}${whole}`;
  if (!isWindows) {
    const fault = await folderFault(real, files);
    if (fault !== undefined) return { reason: fault };
  }
  // A file of another user, from before the folder was closed to them, is replaced like one that is damaged.
  const isGood = async () =>
    await isWhole(path, hash, files) && (isWindows || await fileFault(path, real, files) === undefined);
  if (!await isGood()) await files.writeWhole(path, bytes);
  if (!await isGood()) return { reason: `${path} is not what was written there` };
  const fault = openingFault(path);
  return fault === undefined ? { path } : { reason: `${path} cannot be opened: ${fault}` };
}

/** The file's name on a system. */
export function libraryFileName(host: Host): string {
  return host.operatingSystem === "windows" ? "ringport.dll" : "libringport.so";
}

/** Names the folder that holds unpacked libraries; without it the system's usual places are tried. */
export const CACHE_VARIABLE = "RINGPORT_CACHE";
/** Digits of the hash in the name: enough that no two builds ever meet. */
const NAME_DIGITS = 32;
/** Where Linux keeps temporary files. Only a folder of this user's own in it is used. */
const TEMPORARY_FOLDER = "/" + "tmp";

/** A folder that may hold the library, with what names it; no folder where that is not set. */
interface CacheFolder {
  readonly name: string;
  readonly folder: string | undefined;
}

async function* cacheFolders(files: HostFiles, host: Host): AsyncGenerator<CacheFolder> {
  const below = (variable: string, rest: string): CacheFolder => {
    const value = files.variable(variable);
    return { name: `the variable ${variable}`, folder: value ? `${value}${rest}` : undefined };
  };
  yield below(CACHE_VARIABLE, "");
  if (host.operatingSystem === "windows") {
    yield below("LOCALAPPDATA", "\\ringport");
    yield below("TEMP", "\\ringport");
    return;
  }
  yield below("XDG_CACHE_HOME", "/ringport");
  yield below("HOME", "/.cache/ringport");
  const temporary = files.variable("TMPDIR") || TEMPORARY_FOLDER;
  const name = "the temporary folder";
  const user = await files.userId(temporary).catch(() => undefined);
  if (user !== undefined) yield { name, folder: `${temporary}/ringport-${user}` };
  // Another user may have taken that name. This one cannot be known before.
  yield { name, folder: `${temporary}/ringport-${crypto.randomUUID()}` };
}

async function isWhole(path: string, hash: string, files: HostFiles): Promise<boolean> {
  return files.presence(path) === "present" && await sha256(await files.read(path)) === hash;
}

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
