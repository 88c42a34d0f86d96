/**
 * What the kernel has noted for the sockets of this process: getsockopt(2) by the C library, on Linux.
 *
 * @module
 */
import { bun } from "../helpers/runtime.ts";

interface Functions {
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  getsockopt(fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array): number;
}

const library = "libc.so.6";
/** Descriptors looked at: tests have few. */
const descriptorMax = 1024;
const addressBytes = 28;

let functions: Functions | undefined;

async function open(): Promise<Functions> {
  if (bun === undefined) {
    const { symbols } = Deno.dlopen(library, {
      getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
      getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
    });
    return symbols as unknown as Functions;
  }
  const name = "bun:ffi";
  const { dlopen } = await import(name) as { dlopen(path: string, symbols: object): { symbols: Functions } };
  return dlopen(library, {
    getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
    getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  }).symbols;
}

function lengthOf(bytes: number): Uint8Array {
  return new Uint8Array(new Uint32Array([bytes]).buffer);
}

/** The option of every IPv4 socket of this process whose own port is `port`, smallest first. */
export async function socketOptions(port: number, level: number, name: number): Promise<number[]> {
  functions ??= await open();
  const found: number[] = [];
  for (let fd = 3; fd < descriptorMax; fd++) {
    const address = new Uint8Array(addressBytes);
    if (functions.getsockname(fd, address, lengthOf(addressBytes)) !== 0) continue;
    if (((address[2] << 8) | address[3]) !== port) continue;
    const value = new Uint8Array(4);
    if (functions.getsockopt(fd, level, name, value, lengthOf(4)) !== 0) continue;
    found.push(new DataView(value.buffer).getInt32(0, true));
  }
  return found.sort((one, other) => one - other);
}

/** Levels and names of options (socket(7), tcp(7), ip(7)). */
export const noDelay: readonly [level: number, name: number] = [6, 1];
export const keepAlive: readonly [level: number, name: number] = [1, 9];
export const sendBuffer: readonly [level: number, name: number] = [1, 7];
export const receiveBuffer: readonly [level: number, name: number] = [1, 8];
export const typeOfService: readonly [level: number, name: number] = [0, 1];
