/**
 * Received datagrams on their way to `for await`: a bounded queue that pauses its socket when it is full.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { datagramQueueMax } from "../base/limits.ts";
import type { Datagram } from "./datagram.ts";

/** One datagram as `for await` yields it: the bytes are a copy. */
export interface ReceivedDatagram {
  /** The bytes. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The address of the sender. */
  sender: SocketAddress;
  /** True where its end was cut off, being longer than `datagramSize`. */
  truncated: boolean;
}

export class DatagramQueue {
  readonly #datagrams: ReceivedDatagram[] = [];
  readonly #waiting: ((result: IteratorResult<ReceivedDatagram>) => void)[] = [];
  readonly #setReading: (on: boolean) => void;
  #iterators = 0;
  #ended = false;
  #full = false;

  /** `setReading` is called when datagrams are wanted and when not. */
  constructor(setReading: (on: boolean) => void) {
    this.#setReading = setReading;
  }

  /** Somebody iterates, and there is room. */
  get isWanted(): boolean {
    return this.#iterators > 0 && !this.#full;
  }

  push(datagram: Datagram): void {
    const value = {
      bytes: datagram.slice(),
      sender: datagram.sender.toJSON(),
      truncated: datagram.truncated,
    };
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value, done: false });
    this.#datagrams.push(value);
    if (this.#datagrams.length < datagramQueueMax || this.#full) return;
    this.#full = true;
    this.#setReading(false);
  }

  /** No further datagram comes; those in the queue may still be taken. */
  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }

  iterate(): AsyncIterableIterator<ReceivedDatagram> {
    let over = false;
    if (this.#iterators++ === 0 && !this.#full && !this.#ended) this.#setReading(true);
    const finish = (): IteratorResult<ReceivedDatagram> => {
      if (!over && --this.#iterators === 0 && !this.#ended) this.#setReading(false);
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

  #next(): IteratorResult<ReceivedDatagram> | Promise<IteratorResult<ReceivedDatagram>> {
    const value = this.#datagrams.shift();
    if (value !== undefined) {
      if (this.#full && !this.#ended) this.#setReading(true);
      this.#full = false;
      return { value, done: false };
    }
    if (this.#ended) return { value: undefined, done: true };
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
