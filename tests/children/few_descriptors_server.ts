/**
 * A server in a process that was started with few descriptors: prints its port, and its figures when asked.
 */
// deno-lint-ignore-file no-console
import { Server } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, prepareSignals } from "../helpers/runtime.ts";

prepareSignals();
const lines = inputLines();
let next = lines.next();
const application = new URL("../applications/commands.ts", import.meta.url);
const server = await Server.start(application, {
  hostname: "127.0.0.1",
  port: 0,
  workers: 2,
  segmentCount: 256,
  connectionSlots: 1024,
  timers: 1024,
  log: "off",
});
console.log(`port ${server.port}`);
for (;;) {
  const line = await next;
  if (line.done || line.value === "stop") break;
  next = lines.next();
  const { listeners, total } = server.stats();
  const { accepted, refused } = listeners[0];
  const counts = `accepted ${accepted} refused ${refused}`;
  console.log(`open ${total.connections.open} ${counts} workers ${server.workers} end`);
}
const { bytesLost, workersKilled } = await server.shutdown({ draining: 100 });
console.log(`lost ${bytesLost} killed ${workersKilled}`);
exit(0);
