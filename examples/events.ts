/**
 * Server-sent events and long polling: `bun run events.ts --port=8000`, then `curl -N localhost:8000/events`
 * in one terminal and `curl localhost:8000/publish -d news` in another.
 *
 * `GET /events` is a stream that lives as long as its client, `GET /next` waits for one event, and
 * `POST /publish` sends its body to all of them.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions } from "@ringport/ringport";
import { http, type HttpRequest, type HttpResponse, type ResponseStream } from "@ringport/ringport/http";

/** Milliseconds between two comments to a silent stream, below the idle time of common proxies. */
const HEARTBEAT_MS = 15_000;
/** Milliseconds a long poll waits before it is answered without an event. */
const POLL_MS = 25_000;
/** Bytes a subscriber may be behind before it is cut: one that does not read must not fill the memory. */
const BEHIND_BYTES_MAX = 1024 * 1024;
const EVENT_BYTES_MAX = 64 * 1024;

const streams = new Set<ResponseStream>();
const polls = new Set<(event: string) => void>();
let lastId = 0;

function subscribe(request: HttpRequest, response: HttpResponse): void {
  response.later().header("Content-Type", "text/event-stream").header("Cache-Control", "no-store");
  const stream = response.stream();
  stream.write(": welcome\n\n");
  streams.add(stream);
  const heartbeat = setInterval(() => stream.write(":\n\n"), HEARTBEAT_MS);
  request.signal.addEventListener("abort", () => {
    clearInterval(heartbeat);
    streams.delete(stream);
  });
}

async function poll(response: HttpResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve(undefined), POLL_MS);
  polls.add(resolve);
  const event = await promise;
  polls.delete(resolve);
  clearTimeout(timer);
  if (event === undefined) response.status(204).send();
  else response.send(event);
}

async function publish(request: HttpRequest, response: HttpResponse): Promise<void> {
  const event = await request.text();
  // Each of the three ends a line of a stream: one that was left in would begin a field of the sender's.
  const lines = event.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join("");
  const text = `id: ${++lastId}\n${lines}\n`;
  for (const stream of streams) {
    if (stream.bufferedBytes > BEHIND_BYTES_MAX) stream.abort();
    else stream.write(text);
  }
  for (const resolve of polls) resolve(event);
  response.status(204).send();
}

export default http({
  request(request, response) {
    switch (`${request.method} ${request.path}`) {
      case "GET /events":
        return subscribe(request, response);
      case "GET /next":
        return poll(response);
      case "POST /publish":
        return publish(request, response);
      default:
        response.status(404).send("See /events, /next and /publish.\n");
    }
  },
}, { maxRequestBodySize: EVENT_BYTES_MAX });

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`event server listens on http://${server.hostname}:${server.port}`),
  });
  console.log("event server stopped");
}
