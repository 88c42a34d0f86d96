/**
 * The runtime's services on Bun.
 *
 * @module
 */
import type { BunGlobal, BunProcess, BunSink } from "./bun_types.ts";
import { quotaPath, usableCores } from "./cores.ts";
import { moduleUrl } from "./module_url.ts";
import { Output } from "./output.ts";
import type { ChildProcess, Host, KillSignal, OutputStream, SignalName, SpawnOptions } from "./port.ts";

const { Bun: bun, process: self } = globalThis as unknown as { Bun: BunGlobal; process: BunProcess };
const operatingSystem = self.platform === "win32" ? "windows" : "linux";
/** Signals Windows has none of. */
const absentOnWindows: readonly SignalName[] = ["SIGUSR1"];
const sinks: Partial<Record<OutputStream, BunSink>> = {};
const quota = operatingSystem === "linux" ? await readText(quotaPath) : undefined;

async function readText(path: string): Promise<string | undefined> {
  try {
    return await bun.file(/^file:/.test(path) ? bun.fileURLToPath(path) : path).text();
  } catch {
    return undefined;
  }
}

async function writeText(path: string, text: string): Promise<void> {
  await bun.write(path, text, { createPath: false });
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await bun.file(path).delete();
    return true;
  } catch {
    return false;
  }
}

function command(module: string | URL, options: SpawnOptions = {}): string[] {
  const script = /^file:/.test(String(module)) ? bun.fileURLToPath(module) : String(module);
  return [self.execPath, ...self.execArgv, "run", script, ...(options.arguments ?? [])];
}

function spawn(module: string | URL, options: SpawnOptions = {}): ChildProcess {
  const child = bun.spawn(command(module, options), {
    env: { ...bun.env, ...options.environment },
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const exited = child.exited.then((code) => ({ code, signal: child.signalCode ?? undefined }));
  return {
    pid: child.pid,
    exited,
    kill(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return false;
      child.kill(signal);
      return true;
    },
    ref: () => child.ref(),
    unref: () => child.unref(),
  };
}

function onSignal(signal: SignalName, handler: () => void): (() => void) | undefined {
  const absent = operatingSystem === "windows" ? absentOnWindows.includes(signal) : signal === "SIGBREAK";
  if (absent) return undefined;
  const listener = () => handler();
  self.on(signal, listener);
  return () => self.off(signal, listener);
}

function onUncaught(handler: (error: unknown) => void): () => void {
  const events = ["uncaughtException", "unhandledRejection"];
  for (const event of events) self.on(event, handler);
  return () => events.forEach((event) => self.off(event, handler));
}

function kill(pid: number, signal: KillSignal): boolean {
  try {
    self.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** One write at a time: Bun itself would hold what a slow reader has not taken without a bound. */
const output = new Output(async (stream, bytes) => {
  const sink = sinks[stream] ??= bun[stream].writer();
  await Promise.all([sink.write(bytes), sink.flush()]);
});

function onKeys(handler: (keys: string) => void): (() => void) | undefined {
  const { stdin } = self;
  if (stdin.isTTY !== true) return undefined;
  const decoder = new TextDecoder();
  const listener = (bytes: Uint8Array) => handler(decoder.decode(bytes, { stream: true }));
  stdin.setRawMode(true);
  stdin.on("data", listener);
  stdin.resume();
  return () => {
    stdin.off("data", listener);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

export const host: Host = {
  runtime: "bun",
  operatingSystem,
  pid: self.pid,
  mainModule: bun.pathToFileURL(bun.main).href,
  arguments: self.argv.slice(2),
  cores: usableCores(navigator.hardwareConcurrency, quota),
  variable: (name) => bun.env[name],
  variableNames: () => Object.keys(bun.env),
  takeVariable(name) {
    const value = bun.env[name];
    delete bun.env[name];
    return value;
  },
  moduleUrl: (name) => moduleUrl(name, () => self.cwd()),
  command,
  spawn,
  exit: (code) => self.exit(code),
  onSignal,
  onUncaught,
  kill,
  isTerminal: (stream) => self[stream].isTTY === true,
  terminalSize() {
    const { columns, rows } = self.stdout;
    return columns === undefined || rows === undefined ? undefined : { columns, rows };
  },
  write: (stream, bytes) => output.write(stream, bytes),
  flush: (stream) => output.flush(stream),
  onKeys,
  readText,
  writeText,
  removeFile,
};
