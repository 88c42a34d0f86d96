/**
 * Which runtime and system the tests run on, and the few things only the runtime can tell. Everything that
 * names `Bun` or `Deno` in the tests stands in this folder.
 *
 * @module
 */

/** The part of Bun's global object the tests use; written here so that they check without Bun's types. */
export interface BunRuntime {
  listen(options: unknown): BunListener;
  connect(options: unknown): Promise<BunSocket>;
  spawn(command: string[], options: unknown): BunProcess;
  serve(options: unknown): { port: number; stop(closeActive?: boolean): void };
  file(
    path: string,
  ): {
    readonly size: number;
    text(): Promise<string>;
    arrayBuffer(): Promise<ArrayBuffer>;
    exists(): Promise<boolean>;
  };
  write(path: string, bytes: Uint8Array | string): Promise<number>;
  gc(synchronous: boolean): void;
}

/** A listening socket of Bun. */
export interface BunListener {
  port: number;
  stop(closeActive?: boolean): void;
}

/** A socket of Bun. */
export interface BunSocket {
  write(bytes: Uint8Array): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  localPort: number;
  data: unknown;
}

/** A child process of Bun. */
export interface BunProcess {
  pid: number;
  stdout: ReadableStream<Uint8Array>;
  stderr: ReadableStream<Uint8Array>;
  stdin: { write(bytes: Uint8Array): void; end(): void };
  exited: Promise<number>;
  kill(signal?: string | number): void;
}

interface ProcessGlobal {
  platform: string;
  execPath: string;
  env: Record<string, string | undefined>;
  argv: string[];
  memoryUsage(): { rss: number };
  exit(code: number): never;
  chdir(path: string): void;
  on(signal: string, action: () => void): void;
}

const globals = globalThis as unknown as { Bun?: BunRuntime; process?: ProcessGlobal };

/** Bun's global object; undefined on Deno. */
export const bun: BunRuntime | undefined = globals.Bun;

/** The runtime the tests run on. */
export const runtime: "bun" | "deno" = bun === undefined ? "deno" : "bun";

/** The system the runtime was built for. */
export const system: "linux" | "windows" = detectSystem();

function detectSystem(): "linux" | "windows" {
  const name = bun === undefined ? Deno.build.os : hostProcess().platform;
  return name === "windows" || name === "win32" ? "windows" : "linux";
}

function hostProcess(): ProcessGlobal {
  if (globals.process === undefined) throw new Error("this runtime has no process object");
  return globals.process;
}

/** Path of the running runtime's own executable. */
export function executablePath(): string {
  return bun === undefined ? Deno.execPath() : hostProcess().execPath;
}

/** An environment variable. */
export function environment(name: string): string | undefined {
  return bun === undefined ? Deno.env.get(name) : hostProcess().env[name];
}

/** The arguments after the name of the script. */
export function scriptArguments(): string[] {
  return bun === undefined ? Deno.args : hostProcess().argv.slice(2);
}

/** Bytes of memory of this process that are resident. */
export function residentBytes(): number {
  return bun === undefined ? Deno.memoryUsage().rss : hostProcess().memoryUsage().rss;
}

/** Collects garbage where the runtime offers it, so that memory figures compare. */
export function collectGarbage(): void {
  bun?.gc(true);
  (globalThis as { gc?: () => void }).gc?.();
}

/**
 * Deno opens a descriptor when it first has to do with signals, and panics where there is none left by then.
 */
export function prepareSignals(): void {
  if (bun !== undefined || system === "windows") return;
  const listener = () => {};
  Deno.addSignalListener("SIGUSR1", listener);
  Deno.removeSignalListener("SIGUSR1", listener);
}

/** Stays alive at the signals that end a program. */
export function ignoreSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    if (bun === undefined) Deno.addSignalListener(signal, () => {});
    else hostProcess().on(signal, () => {});
  }
}

/** Changes the current folder of this process. */
export function changeFolder(path: string): void {
  if (bun === undefined) Deno.chdir(path);
  else hostProcess().chdir(path);
}

/** Ends this process. */
export function exit(code: number): never {
  if (bun === undefined) Deno.exit(code);
  return hostProcess().exit(code);
}

/**
 * The path of a file beside the tests as the system writes it: `url("../examples/echo.ts", import.meta.url)`.
 */
export function pathOf(relative: string, base: string): string {
  const path = decodeURIComponent(new URL(relative, base).pathname);
  return system === "windows" ? path.replace(/^\//, "").replaceAll("/", "\\") : path;
}

/** Whether there is a file of that path. */
export async function fileExists(path: string): Promise<boolean> {
  if (bun !== undefined) return await bun.file(path).exists();
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}

/** The same while nothing else can run, in a handler that does not return. Empty files do not count. */
export function isFileThere(path: string): boolean {
  if (bun !== undefined) return bun.file(path).size > 0;
  try {
    return Deno.statSync(path).size > 0;
  } catch {
    return false;
  }
}

/** How many descriptors this process has open, or undefined where the system does not tell. */
export function openDescriptors(): Promise<number | undefined> {
  return entriesOf("fd");
}

/** How many threads this process has, or undefined where the system does not tell. */
export function openThreads(): Promise<number | undefined> {
  return entriesOf("task");
}

/** Counts the entries of a folder of this process in /proc. */
async function entriesOf(folder: string): Promise<number | undefined> {
  if (system === "windows") return undefined;
  if (bun === undefined) {
    let count = 0;
    for await (const _ of Deno.readDir(`/proc/self/${folder}`)) count += 1;
    return count;
  }
  const pid = (hostProcess() as unknown as { pid: number }).pid;
  const child = bun.spawn(["ls", `/proc/${pid}/${folder}`], { stdout: "pipe" });
  const listing = await new Response(child.stdout).text();
  return listing.trim().split("\n").length;
}

/**
 * A size that shrinks where the tests run on Wine: it stands between the program and the kernel with a server
 * process of its own and serves some thousand calls a second, so it tests correctness and never volume.
 */
export function scaled(full: number, underWine: number): number {
  return system === "windows" ? underWine : full;
}

/** Sets an environment variable of this process, or removes it. */
export function setEnvironment(name: string, value: string | undefined): void {
  if (bun === undefined) {
    if (value === undefined) Deno.env.delete(name);
    else Deno.env.set(name, value);
  } else {
    if (value === undefined) delete hostProcess().env[name];
    else hostProcess().env[name] = value;
  }
}
