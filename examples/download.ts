/**
 * A long download that can be taken up again: `bun run download.ts --port=8000`, then
 * `curl -O localhost:8000/numbers.bin`, stop it, and go on with `curl -C - -O localhost:8000/numbers.bin`.
 *
 * The file is made as it is sent: each eight bytes are their own number. It shows how a body of known length
 * is sent no faster than the client takes it, and how a range is answered.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions } from "@ringport/ringport";
import { http, type HttpResponse } from "@ringport/ringport/http";

const FILE_BYTES = 1024 ** 3;
const PIECE_BYTES = 64 * 1024;
/** It changes whenever the bytes would. */
const TAG = '"numbers-1"';

/** The bytes of the file from `start` on. */
function piece(start: number, length: number): Uint8Array {
  const first = Math.floor(start / 8);
  const skipped = start - first * 8;
  const view = new DataView(new ArrayBuffer(Math.ceil((skipped + length) / 8) * 8));
  for (let offset = 0; offset < view.byteLength; offset += 8) {
    view.setBigUint64(offset, BigInt(first + offset / 8));
  }
  return new Uint8Array(view.buffer, skipped, length);
}

async function send(response: HttpResponse, start: number, end: number): Promise<void> {
  const stream = response.stream({ length: end - start });
  for (let position = start; position < end && !stream.done; position += PIECE_BYTES) {
    const result = stream.write(piece(position, Math.min(PIECE_BYTES, end - position)));
    if (result !== "sent") await stream.drained();
  }
  if (!stream.done) stream.end();
}

/** First and last byte of a single range, as RFC 9110, section 14.1.2, has it; undefined for any other. */
function rangeOf(value: string | undefined): [start: number, end: number] | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(value ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return undefined;
  if (match[1] === "") return [Math.max(0, FILE_BYTES - Number(match[2])), FILE_BYTES];
  const end = match[2] === "" ? FILE_BYTES : Math.min(FILE_BYTES, Number(match[2]) + 1);
  return [Number(match[1]), end];
}

export default http({
  async request(request, response) {
    if (request.path !== "/numbers.bin") return void response.status(404).send("The file is /numbers.bin.\n");
    if (request.method !== "GET" && request.method !== "HEAD") {
      return void response.status(405).header("Allow", "GET, HEAD").send();
    }
    response.header("Accept-Ranges", "bytes").header("ETag", TAG).header(
      "Content-Type",
      "application/octet-stream",
    );
    const condition = request.header("if-range");
    // HEAD tells of the whole file, and makes none of it.
    if (request.method === "HEAD") return void response.header("Content-Length", FILE_BYTES).send();
    const range = condition === undefined || condition === TAG ? rangeOf(request.header("range")) : undefined;
    if (range === undefined) return await send(response, 0, FILE_BYTES);
    const [start, end] = range;
    if (start >= end) {
      return void response.status(416).header("Content-Range", `bytes */${FILE_BYTES}`).send();
    }
    response.status(206).header("Content-Range", `bytes ${start}-${end - 1}/${FILE_BYTES}`);
    await send(response, start, end);
  },
});

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`download server listens on http://${server.hostname}:${server.port}`),
  });
  console.log("download server stopped");
}
