/**
 * A process for the tests of what a pool keeps alive: the arguments say what is left open, and the
 * server's port.
 */
// deno-lint-ignore-file no-console
import { createPool } from "../../src/pool.ts";
import { scriptArguments } from "../helpers/runtime.ts";

const [what, port] = scriptArguments();
const pool = createPool({ idleTimeout: 60_000 });
const target = { hostname: "127.0.0.1", port: Number(port) };

for (let round = 0; round < 3; round++) {
  await pool.use(target, async (connection) => {
    const reader = connection.readable.getReader();
    connection.write("question");
    await reader.read();
  });
  if (what === "idle after turns") await new Promise((resolve) => setTimeout(resolve, 30));
}
if (what === "closed") await pool.close();
if (what === "leased") {
  const lease = await pool.acquire({
    ...target,
    socket: { close: (_, reason) => console.log(`ended by ${reason.by}`) },
  });
  lease.handlers = { data() {}, close: (_, reason) => console.log(`ended by ${reason.by}`) };
}
console.log("done");
