/**
 * The systems a package carries libraries for.
 *
 * @module
 */

/** The library of each, where `zig build all` puts it. */
export const TARGETS = [
  { system: "linux", architecture: "x86_64", file: "libringport.so" },
  { system: "linux", architecture: "aarch64", file: "libringport.so" },
  { system: "windows", architecture: "x86_64", file: "ringport.dll" },
  { system: "windows", architecture: "aarch64", file: "ringport.dll" },
];
