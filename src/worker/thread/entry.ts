/**
 * The main module of a worker thread.
 *
 * @module
 */
import { type OptionsRead, type ReadOptions, readOptions } from "../exported_options.ts";
import { HandOverQueue } from "../accepting/hand_over_queue.ts";
import type { FromWorker } from "../worker_port.ts";
import { WorkerMain } from "../worker_main.ts";
import type { ThreadMessage } from "./thread_port.ts";

interface WorkerScope {
  postMessage(message: FromWorker | OptionsRead): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
  close?(): void;
}

const scope = globalThis as unknown as WorkerScope;

const received = (event: Event) => {
  const { data } = event as MessageEvent<ThreadMessage | ReadOptions>;
  if ("readOptionsOf" in data) return void answerOptions(data);
  const { message, shared } = data;
  const means = shared === undefined
    ? undefined
    : { memory: shared, handOver: new HandOverQueue(shared.queue) };
  worker.received(message, means);
};

function end(): void {
  // Bun ends a thread that listens for nothing any more, Deno one that closes itself.
  scope.removeEventListener("message", received);
  scope.close?.();
}

/** Reads what a module exports, in a thread that is not a worker. */
async function answerOptions(question: ReadOptions): Promise<void> {
  scope.postMessage(await readOptions(question));
  end();
}

const worker = new WorkerMain((message) => scope.postMessage(message), end);

scope.addEventListener("message", received);

// What no handler took: the runtime is about to end this thread, whose sockets it knows nothing of.
scope.addEventListener("error", (event) => {
  event.preventDefault();
  worker.crashed((event as ErrorEvent).error ?? (event as ErrorEvent).message);
});
scope.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  worker.crashed((event as PromiseRejectionEvent).reason);
});

scope.postMessage({ kind: "loaded", pid: 0 });
