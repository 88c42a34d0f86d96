/**
 * A server with a fetch-style handler: `bun run fetch_server.ts 8000`, then `curl localhost:8000`.
 *
 * `POST /shout` answers in upper case while it reads; `GET /ticks` is a stream without an end.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { installGlobals, serve } from "@ringport/ringport/fetch";

// `new Response` makes light responses from here on.
installGlobals();

const [port = process.env.PORT ?? "8000"] = process.argv.slice(2);

/** A stream of one line a second. */
function ticks(): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let timer: ReturnType<typeof setInterval> | undefined;
  return new ReadableStream({
    start(controller) {
      const tick = () => controller.enqueue(encoder.encode(`${new Date().toISOString()}\n`));
      tick();
      timer = setInterval(tick, 1_000);
    },
    cancel() {
      clearInterval(timer);
    },
  });
}

const server = serve({
  hostname: "127.0.0.1",
  port: Number(port),
  onListen: ({ hostname, port }) => console.log(`fetch server listens on http://${hostname}:${port}`),
  onError(error) {
    console.error(error);
    return new Response("something went wrong\n", { status: 500 });
  },
}, async (request, info) => {
  const { pathname } = new URL(request.url);
  switch (`${request.method} ${pathname}`) {
    case "GET /":
      return new Response(`hello, ${info.remoteAddr.hostname}\n`);
    case "GET /ticks":
      return new Response(ticks(), { headers: { "Content-Type": "text/plain" } });
    case "POST /shout": {
      const text = request.body?.pipeThrough(new TextDecoderStream());
      const shouted = new TransformStream<string, string>({
        transform: (part, controller) => controller.enqueue(part.toUpperCase()),
      });
      return new Response(text?.pipeThrough(shouted).pipeThrough(new TextEncoderStream()) ?? null);
    }
    case "POST /sum": {
      const numbers: unknown = await request.json().catch(() => undefined);
      if (!Array.isArray(numbers)) {
        return Response.json({ error: "send an array of numbers" }, { status: 422 });
      }
      return Response.json({ sum: numbers.reduce((sum, number) => sum + Number(number), 0) });
    }
    default:
      return new Response("not found\n", { status: 404 });
  }
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await server.stop(true);
    console.log("fetch server stopped");
    process.exit();
  });
}
