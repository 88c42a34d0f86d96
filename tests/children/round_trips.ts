/**
 * Normal clients: `PORT CLIENTS`. For each line `measure MS` on the standard input they exchange lines for
 * that long, at an easy pace, and the times of the round trips are printed.
 */
// deno-lint-ignore-file no-console
import { connect, type Connection, createLoop } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";

/** Milliseconds between an answer and the next question. */
const PACE = 4;

const [port, count] = scriptArguments().map(Number);
const loop = createLoop({ connectionSlots: 64, segmentCount: 256, timers: 256 });
let times: number[] = [];
let until = 0;
const begun = new Map<Connection, number>();
const resting = new Set<Connection>();
let ending = false;
let done: (() => void) | undefined;

function ask(connection: Connection): void {
  begun.set(connection, performance.now());
  connection.write("echo are you there\n");
}

function rest(connection: Connection): void {
  resting.add(connection);
  if (resting.size === count) done?.();
}

const socket = {
  data(connection: Connection) {
    const now = performance.now();
    times.push(now - begun.get(connection)!);
    if (now > until) return rest(connection);
    setTimeout(() => ask(connection), PACE);
  },
  close() {
    if (!ending) console.log("a normal client was cut");
  },
};

const clients: Connection[] = [];
for (let index = 0; index < count; index++) {
  clients.push(await connect({ hostname: "127.0.0.1", port, loop, socket }));
}
console.log("ready");
for await (const line of inputLines()) {
  if (line === "go") break;
  const milliseconds = Number(line.split(" ")[1]);
  times = [];
  resting.clear();
  until = performance.now() + milliseconds;
  const finished = new Promise<void>((resolve) => done = resolve);
  for (const connection of clients) ask(connection);
  await finished;
  times.sort((one, other) => one - other);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))].toFixed(3);
  console.log(`round ${times.length} median ${at(0.5)} p99 ${at(0.99)} end`);
}
ending = true;
await loop.close();
exit(0);
