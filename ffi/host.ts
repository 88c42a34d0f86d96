/**
 * The operating system. Bun reports it only through Node's names, so the standard `navigator` and, on
 * Windows, the variable that describes the processor are used.
 *
 * @module
 */
import { LibraryError } from "./library_error.ts";
import type { OperatingSystem } from "./system_error.ts";

/** Architectures a library is built for, in Zig's spelling. */
type Architecture = "x86_64" | "aarch64";

/** The system a library must fit. */
export interface Host {
  readonly operatingSystem: OperatingSystem;
  readonly architecture: Architecture;
}

interface RuntimeGlobals {
  Deno?: { build: { os: string; arch: string } };
  Bun?: { env: Record<string, string | undefined> };
}

/** The system of this process; throws where there is no library for it. */
export function detectHost(): Host {
  const { Deno, Bun } = globalThis as unknown as RuntimeGlobals;
  return Deno === undefined
    ? hostFromPlatform(navigator.platform, Bun?.env.PROCESSOR_ARCHITECTURE)
    : hostFromPlatform(Deno.build.os, Deno.build.arch);
}

/**
 * Reads what runtimes say: "Linux x86_64" and "Win32" (`navigator`), "linux" and "windows" (Deno), with the
 * architecture in the first text, in the second, or on both.
 */
export function hostFromPlatform(platform: string, processor = ""): Host {
  const text = `${platform} ${processor}`.toLowerCase();
  const operatingSystem = text.includes("linux") ? "linux" : text.startsWith("win") ? "windows" : undefined;
  const architecture = /aarch64|arm64/.test(text)
    ? "aarch64"
    : /x86_64|x64|amd64|win32/.test(text)
    ? "x86_64"
    : undefined;
  if (operatingSystem === undefined || architecture === undefined) {
    const message = `Ringport runs on Linux and Windows, x86_64 and aarch64, not on "${text.trim()}"`;
    throw new LibraryError("ERR_UNSUPPORTED_SYSTEM", "", message);
  }
  return { operatingSystem, architecture };
}
