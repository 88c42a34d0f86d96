/**
 * The runtime's services on Deno. Nothing here prompts: a missing permission is treated as if the service did
 * not exist, and where a call cannot do without it, Deno's own error names it.
 *
 * @module
 */
import { quotaPath, usableCores } from "./cores.ts";
import { moduleUrl } from "./module_url.ts";
import { Output } from "./output.ts";
import type { ChildProcess, Host, KillSignal, OutputStream, SignalName, SpawnOptions } from "./port.ts";

const operatingSystem = Deno.build.os === "windows" ? "windows" : "linux";
/** Permissions that are requested and passed on together. */
const permissionNames = ["read", "write", "net", "env", "run", "ffi", "sys", "import"] as const;

function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** The path of a file that a URL names; a path as it is. */
function pathOf(place: string | URL): string {
  if (!/^file:/i.test(String(place))) return String(place);
  const path = decodeURIComponent(new URL(place).pathname);
  return operatingSystem === "windows" ? path.slice(1) : path;
}

/** The flags that give a child what this process was granted, as far as it can find out. */
function permissionFlags({ paths = [], environment = {} }: SpawnOptions): string[] {
  const whole = permissionNames.filter((name) => granted({ name } as Deno.PermissionDescriptor));
  if (whole.length === permissionNames.length) return ["--allow-all"];
  const flags = whole.map((name) => `--allow-${name}`);
  for (const name of ["read", "write", "ffi"] as const) {
    if (whole.includes(name)) continue;
    const single = paths.map(pathOf).filter((path) => granted({ name, path }));
    if (single.length > 0) flags.push(`--allow-${name}=${single.join(",")}`);
  }
  // What it is given it may read.
  const variables = Object.keys(environment);
  if (!whole.includes("env") && variables.length > 0) flags.push(`--allow-env=${variables.join(",")}`);
  return flags;
}

/** The nearest configuration at or above a module, as Deno finds it for a program. */
function configurationFlags(module: string | URL | undefined): string[] {
  if (module === undefined || !/^(file:|\/|[a-z]:\\)/i.test(String(module))) return [];
  const parts = pathOf(module).split(/[\\/]/).slice(0, -1);
  for (; parts.length > 0; parts.pop()) {
    for (const name of ["deno.json", "deno.jsonc"]) {
      const path = [...parts, name].join("/");
      if (granted({ name: "read", path }) && isFile(path)) return [`--config=${path}`];
    }
  }
  return [];
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

function command(module: string | URL, options: SpawnOptions = {}): string[] {
  const flags = ["run", "--quiet", "--no-check", "--no-prompt", ...permissionFlags(options)];
  flags.push(...configurationFlags(options.configuredBy));
  return [Deno.execPath(), ...flags, String(module), ...(options.arguments ?? [])];
}

function spawn(module: string | URL, options: SpawnOptions = {}): ChildProcess {
  const [file, ...rest] = command(module, options);
  const child = new Deno.Command(file, {
    args: rest,
    env: { ...options.environment },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return {
    pid: child.pid,
    exited: child.status.then(({ code, signal }) => ({ code, signal: signal ?? undefined })),
    kill(signal) {
      try {
        child.kill(signal);
        return true;
      } catch {
        // It has ended meanwhile.
        return false;
      }
    },
    ref: () => child.ref(),
    unref: () => child.unref(),
  };
}

function onSignal(signal: SignalName, handler: () => void): (() => void) | undefined {
  const listener = () => handler();
  try {
    Deno.addSignalListener(signal, listener);
  } catch {
    return undefined;
  }
  return () => Deno.removeSignalListener(signal, listener);
}

function onUncaught(handler: (error: unknown) => void): () => void {
  const thrown = (event: ErrorEvent) => {
    event.preventDefault();
    handler(event.error ?? event.message);
  };
  const rejected = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    handler(event.reason);
  };
  addEventListener("error", thrown);
  addEventListener("unhandledrejection", rejected);
  return () => {
    removeEventListener("error", thrown);
    removeEventListener("unhandledrejection", rejected);
  };
}

function kill(pid: number, signal: KillSignal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

async function writeAll(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let offset = 0; offset < bytes.length;) offset += await Deno[stream].write(bytes.subarray(offset));
}

const output = new Output(writeAll);

function onKeys(handler: (keys: string) => void): (() => void) | undefined {
  if (!Deno.stdin.isTerminal()) return undefined;
  Deno.stdin.setRaw(true);
  const reader = Deno.stdin.readable.getReader();
  const decoder = new TextDecoder();
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      handler(decoder.decode(value, { stream: true }));
    }
  };
  // The end of the input, or its cancelling below.
  void read().catch(() => {});
  return () => {
    Deno.stdin.setRaw(false);
    void reader.cancel().catch(() => {});
  };
}

async function readText(place: string): Promise<string | undefined> {
  const path = pathOf(place);
  if (!granted({ name: "read", path })) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined;
  }
}

async function removeFile(path: string): Promise<boolean> {
  if (!granted({ name: "write", path })) return false;
  try {
    await Deno.remove(path);
    return true;
  } catch {
    return false;
  }
}

const quota = operatingSystem === "linux" ? await readText(quotaPath) : undefined;

export const host: Host = {
  runtime: "deno",
  operatingSystem,
  pid: Deno.pid,
  mainModule: (Deno.mainModule as string | undefined) ?? "",
  arguments: Deno.args,
  cores: usableCores(navigator.hardwareConcurrency, quota),
  variable: (name) => granted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined,
  variableNames: () => granted({ name: "env" }) ? Object.keys(Deno.env.toObject()) : [],
  takeVariable(name) {
    if (!granted({ name: "env", variable: name })) return undefined;
    const value = Deno.env.get(name);
    Deno.env.delete(name);
    return value;
  },
  moduleUrl: (name) => moduleUrl(name, Deno.cwd),
  command,
  spawn,
  exit: (code) => Deno.exit(code),
  onSignal,
  onUncaught,
  kill,
  isTerminal: (stream) => Deno[stream].isTerminal(),
  terminalSize() {
    try {
      return Deno.consoleSize();
    } catch {
      return undefined;
    }
  },
  write: (stream, bytes) => output.write(stream, bytes),
  flush: (stream) => output.flush(stream),
  onKeys,
  readText,
  writeText: (path, text) => Deno.writeTextFile(path, text),
  removeFile,
};
