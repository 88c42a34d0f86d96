/**
 * This project's fast door: `server_fast.ts KIND`, on both runtimes. Prints its port.
 *
 * @module
 */
import { http } from "../../src/http.ts";
import type { HttpRequest, HttpResponse } from "../../src/http/types.ts";
import { createLoop, listen } from "../../src/mod.ts";
import { BODY_BYTES, HELLO, kindAsked, LARGE_BYTES, letters, PAGE, WORK_FIELD } from "./work.ts";

type Handler = (request: HttpRequest, response: HttpResponse) => void | Promise<void>;

const kind = kindAsked();
/** What is sent again and again is copied into a loop's memory once. */
const loop = kind === "body" || kind === "download" ? createLoop() : undefined;
const page = loop?.window(letters(kind === "download" ? LARGE_BYTES : BODY_BYTES));

/** The parameter as a handler looks it up who has no other use for the query. */
function parameter(query: string, name: string): string | null {
  return new URLSearchParams(query).get(name);
}

function sendPage(_request: HttpRequest, response: HttpResponse): void {
  response.header("content-type", "application/octet-stream").send(page);
}

const handlers: Record<ReturnType<typeof kindAsked>, Handler> = {
  hello(_request, response) {
    response.send(HELLO);
  },
  json(_request, response) {
    response.json(PAGE);
  },
  work(request, response) {
    response.json({
      path: request.path,
      name: parameter(request.query, "name"),
      id: request.header(WORK_FIELD) ?? null,
    });
  },
  body: sendPage,
  download: sendPage,
  async upload(request, response) {
    let bytes = 0;
    await request.onData((window) => {
      bytes += window.length;
    });
    response.send(String(bytes));
  },
};

const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  socket: http({ request: handlers[kind] }),
});

console.log(JSON.stringify({ port: listener.port }));
