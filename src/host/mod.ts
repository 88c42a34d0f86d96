/**
 * The runtime's own services behind one interface. The runtime is detected once, here, by importing its
 * driver.
 *
 * @module
 */
import { RingportError } from "../base/errors.ts";
import type { Host } from "./port.ts";

export type {
  ChildProcess,
  ChildStatus,
  Host,
  KillSignal,
  OutputStream,
  SignalName,
  SpawnOptions,
  TerminalSize,
} from "./port.ts";

async function importHost(): Promise<Host> {
  if ("Bun" in globalThis) return (await import("./bun.ts")).host;
  if ("Deno" in globalThis) return (await import("./deno.ts")).host;
  throw new RingportError("Ringport runs on Bun and Deno only", {
    code: "ERR_UNSUPPORTED_RUNTIME",
    operation: "import",
  });
}

/** What this runtime gives. */
export const host: Host = await importHost();
