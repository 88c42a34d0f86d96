/** A user's program that is made into one file: a listener and a connection to it. */
// deno-lint-ignore-file no-console
import { connect, listen } from "@ringport/ringport";

const listener = listen({
  hostname: "127.0.0.1",
  socket: { data: (connection, window) => void connection.write(window) },
});
const connection = await connect({
  hostname: "127.0.0.1",
  port: listener.port,
  socket: {
    data(connection, window) {
      console.log("echoed", window.text());
      connection.end();
    },
  },
});
connection.write("hello");
await connection.closed;
await listener.close();
