/**
 * Accepted sockets on their way from the supervisor to a worker in a process of its own.
 *
 * The supervisor keeps each until the worker says it has it: on Windows it must, and on both systems those of
 * a worker that dies find another one. The worker says so before it touches what it has taken.
 *
 * @module
 */
import type { HandedOver } from "../../server/hand_over.ts";
import { handOverQueueEntries } from "../accepting/hand_over_queue.ts";
import type { Taken, ToProcess } from "./messages.ts";

/** What the queue needs of the process beside it. */
interface QueueTransport {
  /** Whether sockets can be given to the worker: it has reported, and its channel is open. */
  reachable(): boolean;
  post(message: ToProcess): void;
  /** Gives a socket to the worker, or says that it is behind with taking. Throws where it is gone. */
  give(descriptor: number): Uint8Array<ArrayBuffer> | "busy";
  /** Closes this process's copy. */
  discard(descriptor: number): void;
  /** `count` sockets of a listener did not arrive, and their peers are cut. */
  lost(listener: number, count: number): void;
}

/**
 * Milliseconds until a worker that is behind is tried again, should it not say that it has taken something.
 */
const retryInterval = 20;

export class ProcessQueue {
  readonly #transport: QueueTransport;
  /** Those for which the worker was behind with taking, and those after them. */
  readonly #waiting: HandedOver[] = [];
  /** Given, and not said to be taken. */
  readonly #given: HandedOver[] = [];
  #taken = 0;
  #emptied: PromiseWithResolvers<void> | undefined = undefined;
  /** On their way, and open, by listener. */
  readonly #onTheirWay: number[] = [];
  #open: readonly number[] = [];
  #lost: readonly number[] = [];
  /** True while the worker has taken on too much to want more. */
  pressure = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(transport: QueueTransport) {
    this.#transport = transport;
  }

  /** Sockets on their way. */
  get length(): number {
    return this.#waiting.length + this.#given.length;
  }

  /** Connections of one listener that the worker has or is about to have. */
  loadOf(listener: number): number {
    return (this.#onTheirWay[listener] ?? 0) + (this.#open[listener] ?? 0);
  }

  /** Connections of the first `listeners` listeners together. */
  load(listeners: number): number {
    let sum = 0;
    for (let listener = 0; listener < listeners; listener++) sum += this.loadOf(listener);
    return sum;
  }

  /** False: too many are on their way. */
  give(handed: HandedOver): boolean {
    if (this.#closed || !this.#transport.reachable() || this.length >= handOverQueueEntries) return false;
    this.#waiting.push(handed);
    this.#onTheirWay[handed.listener] = (this.#onTheirWay[handed.listener] ?? 0) + 1;
    this.#flush();
    return true;
  }

  /** The worker says what it has taken and has open. */
  took({ taken, lost, open, pressure }: Taken): void {
    for (const { descriptor, listener } of this.#given.splice(0, taken - this.#taken)) {
      this.#onTheirWay[listener] -= 1;
      this.#transport.discard(descriptor);
    }
    this.#taken = taken;
    lost.forEach((count, listener) => {
      const further = count - (this.#lost[listener] ?? 0);
      if (further > 0) this.#transport.lost(listener, further);
    });
    this.#lost = lost;
    this.#open = open;
    this.pressure = pressure;
    this.#flush();
    this.#tellEmptied();
  }

  /** Resolves when nothing is on its way any more. */
  emptied(): Promise<void> {
    if (this.length === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }

  /** Takes back what a worker that is gone has not said to have. It gets no more. */
  drain(take: (handed: HandedOver) => void): void {
    clearTimeout(this.#timer);
    this.#closed = true;
    this.#open = [];
    this.#onTheirWay.length = 0;
    for (const handed of [...this.#given.splice(0), ...this.#waiting.splice(0)]) take(handed);
    this.#tellEmptied();
  }

  #tellEmptied(): void {
    if (this.length > 0) return;
    this.#emptied?.resolve();
    this.#emptied = undefined;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    while (this.#waiting.length > 0 && this.#pass(this.#waiting[0])) this.#given.push(this.#waiting.shift()!);
    // Where the worker is out of reach its end is near, and with it what waits here is taken back.
    if (this.#waiting.length === 0 || !this.#transport.reachable()) return;
    this.#timer = setTimeout(() => this.#flush(), retryInterval);
  }

  #pass({ descriptor, ...where }: HandedOver): boolean {
    let ticket: Uint8Array<ArrayBuffer> | "busy";
    try {
      if (!this.#transport.reachable()) return false;
      ticket = this.#transport.give(descriptor);
    } catch {
      // The worker is gone; its port is notified next.
      return false;
    }
    if (ticket === "busy") return false;
    this.#transport.post({ kind: "handOver", ticket: ticket.toBase64(), ...where });
    return true;
  }
}
