/**
 * A client on host B: `HOST PORT COMMAND [BYTES] [SEED]`. Prints whether what came and went was whole, how
 * far it is when asked, and how its connection ended.
 */
// deno-lint-ignore-file no-console
import { connect, type Connection, createLoop } from "../../src/mod.ts";
import { StreamHash } from "../helpers/hash.ts";
import { inputLines } from "../helpers/process.ts";
import { Random } from "../helpers/random.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";

const [hostname, port, command, bytes = "0", seed = "1"] = scriptArguments();
const loop = createLoop({ connectionSlots: 16, segmentCount: 256, timers: 64 });
const received = new StreamHash();
let text = "";

/** The hash of the noise of a seed. */
function noise(): StreamHash {
  const random = new Random(Number(seed));
  const hash = new StreamHash();
  for (let left = Number(bytes); left > 0; left -= 4096) {
    hash.update(random.bytes(4096).subarray(0, Math.min(4096, left)));
  }
  return hash;
}

const random = new Random(Number(seed));
let left = command === "upload" ? Number(bytes) : 0;
function pour(connection: Connection): void {
  while (left > 0) {
    const piece = random.bytes(4096).subarray(0, Math.min(4096, left));
    left -= piece.length;
    if (connection.write(piece) === "queued") return;
  }
}

const connection = await connect({
  hostname,
  port: Number(port),
  loop,
  socket: {
    data(_, window) {
      if (command === "upload") text += window.text();
      else received.update(window.bytes);
    },
    drain: pour,
    end: (connection) => void connection.end(),
  },
});
console.log("connected end");
connection.write(`${[command, bytes, seed].join(" ")}\n`);
pour(connection);
void (async () => {
  for await (const _ of inputLines()) console.log(`so far ${received.length} end`);
})();
const { by, error } = await connection.closed;
const whole = command === "upload"
  ? text === `${noise().digest()}\n`
  : received.digest() === noise().digest();
console.log(
  `${whole ? "whole" : "not whole"} by ${by} code ${(error as { code?: string })?.code ?? "none"} end`,
);
await loop.close();
exit(0);
