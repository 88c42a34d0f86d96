/**
 * One thread accepts for all workers and hands each connection to the one that has the fewest. No system lets
 * several threads accept from one socket and shares connections evenly; this does so everywhere alike, and a
 * worker that is stuck gets none.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { EventLoop } from "../connection/event_loop.ts";
import { type DescriptorTaker, listenRaw, type RawListener } from "../connection/raw_listener.ts";
import type { HandedOver } from "../server/hand_over.ts";
import { bindingOptionsOf } from "../server/listener_options.ts";
import type { ResolvedListenerOptions } from "../server/options.ts";
import type { WorkerHandle } from "./worker_handle.ts";

/** What the acceptor asks and tells. */
export interface AcceptorOwner {
  /** The workers that serve now. */
  serving(): readonly WorkerHandle[];
  wake(worker: WorkerHandle): void;
  /** Closes a socket nobody takes. */
  discard(descriptor: number): void;
  /** Whether this peer may have a connection; false: it is cut. */
  admits(handed: HandedOver): boolean;
  /** Connections the server and one worker may have at once. */
  readonly connectionsMax: number;
  readonly connectionsPerWorkerMax: number;
}

/** Milliseconds between two looks whether accepting may go on, while it does not. */
const retryInterval = 10;
/** Looks for room for those that wait, before a server that hands its listeners on cuts them. */
const looksMax = 50;

export class Acceptor {
  readonly #owner: AcceptorOwner;
  readonly #options: readonly ResolvedListenerOptions[];
  readonly #listeners: RawListener[];
  /** Accepted in the turn in which nobody could take them. */
  readonly #waiting: HandedOver[] = [];
  /** Places of the listeners whose sockets belong to another server as well. */
  readonly #shared = new Set<number>();
  #next = 0;
  readonly #paused: boolean[] = [];
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Of each listener: connections accepted, and cut because they were too many or not admitted. */
  readonly #accepted: number[] = [];
  readonly #refused: number[] = [];

