/**
 * Accepted connections on their way to `for await`.
 *
 * @module
 */
import { acceptedQueueMax } from "../base/limits.ts";
import type { Connection } from "../stream/types.ts";

/** A bounded queue with any number of iterators. */
export class AcceptedQueue<D> {
  readonly #connections: Connection<D>[] = [];
  readonly #waiting: ((result: IteratorResult<Connection<D>>) => void)[] = [];
  readonly #setFull: (full: boolean) => void;
  #iterators = 0;
  #ended = false;
  #full = false;

  /** `setFull` is called when the queue becomes full and when it has room again. */
  constructor(setFull: (full: boolean) => void) {
    this.#setFull = setFull;
  }

  /** True while somebody iterates. */
  get active(): boolean {
    return this.#iterators > 0;
  }

  push(connection: Connection<D>): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value: connection, done: false });
    this.#connections.push(connection);
    if (this.#connections.length < acceptedQueueMax || this.#full) return;
    this.#full = true;
    this.#setFull(true);
  }

  /** No further connection comes. Those nobody has taken are cut. */
  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
    for (const connection of this.#connections.splice(0)) connection.abort();
  }

  iterate(): AsyncIterableIterator<Connection<D>> {
    let over = false;
    this.#iterators += 1;
    const finish = (): IteratorResult<Connection<D>> => {
      if (!over) this.#iterators -= 1;
      over = true;
      return { value: undefined, done: true };
    };
    return {
      next: async () => {
        if (over) return finish();
        const result = await this.#next();
        return result.done === true ? finish() : result;
      },
      return: () => Promise.resolve(finish()),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  #next(): IteratorResult<Connection<D>> | Promise<IteratorResult<Connection<D>>> {
    const connection = this.#connections.shift();
    if (connection !== undefined) {
      if (this.#full) {
        this.#full = false;
        this.#setFull(false);
      }
      return { value: connection, done: false };
    }
    if (this.#ended) return { value: undefined, done: true };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
