/**
 * A process that takes sockets from its parent. Each line of its input names what comes and its ticket; what
 * is served here is answered with "child: " in front.
 */
// deno-lint-ignore-file no-console
import { createEventLoop } from "../../src/loop/event_loop.ts";
import { listenHanded } from "../../src/listen/listener.ts";
import { processId, takeDescriptor } from "../../src/loop/native.ts";
import { listen, type RingportError, type Window } from "../../src/mod.ts";
import { reportTo } from "../helpers/lanes.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";

const loop = createEventLoop({ segmentCount: 256 });
const { channel, lane } = await reportTo(loop, scriptArguments()[0]);
const socket = {
  data(connection: { write(text: string): unknown }, window: Window) {
    connection.write(`child: ${window.text()}`);
  },
};
const { listener: adopting, source } = listenHanded({ loop, socket });
const listeners: { stop(closeActiveConnections: boolean): Promise<void> }[] = [adopting];
console.log(`ready ${processId()}`);

for await (const line of inputLines()) {
  const [what, ticket] = line.trim().split(" ");
  if (what === "stop") break;
  try {
    const bytes = Uint8Array.from(ticket.match(/../g) ?? [], (hex) => parseInt(hex, 16));
    const descriptor = takeDescriptor(bytes, lane);
    if (descriptor === "exhausted") throw new Error("no descriptor is left");
    if (what === "connection") {
      source.adopt(descriptor);
      console.log("adopted");
    } else {
      const listener = listen({ fd: descriptor, loop, socket, removePath: what === "unix" });
      listeners.push(listener);
      console.log(`listening at ${listener.unix ?? listener.port}`);
    }
  } catch (error) {
    console.log(`refused ${(error as RingportError).code}`);
  }
}
channel.end();
listeners.forEach((listener) => listener.stop(true));
await loop.close();
exit(0);
