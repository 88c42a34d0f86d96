/**
 * A worker in a thread of this process.
 *
 * @module
 */
import type { LinkOwner, WorkerEnd, WorkerLink } from "./link.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { WorkerMemory } from "./worker_memory.ts";

/** What goes to the thread: the message, and with the first one the shared memory. */
export interface ThreadMessage {
  message: ToWorker;
  shared: WorkerMemory | undefined;
}

export class ThreadLink implements WorkerLink {
  readonly pid: number;
  readonly #worker: Worker;
  readonly #owner: LinkOwner;
  readonly #memory: WorkerMemory;
  readonly #seize: (end: WorkerEnd) => void;
  #ended = false;

  /** `seize` takes the loop away from a thread that does not come back. */
  constructor(
    name: string,
    pid: number,
    memory: WorkerMemory,
    owner: LinkOwner,
    seize: (end: WorkerEnd) => void,
  ) {
    this.pid = pid;
    this.#owner = owner;
    this.#memory = memory;
    this.#seize = seize;
    this.#worker = new Worker(new URL("./entry.ts", import.meta.url), { type: "module", name });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#received(event.data);
    this.#worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      this.#end({ reason: "failed", message: event.message });
    };
    // Bun tells so; on Deno the silence of the loop does.
    this.#worker.addEventListener("close", () => {
      this.#end({ reason: "failed", message: "the thread ended without a word" });
    });
  }

  post(message: ToWorker): void {
    if (this.#ended) return;
    const shared = message.kind === "start" ? this.#memory : undefined;
    this.#worker.postMessage({ message, shared } satisfies ThreadMessage);
  }

  kill(): void {
    if (this.#ended) return;
    this.#end({ reason: "killed", message: "the thread did not come back" });
  }

  #received(message: FromWorker): void {
    if (this.#ended) return;
    this.#owner.received(message);
    if (message.kind === "stopped") this.#end({ reason: "stopped", message: "" });
    if (message.kind === "failed") this.#end({ reason: "failed", message: message.message });
  }

  #end(end: WorkerEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    // What an application has left open in its thread must not keep the process alive.
    (this.#worker as { unref?: () => void }).unref?.();
    // A thread that ended without ending its loop has left its sockets open.
    if (end.reason !== "stopped") this.#seize(end);
    this.#owner.ended(end);
  }
}
