/**
 * Calling the handlers of a datagram socket. What they throw or reject with goes to `error`; the socket,
 * which serves many peers, stays open.
 *
 * @module
 */
import { checkHandlerTable, follow, handlerSchema } from "../base/handlers.ts";
import { errorOf } from "../base/thrown.ts";
import type { Engine } from "../loop/engine.ts";

/** Handlers that are called here; `data` is called where the datagram is. */
interface Callbacks<S> {
  drain?(socket: S): unknown;
  error?(socket: S, error: Error): unknown;
}

/** The handlers of one socket. */
export class HandlerTable<S, H extends Callbacks<S>> {
  handlers: H;
  readonly #socket: S;
  readonly #engine: Engine;
  /** The socket was closed: its handlers are not called any more. */
  muted = false;
  #unhandled = 0;

  constructor(socket: S, engine: Engine, handlers: H) {
    this.#socket = socket;
    this.#engine = engine;
    this.handlers = handlers;
  }

  drain(): void {
    if (this.muted) return;
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
    const engine = this.#engine;
    const isPromise = follow(result, () => {
      engine.promises -= 1;
    }, (error) => {
      engine.promises -= 1;
      this.failed(error);
    });
    if (isPromise) engine.promises += 1;
  }

  /** A handler has thrown or rejected. */
  failed(thrown: unknown): void {
    this.#engine.handlerErrors += 1;
    const error = errorOf(thrown);
    if (!this.#callError(error)) this.#report(error);
  }

  #callError(error: Error): boolean {
    const { handlers } = this;
    try {
      if (handlers.error === undefined || this.muted) return false;
      const result: unknown = handlers.error(this.#socket, error);
      follow(result, () => {}, (inner) => this.#report(inner));
    } catch (inner) {
      this.#report(inner);
    }
    return true;
  }

  /** Nobody takes the error: it is reported, without a server only the first of a socket. */
  #report(error: unknown): void {
    this.#unhandled += 1;
    this.#engine.unhandledErrors += 1;
    const isFirst = this.#unhandled === 1;
    this.#engine.faults.tell("a handler failed and no `error` handler took it", error, isFirst);
  }
}

const schema = handlerSchema(["data", "drain", "error"]);

/** Checks a handler table; throws an OptionError. */
export function checkUdpHandlers(operation: string, socket: object): void {
  checkHandlerTable(operation, "socket", socket, schema);
}
