/**
 * Runs a server module unchanged in a worker: `worker_host.ts <module>`, on Bun and on Deno. The module
 * prints its port itself.
 *
 * @module
 */
declare const Bun: { argv: string[] } | undefined;
declare const Deno: { args: string[] } | undefined;

const [path] = typeof Deno === "object" ? Deno.args : Bun!.argv.slice(2);
if (!path) throw new TypeError("worker_host.ts wants the path of a server module");
const worker = new Worker(new URL(path, `file://${path.startsWith("/") ? "" : "/"}`).href, {
  type: "module",
});
worker.addEventListener("error", (event) => {
  throw new Error(`the worker failed: ${(event as ErrorEvent).message}`);
});
