/**
 * As much of Bun's interface as the driver uses, written down here because its types come with a package
 * that Deno's checker does not see.
 *
 * @module
 */

export interface BunSocket {
  end(): void;
  terminate(): void;
  ref(): void;
  unref(): void;
}

interface BunSocketHandlers {
  open?(socket: BunSocket): void;
  data(socket: BunSocket, bytes: Uint8Array): void;
  close?(socket: BunSocket): void;
  error?(socket: BunSocket, error: Error): void;
}

export interface BunListener {
  readonly port: number;
  stop(closeActiveConnections?: boolean): void;
  ref(): void;
  unref(): void;
}

interface BunFile {
  readonly size: number;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Rejects where nothing is. Links are followed. */
  stat(): Promise<{ uid: number; mode: number; isFile(): boolean; isDirectory(): boolean }>;
}

/** The global `Bun`. */
interface BunGlobal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dns: { lookup(hostname: string): Promise<{ address: string }[]> };
  connect(options: { fd: number; socket: BunSocketHandlers }): Promise<BunSocket>;
  listen(options: { hostname: string; port: number; socket: BunSocketHandlers }): BunListener;
  file(path: string): BunFile;
  write(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<number>;
  $(strings: TemplateStringsArray, ...values: string[]): { quiet(): Promise<unknown> };
}

/** The module "bun:ffi". */
export interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: readonly string[]; returns: string }>,
  ): { symbols: unknown };
  /** Without a function that frees it the memory stays the caller's. */
  toArrayBuffer(address: number, offset: number, bytes: number): ArrayBuffer;
}

/** A literal would make Deno's checker look for a module it does not have. */
export const NAME_OF_FFI: string = "bun:ffi";

/** The system's number of this process, which Bun gives under Node's name for it. */
export const ownProcessId: number = (globalThis as unknown as { process: { pid: number } }).process.pid;

/** Bun's global, which is there whenever this module's users run. */
export const bun: BunGlobal = (globalThis as unknown as { Bun: BunGlobal }).Bun;
