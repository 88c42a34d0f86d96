/** Both ends of a connection are read to their end by their streams: the program must end by itself. */
import { connect, listen } from "../../src/mod.ts";

const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { open: (connection) => void connection.end("bye") },
});
const client = await connect({ hostname: "127.0.0.1", port: listener.port });
for await (const bytes of client.readable) console.log(new TextDecoder().decode(bytes));
const { by } = await client.closed;
console.log(`closed ${client.state} by ${by}`);
await listener.close();
