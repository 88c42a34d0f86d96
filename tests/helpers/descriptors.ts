/**
 * The descriptors of this process, as Linux lists them, and what the kernel knows of a socket.
 *
 * @module
 */
import { bun } from "./runtime.ts";

interface FileSystem {
  readdirSync(path: string): string[];
  readlinkSync(path: string): string;
  readFileSync(path: string, encoding: "utf8"): string;
}

interface NodeProcess {
  getBuiltinModule(name: string): FileSystem;
}

/** Both runtimes have Node's files without a flag, and the same code reads them. */
const fileSystem = (globalThis as unknown as { process: NodeProcess }).process.getBuiltinModule("node:fs");

const DESCRIPTORS = "/proc/self/fd";

/** What each descriptor is, by its number, such as "socket:[4711]". */
export function listDescriptors(): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of fileSystem.readdirSync(DESCRIPTORS)) {
    try {
      found.set(Number(name), fileSystem.readlinkSync(`${DESCRIPTORS}/${name}`));
    } catch {
      // The one of the listing itself, or closed since.
    }
  }
  return found;
}

/** What the kernel tells of a descriptor of this process; "" where it is closed. */
export function descriptorInformation(descriptor: number): string {
  try {
    return fileSystem.readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  } catch {
    return "";
  }
}

/**
 * The descriptor of the IPv4 socket of this process between two ports; 0 is the far port of one that has
 * none.
 */
export function descriptorBetween(protocol: "tcp" | "udp", near: number, far: number): number {
  const hexadecimal = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
  // Columns: number, near address, far address, state, queues, timer, retransmits, user, timeout, inode.
  const line = fileSystem.readFileSync(`/proc/self/net/${protocol}`, "utf8").split("\n")
    .map((text) => text.trim().split(/\s+/))
    .find(([, one, other]) =>
      one?.endsWith(`:${hexadecimal(near)}`) && other.endsWith(`:${hexadecimal(far)}`)
    );
  if (line === undefined) throw new Error(`there is no ${protocol} socket from port ${near} to ${far}`);
  const wanted = `socket:[${line[9]}]`;
  for (const [descriptor, what] of listDescriptors()) if (what === wanted) return descriptor;
  throw new Error(`the socket from port ${near} to ${far} is another process's`);
}

/** Options of sockets by their level and name on Linux, for {@linkcode socketOption}. */
export const SOCKET_OPTIONS = {
  sendBuffer: [1, 7],
  receiveBuffer: [1, 8],
  broadcast: [1, 6],
  keepAlive: [1, 9],
  reusePort: [1, 15],
  noDelay: [6, 1],
  keepAliveIdle: [6, 4],
  keepAliveInterval: [6, 5],
  keepAliveCount: [6, 6],
  typeOfService: [0, 1],
  timeToLive: [0, 2],
  multicastInterface: [0, 32],
  multicastTimeToLive: [0, 33],
  multicastLoopback: [0, 34],
} as const;

type GetOption = (
  descriptor: number,
  level: number,
  name: number,
  value: Uint8Array<ArrayBuffer>,
  length: Uint8Array<ArrayBuffer>,
) => number;

const C_LIBRARY = "libc.so.6";
let getOption: GetOption | undefined = undefined;

async function openGetOption(): Promise<GetOption> {
  if (bun === undefined) {
    const parameters = ["i32", "i32", "i32", "buffer", "buffer"] as const;
    return Deno.dlopen(C_LIBRARY, { getsockopt: { parameters, result: "i32" } }).symbols.getsockopt;
  }
  const name: string = "bun:ffi";
  const { dlopen } = await import(name);
  const definition = { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" };
  return dlopen(C_LIBRARY, { getsockopt: definition }).symbols.getsockopt;
}

/** An option of a socket as the kernel has it: a 32-bit number, of an address its bytes from the first on. */
export async function socketOption(
  descriptor: number,
  option: keyof typeof SOCKET_OPTIONS,
): Promise<number> {
  getOption ??= await openGetOption();
  const [level, name] = SOCKET_OPTIONS[option];
  // Pages of their own: the engines move smaller buffers.
  const value = new Uint8Array(new ArrayBuffer(4096));
  const length = new Uint8Array(new ArrayBuffer(4096));
  new DataView(length.buffer).setUint32(0, 4, true);
  if (getOption(descriptor, level, name, value, length) !== 0) {
    throw new Error(`the kernel does not tell ${option}`);
  }
  return new DataView(value.buffer).getInt32(0, true);
}
