/**
 * Forwards TCP connections: `bun run examples/proxy.ts <port> <target port> [target hostname]`.
 *
 * Each side is read only as fast as the other takes the bytes, and the end of one side's stream is passed on
 * while the other direction goes on.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { connect, listen, pump } from "../src/mod.ts";
import { exit, onStop, scriptArguments } from "./runtime.ts";

const [port, targetPort, targetHostname = "127.0.0.1"] = scriptArguments;
if (port === undefined || targetPort === undefined) {
  console.error("usage: proxy.ts <port> <target port> [target hostname]");
  exit(2);
}

const listener = listen({
  port: Number(port),
  socket: {
    async open(client) {
      client.pause(); // until there is somebody to pass it on to
      try {
        const upstream = await connect({ hostname: targetHostname, port: Number(targetPort) });
        // The client may have gone while the way to the target was opened.
        if (client.state === "open") void pump(client, upstream);
        else upstream.abort();
      } catch (error) {
        console.error(`target ${targetHostname}:${targetPort}: ${(error as Error).message}`);
        client.abort();
      }
    },
    error(connection, error) {
      console.error(`connection ${connection.id}: ${error.message}`);
    },
  },
});

console.log(`proxy listens on ${listener.hostname}:${listener.port}`);

onStop(() => {
  listener.stop(true);
  console.log("proxy stopped");
});
