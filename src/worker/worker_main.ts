/**
 * The worker's end of its conversation with the supervisor, the same in a thread and in a process.
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
import type { FromWorker, ToWorker } from "./messages.ts";

/** What a worker's main module gives to the service. */
export interface ServiceHost {
  post(message: FromWorker): void;
  /** Ends this thread or process; nothing of it is open any more. */
  end(): void;
}

/** What a worker is given beside messages. */
export interface ServiceMeans {
  memory: WorkerServerMemory;
  /** Where its connections come from. */
  handOver: HandOver;
}

export class WorkerMain {
  readonly #host: ServiceHost;
  #runner: WorkerServer | undefined = undefined;
  #crashed = false;

  constructor(host: ServiceHost) {
    this.#host = host;
  }

  /** A message of the supervisor. */
  received(message: ToWorker, means: ServiceMeans | undefined): void {
    this.#obey(message, means).catch((error: unknown) => this.#failed(error));
  }

  /** Something nobody caught: the loop is ended at once, and the supervisor told. */
  crashed(error: unknown): void {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#runner?.crash();
    this.#tellFailure(error);
    this.#host.end();
  }

  async #obey(message: ToWorker, means: ServiceMeans | undefined): Promise<void> {
    const { post } = this.#host;
    switch (message.kind) {
      case "start":
        return await this.#start(message, means);
      case "serve":
        this.#runner!.serve();
        return post({ kind: "serving" });
      case "enter":
        return await this.#enter(message.phase);
      case "message":
        return this.#runner?.messages.received(message.body, message.from);
      case "passed":
        return this.#runner?.messages.passed(message.count, message.bytes);
      case "stop":
        await this.#runner?.stop();
        post({ kind: "stopped", counts: this.#runner?.counts ?? noDrains() });
        return this.#host.end();
    }
  }

  async #start(settings: WorkerServerSettings, means: ServiceMeans | undefined): Promise<void> {
    const { post } = this.#host;
    const runner = new WorkerServer(settings, (event) => this.#tell(event), means?.memory);
    this.#runner = runner;
    post({ kind: "hears" });
    await runner.start();
    if (runner.phase !== "running") return;
    if (means !== undefined) runner.takeFrom(means.handOver);
    post({
      kind: "ready",
      addresses: runner.listeners.map(({ info }) => info.address),
      loop: runner.loop.engine.native.shareable,
    });
  }

  /** Passes on what the worker's server tells, as plain data. */
  #tell(event: WorkerServerEvent): void {
    const { post } = this.#host;
    switch (event.kind) {
      case "broken":
        return this.crashed(event.error);
      case "seized":
        return this.#seized();
      case "log":
        return post(plainLog(event.message, event.fields));
      case "exception":
        return post({ ...event, error: plainFields(event).error });
      case "event":
        return post({ ...event, fields: plainFields(event.fields) });
      default:
        return post(event);
    }
  }

  /** The thread was stuck and given up. It is of no use any more, and says that it has come back. */
  #seized(): void {
    this.#crashed = true;
    this.#host.post({ kind: "returned" });
    this.#host.end();
  }

  async #enter(phase: Phase): Promise<void> {
    const runner = this.#runner!;
    await runner.enter(phase);
    this.#host.post({ kind: "emptied", phase, counts: { ...runner.counts } });
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#tellFailure(error);
    await this.#runner?.loop.close().catch(() => {});
    this.#host.end();
  }

  #tellFailure(error: unknown): void {
    this.#host.post({
      kind: "failed",
      code: codeOf(error) ?? "ERR_WORKER",
      message: messageOf(error),
      stack: stackOf(error),
    });
  }
}

/**
 * What goes to the server's log, as plain data: an error that is sent to another thread loses its code, its
 * cause and the name of its class, and not every value can be sent. An error in place of the message is told
 * as one.
 */
function plainLog(message: unknown, fields: Record<string, unknown> = {}): FromWorker {
  const text = typeof message === "string" ? message : messageOf(message);
  const all = isError(message) ? { error: message, ...fields } : fields;
  return { kind: "log", message: String(plainFields({ text }).text), fields: plainFields(all) };
}
