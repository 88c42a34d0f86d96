/**
 * Accepted sockets as they arrive at a worker process.
 *
 * Each is reported to the supervisor before it is used: if this process dies, the supervisor knows which
 * connections were begun and which were not.
 *
 * @module
 */
import type { HandedOver, HandOver } from "../../server/hand_over.ts";
import type { Taken } from "./messages.ts";

/** What the inbox needs of the process. */
interface InboxTransport {
  /**
   * Takes the socket of a ticket. "exhausted": this process has no descriptor left for it. Throws where it
   * has not come.
   */
  take(ticket: Uint8Array): number | "exhausted";
  /** Tells the supervisor. */
  tell(taken: Taken): void;
  /** Polls of the channel's loop so far: messages sent before the last one have left this process. */
  polls(): number;
  /** Wakes the worker's loop to take the sockets that have arrived. */
  wake(): void;
}

/** Milliseconds between two tellings that connections have gone. */
const tellInterval = 5;
/** Milliseconds until a socket is taken that there was no descriptor for. */
const retryInterval = 10;

/** A socket as it was announced. */
interface Coming {
  ticket: string;
  where: Omit<HandedOver, "descriptor">;
}

export class ProcessInbox implements HandOver {
  readonly #transport: InboxTransport;
  /** Announced, and left on the lane while there is no descriptor for the first one. */
  readonly #coming: Coming[] = [];
  /** Taken, and not yet reported to the supervisor. */
  #fresh: HandedOver[] = [];
  /** Told, and ready to be adopted. */
  readonly #ready: HandedOver[] = [];
  #taken = 0;
  /** Taken, and not yet ready to be adopted. */
  #waiting = 0;
  #settled: PromiseWithResolvers<void> | undefined = undefined;
  readonly #lost: number[] = [];
  readonly #open: number[] = [];
  /** Taken and not yet adopted, by listener. */
  readonly #unadopted: number[] = [];
  #pressure = false;
  #closed = false;
  /** No descriptor is left: other workers should receive new connections. */
  #starved = false;
  /** A report is due at the end of this task. */
  #telling = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  #retryTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(transport: InboxTransport) {
    this.#transport = transport;
  }

  /** Resolves when everything that was taken is ready to be adopted. */
  settled(): Promise<void> {
    if (this.#waiting === 0) return Promise.resolve();
    this.#settled ??= Promise.withResolvers<void>();
    return this.#settled.promise;
  }

  /** Something has come. */
  arrived(ticket: string, where: Omit<HandedOver, "descriptor">): void {
    if (this.#closed) return;
    this.#coming.push({ ticket, where });
    if (this.#coming.length === 1) this.#take();
  }

  /** Takes no more. The supervisor still has the sockets that were not taken. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#coming.length = 0;
  }

  #take(): void {
    const before = this.#taken;
    while (this.#coming.length > 0 && this.#takeOne(this.#coming[0])) this.#coming.shift();
    if (this.#coming.length > 0) this.#retryTimer = setTimeout(() => this.#take(), retryInterval);
    const starved = this.#coming.length > 0;
    if (before !== this.#taken || starved !== this.#starved) this.#tellSoon();
    this.#starved = starved;
  }

  #takeOne({ ticket, where }: Coming): boolean {
    const { listener } = where;
    try {
      const descriptor = this.#transport.take(Uint8Array.fromBase64(ticket));
      if (descriptor === "exhausted") return false;
      this.#fresh.push({ ...where, descriptor });
      this.#waiting += 1;
      this.#unadopted[listener] = (this.#unadopted[listener] ?? 0) + 1;
    } catch {
      this.#lost[listener] = (this.#lost[listener] ?? 0) + 1;
    }
    this.#taken += 1;
    return true;
  }

  /** The worker: all that may be adopted now. */
  takeAll(adopt: (handed: HandedOver) => number): void {
    for (const handed of this.#ready.splice(0)) {
      this.#open[handed.listener] = adopt(handed);
      this.#unadopted[handed.listener] -= 1;
    }
  }

  /** The worker: how many connections of a listener there are now. */
  setOpen(listener: number, count: number): void {
    if (count === (this.#open[listener] ?? 0)) return;
    this.#open[listener] = count;
    this.#timer ??= setTimeout(() => this.#tell(), tellInterval);
  }

  /** The worker: it wants no more for now, or wants more again. */
  setPressure(on: boolean): void {
    this.#pressure = on;
    this.#tell();
  }

  /** Sockets that arrive in one task are reported in one message. */
  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    queueMicrotask(() => this.#tell());
  }

  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#telling = false;
    const fresh = this.#fresh;
    this.#fresh = [];
    const listeners = Math.max(this.#open.length, this.#unadopted.length, this.#lost.length);
    const of = (counts: readonly number[]) =>
      Array.from({ length: listeners }, (_, listener) => counts[listener] ?? 0);
    const unadopted = of(this.#unadopted);
    this.#transport.tell({
      taken: this.#taken,
      lost: of(this.#lost),
      open: of(this.#open).map((count, listener) => count + unadopted[listener]),
      pressure: this.#pressure || this.#starved,
    });
    if (fresh.length > 0) this.#adoptAfter(this.#transport.polls(), fresh);
  }

  #adoptAfter(polls: number, fresh: HandedOver[]): void {
    if (this.#transport.polls() === polls) return void setImmediate(() => this.#adoptAfter(polls, fresh));
    this.#ready.push(...fresh);
    this.#waiting -= fresh.length;
    if (this.#waiting === 0) {
      this.#settled?.resolve();
      this.#settled = undefined;
    }
    this.#transport.wake();
  }
}
