/**
 * A worker in a thread of this process.
 *
 * @module
 */
import { host } from "../../host/mod.ts";
import { seizeLoop, wakeLoop } from "../../loop/native.ts";
import type { ShareableLoop } from "../../loop/remote_statistics.ts";
import type { FromWorker, PortEvent, ToWorker, WorkerEnd, WorkerPort } from "../worker_port.ts";
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
interface ThreadMemory extends WorkerServerMemory {
  /** Accepted sockets on their way to it: see `hand_over_queue.ts`. */
  queue: SharedArrayBuffer;
}

/** What goes to the thread: the message, and with the first one the shared memory. */
export interface ThreadMessage {
  message: ToWorker;
  shared: ThreadMemory | undefined;
}

/** Attempts to take a loop whose thread is inside the library, a second apart: a blocked system call ends. */
const seizeAttemptsMax = 60;
const seizeRetryMilliseconds = 1_000;

/** Threads of a server that lost their loop, each of which may use a core up. */
export class LostThreads {
  readonly #library: string | undefined;
  /** Called when a thread runs on that nobody can end. */
  readonly #abandoned: (count: number) => void;
  /** Whatever happens to its thread, the library may read this memory as long as the process lives. */
  readonly #loops = new Set<ShareableLoop>();
  /** Those that have not come back since. */
  count = 0;

  constructor(library: string | undefined, abandoned: (count: number) => void) {
    this.#library = library;
    this.#abandoned = abandoned;
  }

  /** Takes the sockets of a thread that has ended without ending its loop, or does not come back. */
  seize(loop: ShareableLoop, attempt = 1): void {
    this.#loops.add(loop);
    const answer = seizeLoop(loop.handle, this.#library);
    if (answer !== "busy" || attempt === seizeAttemptsMax) return;
    setTimeout(() => this.seize(loop, attempt + 1), seizeRetryMilliseconds);
  }

  abandon(): void {
    this.count += 1;
    this.#abandoned(this.count);
  }

  /** A thread that was given up has come back, and ends. */
  returned(): void {
    this.count -= 1;
  }
}

/** What a thread is started with. */
interface ThreadSettings {
  name: string;
  memory: ThreadMemory;
  /** Counts it where it cannot be ended. */
  lost: LostThreads;
  library: string | undefined;
}

export class ThreadPort implements WorkerPort {
  readonly pid: number = host.pid;
  readonly #worker: Worker;
  readonly #memory: ThreadMemory;
  readonly #lost: LostThreads;
  readonly #library: string | undefined;
  readonly #emit: (event: PortEvent) => void;
  /** The loop of the thread, once that is ready. */
  #loop: ShareableLoop | undefined = undefined;
  #ended = false;
  #abandoned = false;

  constructor({ name, memory, lost, library }: ThreadSettings, emit: (event: PortEvent) => void) {
    this.#memory = memory;
    this.#lost = lost;
    this.#library = library;
    this.#emit = emit;
    this.#worker = new Worker(threadEntry(), { type: "module", name });
    this.#worker.onmessage = (event: MessageEvent<FromWorker>) => this.#received(event.data);
    this.#worker.onerror = (event: ErrorEvent) => {
      event.preventDefault();
      this.#end({ reason: "failed", message: event.message });
    };
    // Bun reports it; on Deno the silence of the loop shows it.
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

  wake(loop: ShareableLoop): void {
    wakeLoop(loop.handle, this.#library);
  }

  #received(message: FromWorker): void {
    if (this.#ended) return this.#receivedLate(message);
    if (message.kind === "ready") this.#loop = message.loop;
    this.#emit(message);
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
    this.#lost.returned();
  }

  #end(end: WorkerEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    // What an application has left open in its thread must not keep the process alive.
    (this.#worker as { unref?: () => void }).unref?.();
    // A thread that ended without ending its loop has left its sockets open.
    if (end.reason !== "stopped" && this.#loop !== undefined) this.#lost.seize(this.#loop);
    if (end.reason === "killed") this.#lost.abandon();
    this.#emit({ kind: "ended", end });
  }
}
