/**
 * A server and a client on a Unix socket, whose file permissions say who may connect:
 * `bun run unix_socket.ts [path]`. For Linux.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { connect, listen } from "@ringport/ringport";

const [path = "./example.sock"] = process.argv.slice(2);

const server = listen({
  unix: path,
  mode: 0o600,
  socket: {
    data(connection, window) {
      connection.end(`you sent ${window.text()}`);
    },
  },
});
console.log(`unix server listens on ${path}`);

const client = await connect({ unix: path });
client.write("hello");
for await (const bytes of client.readable) console.log(new TextDecoder().decode(bytes));
await client.closed;

await server.close();
console.log("unix server stopped");
