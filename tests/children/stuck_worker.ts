/**
 * A worker that gets stuck in its data handler until it is told by shared memory, and then tells how its
 * connection and its loop ended.
 */
import { createEventLoop } from "../../src/loop/event_loop.ts";
import { type CloseReason, listen, type RingportError } from "../../src/mod.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<Int32Array>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const loop = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
let gate: Int32Array = new Int32Array(new SharedArrayBuffer(4));

function told(reason: CloseReason): { by: string; code: string | undefined } {
  return { by: reason.by, code: (reason.error as RingportError | undefined)?.code };
}

const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  socket: {
    data(connection, bytes) {
      connection.write(bytes);
      if (bytes.text() === "stuck") { while (Atomics.load(gate, 0) === 0); }
    },
    async close(connection, reason) {
      const write = connection.write("too late");
      await listener.close();
      await loop.close();
      let again = "";
      try {
        listen({ hostname: "127.0.0.1", port: 0, loop });
      } catch (error) {
        again = (error as RingportError).code;
      }
      scope.postMessage({ ...told(reason), write, again });
    },
  },
});

scope.onmessage = ({ data }) => {
  gate = data;
  scope.postMessage({ port: listener.port, shareable: loop.engine.native.shareable });
};
scope.postMessage("ready");
