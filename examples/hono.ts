/**
 * A Hono application in workers: `bun run hono.ts --port=8000 --workers=auto`, then `curl localhost:8000`.
 * `ringport serve hono.ts --workers=auto` does the same. Hono must be installed: `bun add hono`.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions } from "@ringport/ringport";
import { installGlobals } from "@ringport/ringport/fetch";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";

// Hono then makes light responses, which are sent without streams and promises.
installGlobals();

const app = new Hono();

app.use(async (context, next) => {
  const begun = performance.now();
  await next();
  context.header("Server-Timing", `app;dur=${(performance.now() - begun).toFixed(2)}`);
});
app.get("/", (context) => context.text("hello from Hono\n"));
app.get("/users/:id", (context) => context.json({ id: context.req.param("id") }));
app.post("/echo", async (context) => context.json({ received: await context.req.json() }));
app.get("/count", (context) =>
  streamSSE(context, async (stream) => {
    for (let count = 1; count <= 3; count++) await stream.writeSSE({ data: `${count}` });
  }));

/** A class: if its program exports an object with `fetch`, such as `app`, Bun makes a server of its own. */
export default class {
  fetch = app.fetch;
}

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 2 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`Hono listens on http://${server.hostname}:${server.port}`),
  });
  console.log("Hono stopped");
}
