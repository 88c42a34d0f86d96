/**
 * Messages between the workers of a server, at one end: their handlers, and the limit of messages on their
 * way.
 *
 * @module
 */
import { LimitError, OptionError } from "../base/errors.ts";
import {
  workerMessageMaxBytes,
  workerMessagesWaitingMax,
  workerMessagesWaitingMaxBytes,
} from "../base/limits.ts";
import { describe } from "../base/options.ts";
import { bytesOfValue, valueOfBytes } from "../base/structured_bytes.ts";

/**
 * Hears messages of other workers and of the server.
 *
 * @param message a copy of what was sent.
 * @param from the worker that sent it, by its index; undefined for the server.
 */
export type WorkerMessageHandler = (message: unknown, from: number | undefined) => void | Promise<void>;

/** Messages sent and not yet received, in one direction. */
export class MessageBudget {
  #count = 0;
  #bytes = 0;

  /** One more of this size is on its way; false where it would be one too many. */
  take(bytes: number): boolean {
    const isFull = this.#count >= workerMessagesWaitingMax ||
      this.#bytes + bytes > workerMessagesWaitingMaxBytes;
    if (isFull) return false;
    this.#count += 1;
    this.#bytes += bytes;
    return true;
  }

  /** The number received. */
  give(count: number, bytes: number): void {
    this.#count -= count;
    this.#bytes -= bytes;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }
}

/** The handlers at one end. */
export class WorkerMessageHandlers {
  readonly #handlers = new Set<WorkerMessageHandler>();
  readonly #failed: (thrown: unknown) => void;

  /** `failed` receives what a handler throws or rejects with. */
  constructor(failed: (thrown: unknown) => void) {
    this.#failed = failed;
  }

  /** One more; gives the function that takes it away. */
  add(handler: WorkerMessageHandler): () => void {
    if (typeof handler !== "function") {
      throw new OptionError("onMessage", "handler", `a handler must be a function, not ${describe(handler)}`);
    }
    // The same function twice is called twice.
    const own: WorkerMessageHandler = (message, from) => handler(message, from);
    this.#handlers.add(own);
    return () => void this.#handlers.delete(own);
  }

  /** Calls each with a copy of its own. */
  hear(body: Uint8Array, from: number | undefined): void {
    for (const handler of this.#handlers) {
      try {
        const result: unknown = handler(valueOfBytes(body), from);
        if (result instanceof Promise) result.catch((error: unknown) => this.#failed(error));
      } catch (thrown) {
        this.#failed(thrown);
      }
    }
  }
}

/**
 * A message as it goes.
 *
 * @throws {OptionError} for what cannot be sent.
 * @throws {LimitError} `ERR_MESSAGE_TOO_LONG`.
 */
export function messageBody(message: unknown): Uint8Array<ArrayBuffer> {
  const body = bytesOfValue(message, workerMessageMaxBytes);
  if (body !== undefined) return body;
  throw new LimitError(`broadcast: the message is longer than ${workerMessageMaxBytes} bytes`, {
    code: "ERR_MESSAGE_TOO_LONG",
    operation: "broadcast",
    origin: "application",
  });
}

/** What a worker's end sends to the server. */
export type WorkerMessageEvent =
  /** A message for all other workers and the server. */
  | { kind: "message"; body: Uint8Array<ArrayBuffer> }
  /** `count` messages of others were received. */
  | { kind: "heard"; count: number; bytes: number };

/** A worker's end. */
export class WorkerMessages {
  readonly #send: (event: WorkerMessageEvent) => void;
  readonly #budget = new MessageBudget();
  readonly handlers: WorkerMessageHandlers;
  #heardCount = 0;
  #heardBytes = 0;

  /** `failed` receives what a handler throws or rejects with. */
  constructor(send: (event: WorkerMessageEvent) => void, failed: (thrown: unknown) => void) {
    this.#send = send;
    this.handlers = new WorkerMessageHandlers(failed);
  }

  /** Sends to all other workers and to the server. */
  broadcast(message: unknown): void {
    const body = messageBody(message);
    if (!this.#budget.take(body.length)) {
      throw new LimitError("broadcast: too many messages of this worker have not arrived yet", {
        code: "ERR_MESSAGES_WAITING",
        operation: "broadcast",
        origin: "application",
      });
    }
    this.#send({ kind: "message", body });
  }

  /** The server has passed on this many of this worker's. */
  passed(count: number, bytes: number): void {
    this.#budget.give(count, bytes);
  }

  /** From another worker or the server. */
  received(body: Uint8Array, from: number | undefined): void {
    this.handlers.hear(body, from);
    // Messages that arrive together are acknowledged together.
    if (this.#heardCount === 0) setTimeout(() => this.#acknowledge(), 0);
    this.#heardCount += 1;
    this.#heardBytes += body.length;
  }

  #acknowledge(): void {
    const [count, bytes] = [this.#heardCount, this.#heardBytes];
    this.#heardCount = this.#heardBytes = 0;
    this.#send({ kind: "heard", count, bytes });
  }
}
