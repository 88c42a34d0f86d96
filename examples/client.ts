/**
 * Sends random bytes to an echo server and checks what comes back: `bun run client.ts [port] [mebibytes]`.
 *
 * The server may start later than the client, or be gone for a while: `connect` tries again. Bytes are
 * written as fast as the server takes them.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { connect } from "@ringport/ringport";

/** Bytes per write: enough to be worth a system call, few enough to keep both directions busy. */
const PIECE_BYTES = 64 * 1024;

const [port = "7000", mebibytes = "16"] = process.argv.slice(2);
const sent = new Uint8Array(Number(mebibytes) * 1024 * 1024);
for (let at = 0; at < sent.length; at += PIECE_BYTES) {
  crypto.getRandomValues(sent.subarray(at, at + PIECE_BYTES));
}
const returned = new Uint8Array(sent.length);
let received = 0;
let written = 0;

const connection = await connect({
  hostname: "127.0.0.1",
  port: Number(port),
  retry: { attempts: 20, delay: 100, maxDelay: 2_000 },
  socket: {
    data(connection, window) {
      returned.set(window.bytes, received);
      received += window.length;
      if (received === sent.length) connection.end();
    },
    drain: writeMore,
  },
});

const start = performance.now();
writeMore();
const reason = await connection.closed;
const seconds = (performance.now() - start) / 1000;

const digest = await sha256(sent);
if (received !== sent.length || await sha256(returned) !== digest) {
  console.error(`${received} of ${sent.length} bytes came back, or others than were sent (${reason.by})`);
  process.exit(1);
}
console.log(
  `${sent.length} bytes came back, sha256 ${digest}, ${(received / 1e6 / seconds).toFixed(1)} MB/s`,
);

/** Writes until the connection has enough for now; `drain` calls it again. */
function writeMore(): void {
  while (written < sent.length) {
    const piece = sent.subarray(written, written + PIECE_BYTES);
    const result = connection.write(piece);
    if (result !== "refused") written += piece.length;
    if (result !== "sent") return;
  }
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
