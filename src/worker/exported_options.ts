/**
 * The options that an application's module exports, read before any worker starts.
 *
 * @module
 */
import { threadEntry } from "./thread/thread_port.ts";
import { withTimeout } from "../base/with_timeout.ts";
import { host } from "../host/mod.ts";
import { applicationError, importApplication } from "../server/application.ts";
import type { ServerOptions } from "../server/options/mod.ts";

/**
 * Milliseconds the import may take before a thread reads the options instead. A program that waits for its
 * server while it is loaded (`await Server.run(import.meta.url)` at the top level) is not loaded before the
 * server ends: importing it here would wait forever, which no runtime reports. A module that is loaded
 * answers at once; another one may take its time and is seldom in that state.
 */
const mainPatienceMilliseconds = 10;
const patienceMilliseconds = 1_000;

/** To the thread. */
export interface ReadOptions {
  readOptionsOf: string;
}

/** From the thread. */
export type OptionsRead = { options: unknown } | { failure: string };

/**
 * The export `options` of a module; undefined where it has none.
 *
 * @throws {RingportError} when the module cannot be loaded.
 */
export async function exportedOptions(moduleUrl: string): Promise<ServerOptions | undefined> {
  const isMain = moduleUrl === host.mainModule;
  const imported = importApplication(moduleUrl).then(({ options }) => ({ options }));
  if (await withTimeout(imported, isMain ? mainPatienceMilliseconds : patienceMilliseconds)) {
    return (await imported).options as ServerOptions | undefined;
  }
  // A thread takes some time to start, which a program without the word need not wait for.
  if (isMain && !(await mayExportOptions(moduleUrl))) return undefined;
  const reading = new AbortController();
  try {
    const read = await Promise.race([imported, readInThread(moduleUrl, reading.signal)]);
    return read.options as ServerOptions | undefined;
  } finally {
    reading.abort();
  }
}

async function mayExportOptions(moduleUrl: string): Promise<boolean> {
  const text = await host.readText(moduleUrl);
  return text === undefined || /\boptions\b|\bexport\s*\*/.test(text);
}

function readInThread(moduleUrl: string, over: AbortSignal): Promise<{ options: unknown }> {
  const worker = new Worker(threadEntry(), {
    type: "module",
    name: "ringport options",
  });
  return new Promise((resolve, reject) => {
    const fail = (what: string) => reject(applicationError(moduleUrl, what));
    worker.onmessage = ({ data }: MessageEvent<OptionsRead | { kind: "loaded" }>) => {
      if ("kind" in data) worker.postMessage({ readOptionsOf: moduleUrl } satisfies ReadOptions);
      else if ("failure" in data) fail(data.failure);
      else resolve(data);
    };
    worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      fail(`the module cannot be loaded: ${event.message}`);
    };
    // The import was faster: the thread is not waited for.
    over.addEventListener("abort", () => (worker as { unref?: () => void }).unref?.());
  });
}

/** In the thread: the value to send back. */
export async function readOptions({ readOptionsOf: moduleUrl }: ReadOptions): Promise<OptionsRead> {
  try {
    const { options } = await importApplication(moduleUrl);
    return { options: structuredClone(options) };
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "DataCloneError") return { failure: message };
    return {
      failure: `its "options" have a part that only the program itself can read (${message}), and it waits ` +
        `for its server while it is being loaded: call Server.run without "await", or pass this part to it`,
    };
  }
}
