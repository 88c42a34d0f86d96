/** A thread that hammers a shared table of addresses. */
import { hammer, type HammerMemory, type HammerOrder } from "../helpers/hammer.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<{ memory: HammerMemory; order: HammerOrder }>) => void) | null;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data: { memory, order } }) => scope.postMessage(hammer(memory, order));
// What is sent before somebody listens Bun does not keep for modules that await.
scope.postMessage("ready");
