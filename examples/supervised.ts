/**
 * A server as it runs in production: workers under a supervisor, timeouts, metrics over HTTP, a phased
 * shutdown. It echoes; a line `crash` crashes the worker that gets it, to see the supervisor at work, and a
 * line `stop` shuts the server down, as Ctrl+C does.
 *
 *     bun run supervised.ts --port=3000 --workers=4
 *     deno run -A supervised.ts --port=3000 --workers=4
 *
 * @module
 */
// deno-lint-ignore-file no-console
import {
  type Application,
  type Connection,
  Server,
  type Window,
  type WorkerContext,
} from "@ringport/ringport";

/** The same file is the program and, in each worker, the application. */
export default class Echo implements Application {
  #worker!: WorkerContext;

  start(worker: WorkerContext): void {
    this.#worker = worker;
    worker.log(`worker ${worker.index} is there`);
  }

  data(connection: Connection, window: Window): void {
    const text = window.length < 10 ? window.text() : "";
    if (text === "stop\n") return this.#worker.shutdown();
    if (text === "crash\n") return crash();
    connection.write(window);
  }

  timeout(connection: Connection, kind: string): void {
    console.log(`${connection.remoteAddress.hostname} has kept us waiting (${kind})`);
  }
}

function crash(): void {
  setTimeout(() => {
    throw new Error("somebody asked for it");
  }, 0);
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
    started: (server) => console.log(`supervised server listens on ${server.hostname}:${server.port}`),
  });
  console.log(`served ${report.drained + report.closed} to the end, cut ${report.aborted}: ${report.reason}`);
}
