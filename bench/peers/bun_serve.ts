/**
 * Bun.serve: `bun_serve.ts [static|async|hono] KIND`. Prints its port.
 *
 * @module
 */
import { asyncFetchHandler, fetchHandler } from "../http/fetch_handlers.ts";
import { BODY_BYTES, HELLO, kindAsked, letters, PAGE } from "../http/work.ts";

/** Seconds; the most it takes. Idle connections are measured for less. */
const idleTimeout = 255;

const kind = kindAsked();
const style = Bun.argv.at(-2);

function staticRoute(): Response {
  if (kind === "hello") return new Response(HELLO);
  if (kind === "json") return Response.json(PAGE);
  return new Response(letters(BODY_BYTES), { headers: { "content-type": "application/octet-stream" } });
}

function routes(): Record<string, Response> | undefined {
  if (style !== "static") return undefined;
  return { [kind === "hello" ? "/" : `/${kind}`]: staticRoute() };
}

async function handler(): Promise<(request: Request) => Response | Promise<Response>> {
  if (style === "hono") return (await import("../http/hono_app.ts")).app.fetch;
  return style === "async" ? asyncFetchHandler(kind) : fetchHandler(kind);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout,
  routes: routes(),
  fetch: await handler(),
});

console.log(JSON.stringify({ port: server.port }));
