/**
 * Sends back whatever it receives: `bun run examples/echo.ts [port]`.
 *
 * The bytes are written back out of the memory they arrived in. A client that sends faster than it reads is
 * not read from until it has caught up.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { listen } from "../src/mod.ts";
import { environment, onStop, scriptArguments } from "./runtime.ts";

const listener = listen({
  port: Number(scriptArguments[0] ?? environment("PORT") ?? 7000),
  socket: {
    data(connection, bytes) {
      if (connection.write(bytes) !== "sent") connection.pause();
    },
    drain(connection) {
      connection.resume();
    },
  },
});

console.log(`echo server listens on ${listener.hostname}:${listener.port}`);

onStop(() => {
  listener.stop(true);
  console.log("echo server stopped");
});
