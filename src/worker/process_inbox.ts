/**
 * Accepted sockets as they come to a worker in a process of its own.
 *
 * The supervisor is told of each before it is touched: should this process die, it knows which peers have
 * been spoken to and which have not.
 *
 * @module
 */
import type { Inbox } from "../loop/open.ts";
import type { HandedOver, HandOver } from "../server/hand_over.ts";

/** What the inbox needs of the process. */
export interface InboxOwner {
  /** Takes the socket of a ticket; throws where there is none. */
  take: Inbox["take"];
  /**
   * Tells the supervisor how many sockets were taken since the start, how many connections there are of each
   * listener, and whether more are wanted.
   */
  tell(taken: number, open: number[], pressure: boolean): void;
  /** Polls of the channel's loop so far: what was told before the last one has left this process. */
  polls(): number;
  /** The worker's loop is to look for what has come. */
  wake(): void;
}

/** Milliseconds between two tellings that connections have gone. */
const tellInterval = 5;

export class ProcessInbox implements HandOver {
  readonly #owner: InboxOwner;
  /** Taken, and the supervisor not yet told. */
  #fresh: HandedOver[] = [];
  /** Told, and ready to be adopted. */
  readonly #ready: HandedOver[] = [];
  #taken = 0;
  #waiting = 0;
  readonly #open: number[] = [];
  /** Taken and not yet adopted, by listener. */
  readonly #coming: number[] = [];
  #pressure = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(owner: InboxOwner) {
    this.#owner = owner;
  }

  /** Taken, and not yet ready to be adopted. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Something has come. What cannot be taken is lost, and its peer sees that when the supervisor is told. */
  arrived(ticket: string, where: Omit<HandedOver, "descriptor">): void {
    this.#taken += 1;
    if (this.#fresh.length === 0) queueMicrotask(() => this.#tell());
    try {
      this.#fresh.push({ ...where, descriptor: this.#owner.take(Uint8Array.fromBase64(ticket)) });
      this.#waiting += 1;
      this.#coming[where.listener] = (this.#coming[where.listener] ?? 0) + 1;
    } catch {
      // Out of descriptors, most likely.
    }
  }

  /** The runner: all that may be adopted now. */
  takeAll(adopt: (handed: HandedOver) => number): void {
    for (const handed of this.#ready.splice(0)) {
      this.#open[handed.listener] = adopt(handed);
      this.#coming[handed.listener] -= 1;
    }
  }

  /** The runner: how many connections of a listener there are now. */
  setOpen(listener: number, count: number): void {
    if (count === (this.#open[listener] ?? 0)) return;
    this.#open[listener] = count;
    this.#timer ??= setTimeout(() => this.#tell(), tellInterval);
  }

  /** The runner: it wants no more for now, or wants more again. */
  setPressure(on: boolean): void {
    this.#pressure = on;
    this.#tell();
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const fresh = this.#fresh;
    this.#fresh = [];
    const open = Array.from(
      { length: Math.max(this.#open.length, this.#coming.length) },
      (_, listener) => (this.#open[listener] ?? 0) + (this.#coming[listener] ?? 0),
    );
    this.#owner.tell(this.#taken, open, this.#pressure);
    if (fresh.length > 0) this.#adoptAfter(this.#owner.polls(), fresh);
  }

  #adoptAfter(polls: number, fresh: HandedOver[]): void {
    if (this.#owner.polls() === polls) return void setImmediate(() => this.#adoptAfter(polls, fresh));
    this.#ready.push(...fresh);
    this.#waiting -= fresh.length;
    this.#owner.wake();
  }
}
