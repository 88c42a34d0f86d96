/**
 * One worker of `reuse_port.ts`: listens where it is told and tells how many connections it has.
 *
 * @module
 */
import { listen } from "../../src/mod.ts";

interface Scope {
  onmessage: ((event: MessageEvent<number>) => void) | null;
  postMessage(message: unknown): void;
}

/** Milliseconds between two reports. */
const reportInterval = 200;
const scope = globalThis as unknown as Scope;

scope.onmessage = ({ data: port }) => {
  const listener = listen({
    hostname: "127.0.0.1",
    port,
    reusePort: true,
    socket: {
      data(connection, window) {
        if (connection.write(window) === "refused") connection.abort();
      },
      error() {},
    },
  });
  scope.postMessage({ port: listener.port });
  setInterval(() => scope.postMessage({ connections: listener.connectionCount }), reportInterval);
};
scope.postMessage("ready");
