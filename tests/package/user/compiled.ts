/** A user's program that is made into one file: a server whose workers are threads, with its application. */
// deno-lint-ignore-file no-console
import { type Application, connect, type Connection, Server, type Window } from "@ringport/ringport";

export default class Echo implements Application {
  data(connection: Connection, window: Window): void {
    connection.write(window);
  }
}

// In the threads of a program compiled by Bun, `import.meta.main` is true as well.
const { Bun } = globalThis as unknown as { Bun?: { isMainThread: boolean } };
if (import.meta.main && Bun?.isMainThread !== false) {
  const options = { hostname: "127.0.0.1", port: 0, workers: 2, log: "off" } as const;
  const server = await Server.start(import.meta.url, options);
  const connection = await connect({
    hostname: "127.0.0.1",
    port: server.port,
    socket: {
      data(connection, window) {
        console.log("echoed", window.text());
        connection.end();
      },
    },
  });
  connection.write("hello");
  await connection.closed;
  await server.shutdown();
}
