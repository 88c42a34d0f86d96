/**
 * Pumps a file through an echo server and verifies that it came back whole:
 * `bun run examples/echo_client.ts <file> [port] [hostname]`.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { connect } from "../src/mod.ts";
import { exit, fileAddress, scriptArguments } from "./runtime.ts";

/**
 * Bytes written at once: large enough to be worth a system call, small enough to keep both directions busy.
 */
const PIECE_BYTES = 64 * 1024;

const [path, port = "7000", hostname = "127.0.0.1"] = scriptArguments;
if (path === undefined) {
  console.error("usage: echo_client.ts <file> [port] [hostname]");
  exit(2);
}

const file = new Uint8Array(await (await fetch(fileAddress(path))).arrayBuffer());
const returned = new Uint8Array(file.length);
let received = 0;
let written = 0;

const connection = await connect({
  hostname,
  port: Number(port),
  socket: {
    data(connection, bytes) {
      returned.set(bytes.bytes, received);
      received += bytes.length;
      if (received === file.length) connection.end();
    },
    drain: pump,
  },
});

const start = performance.now();
pump();
if (file.length === 0) connection.end();
const reason = await connection.closed;
const seconds = (performance.now() - start) / 1000;

const sent = await sha256(file);
if (received !== file.length || (await sha256(returned)) !== sent) {
  console.error(`${received} of ${file.length} bytes came back, not the ones sent (closed by ${reason.by})`);
  exit(1);
}
const rate = file.length / 1e6 / seconds;
console.log(`${file.length} bytes there and back, sha256 ${sent}, ${rate.toFixed(1)} MB/s`);

/** Writes until the connection has enough for now; `drain` calls again. */
function pump(): void {
  while (written < file.length) {
    const piece = file.subarray(written, written + PIECE_BYTES);
    const result = connection.write(piece);
    if (result !== "refused") written += piece.length;
    if (result !== "sent") return;
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
