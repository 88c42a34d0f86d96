/**
 * The few things an example needs that only the runtime has: arguments, variables, signals.
 *
 * @module
 */

interface ProcessGlobal {
  argv: string[];
  env: Record<string, string | undefined>;
  cwd(): string;
  on(signal: string, action: () => void): void;
  exit(code: number): never;
}

const bun = "Bun" in globalThis;
const hostProcess = (globalThis as unknown as { process: ProcessGlobal }).process;

/** The arguments of the script. */
export const scriptArguments: string[] = bun ? hostProcess.argv.slice(2) : Deno.args;

/** An environment variable. */
export function environment(name: string): string | undefined {
  return bun ? hostProcess.env[name] : Deno.env.get(name);
}

/** The address of a file named on the command line. */
export function fileAddress(path: string): URL {
  const folder = (bun ? hostProcess.cwd() : Deno.cwd()).replaceAll("\\", "/");
  // A drive's letter would be taken for a scheme.
  const address = path.replaceAll("\\", "/").replace(/^(?=[A-Za-z]:\/)/, "file:///");
  return new URL(address, `file:///${folder.replace(/^\//, "")}/`);
}

/** Ends the process with a status. */
export function exit(code: number): never {
  return bun ? hostProcess.exit(code) : Deno.exit(code);
}

/**
 * Calls `stop` once: at SIGINT, at SIGTERM, or after the milliseconds in the variable STOP_AFTER_MS, which
 * lets an example end by itself where no signal can be sent.
 */
export function onStop(stop: () => void): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const once = () => {
    if (stopped) return;
    stopped = true;
    clearTimeout(timer);
    // Deno listens for signals as long as it is not told otherwise, and stays alive for it.
    if (!bun) { for (const signal of signals) ignoreUnknown(() => Deno.removeSignalListener(signal, once)); }
    stop();
  };
  for (const signal of signals) {
    if (bun) hostProcess.on(signal, once);
    else ignoreUnknown(() => Deno.addSignalListener(signal, once));
  }
  const milliseconds = Number(environment("STOP_AFTER_MS") ?? 0);
  if (milliseconds > 0) timer = setTimeout(once, milliseconds);
}

const signals = ["SIGINT", "SIGTERM"] as const;

/** Windows knows no SIGTERM, and says so by throwing. */
function ignoreUnknown(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}
