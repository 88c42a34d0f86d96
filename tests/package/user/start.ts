/** A user's program: an echo by `listen`, then by servers whose workers are threads and processes. */
// deno-lint-ignore-file no-console
import { connect, listen, Server } from "@ringport/ringport";
import { AddressTable } from "@ringport/ringport/admission";
import { lines } from "@ringport/ringport/framing";
import { renderPrometheus } from "@ringport/ringport/metrics";
import { createPool } from "@ringport/ringport/pool";
import type { TraceEvent } from "@ringport/ringport/trace";
import { udpSocket } from "@ringport/ringport/udp";

// Every subpath gives what its page names.
for (const value of [AddressTable.create, lines, renderPrometheus, createPool, udpSocket]) {
  if (typeof value !== "function") throw new Error("a subpath of the package gives nothing");
}
const stages: TraceEvent["stage"][] = ["submitted", "completed"];
if (stages.length !== 2) throw new Error("the types of a subpath are missing");

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
