/** A worker that adopts the descriptors it is sent and echoes on them. */
import { createEventLoop } from "../../src/loop/event_loop.ts";
import { listenHanded } from "../../src/listen/listener.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<number | "stop">) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
const loop = createEventLoop({ segmentCount: 512, connectionSlots: 64 });
const { listener, source } = listenHanded({
  loop,
  socket: {
    data(connection, bytes) {
      if (connection.write(bytes) === "queued") connection.pause();
    },
    drain: (connection) => connection.resume(),
  },
});

scope.onmessage = async ({ data }) => {
  if (data !== "stop") return void source.adopt(data);
  const { connectionsAdopted, connectionsAccepted, receivesServer } = loop.stats();
  listener.stop(true);
  await loop.close();
  scope.postMessage({ connectionsAdopted, connectionsAccepted, received: receivesServer > 0 });
};
scope.postMessage({ handle: loop.engine.native.handle });
