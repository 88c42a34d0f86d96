/**
 * A server as it runs in production: workers under a supervisor, limits, figures over HTTP, an orderly end.
 *
 *     bun run examples/supervised.ts
 *     deno run -A examples/supervised.ts
 *
 * It echoes, and a line `crash` kills the worker that gets it, to see the supervisor at work. Its options
 * can be set from outside: `RINGPORT_PORT=3000 RINGPORT_WORKERS=4`. Ctrl+C ends it in order, a second one at
 * once.
 */
import { type Application, type Connection, Server, type Window, type WorkerContext } from "../src/mod.ts";
import { environment } from "./runtime.ts";

/** The same file is the program and, in each worker, the application. */
export default class Echo implements Application {
  start(worker: WorkerContext): void {
    worker.log(`worker ${worker.index} is there`);
  }

  data(connection: Connection, window: Window): void {
    if (window.length === 6 && window.text() === "crash\n") {
      setTimeout(() => {
        throw new Error("somebody asked for it");
      }, 0);
      return;
    }
    // A peer that does not read makes itself wait.
    if (connection.write(window) === "queued") connection.pause();
  }

  drain(connection: Connection): void {
    connection.resume();
  }

  timeout(connection: Connection, kind: string): void {
    console.log(`${connection.remoteAddress.hostname} has kept us waiting (${kind})`);
  }
}

if (import.meta.main) {
  const report = await Server.run(import.meta.url, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 2,
    timeouts: { firstByte: 10_000, idle: 60_000 },
    metrics: { port: 0 },
    shutdown: { draining: 1_000 },
  }, {
    started(server) {
      console.log(`supervised server listens on ${server.hostname}:${server.port}`);
      // Lets the example end by itself where no signal can be sent.
      const milliseconds = Number(environment("STOP_AFTER_MS") ?? 0);
      if (milliseconds > 0) setTimeout(() => void server.shutdown(), milliseconds);
    },
  });
  console.log(`served ${report.drained + report.closed} to the end, cut ${report.aborted}: ${report.reason}`);
}
