/** Finding, unpacking and checking the library, with files and functions that exist only here. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { FilePresence, HostFiles } from "../ffi/driver.ts";
import type { Host } from "../ffi/host.ts";
import { ABI_VERSION, LAYOUT_HASH } from "../ffi/layout.gen.ts";
import { checkoutPaths, findLibrary, LIBRARY_VARIABLE, pathOfFileUrl } from "../ffi/library.ts";
import { AbiVersionError, LayoutHashError, LibraryError, PatternError } from "../ffi/library_error.ts";
import { type CheckedFunctions, checkLibrary, patternByte } from "../ffi/load_check.ts";
import { CACHE_VARIABLE, sha256, unpack } from "../ffi/shipped.ts";
import { errorOf } from "./helpers/wait.ts";

const LINUX: Host = { operatingSystem: "linux", architecture: "x86_64" };
const WINDOWS: Host = { operatingSystem: "windows", architecture: "aarch64" };
const MODULE_URL = "file:///srv/checkouts/my%20project/ffi/mod.ts";
const [BUILT, BUILT_BESIDE] = checkoutPaths(MODULE_URL, LINUX);

interface FakeFiles extends HostFiles {
  written: string[];
}

function fakeFiles(
  present: Record<string, Uint8Array<ArrayBuffer>> = {},
  variables: Record<string, string> = {},
  denied: string[] = [],
): FakeFiles {
  const written: string[] = [];
  return {
    written,
    makeFolder: () => Promise.resolve(),
    realPath: (path) => path,
    facts: (path) =>
      Promise.resolve({ isFile: path in present, isFolder: !(path in present), owner: 1000, mode: 0o700 }),
    userId: () => Promise.resolve(1000),
    variable: (name) => variables[name],
    presence: (path): FilePresence =>
      denied.includes(path) ? "denied" : path in present ? "present" : "absent",
    read: (path) => Promise.resolve(present[path]),
    writeWhole(path, bytes) {
      present[path] = bytes;
      written.push(path);
      return Promise.resolve();
    },
  };
}

const LIBRARY = new Uint8Array([1, 2, 3]);

describe("the search for the library", () => {
  it("takes the caller's option before the variable, the variable before the checkout", () => {
    const present = { "/own.so": LIBRARY, "/variable.so": LIBRARY, [BUILT]: LIBRARY };
    const files = fakeFiles(present, { [LIBRARY_VARIABLE]: "/variable.so" });
    const search = { files, host: LINUX, moduleUrl: MODULE_URL };
    expect(findLibrary({ ...search, library: "/own.so" })).toEqual({ path: "/own.so", origin: "option" });
    expect(findLibrary(search)).toEqual({ path: "/variable.so", origin: "variable" });
    const quiet = { ...search, files: fakeFiles(present) };
    expect(findLibrary(quiet)).toEqual({ path: BUILT, origin: "checkout" });
    const unpacked = { path: "/cache/library.so" };
    const empty = { ...search, files: fakeFiles(), unpacked };
    expect(findLibrary(empty)).toEqual({ path: "/cache/library.so", origin: "package" });
  });

  it("refuses a named library that is not there instead of taking another", () => {
    const files = fakeFiles({ [BUILT]: LIBRARY }, { [LIBRARY_VARIABLE]: "/gone.so" });
    const search = { files, host: LINUX, moduleUrl: MODULE_URL };
    expect(() => findLibrary(search)).toThrow(/RINGPORT_LIBRARY names \/gone\.so/);
    expect(() => findLibrary({ ...search, library: "near.so" })).toThrow(/absolute path.*"near\.so"/);
  });

  it("that finds nothing lists each place, what is wrong with it, and how to build", async () => {
    const files = fakeFiles({}, {}, [BUILT]);
    const unpacked = { reason: "it carries no library for this system" };
    const error = await errorOf(() => findLibrary({ files, host: LINUX, moduleUrl: MODULE_URL, unpacked }));
    expect(error).toBeInstanceOf(LibraryError);
    const { code, message } = error as LibraryError;
    expect(code).toBe("ERR_LIBRARY_NOT_FOUND");
    expect(message).toContain(LIBRARY_VARIABLE);
    expect(message).toContain(`${BUILT_BESIDE}: not there`);
    expect(message).toContain(`${BUILT}: no permission to read it`);
    expect(message).toContain("the package: it carries no library for this system");
    expect(message).toContain("zig build");
  });

  it("names files as each system does, and knows no checkout beside a module from the network", () => {
    expect(BUILT).toBe("/srv/checkouts/my project/zig/zig-out/lib/libringport.so");
    expect(checkoutPaths("file:///C:/my%20project/ffi/mod.ts", WINDOWS)).toEqual([
      "C:\\my project\\zig\\zig-out\\bin\\ringport.dll",
      "C:\\my project\\zig\\zig-out\\aarch64-windows\\ringport.dll",
    ]);
    expect(pathOfFileUrl(new URL("file://server/share/a.dll"), WINDOWS)).toBe("\\\\server\\share\\a.dll");
    expect(checkoutPaths("https://registry.test/ffi/mod.ts", LINUX)).toEqual([]);
  });
});

describe("the library of a package", () => {
  const variables = { [CACHE_VARIABLE]: "/cache" };
  const openingFault = () => undefined;

  async function shippedLibrary() {
    return { LIBRARY_BASE64: btoa(String.fromCharCode(...LIBRARY)), LIBRARY_SHA256: await sha256(LIBRARY) };
  }

  it("is written once under its hash and found whole the next time", async () => {
    const files = fakeFiles({}, variables);
    const shipped = await shippedLibrary();
    const path = `/cache/${shipped.LIBRARY_SHA256.slice(0, 32)}-libringport.so`;
    expect(await unpack(shipped, { files, host: LINUX, openingFault })).toEqual({ path });
    expect(await unpack(shipped, { files, host: LINUX, openingFault })).toEqual({ path });
    expect(files.written).toEqual([path]);
    expect(await files.read(path)).toEqual(LIBRARY);
  });

  it("is written again where the cached file was changed", async () => {
    const present: Record<string, Uint8Array<ArrayBuffer>> = {};
    const files = fakeFiles(present, variables);
    const shipped = await shippedLibrary();
    const first = await unpack(shipped, { files, host: LINUX, openingFault });
    present[(first as { path: string }).path] = new Uint8Array([9]);
    expect(await unpack(shipped, { files, host: LINUX, openingFault })).toEqual(first);
    expect(files.written).toHaveLength(2);
  });

  it("is refused when its bytes do not have its hash, or no folder is known", async () => {
    const shipped = await shippedLibrary();
    const damaged = { ...shipped, LIBRARY_BASE64: btoa("other") };
    const files = fakeFiles({}, variables);
    const nowhere = fakeFiles();
    nowhere.facts = () => Promise.resolve(undefined);
    expect(await unpack(damaged, { files, host: LINUX, openingFault })).toHaveProperty("reason");
    expect(files.written).toEqual([]);
    expect(await unpack(shipped, { files: nowhere, host: LINUX, openingFault })).toHaveProperty("reason");
  });

  it("tells why it could not be written", async () => {
    const files = fakeFiles({}, variables);
    files.writeWhole = () => Promise.reject(new Error("the disk is full"));
    const answer = await unpack(await shippedLibrary(), { files, host: LINUX, openingFault });
    expect((answer as { reason: string }).reason).toContain("the disk is full");
  });

  it("goes to the next folder where one fails, and says at last what was wrong with each", async () => {
    const places = { ...variables, XDG_CACHE_HOME: "/xdg", HOME: "/users/a" };
    const files = fakeFiles({}, places);
    const shipped = await shippedLibrary();
    const faults: Record<string, string> = { "/cache": "noexec", "/xdg/ringport": "full" };
    files.makeFolder = (folder) =>
      faults[folder] === "full" ? Promise.reject(new Error("read-only file system")) : Promise.resolve();
    const noexec = (path: string) => path.startsWith("/cache/") ? "failed to map" : undefined;
    const found = await unpack(shipped, { files, host: LINUX, openingFault: noexec }) as { path: string };
    expect(found.path).toContain("/users/a/.cache/ringport/");
    const nowhere = await unpack(shipped, { files, host: LINUX, openingFault: () => "failed to map" });
    const { reason } = nowhere as { reason: string };
    expect(reason).toMatch(/RINGPORT_CACHE: \/cache\/.* cannot be opened: failed to map/);
    expect(reason).toMatch(/XDG_CACHE_HOME: \/xdg\/ringport cannot be used: read-only file system/);
    expect(reason).toMatch(/the temporary folder: .*ringport-1000.* cannot be opened/);
  });
});

describe("the checks at load", () => {
  const honest: CheckedFunctions = {
    ringport_abi_version: () => ABI_VERSION,
    // As a signed number, which a runtime may make of it.
    ringport_layout_hash: () => LAYOUT_HASH | 0,
    ringport_pattern_test(memory, length, seed) {
      for (let index = 0; index < length; index++) if (memory[index] !== patternByte(seed, index)) return 1;
      for (let index = 0; index < length; index++) memory[index] = patternByte(seed + 1, index);
      return 0;
    },
  };

  it("pass a library that answers rightly", () => {
    checkLibrary(honest, "/right.so");
  });

  it("refuse another version", async () => {
    const error = await errorOf(() => checkLibrary({ ...honest, ringport_abi_version: () => 77 }, "/old.so"));
    expect(error).toBeInstanceOf(AbiVersionError);
    expect(error).toMatchObject({ code: "ERR_ABI_VERSION", found: 77, wanted: ABI_VERSION, path: "/old.so" });
  });

  it("refuse another layout", async () => {
    const error = await errorOf(() =>
      checkLibrary({ ...honest, ringport_layout_hash: () => 5 }, "/other.so")
    );
    expect(error).toBeInstanceOf(LayoutHashError);
    expect(error).toMatchObject({ code: "ERR_LAYOUT_HASH", found: 5, wanted: LAYOUT_HASH });
  });

  it("refuse memory the library does not see", async () => {
    const blind = { ...honest, ringport_pattern_test: () => 1 };
    const error = await errorOf(() => checkLibrary(blind, "/blind.so"));
    expect(error).toBeInstanceOf(PatternError);
    expect(error).toMatchObject({ code: "ERR_PATTERN" });
  });

  it("refuse memory the runtime hands over as a copy", async () => {
    const copying: CheckedFunctions = {
      ...honest,
      ringport_pattern_test: (memory, length, seed) =>
        honest.ringport_pattern_test(memory.slice(), length, seed),
    };
    const error = await errorOf(() => checkLibrary(copying, "/copied.so"));
    expect(error).toBeInstanceOf(PatternError);
    expect((error as Error).message).toContain("this runtime does not see");
  });
});
