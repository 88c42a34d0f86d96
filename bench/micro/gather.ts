/**
 * Small writes of one turn: they reach the kernel in one gathered call.
 *
 * @module
 */
import { createEventLoop, type EventLoop } from "../../src/loop/event_loop.ts";
import { connect, type Connection, listen } from "../../src/mod.ts";
import type { Micro } from "./bench.ts";

const WRITES = [1, 4, 16, 64];
const WRITE_BYTES = 64;
/** What the loop's own turn would read from the header: more than one turn here submits. */
const SEND_BUDGET = 1024;

/**
 * Polls by hand, so that one turn can be measured: the loop's own turns find nothing left to do. What the
 * receiving side of the same loop got is given back unread.
 */
export function turn(loop: EventLoop): number {
  const { native, segments } = loop.engine;
  segments.endCopies();
  native.poll(0);
  loop.engine.turn += 1;
  loop.engine.sendBudget = SEND_BUDGET;
  const { completions } = native;
  let bytes = 0;
  while (completions.next()) {
    segments.release(completions.segment, completions.offset, completions.length);
    bytes += completions.length;
  }
  return bytes;
}

/** Measures, and returns how many writes were made. */
async function measureWrites(micro: Micro, loop: EventLoop, connection: Connection): Promise<number> {
  const message = new Uint8Array(WRITE_BYTES).fill(0x61);
  let sent = 0;
  let received = 0;
  const writeAndTurn = (count: number) => {
    for (let index = 0; index < count; index++) {
      if (connection.write(message) !== "sent") throw new Error("a write was not taken at once");
    }
    sent += count * WRITE_BYTES;
    received += turn(loop);
  };
  for (const count of WRITES) {
    await micro.add("gather", `${count} writes of ${WRITE_BYTES} bytes, one send, a write`, count, () => {
      writeAndTurn(count);
    });
  }
  for (let attempt = 0; received < sent && attempt < 100; attempt++) received += turn(loop);
  if (received !== sent) throw new Error(`${sent} bytes were written and ${received} came`);
  return sent / WRITE_BYTES;
}

/** Writes on a connection to ourselves. */
export async function gather(micro: Micro): Promise<void> {
  const loop = createEventLoop();
  const socket = { data() {}, error() {} };
  const listener = listen({ hostname: "127.0.0.1", port: 0, loop, socket });
  const connection = await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket });
  // The listener's side is accepted before the loop is polled by hand.
  while (listener.connectionCount === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const before = loop.stats().sends;
  const writes = await measureWrites(micro, loop, connection);
  const perSend = writes / Number(loop.stats().sends - before);
  console.log(`gather     writes to one send, over all: ${perSend.toFixed(1)}`);
  await loop.close();
}
