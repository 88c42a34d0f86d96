/**
 * The server's end of the messages between workers: passes each on to all other workers, and to the server's
 * own handlers.
 *
 * @module
 */
import type { Log } from "../server/log/log.ts";
import { messageBody, MessageBudget, WorkerMessageHandlers } from "../server/worker_messages.ts";
import type { WorkerHandle } from "./supervision/worker_handle.ts";

export class MessageHub {
  readonly #log: Log;
  readonly #workers: () => readonly WorkerHandle[];
  readonly #budgets = new WeakMap<WorkerHandle, MessageBudget>();
  /** Workers of which messages were dropped since their last one was received. */
  readonly #behind = new WeakSet<WorkerHandle>();
  readonly handlers: WorkerMessageHandlers;
  /** Messages dropped for workers with too many on their way. */
  dropped = 0;

  constructor(log: Log, workers: () => readonly WorkerHandle[]) {
    this.#log = log;
    this.#workers = workers;
    this.handlers = new WorkerMessageHandlers((error) => log.tell("application.error", { error }));
  }

  /** Sends to all workers; gives to how many. */
  broadcast(message: unknown): number {
    return this.#pass(messageBody(message), undefined);
  }

  /** From a worker. */
  received(from: WorkerHandle, body: Uint8Array<ArrayBuffer>): void {
    this.#pass(body, from);
    from.port.post({ kind: "passed", count: 1, bytes: body.length });
    this.handlers.hear(body, from.index);
  }

  /** A worker has received this many. */
  heard(worker: WorkerHandle, count: number, bytes: number): void {
    const budget = this.#budgetOf(worker);
    budget.give(count, bytes);
    if (budget.isEmpty) this.#behind.delete(worker);
  }

  #pass(body: Uint8Array<ArrayBuffer>, from: WorkerHandle | undefined): number {
    let passed = 0;
    for (const worker of this.#workers()) {
      if (worker === from || !worker.hears) continue;
      if (this.#budgetOf(worker).take(body.length)) {
        worker.port.post({ kind: "message", body, from: from?.index });
        passed += 1;
      } else {
        this.#drop(worker);
      }
    }
    return passed;
  }

  /** A stuck or slow worker must not fill the memory; it misses messages that find no room. */
  #drop(worker: WorkerHandle): void {
    this.dropped += 1;
    if (this.#behind.has(worker)) return;
    this.#behind.add(worker);
    this.#log.tell("worker.messagesDropped", { worker: worker.index });
  }

  #budgetOf(worker: WorkerHandle): MessageBudget {
    let budget = this.#budgets.get(worker);
    if (budget === undefined) this.#budgets.set(worker, budget = new MessageBudget());
    return budget;
  }
}
