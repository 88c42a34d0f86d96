/**
 * A worker in a thread of this process.
 *
 * @module
 */
import type { LinkOwner, WorkerEnd, WorkerPort } from "../worker_port.ts";
import type { FromWorker, ToWorker } from "../messages.ts";
import type { WorkerServerMemory } from "../../server/worker_server.ts";

/** This module as itself, not as a part of a bundle. */
const UNBUNDLED = /\/src\/worker\/thread\/thread_port\.[jt]s$/;

/**
 * The script of a thread. A program that was put into one file has it beside itself, under a name that the
 * program's author gives it (docs/packaging.md).
 */
export function threadEntry(): URL {
  if (!UNBUNDLED.test(import.meta.url)) return new URL("./ringport_worker.js", import.meta.url);
  return new URL("./entry.ts", import.meta.url);
}

/** The memory a thread shares with its supervisor; sent to it when it starts. */
export interface ThreadMemory extends WorkerServerMemory {
  /** Accepted sockets on their way to it: see `hand_over_queue.ts`. */
  queue: SharedArrayBuffer;
}

/** What goes to the thread: the message, and with the first one the shared memory. */
export interface ThreadMessage {
  message: ToWorker;
  shared: ThreadMemory | undefined;
}

/** Told of a thread that cannot be ended. */
export interface ThreadOwner {
  /** It has ended without ending its loop, or does not come back: its loop is to be taken away. */
  lost(end: WorkerEnd): void;
  /** It was given up and has come back since. */
  returned(): void;
}

export class ThreadPort implements WorkerPort {
  readonly pid: number;
  readonly #worker: Worker;
  readonly #owner: LinkOwner;
  readonly #memory: ThreadMemory;
  readonly #thread: ThreadOwner;
  #ended = false;
  #abandoned = false;

  constructor(
    name: string,
    pid: number,
    memory: ThreadMemory,
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
