/**
 * The driver for Deno. Only `dlopen` and buffer arguments are used, so that permission for the library's file
 * alone is enough; but for memory that several processes share, which lies at an address of the system's
 * choice, and which Deno lets read only who may use every library.
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
    throw new Deno.errors.NotCapable(
      "memory that processes share needs --allow-ffi for every library, not for one file",
    );
  }
  return Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(BigInt(address))!, bytes);
}

/** A question that never prompts: what is not granted is as good as denied. */
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
    if (!granted({ name: "write", path: folder })) throw new Error(`no permission to write in ${folder}`);
    await Deno.mkdir(folder, { recursive: true });
    const temporary = `${path}.${crypto.randomUUID()}`;
    await Deno.writeFile(temporary, bytes, { createNew: true });
    await Deno.rename(temporary, path);
  },
};

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

export const driver: Driver = { runtime: "deno", files, processId: Deno.pid, openLibrary, resolve };
