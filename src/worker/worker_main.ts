/**
 * The worker's side of its messages with the supervisor, the same in a thread and in a process.
 *
 * @module
 */
import { plainFields } from "../server/log/values.ts";
import { codeOf, isError, messageOf, stackOf } from "../base/thrown.ts";
import type { HandOver } from "../server/hand_over.ts";
import { noDrains, type Phase } from "../server/phases.ts";
import {
  WorkerServer,
  type WorkerServerEvent,
  type WorkerServerMemory,
  type WorkerServerSettings,
} from "../server/worker_server.ts";
import type { FromWorker, ToWorker } from "./worker_port.ts";

/** What a worker is given beside messages. */
export interface WorkerMeans {
  memory: WorkerServerMemory;
  /** Where its connections come from. */
  handOver: HandOver;
}

export class WorkerMain {
  readonly #post: (message: FromWorker) => void;
  readonly #end: () => void;
  #server: WorkerServer | undefined = undefined;
  #crashed = false;

  /** `end` ends this thread or process, nothing of which is open any more. */
  constructor(post: (message: FromWorker) => void, end: () => void) {
    this.#post = post;
    this.#end = end;
  }

  /** A message of the supervisor. */
  received(message: ToWorker, means: WorkerMeans | undefined): void {
    this.#obey(message, means).catch((error: unknown) => this.#failed(error));
  }

  /** An uncaught error: the loop is ended at once, and the supervisor notified. */
  crashed(error: unknown): void {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#server?.crash();
    this.#tellFailure(error);
    this.#end();
  }

  async #obey(message: ToWorker, means: WorkerMeans | undefined): Promise<void> {
    switch (message.kind) {
      case "start":
        return await this.#start(message, means);
      case "serve":
        this.#server!.serve();
        return this.#post({ kind: "serving" });
      case "enter":
        return await this.#enter(message.phase);
      case "message":
        return this.#server?.messages.received(message.body, message.from);
      case "passed":
        return this.#server?.messages.passed(message.count, message.bytes);
      case "tellAccepts":
        return this.#server?.tellAccepts(message.on);
      case "stop":
        await this.#server?.stop();
        this.#post({ kind: "stopped", counts: this.#server?.counts ?? noDrains() });
        return this.#end();
    }
  }

  async #start(settings: WorkerServerSettings, means: WorkerMeans | undefined): Promise<void> {
    const server = new WorkerServer(settings, (event) => this.#tell(event), means?.memory);
    this.#server = server;
    this.#post({ kind: "hears" });
    await server.start();
    if (server.phase !== "running") return;
    if (means !== undefined) server.takeFrom(means.handOver);
    this.#post({
      kind: "ready",
      addresses: server.listeners.map(({ info }) => info.address),
      loop: server.loop.engine.native.shareable,
    });
  }

  /** Passes on the events of the worker's server, as plain data. */
  #tell(event: WorkerServerEvent): void {
    switch (event.kind) {
      case "broken":
        return this.crashed(event.error);
      case "seized":
        return this.#seized();
      case "log":
        return this.#post(plainLog(event.message, event.fields));
      case "exception":
        return this.#post({ ...event, error: plainFields({ error: event.error }).error });
      case "event":
        return this.#post({ ...event, fields: plainFields(event.fields) });
      default:
        return this.#post(event);
    }
  }

  /** The thread was stuck and given up. It is of no use any more, and says that it has come back. */
  #seized(): void {
    this.#crashed = true;
    this.#post({ kind: "returned" });
    this.#end();
  }

  async #enter(phase: Phase): Promise<void> {
    const server = this.#server!;
    await server.enter(phase);
    this.#post({ kind: "emptied", phase, counts: { ...server.counts } });
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#tellFailure(error);
    await this.#server?.loop.close().catch(() => {});
    this.#end();
  }

  #tellFailure(error: unknown): void {
    this.#post({
      kind: "failed",
      code: codeOf(error) ?? "ERR_WORKER",
      message: messageOf(error),
      stack: stackOf(error),
    });
  }
}

/**
 * The fields of a log entry as plain data: an error that is sent to another thread loses its code, its
 * cause and the name of its class, and not every value can be sent. An error in place of the message is
 * logged as an error.
 */
function plainLog(message: unknown, fields: Record<string, unknown> = {}): FromWorker {
  const text = typeof message === "string" ? message : messageOf(message);
  const all = isError(message) ? { error: message, ...fields } : fields;
  return { kind: "log", message: String(plainFields({ text }).text), fields: plainFields(all) };
}
