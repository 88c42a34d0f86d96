#!/usr/bin/env bun
/**
 * The command line: `bunx @ringport/ringport run app.ts`, or
 * `deno run -A jsr:@ringport/ringport/cli run app.ts`.
 *
 * @module
 */
import { logFlushMilliseconds } from "./base/limits.ts";
import { runCommandLine } from "./cli/command_line.ts";
import type { ServerRunner } from "./cli/run.ts";
import { host } from "./host/mod.ts";
import { withTimeout } from "./base/with_timeout.ts";

async function importServer(): Promise<ServerRunner> {
  // What only prints help needs no server, and no library.
  const { Server } = await import("./worker/server.ts");
  return { run: (url, sources) => Server.run(url, {}, sources) };
}

if (import.meta.main) {
  const code = await runCommandLine(host.arguments, host, importServer);
  // The reader of the output may be slow, but unread error messages must not keep the process alive.
  await host.flush("stdout");
  await withTimeout(host.flush("stderr"), logFlushMilliseconds);
  host.exit(code);
}
