/** A worker with a loop of its own: says its handle, and when its doorbell rings. */
import { openNative } from "../../ffi/mod.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const loop = openNative().openLoop({ segmentCount: 64, slots: 64, timers: 64, sendEntries: 64 });
loop.doorbell.arm(async () => {
  await loop.close();
  scope.postMessage("rung");
  scope.close();
});
scope.postMessage(loop.handle);
