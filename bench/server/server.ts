/**
 * A `Server` with the options given as JSON: `server.ts '{"workers":2}'`. Prints its port, then, whenever
 * they have changed, how many connections each worker has.
 *
 * @module
 */
import { Server, type ServerOptions } from "../../src/mod.ts";
import { programArguments, reportConnections } from "./program.ts";

const options: ServerOptions = JSON.parse(programArguments[0] ?? "{}");
let metricsPort: number | undefined;

const server = await Server.start(new URL("./application.ts", import.meta.url), {
  hostname: "127.0.0.1",
  port: 0,
  ...options,
  log(entry) {
    const { event, address } = entry as unknown as Record<string, unknown>;
    if (event === "metrics.listening") metricsPort = Number(String(address).split(":").at(-1));
  },
});

console.log(JSON.stringify({ port: server.port, metricsPort }));
reportConnections(() => server.stats().workers.map((worker) => worker.connections.open));
