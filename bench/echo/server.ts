/**
 * The server under test: the echo handler on this project, the same file on both runtimes. Prints its port.
 *
 * @module
 */
import { listen } from "../../src/mod.ts";

const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(connection, window) {
      // One message a connection is under way, so nothing piles up; a refusal would lose bytes, so it ends
      // it.
      if (connection.write(window) === "refused") connection.abort();
    },
    error() {},
  },
});

console.log(JSON.stringify({ port: listener.port }));
