/** A worker that echoes until it is told to stop. */
import { createLoop, listen } from "../../src/mod.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<string>) => void) | null;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const loop = createLoop({ segmentCount: 512, connectionSlots: 64 });
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  loop,
  socket: {
    data(connection, bytes) {
      if (connection.write(bytes) === "queued") connection.pause();
    },
    drain: (connection) => connection.resume(),
  },
});

scope.onmessage = async () => {
  const accepted = Number(loop.stats().connectionsAccepted);
  listener.stop(true);
  await loop.close();
  scope.postMessage({ accepted });
  scope.close();
};

scope.postMessage({ port: listener.port });
