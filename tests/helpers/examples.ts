/**
 * The examples as their users run them.
 *
 * @module
 */
import { expect } from "@std/expect";
import { type Child, runScript } from "./process.ts";
import { system } from "./runtime.ts";

/** Runs an example. */
export function run(name: string, ...args: string[]): Child {
  return runScript(`../../examples/${name}.ts`, import.meta.url, { arguments: args });
}

/** Runs an example until it is there; `--port=0` is for those that take options of a server. */
export async function start(name: string, ...args: string[]): Promise<{ child: Child; port: number }> {
  const child = run(name, ...args);
  const [, port] = await child.line(/listens on .*:(\d+)/);
  return { child, port: Number(port) };
}

/** Ends it as its user does; on Windows the end of the test kills it. */
export async function stop(child: Child): Promise<void> {
  if (system !== "windows") {
    child.signal("SIGTERM");
    const { code, output, errors } = await child.end();
    expect(output).toContain("stopped");
    expect(`${code} ${errors.replace(/^.* (info|warn) .*\n/gm, "")}`).toMatch(/^0 /);
  }
  await child[Symbol.asyncDispose]();
}
