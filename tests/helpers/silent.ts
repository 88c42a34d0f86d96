/**
 * A port of this machine that does not answer.
 *
 * @module
 */
import { connect, createLoop, listen } from "../../src/mod.ts";
import { until } from "./wait.ts";

/** More than a queue of one holds: some of these stay unanswered, and so do all later ones. */
const ATTEMPTS = 60;

/**
 * A listener that takes no connection: its queue is full. Linux leaves further attempts without an answer,
 * and Windows tries for seconds before it gives up, both longer than tests wait.
 */
export async function silentPort(
  hostname = "127.0.0.1",
): Promise<{ port: number; close(): Promise<void> }> {
  const loop = createLoop({ connectionSlots: 128 });
  const listener = listen({ hostname, port: 0, backlog: 1, loop });
  listener.pause();
  const waiting: Promise<unknown>[] = [];
  const stop = new AbortController();
  for (let count = 0; count < ATTEMPTS; count++) {
    const options = { hostname, port: listener.port, loop, signal: stop.signal };
    waiting.push(connect(options).then((connection) => connection.abort(), () => {}));
  }
  // They were begun in one turn, in which the kernel has filled the queue.
  await until(() => loop.stats().connectionsConnected > 0, "the first of them is in the queue");
  return {
    port: listener.port,
    async close() {
      stop.abort();
      await Promise.all(waiting);
      listener.stop(true);
      await loop.close();
    },
  };
}
