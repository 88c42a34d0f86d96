/** Opens as many connections as asked, keeps them idle, speaks once on each when told, and ends when told. */
// deno-lint-ignore-file no-console
import { connect, type Connection, createLoop } from "../../src/mod.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";
import { inputLines } from "../helpers/process.ts";

/** Attempts under way at once, well below the listener's queue. */
const AT_ONCE = 128;

const [port, count] = scriptArguments().map(Number);
const loop = createLoop({ connectionSlots: count + 64, development: false });
const open: Connection[] = [];
let started = 0;
let answered = 0;

async function opener(): Promise<void> {
  while (started < count) {
    started += 1;
    open.push(
      await connect({
        hostname: "127.0.0.1",
        port,
        loop,
        socket: {
          data() {
            answered += 1;
            if (answered === count) console.log(`answered ${answered}`);
          },
        },
      }),
    );
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, opener));
console.log("all open");
for await (const line of inputLines()) {
  if (line === "speak") { for (const connection of open) connection.write("?"); }
  if (line === "go") break;
}
for (const connection of open) connection.abort();
await loop.close();
exit(0);
