/**
 * Finds the library: named by the caller or a variable, built in the checkout, or contained in the package.
 *
 * @module
 */
import type { HostFiles } from "./driver.ts";
import type { Host } from "./host.ts";
import { LibraryError } from "./library_error.ts";
import { libraryFileName, type Unpacked } from "./shipped.ts";

/** Names the library's file; wins over all but the caller's own option. */
export const LIBRARY_VARIABLE = "RINGPORT_LIBRARY";
/** What makes the library in a checkout. */
const BUILD_COMMAND = "cd zig && zig build";

/** All that decides which library is taken. */
export interface LibrarySearch {
  readonly files: HostFiles;
  readonly host: Host;
  /** `import.meta.url` of this folder: only a file: URL has a checkout around it. */
  readonly moduleUrl: string;
  /** The caller's own choice. */
  readonly library?: string;
  /** The result of looking for the package's library; undefined before the first attempt. */
  readonly unpacked?: Unpacked;
}

/** A library that can be tried. */
export interface FoundLibrary {
  readonly path: string;
  readonly origin: "option" | "variable" | "checkout" | "package";
}

/** The library to open. Throws a LibraryError that lists every place where none was. */
export function findLibrary(search: LibrarySearch): FoundLibrary {
  const named = namedLibrary(search);
  if (named !== undefined) return named;
  const tried = [
    `the option "library" and the variable ${LIBRARY_VARIABLE}: not set, or not permitted to be read`,
  ];
  for (const path of checkoutPaths(search.moduleUrl, search.host)) {
    const presence = search.files.presence(path);
    if (presence === "present") return { path, origin: "checkout" };
    tried.push(`${path}: ${presence === "denied" ? "no permission to read it" : "not there"}`);
  }
  const { unpacked } = search;
  if (unpacked !== undefined) {
    if ("path" in unpacked) return { path: unpacked.path, origin: "package" };
    tried.push(`the package: ${unpacked.reason}`);
  }
  const places = tried.map((place) => `\n  - ${place}`).join("");
  const advice = `In a checkout, build it with: ${BUILD_COMMAND}`;
  const message = `${libraryFileName(search.host)} was not found. Tried:${places}\n${advice}`;
  throw new LibraryError("ERR_LIBRARY_NOT_FOUND", "", message);
}

/** A choice somebody made is taken or refused, never passed over in silence. */
function namedLibrary({ library, files }: LibrarySearch): FoundLibrary | undefined {
  const variable = library === undefined ? files.variable(LIBRARY_VARIABLE) : undefined;
  const path = library ?? variable;
  if (path === undefined || path === "") return undefined;
  const origin = library === undefined ? "variable" : "option";
  const asked = origin === "option" ? 'the option "library"' : `the variable ${LIBRARY_VARIABLE}`;
  if (!isAbsolute(path)) {
    const message = `${asked} must be the absolute path of the library's file, not "${path}"`;
    throw new LibraryError("ERR_LIBRARY_NOT_FOUND", path, message);
  }
  if (files.presence(path) === "absent") {
    throw new LibraryError("ERR_LIBRARY_NOT_FOUND", path, `${asked} names ${path}, which does not exist`);
  }
  return { path, origin };
}

/** Where `zig build` puts the library for this system, and where it puts those for all systems. */
export function checkoutPaths(moduleUrl: string, host: Host): string[] {
  if (!moduleUrl.startsWith("file:")) return [];
  const file = libraryFileName(host);
  const folder = host.operatingSystem === "windows" ? "bin" : "lib";
  return [
    `../zig/zig-out/${folder}/${file}`,
    `../zig/zig-out/${host.architecture}-${host.operatingSystem}/${file}`,
  ].map((relative) => pathOfFileUrl(new URL(relative, moduleUrl), host));
}

/**
 * Where a package that is installed as files has the library for this system; undefined for one from a URL.
 */
export function packagedPath(moduleUrl: string, host: Host): string | undefined {
  if (!moduleUrl.startsWith("file:")) return undefined;
  const relative = `./shipped/${host.operatingSystem}_${host.architecture}/${libraryFileName(host)}`;
  return pathOfFileUrl(new URL(relative, moduleUrl), host);
}

/** The path of a file: URL, in the system's own spelling. */
export function pathOfFileUrl(url: URL, host: Host): string {
  const path = decodeURIComponent(url.pathname);
  if (host.operatingSystem !== "windows") return path;
  const local = path.slice(1).replaceAll("/", "\\");
  return url.hostname === "" ? local : `\\\\${url.hostname}\\${local}`;
}

function isAbsolute(path: string): boolean {
  return /^(\/|\\\\|[A-Za-z]:[\\/])/.test(path);
}
