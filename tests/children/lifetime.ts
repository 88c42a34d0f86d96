/** A process for the tests of what keeps a process alive: the argument says what is left open. */
// deno-lint-ignore-file no-console
import { connect, createLoop, listen } from "../../src/mod.ts";
import { scriptArguments } from "../helpers/runtime.ts";

const what = scriptArguments()[0];
const loop = what === "loop" ? createLoop({ segmentCount: 64, connectionSlots: 16 }) : undefined;
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  socket: {
    open: (connection) => what === "unref-connection" ? connection.unref() : undefined,
    data: (connection, bytes) => void connection.write(bytes),
  },
});
const connection = await connect({
  hostname: "127.0.0.1",
  port: listener.port,
  loop,
  socket: { data: (connection) => void connection.end() },
});
connection.write("once around");
if (what === "unref-connection") {
  const held = await connect({ hostname: "127.0.0.1", port: listener.port });
  held.unref();
}
await connection.closed;
console.log("listening");
switch (what) {
  case "close":
    listener.stop();
    await listener.close();
    console.log("closed");
    break;
  case "unref":
  case "unref-connection":
    listener.unref();
    break;
  case "ref-again":
    listener.unref();
    listener.ref();
    break;
  case "loop":
    await loop?.close();
    break;
}
