/**
 * Attackers: `PORT COUNT silent|dripping|deaf`. Silent ones say nothing, dripping ones send a byte a second
 * and never end their line, deaf ones ask for much and read nothing. Prints how many are open and how they
 * ended.
 */
// deno-lint-ignore-file no-console
import { connect, type Connection, createLoop } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";

/** Attempts under way at once, well below the listener's queue. */
const AT_ONCE = 64;

const [port, count] = scriptArguments().map(Number);
const kind = scriptArguments()[2];
const loop = createLoop({ connectionSlots: count + 64, segmentCount: 1024, timers: 256 });
const open = new Set<Connection>();
let started = 0;
let opened = 0;
let ended = 0;
let ending = false;

const socket = {
  open(connection: Connection) {
    if (kind !== "deaf") return;
    connection.pause();
    connection.write("flood 64000000\n");
  },
  data() {},
  close(connection: Connection) {
    open.delete(connection);
    ended += 1;
    if (ended === count && !ending) console.log(`all cut ${ended}`);
  },
};

async function opener(): Promise<void> {
  while (started < count) {
    started += 1;
    const receiveBuffer = kind === "deaf" ? 4096 : undefined;
    open.add(await connect({ hostname: "127.0.0.1", port, loop, receiveBuffer, socket }));
    opened += 1;
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, opener));
console.log(`all open ${opened}`);
// A hundredth of them every hundredth of a second: a byte a second each, and no bursts, as they come from
// thousands of machines.
const PARTS = 100;
const parts: Connection[][] = Array.from({ length: PARTS }, () => []);
[...open].forEach((connection, index) => parts[index % PARTS].push(connection));
let part = 0;
const drip = kind === "dripping"
  ? setInterval(() => {
    part = (part + 1) % PARTS;
    for (const connection of parts[part]) connection.write("e");
  }, 1_000 / PARTS)
  : undefined;
for await (const line of inputLines()) {
  if (line === "count") console.log(`open ${open.size} ended ${ended}`);
  if (line === "go") break;
}
ending = true;
clearInterval(drip);
for (const connection of open) connection.abort();
await loop.close();
exit(0);
