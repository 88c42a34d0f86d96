/**
 * Calling the handlers of a datagram socket. What they throw or reject with goes to `error`; the socket,
 * which serves many peers, goes on.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import type { Engine } from "../../loop/engine.ts";
import type { UdpSocket } from "./socket.ts";
import type { UdpHandlers } from "./types.ts";

/** The handlers of one socket. */
export class HandlerTable<D> {
  handlers: UdpHandlers<D>;
  readonly #socket: UdpSocket<D>;
  readonly #engine: Engine;
  #unhandled = 0;

  constructor(socket: UdpSocket<D>, engine: Engine, handlers: UdpHandlers<D>) {
    this.#socket = socket;
    this.#engine = engine;
    this.handlers = handlers;
  }

  drain(): void {
    try {
      const result = this.handlers.drain?.(this.#socket);
      if (result !== undefined) this.settle(result);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Calls `error` with what the network or the system says; without the handler it is only counted. */
  error(error: Error): void {
    this.#callError(error);
  }

  /** Follows what a handler returned, when it is a promise. */
  settle(result: unknown): void {
    if (!isPromise(result)) return;
    const engine = this.#engine;
    engine.promises += 1;
    result.then(() => {
      engine.promises -= 1;
    }, (error: unknown) => {
      engine.promises -= 1;
      this.failed(error);
    });
  }

  /** A handler has thrown or rejected. */
  failed(thrown: unknown): void {
    this.#engine.handlerErrors += 1;
    const error = thrown instanceof Error ? thrown : new RingportError(`a handler threw ${String(thrown)}`, {
      code: "ERR_HANDLER",
      operation: "handler",
      origin: "application",
      cause: thrown,
    });
    if (!this.#callError(error)) this.#report(error);
  }

  #callError(error: Error): boolean {
    const { handlers } = this;
    if (handlers.error === undefined) return false;
    try {
      const result: unknown = handlers.error(this.#socket, error);
      if (isPromise(result)) result.then(undefined, (inner: unknown) => this.#report(inner));
    } catch (inner) {
      this.#report(inner);
    }
    return true;
  }

  /** Nobody takes the error: the first of a socket is printed, all are counted. */
  #report(error: unknown): void {
    this.#unhandled += 1;
    this.#engine.unhandledErrors += 1;
    if (this.#unhandled > 1) return;
    console.error("a handler failed and there is no `error` handler (further ones are only counted):", error);
  }
}

function isPromise(result: unknown): result is PromiseLike<unknown> {
  return typeof result === "object" && result !== null &&
    typeof (result as PromiseLike<unknown>).then === "function";
}
