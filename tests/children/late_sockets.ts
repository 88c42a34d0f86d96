/**
 * A server whose only worker is busy while many clients come, and still is when the server shuts down:
 * sockets are left on their way to it. Prints what became of them, and ends by itself when nothing is open
 * any more.
 */
// deno-lint-ignore-file no-console
import { connect, Server } from "../../src/mod.ts";
import { scriptArguments } from "../helpers/runtime.ts";
import { until } from "../helpers/wait.ts";

const [isolation, count, aborting, busy] = scriptArguments();
const application = new URL("../applications/commands.ts", import.meta.url);
const server = await Server.start(application, {
  hostname: "127.0.0.1",
  port: 0,
  workers: 1,
  isolation: isolation as "thread" | "process",
  // One listener alone would be the worker's own, where it is a thread.
  spreading: "handOver",
  segmentCount: 256,
  connectionSlots: 2048,
  timers: 2048,
  log: "off",
});

let opened = 0;
let closed = 0;
const dial = async (text: string) => {
  const socket = { data() {}, error() {}, close: () => void (closed += 1) };
  const connection = await connect({ hostname: "127.0.0.1", port: server.port, socket });
  opened += 1;
  if (connection.state === "open") connection.write(text);
};
await dial(`spin ${busy}\n`);
await until(() => server.stats().listeners[0].open === 1, "the worker has the first one");
await Promise.all(Array.from({ length: Number(count) }, () => dial("echo here\n")));
await until(() => server.stats().listeners[0].accepted === opened, "all were accepted");
const report = await server.shutdown({
  refusing: 100,
  draining: 100,
  closing: 100,
  aborting: Number(aborting),
});
await until(() => closed === opened, "every client has heard of its end");
const { refused } = server.stats().listeners[0];
const served = report.drained + report.closed;
const { aborted, workersKilled } = report;
console.log(
  `opened ${opened} served ${served} aborted ${aborted} refused ${refused} killed ${workersKilled} end`,
);
