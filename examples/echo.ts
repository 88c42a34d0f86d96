/**
 * Sends back what it receives: `bun run echo.ts [port]` or `deno run -A echo.ts [port]`.
 *
 * The bytes are written back from the memory they arrived in. A client that sends without reading is not read
 * until it catches up.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { listen, RingportError } from "@ringport/ringport";

const [port = process.env.PORT ?? "7000"] = process.argv.slice(2);

try {
  const listener = listen({
    hostname: "127.0.0.1",
    port: Number(port),
    socket: {
      data(connection, window) {
        connection.write(window);
      },
    },
  });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, async () => {
      await listener.stop(true);
      console.log("echo server stopped");
      process.exit();
    });
  }
  console.log(`echo server listens on ${listener.hostname}:${listener.port}`);
  console.log(`try it:  nc ${listener.hostname} ${listener.port}    stop it:  Ctrl+C`);
} catch (error) {
  if (!(error instanceof RingportError)) throw error;
  console.error(`echo server: ${error.message}`);
  process.exitCode = 1;
}
