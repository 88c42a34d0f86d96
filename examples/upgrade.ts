/**
 * Leaves HTTP for another protocol: `bun run upgrade.ts --port=8000`, then
 * `curl -i -N -H "Connection: Upgrade" -H "Upgrade: echo" -T - localhost:8000`.
 *
 * A request with `Upgrade: echo` turns its connection into one that sends back what it receives. WebSocket
 * begins the same way.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Server, type ServerOptions, type SocketHandlers } from "@ringport/ringport";
import { http } from "@ringport/ringport/http";

const echo: SocketHandlers = {
  data(connection, window) {
    connection.write(window);
  },
};

export default http({
  request(_request, response) {
    response.status(426).header("Upgrade", "echo").send("Ask for the protocol echo.\n");
  },
  upgrade(request, response) {
    if (request.header("upgrade")?.toLowerCase() !== "echo") {
      return void response.status(400).send("The only other protocol here is echo.\n");
    }
    response.upgrade(echo, { Upgrade: "echo" });
  },
});

export const options: ServerOptions = { hostname: "127.0.0.1", port: 8000, workers: 1 };

if (import.meta.main) {
  await Server.run(import.meta.url, {}, {
    started: (server) => console.log(`upgrade server listens on http://${server.hostname}:${server.port}`),
  });
  console.log("upgrade server stopped");
}
