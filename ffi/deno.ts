/**
 * The driver for Deno. Only `dlopen` and buffer arguments are used, so that permission for the library's file
 * is enough. The exception is memory shared by several processes: it lies at an address of the system's
 * choice, and Deno reads such memory only with permission forevery library.
 *
 * @module
 */
import { DenoDoorbell, type WaitInBackground } from "./deno_doorbell.ts";
import {
  type Driver,
  type FilePresence,
  type HostFiles,
  type NativeFunctions,
  type OpenedLibrary,
  translateSymbols,
} from "./driver.ts";
import { namesThisHost, noAddressError } from "./host_name.ts";
import { Status } from "./layout.gen.ts";
import { NativeError } from "./status.ts";
import { SYMBOLS, type SymbolType } from "./symbols.gen.ts";

const SPELLING = { u32: "u32", i32: "i32", pointer: "buffer" } as const satisfies Record<SymbolType, string>;

const WAITING = {
  waitInBackground: { name: "ringport_wait", parameters: ["u32", "u32"], result: "i32", nonblocking: true },
} as const;

function openLibrary(path: string): OpenedLibrary {
  const definitions: Record<string, Deno.ForeignFunction> = { ...WAITING };
  for (const { name, parameters, result } of translateSymbols(SYMBOLS, SPELLING)) {
    definitions[name] = { parameters, result };
  }
  // The types of a definition made at run time are lost; they are checked against the generated table.
  const symbols = Deno.dlopen(path, definitions).symbols as unknown;
  const functions = symbols as NativeFunctions;
  const { waitInBackground } = symbols as { waitInBackground: WaitInBackground };
  return {
    functions,
    view,
    createDoorbell: (loop) => new DenoDoorbell(loop, waitInBackground, functions),
  };
}

function view(address: number, bytes: number): ArrayBuffer {
  if (!granted({ name: "ffi" })) {
    const detail = "memory that processes share needs --allow-ffi for every library, not for one file";
    throw new NativeError("memory_part", Status.accessDenied, 0, detail);
  }
  return Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(BigInt(address))!, bytes);
}

/** A query that never prompts: a permission that was not granted counts as denied. */
function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

const files: HostFiles = {
  variable(name) {
    return granted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined;
  },
  presence(path): FilePresence {
    if (!granted({ name: "read", path })) return "denied";
    try {
      return Deno.statSync(path).isFile ? "present" : "absent";
    } catch {
      return "absent";
    }
  },
  read: (path) => Deno.readFile(path),
  async writeWhole(path, bytes) {
    const folder = path.slice(0, Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")));
    checkWritable(folder);
    const temporary = `${path}.${crypto.randomUUID()}`;
    await Deno.writeFile(temporary, bytes, { createNew: true, mode: 0o600 });
    await Deno.rename(temporary, path);
  },
  async makeFolder(path) {
    checkWritable(path);
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  },
  realPath(path) {
    if (Deno.build.os === "windows") return path;
    if (!granted({ name: "read", path })) throw new Error(`no permission to read ${path}`);
    return Deno.realPathSync(path);
  },
  facts(path) {
    try {
      if (!granted({ name: "read", path })) return Promise.resolve(undefined);
      const { isFile, isDirectory, uid, mode } = Deno.statSync(path);
      return Promise.resolve({ isFile, isFolder: isDirectory, owner: uid!, mode: mode! & 0o7777 });
    } catch {
      return Promise.resolve(undefined);
    }
  },
  async userId(folder) {
    if (granted({ name: "sys", kind: "uid" })) return Deno.uid() ?? undefined;
    const mayMake = granted({ name: "write", path: folder }) && granted({ name: "read", path: folder });
    if (!mayMake) return undefined;
    const made = await Deno.makeTempFile({ dir: folder });
    const { uid } = await Deno.stat(made);
    await Deno.remove(made);
    return uid ?? undefined;
  },
};

function checkWritable(folder: string): void {
  if (!granted({ name: "write", path: folder })) throw new Error(`no permission to write in ${folder}`);
}

function openingFault(path: string): string | undefined {
  if (!granted({ name: "ffi", path })) return undefined;
  try {
    openLibrary(path);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function resolve(hostname: string): Promise<string[]> {
  const own = namesThisHost(hostname);
  if (own !== undefined) return own;
  const answers = await Promise.allSettled([
    Deno.resolveDns(hostname, "A"),
    Deno.resolveDns(hostname, "AAAA"),
  ]);
  const addresses = answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
  if (addresses.length > 0) return addresses;
  const failed = answers.find((answer) => answer.status === "rejected");
  throw noAddressError(hostname, failed?.reason);
}

export const driver: Driver = {
  runtime: "deno",
  files,
  processId: Deno.pid,
  openLibrary,
  openingFault,
  resolve,
};
