/**
 * The runtime's services on Deno. Nothing here prompts: what is not granted is as good as absent, and what
 * has to be granted for a call that cannot do without is named by Deno's own error.
 *
 * @module
 */
import { quotaPath, usableCores } from "./cores.ts";
import { moduleUrl } from "./module_url.ts";
import type { ChildProcess, Host, KillSignal, OutputStream, SignalName, SpawnOptions } from "./port.ts";

const operatingSystem = Deno.build.os === "windows" ? "windows" : "linux";
/** Permissions that are asked for and handed on as a whole. */
const permissionNames = ["read", "write", "net", "env", "run", "ffi", "sys", "import"] as const;

function granted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** The flags that give a child what this process was granted, as far as it can find out. */
function permissionFlags(paths: readonly string[]): string[] {
  const whole = permissionNames.filter((name) => granted({ name } as Deno.PermissionDescriptor));
  if (whole.length === permissionNames.length) return ["--allow-all"];
  const flags = whole.map((name) => `--allow-${name}`);
  for (const name of ["read", "write", "ffi"] as const) {
    if (whole.includes(name)) continue;
    const single = paths.filter((path) => granted({ name, path }));
    if (single.length > 0) flags.push(`--allow-${name}=${single.join(",")}`);
  }
  return flags;
}

function command(module: string | URL, options: SpawnOptions = {}): string[] {
  const flags = ["run", "--quiet", "--no-check", "--no-prompt", ...permissionFlags(options.paths ?? [])];
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

function kill(pid: number, signal: KillSignal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

function write(stream: OutputStream, bytes: Uint8Array<ArrayBuffer>): void {
  for (let offset = 0; offset < bytes.length;) offset += Deno[stream].writeSync(bytes.subarray(offset));
}

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

async function readText(path: string): Promise<string | undefined> {
  if (!granted({ name: "read", path })) return undefined;
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined;
  }
}

const quota = operatingSystem === "linux" ? await readText(quotaPath) : undefined;

export const host: Host = {
  runtime: "deno",
  operatingSystem,
  pid: Deno.pid,
  arguments: Deno.args,
  cores: usableCores(navigator.hardwareConcurrency, quota),
  variable: (name) => granted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined,
  moduleUrl: (name) => moduleUrl(name, Deno.cwd()),
  command,
  spawn,
  exit: (code) => Deno.exit(code),
  onSignal,
  kill,
  isTerminal: (stream) => Deno[stream].isTerminal(),
  terminalSize() {
    try {
      return Deno.consoleSize();
    } catch {
      return undefined;
    }
  },
  write,
  flush: () => Promise.resolve(),
  onKeys,
  readText,
};
