/**
 * The server on host A: `OPTIONS` as JSON. Prints its ports, how connections ended, and what a shutdown
 * came to, whose options are a line of the standard input.
 */
// deno-lint-ignore-file no-console
import { Server } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";

const server = await Server.start(new URL("../applications/transfer.ts", import.meta.url), {
  workers: 1,
  segmentCount: 1024,
  connectionSlots: 256,
  timers: 1024,
  ...JSON.parse(scriptArguments()[0]),
  log(entry: Record<string, unknown>) {
    if (entry.message !== "closed") return;
    console.log(`closed ${entry.listener} by ${entry.by} code ${entry.code} lost ${entry.bytesLost} end`);
  },
});
for (const { name, address } of server.listeners) console.log(`listening ${name} ${address.port} end`);
for await (const line of inputLines()) {
  const started = performance.now();
  const report = await server.shutdown(JSON.parse(line));
  const phases = report.phases.map(({ phase }) => phase).join(",");
  console.log(
    `stopped after ${Math.round(performance.now() - started)} phases ${phases} ${JSON.stringify(report)} end`,
  );
  break;
}
exit(0);
