/**
 * The server under test with every limit of time and rate set, and each message marked: what the watch costs
 * shows beside `server.ts`. Prints its port.
 *
 * @module
 */
import { listen } from "../../src/mod.ts";

const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  timeouts: { firstByte: 30_000, message: 60_000, writeStall: 60_000, idle: 75_000, lifetime: 3_600_000 },
  limits: { receiveRate: 100, sendRate: 100 },
  socket: {
    data(connection, window) {
      // As a protocol does that takes messages apart, though here each is complete when it comes.
      connection.messageBegan();
      if (connection.write(window) === "refused") connection.abort();
      connection.messageEnded();
    },
    error() {},
  },
});

console.log(JSON.stringify({ port: listener.port }));
