/**
 * A worker in a thread of this process.
 *
 * @module
 */
import { threadEntry } from "./entry_url.ts";
import type { LinkOwner, WorkerEnd, WorkerLink } from "../worker_port.ts";
import type { FromWorker, ToWorker } from "../messages.ts";
import type { WorkerMemory } from "../worker_memory.ts";

/** What goes to the thread: the message, and with the first one the shared memory. */
export interface ThreadMessage {
  message: ToWorker;
  shared: WorkerMemory | undefined;
}

/** Told of a thread that cannot be ended. */
export interface ThreadOwner {
  /** It has ended without ending its loop, or does not come back: its loop is to be taken away. */
  lost(end: WorkerEnd): void;
  /** It was given up and has come back since. */
  returned(): void;
}

export class ThreadLink implements WorkerLink {
  readonly pid: number;
  readonly #worker: Worker;
  readonly #owner: LinkOwner;
  readonly #memory: WorkerMemory;
  readonly #thread: ThreadOwner;
  #ended = false;
  #abandoned = false;

  constructor(
    name: string,
    pid: number,
    memory: WorkerMemory,
    owner: LinkOwner,
    thread: ThreadOwner,
  ) {
    this.pid = pid;
    this.#owner = owner;
    this.#memory = memory;
    this.#thread = thread;
    this.#worker = new Worker(threadEntry(), { type: "module", name });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#received(event.data);
    this.#worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      this.#end({ reason: "failed", message: event.message });
    };
    // Bun tells so; on Deno the silence of the loop does.
    this.#worker.addEventListener("close", () => {
      this.#returned();
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
    this.#abandoned = true;
    this.#end({ reason: "killed", message: "the thread did not come back" });
  }

  #received(message: FromWorker): void {
    if (this.#ended) return this.#receivedLate(message);
    this.#owner.received(message);
    if (message.kind === "stopped") this.#end({ reason: "stopped", message: "" });
    if (message.kind === "failed") this.#end({ reason: "failed", message: message.message });
  }

  /** From a thread that was given up: it ends now. */
  #receivedLate(message: FromWorker): void {
    // Its start took too long, and nobody wants it any more.
    if (message.kind === "ready") this.#worker.postMessage({ message: { kind: "stop" }, shared: undefined });
    if (["returned", "stopped", "failed"].includes(message.kind)) this.#returned();
  }

  #returned(): void {
    if (!this.#abandoned) return;
    this.#abandoned = false;
    this.#thread.returned();
  }

  #end(end: WorkerEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    // What an application has left open in its thread must not keep the process alive.
    (this.#worker as { unref?: () => void }).unref?.();
    // A thread that ended without ending its loop has left its sockets open.
    if (end.reason !== "stopped") this.#thread.lost(end);
    this.#owner.ended(end);
  }
}
