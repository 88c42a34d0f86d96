/**
 * Forwards TCP connections: `bun run examples/proxy.ts <port> <target port> [target hostname]`.
 *
 * Each side is read only as fast as the other takes the bytes, and the end of one side's stream is passed on
 * while the other direction goes on.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { type CloseReason, connect, type Connection, listen, type SocketHandlers } from "../src/mod.ts";
import { exit, onStop, scriptArguments } from "./runtime.ts";

/** What a connection knows: the one at the other side of the proxy, once it is there. */
interface Side {
  other?: Connection<Side>;
}

const [port, targetPort, targetHostname = "127.0.0.1"] = scriptArguments;
if (port === undefined || targetPort === undefined) {
  console.error("usage: proxy.ts <port> <target port> [target hostname]");
  exit(2);
}

const forward: SocketHandlers<Side> = {
  data(connection, bytes) {
    if (connection.data.other?.write(bytes) !== "sent") connection.pause();
  },
  drain(connection) {
    connection.data.other?.resume();
  },
  end(connection) {
    connection.data.other?.shutdownWrite();
  },
  close(connection, reason: CloseReason) {
    const other = connection.data.other;
    if (reason.error === undefined) other?.close();
    else other?.abort();
  },
  error(connection, error) {
    console.error(`connection ${connection.id}: ${error.message}`);
  },
};

const listener = listen<Side>({
  port: Number(port),
  allowHalfOpen: true,
  socket: {
    ...forward,
    async open(client) {
      client.data = {};
      client.pause();
      try {
        const upstream = await connect<Side>({
          hostname: targetHostname,
          port: Number(targetPort),
          allowHalfOpen: true,
          data: { other: client },
          socket: forward,
        });
        client.data.other = upstream;
        // The client may have gone while the way to the target was opened.
        if (client.state === "closed") upstream.abort();
        else client.resume();
      } catch (error) {
        console.error(`target ${targetHostname}:${targetPort}: ${(error as Error).message}`);
        client.abort();
      }
    },
  },
});

console.log(`proxy listens on ${listener.hostname}:${listener.port}`);

onStop(() => {
  listener.stop(true);
  console.log("proxy stopped");
});
