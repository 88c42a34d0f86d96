/**
 * Sends back whatever it receives: `bun run examples/echo.ts [port]`.
 *
 * The bytes are written back out of the memory they arrived in. A client that sends faster than it reads is
 * not read from until it has caught up.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { listen, type Listener, type ListenOptions, RingportError } from "../src/mod.ts";
import { environment, exit, onStop, scriptArguments } from "./runtime.ts";

const PORT_MAX = 65_535;

/** Ends the program with one line that says what is wrong. */
function fail(reason: string): never {
  console.error(`echo server: ${reason}`);
  return exit(1);
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= PORT_MAX) return port;
  return fail(`the port is a number from 0 to ${PORT_MAX}, not "${text}"`);
}

function start(options: ListenOptions): Listener {
  try {
    return listen(options);
  } catch (error) {
    return fail(error instanceof RingportError ? error.message : String(error));
  }
}

const listener = start({
  hostname: "127.0.0.1",
  port: portOf(scriptArguments[0] ?? environment("PORT") ?? "7000"),
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
console.log(`try it:  nc ${listener.hostname} ${listener.port}    stop it:  Ctrl+C`);

onStop(() => {
  listener.stop(true);
  console.log("echo server stopped");
});
