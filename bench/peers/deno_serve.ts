/**
 * Deno.serve: `deno_serve.ts [async|hono] KIND`. Prints its port.
 *
 * @module
 */
import { asyncFetchHandler, fetchHandler } from "../http/fetch_handlers.ts";
import { kindAsked } from "../http/work.ts";

const kind = kindAsked();
const style = Deno.args.at(-2);

async function handler(): Promise<(request: Request) => Response | Promise<Response>> {
  if (style === "hono") return (await import("../http/hono_app.ts")).app.fetch;
  return style === "async" ? asyncFetchHandler(kind) : fetchHandler(kind);
}

Deno.serve({
  hostname: "127.0.0.1",
  port: 0,
  // A load generator that ends leaves uploads unfinished: their errors are of no interest.
  onError: () => new Response(null, { status: 500 }),
  onListen: ({ port }) => console.log(JSON.stringify({ port })),
}, await handler());
