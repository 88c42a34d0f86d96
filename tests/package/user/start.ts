/** A user's program: an echo by `listen`, then by servers whose workers are threads and processes. */
// deno-lint-ignore-file no-console
import { connect, listen, Server } from "@ringport/ringport";

async function echoed(port: number): Promise<string> {
  let received = "";
  const { promise: answered, resolve } = Promise.withResolvers<void>();
  const connection = await connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, window) {
        received += window.text();
        if (received.length >= 5) resolve();
      },
    },
  });
  connection.write("hello");
  await answered;
  connection.end();
  await connection.closed;
  return received;
}

const listener = listen({
  hostname: "127.0.0.1",
  socket: { data: (connection, window) => void connection.write(window) },
});
console.log("listen echoed", await echoed(listener.port));
await listener.close();

for (const isolation of ["thread", "process"] as const) {
  const application = new URL("./app.ts", import.meta.url);
  const server = await Server.start(application, {
    hostname: "127.0.0.1",
    port: 0,
    workers: 2,
    isolation,
    log: "off",
  });
  console.log(isolation, "echoed", await echoed(server.port));
  await server.shutdown();
}
