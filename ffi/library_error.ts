/**
 * The errors of the library before it is used.
 *
 * @module
 */

/** The library could not be had or cannot be trusted. */
export class LibraryError extends Error {
  override readonly name: string = "LibraryError";
  /** Stable: ERR_LIBRARY_NOT_FOUND, ERR_LIBRARY_OPEN, or the code of a subclass. */
  readonly code: string;
  /** Path of the library it is about; "" where none was found. */
  readonly path: string;

  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.path = path;
  }
}

/** The library speaks another version of the boundary. */
export class AbiVersionError extends LibraryError {
  override readonly name = "AbiVersionError";

  constructor(path: string, readonly found: number, readonly wanted: number) {
    super(
      "ERR_ABI_VERSION",
      path,
      `${path} has ABI version ${found}, these sources need ${wanted}; ${REBUILD}`,
    );
  }
}

/** The library was built from other layouts or numbers than the generated TypeScript. */
export class LayoutHashError extends LibraryError {
  override readonly name = "LayoutHashError";

  constructor(path: string, readonly found: number, readonly wanted: number) {
    const numbers = `layout hash ${hexadecimal(found)}, these sources need ${hexadecimal(wanted)}`;
    super("ERR_LAYOUT_HASH", path, `${path} has ${numbers}; ${REBUILD}`);
  }
}

/** Library and TypeScript do not see the same bytes in the memory they share. */
export class PatternError extends LibraryError {
  override readonly name = "PatternError";

  constructor(path: string, reader: "library" | "runtime") {
    const message = reader === "library"
      ? `${path} does not see the bytes this runtime wrote`
      : `this runtime does not see the bytes ${path} wrote`;
    super("ERR_PATTERN", path, `${message}: the runtime's FFI does not share memory`);
  }
}

const REBUILD = "build it again with: zig build";

function hexadecimal(number: number): string {
  return `0x${(number >>> 0).toString(16).padStart(8, "0")}`;
}
