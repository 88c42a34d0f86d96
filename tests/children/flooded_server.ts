/** A server of its own process, which tells how much memory it has: `BUFFER_LIMIT`. */
// deno-lint-ignore-file no-console
import { Server } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { collectGarbage, exit, residentBytes, scriptArguments } from "../helpers/runtime.ts";

const application = new URL("../applications/commands.ts", import.meta.url);
const server = await Server.start(application, {
  hostname: "127.0.0.1",
  port: 0,
  workers: 1,
  segmentCount: 1024,
  connectionSlots: 4096,
  timers: 8192,
  sendBuffer: 4096,
  bufferLimit: Number(scriptArguments()[0]),
  highWaterMark: Number(scriptArguments()[0]) / 4,
  lowWaterMark: 4096,
  timeouts: { writeStall: 0, idle: 0 },
  log: "off",
});
console.log(`port ${server.port}`);
for await (const line of inputLines()) {
  if (line === "stop") break;
  collectGarbage();
  console.log(`resident ${residentBytes()} open ${server.stats().total.connections.open} end`);
}
await server.abort();
exit(0);
