/**
 * node:http: `node_http.mjs KIND`. Prints its port.
 *
 * @module
 */
import { createServer } from "node:http";

const BODY_BYTES = 64 * 1024;
const LARGE_BYTES = 1024 * 1024;
const PAGE_FILE = process.argv.at(-2);
const kind = process.argv.at(-1);

/** Milliseconds; idle connections are measured for less. */
const keepAliveTimeout = 255_000;

const letters = (length) => Buffer.from(Uint8Array.from({ length }, (_, index) => 97 + index % 26));

function answer(response, type, body) {
  response.setHeader("Content-Type", type);
  response.setHeader("Content-Length", Buffer.byteLength(body));
  response.end(body);
}

function answering(type, body) {
  return (_request, response) => answer(response, type, body);
}

async function json() {
  const { readFileSync } = await import("node:fs");
  const page = JSON.parse(readFileSync(PAGE_FILE, "utf8"));
  return (_request, response) => answer(response, "application/json", JSON.stringify(page));
}

function work(request, response) {
  const url = new URL(request.url, "http://127.0.0.1");
  const found = {
    path: url.pathname,
    name: url.searchParams.get("name"),
    id: request.headers["x-request-id"] ?? null,
  };
  answer(response, "application/json", JSON.stringify(found));
}

function upload(request, response) {
  let bytes = 0;
  request.on("data", (chunk) => bytes += chunk.length);
  request.on("end", () => answer(response, "text/plain;charset=utf-8", String(bytes)));
}

const handlers = {
  hello: answering("text/plain;charset=utf-8", "Hello, World!"),
  work,
  body: answering("application/octet-stream", letters(BODY_BYTES)),
  download: answering("application/octet-stream", letters(LARGE_BYTES)),
  upload,
};

const server = createServer(
  { keepAliveTimeout, noDelay: true },
  kind === "json" ? await json() : handlers[kind],
);

server.listen(0, "127.0.0.1", 4096, () => {
  console.log(JSON.stringify({ port: server.address().port }));
});
