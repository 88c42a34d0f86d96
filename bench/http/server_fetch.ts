/**
 * This project's fetch door: `server_fetch.ts sync|async|hono KIND`, on both runtimes. Prints its port.
 *
 * @module
 */
import { installGlobals, serve } from "../../src/fetch.ts";
import { asyncFetchHandler, fetchHandler } from "./fetch_handlers.ts";
import { kindAsked } from "./work.ts";

const runtime = globalThis as unknown as { Deno?: { args: string[] }; process?: { argv: string[] } };
const style = (runtime.Deno?.args ?? runtime.process?.argv ?? []).at(-2);
const kind = kindAsked();

// What handlers make by `new Response` is then light as well. Before Hono is loaded.
installGlobals();

async function handler(): Promise<(request: Request) => Response | Promise<Response>> {
  if (style === "hono") return (await import("./hono_app.ts")).app.fetch;
  return style === "async" ? asyncFetchHandler(kind) : fetchHandler(kind);
}

serve({
  hostname: "127.0.0.1",
  port: 0,
  onListen: ({ port }: { port: number }) => console.log(JSON.stringify({ port })),
}, await handler());