  /**
   * Binds every address, without accepting yet. Throws what `listen` throws.
   *
   * @param taken by place, sockets that another server has given and goes on with until this one serves.
   */
  constructor(
    loop: EventLoop,
    options: readonly ResolvedListenerOptions[],
    owner: AcceptorOwner,
    taken: readonly (number | undefined)[] = [],
  ) {
    this.#owner = owner;
    this.#options = options;
    this.#listeners = [];
    try {
      options.forEach((listener, place) => {
        const take = this.#taker(place);
        if (taken[place] !== undefined) this.#shared.add(place);
        this.#listeners.push(listenRaw(loop, bindingOptionsOf(listener, taken[place]), take, true));
        this.#paused.push(true);
        this.#accepted.push(0);
        this.#refused.push(0);
      });
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  get addresses(): SocketAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  get listeners(): readonly RawListener[] {
    return this.#listeners;
  }

  /** Connections in the kernel's queue of one listener, where the system tells. */
  backlog(place: number): { length: number; limit: number } | undefined {
    return this.#closed ? undefined : this.#listeners[place].backlog();
  }

  /** How one listener fares. */
  listenerStatistics(place: number): { accepted: number; refused: number; paused: boolean } {
    return { accepted: this.#accepted[place], refused: this.#refused[place], paused: this.#paused[place] };
  }

  /** Accepts from now on. */
  serve(): void {
    this.#retry();
  }

  /** The sockets are this server's alone from now on. */
  own(): void {
    this.#shared.clear();
  }

  /** The listeners of these places belong to a successor from now on. */
  share(places: readonly number[]): void {
    for (const place of places) this.#shared.add(place);
  }

  /** A connection whose worker is gone before it took it finds another one. */
  again(handed: HandedOver): void {
    if (this.#closed) return this.#owner.discard(handed.descriptor);
    if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
  }

  /** Accepts no more; resolves when the addresses are free, but for those that another server has. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    // A successor must not be blamed for connections that were accepted here at the last moment.
    const shared = this.#listeners.filter((_, place) => this.#shared.has(place));
    await Promise.all(shared.map((listener) => listener.handOn()));
    for (let look = 0; shared.length > 0 && this.#waiting.length > 0 && look < looksMax; look++) {
      this.#giveWaiting();
      await new Promise((resolve) => setTimeout(resolve, retryInterval));
    }
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const handed of this.#waiting.splice(0)) this.#owner.discard(handed.descriptor);
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #taker(place: number): DescriptorTaker {
    return (descriptor, family, word0, word1, word2, word3, port) => {
      const handed = { descriptor, listener: place, family, word0, word1, word2, word3, port };
      this.#accepted[place] += 1;
      if (this.#closed || !this.#owner.admits(handed)) return this.#refuse(handed);
      if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
      else if (!this.#hasRoom(place)) this.#pause();
    };
  }

  /** To the worker with the fewest connections; among equals in turn. */
  #give(handed: HandedOver): boolean {
    const best = this.#choose(handed.listener);
    if (best === undefined || !best.queue.give(handed)) return false;
    this.#next = this.#owner.serving().indexOf(best) + 1;
    this.#owner.wake(best);
    return true;
  }

  /** The worker that is to get the next connection of a listener; undefined where none may have one more. */
  #choose(listener: number): WorkerHandle | undefined {
    const { connectionsMax, connectionsPerWorkerMax } = this.#owner;
    const { connections } = this.#options[listener].limits;
    const workers = this.#owner.serving();
    let best: WorkerHandle | undefined;
    let bestLoad = connectionsPerWorkerMax;
    let all = 0;
    let ofListener = 0;
    for (let step = 0; step < workers.length; step++) {
      const worker = workers[(this.#next + step) % workers.length];
      const { load, queue } = worker;
      all += load;
      ofListener += queue.loadOf(listener);
      if (load >= bestLoad || queue.pressure) continue;
      best = worker;
      bestLoad = load;
    }
    if (all >= connectionsMax || (connections > 0 && ofListener >= connections)) return undefined;
    return best;
  }

  #hasRoom(listener: number): boolean {
    return this.#choose(listener) !== undefined;
  }

  /** At a limit: the connection waits here and the next ones in the kernel's queue, or both are cut. */
  #hold(handed: HandedOver): void {
    const refuses = this.#options[handed.listener].limits.atLimit === "refuse";
    if (refuses && this.#owner.serving().length > 0) return this.#refuse(handed);
    this.#waiting.push(handed);
    this.#pause();
  }

  #refuse(handed: HandedOver): void {
    this.#refused[handed.listener] += 1;
    this.#owner.discard(handed.descriptor);
  }

  #pause(): void {
    // Who refuses at a limit has to accept for it.
    const pauses = ({ limits }: ResolvedListenerOptions) => limits.atLimit === "pause";
    this.#options.forEach((options, place) => {
      if (!pauses(options) && this.#waiting.length === 0) return;
      if (this.#paused[place] || (this.#waiting.length === 0 && this.#hasRoom(place))) return;
      this.#paused[place] = true;
      this.#listeners[place].pause();
    });
    this.#timer ??= setTimeout(() => this.#retry(), retryInterval);
  }

  #giveWaiting(): void {
    while (this.#waiting.length > 0 && this.#give(this.#waiting[0])) this.#waiting.shift();
  }

  #retry(): void {
    this.#timer = undefined;
    if (this.#closed) return;
    this.#giveWaiting();
    if (this.#waiting.length > 0) return this.#pause();
    this.#resume();
    if (this.#paused.includes(true)) this.#timer = setTimeout(() => this.#retry(), retryInterval);
  }

  /** Those accept again that have room. */
  #resume(): void {
    this.#listeners.forEach((listener, place) => {
      if (!this.#paused[place] || !this.#hasRoom(place)) return;
      this.#paused[place] = false;
      listener.resume();
    });
  }
}
