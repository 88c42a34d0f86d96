/** A server as a program: prints its port, serves until it is told to stop, prints the report. */
import { Server } from "../../src/mod.ts";
import { environment } from "../helpers/runtime.ts";
import { inputLines } from "../helpers/process.ts";

export { default } from "./commands.ts";

if (import.meta.main) {
  const application = new URL("./commands.ts", import.meta.url);
  let told = false;
  const running = Server.run(application, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 1,
    segmentCount: 256,
    connectionSlots: 4096,
    timers: 8192,
    shutdown: { draining: 500 },
    log(entry) {
      if (entry.event === "server.phase") console.log(`phase ${entry.phase}`);
      if (entry.event === "worker.slow") console.log("slow");
      if (entry.event === "worker.died") console.log("died");
      if (entry.event === "server.statistics") {
        const { total } = entry.statistics as { total: { connections: { accepted: number } } };
        console.log(`dumped ${total.connections.accepted} connection`);
      }
      told = true;
    },
  }, {
    started(server) {
      console.log(`port ${server.port}`);
      if (environment("STOP_AT_LINE") !== undefined) void stopAtLine(server);
    },
  });
  const report = await running;
  console.log(
    `reason ${report.reason}, bytes lost ${report.bytesLost}, aborted ${report.aborted}, ` +
      `killed ${report.workersKilled}, told ${told}`,
  );
}

async function stopAtLine(server: Server): Promise<void> {
  for await (const _ of inputLines()) return void await server.shutdown();
}
