/** A server that is replaced while it runs: answers every line with the name it was given. */
import { host } from "../../src/host/mod.ts";
import { type Application, type Connection, Server, type Window } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";

/** What the starter calls this program, in each of its threads and processes. */
const program = host.variable("PROGRAM") ?? "";

export default class Successor implements Application {
  start(worker: { argument: string | undefined }): void {
    if (worker.argument === "fail") throw new Error("this one does not start");
  }

  data(connection: Connection, window: Window): void {
    connection.write(`${window.text().trim()} ${program}\n`);
  }
}

if (import.meta.main) {
  const options = { workers: 2, segmentCount: 256, connectionSlots: 4096, timers: 8192 };
  const log = (entry: { event: string }) => console.log(`event ${entry.event}`);
  try {
    const report = await Server.run(import.meta.url, { hostname: "127.0.0.1", ...options, log }, {
      started(server) {
        const ports = server.listeners.map(({ name, address }) => `${name}=${address.port}`);
        console.log(`listeners ${ports.join(" ")} .`);
        console.log(`serving ${server.port} as ${host.pid}`);
        // Signals end a program on Windows at once.
        if (host.operatingSystem === "windows") void stopAtLine(server);
      },
    });
    const { reason, bytesLost, aborted, workersKilled } = report;
    console.log(`report ${JSON.stringify({ reason, bytesLost, aborted, workersKilled })}`);
    // It would wait for further lines.
    if (host.operatingSystem === "windows") host.exit(0);
  } catch (error) {
    console.log(`failed ${(error as { code?: string }).code} ${(error as Error).message}`);
    host.exit(3);
  }
}

async function stopAtLine(server: Server): Promise<void> {
  for await (const line of inputLines()) return void await server.shutdown({ reason: line });
}
