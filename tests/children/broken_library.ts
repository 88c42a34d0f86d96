/** Breaks an invariant of the library on the fake kernel, which must end the process with a line about it. */
import { connect, createLoop, listen } from "../../src/mod.ts";
import { isEventLoop } from "../../src/loop/event_loop.ts";
import { fakeLibrary } from "../helpers/fake.ts";

const loop = createLoop({ library: fakeLibrary });
if (!isEventLoop(loop)) throw new Error("a loop is an EventLoop inside");
const { engine } = loop;
const listener = listen({ loop, port: 0, socket: { open: (connection) => connection.pause() } });
const client = await connect({ loop, hostname: "127.0.0.1", port: listener.port });
client.write(new Uint8Array(64 * 1024));

/** The bytes of the send queues, which the library alone counts. */
const counted = () => engine.sendPending.some((bytes) => bytes > 0);

function look(): void {
  if (!counted()) return void setTimeout(look, 1);
  for (let slot = 0; slot < engine.sendPending.length; slot += 1) {
    if (engine.sendPending[slot] > 0) engine.sendPending[slot] += 1;
  }
  console.log("broken");
  loop.wake();
}

look();
