/**
 * One thread accepts for all workers and hands each connection to the one that has the fewest. No system lets
 * several threads accept from one socket and shares connections evenly; this does so everywhere alike, and a
 * worker that is stuck gets none.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { type BoundSource, type DescriptorTaker, listenRaw } from "../../listen/bound_source.ts";
import type { HandedOver } from "../../server/hand_over.ts";
import { bindingOptionsOf } from "../../server/options/listener_options.ts";
import type { ResolvedListenerOptions } from "../../server/options/mod.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** What the acceptor asks and tells. */
export interface AcceptorOwner {
  /** The workers that serve now. */
  serving(): readonly WorkerHandle[];
  /** All workers that have connections: those that serve, and those that are leaving. */
  workers(): readonly WorkerHandle[];
  wake(worker: WorkerHandle): void;
  /** Closes a socket nobody takes. */
  discard(descriptor: number): void;
  /** Whether this peer may have a connection; false: it is cut. */
  admits(handed: HandedOver): boolean;
  /** A connection was cut. */
  refused(handed: HandedOver, reason: string): void;
  /** A listener has reached the limit of connections that holds for it, or has room again. */
  limit(place: number, reached: boolean): void;
  /** Connections the server and one worker may have at once. */
  readonly connectionsMax: number;
  readonly connectionsPerWorkerMax: number;
  /** Sockets that may be on their way to workers at once: this process has a descriptor of each. */
  readonly onTheirWayMax: number;
}

/** Connections a listener may accept before the acceptor looks again: some turns of the library. */
const acceptedAheadMax = 256;
/** Milliseconds between two looks whether accepting may go on, while it does not. */
const retryInterval = 10;
/** Looks for room for those that wait, before a server that hands its listeners on cuts them. */
const looksMax = 50;

export class Acceptor {
  readonly #owner: AcceptorOwner;
  readonly #options: readonly ResolvedListenerOptions[];
  readonly #listeners: BoundSource[];
  /** Accepted, and on their way to nobody: their worker has died, or its queue is full. */
  readonly #waiting: HandedOver[] = [];
  /** Places of the listeners whose sockets belong to another server as well. */
  readonly #shared = new Set<number>();
  #next = 0;
  /** The listener that gets its ration first, so that one nobody calls keeps none of the others out. */
  #first = 0;
  /** Places of listeners that wait for room, or for somebody to serve. */
  readonly #paused = new Set<number>();
  /** Places of listeners that are at a limit of connections. */
  readonly #full = new Set<number>();
  #serves = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Of each listener: connections accepted, and cut because they were too many or not admitted. */
  readonly #accepted: number[] = [];
  readonly #refused: Record<string, number>[] = [];

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
        // A listener that refuses at a limit has to accept for it.
        const rationed = listener.limits.atLimit === "pause";
        const binding = bindingOptionsOf(listener, taken[place]);
        this.#listeners.push(listenRaw(loop, binding, take, { paused: true, rationed }));
        this.#paused.add(place);
        this.#accepted.push(0);
        this.#refused.push({});
      });
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  get addresses(): SocketAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  get listeners(): readonly BoundSource[] {
    return this.#listeners;
  }

  /** Connections in the kernel's queue of one listener, where the system tells. */
  backlog(place: number): { length: number; limit: number } | undefined {
    return this.#closed ? undefined : this.#listeners[place].backlog();
  }

  /** How one listener fares. */
  listenerStatistics(
    place: number,
  ): { accepted: number; refusals: Readonly<Record<string, number>>; paused: boolean; waiting: number } {
    return {
      accepted: this.#accepted[place],
      refusals: { ...this.#refused[place] },
      paused: this.#paused.has(place),
      waiting: this.#waitingOf(place),
    };
  }

  /** Accepts from now on. */
  serve(): void {
    this.#serves = true;
    this.#ration();
  }

  /** Other workers serve than before, or want connections: there is more room, or less. */
  changed(): void {
    if (this.#serves) this.#ration();
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
    if (this.#closed) return this.#refuse(handed, "shutdown");
    if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
  }

  /** So many of a listener's connections did not arrive at their worker. */
  lost(listener: number, count: number): void {
    const refused = this.#refused[listener];
    refused.undelivered = (refused.undelivered ?? 0) + count;
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
    for (const handed of this.#waiting.splice(0)) this.#refuse(handed, "shutdown");
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  #taker(place: number): DescriptorTaker {
    return (descriptor, { familyCode, word0, word1, word2, word3, port }) => {
      // A copy, since it may wait here or with a process, and the next accept overwrites the address.
      const handed = { descriptor, listener: place, familyCode, word0, word1, word2, word3, port };
      this.#accepted[place] += 1;
      if (this.#closed) this.#refuse(handed, "shutdown");
      else if (!this.#owner.admits(handed)) this.#refuse(handed, "banned");
      else if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
      if (this.#listeners[place].allowed <= 0) this.#ration();
    };
  }

  /** To the worker with the fewest connections; among equals in turn. */
  #give(handed: HandedOver): boolean {
    const best = this.#choose(handed.listener);
    if (best === undefined || !best.queue.give(handed)) return false;
    // One that refuses has room again; one that pauses is looked at in its turn.
    if (this.#listeners[handed.listener].allowed === Infinity) this.#tellLimit(handed.listener, false);
    this.#next = this.#owner.serving().indexOf(best) + 1;
    this.#owner.wake(best);
    return true;
  }

  /**
   * The worker that is to get the next connection of a listener; undefined where none may have one more. One
   * that wants no more gets it only where none does and the listener does not refuse: it was accepted before
   * they said so.
   */
  #choose(listener: number): WorkerHandle | undefined {
    const { connectionsPerWorkerMax } = this.#owner;
    if (this.#roomOfAll() <= 0 || this.#roomOf(listener) <= 0) return undefined;
    const refuses = this.#options[listener].limits.atLimit === "refuse";
    const workers = this.#owner.serving();
    let best: WorkerHandle | undefined;
    for (let step = 0; step < workers.length; step++) {
      const worker = workers[(this.#next + step) % workers.length];
      if (worker.load >= connectionsPerWorkerMax || (refuses && worker.queue.pressure)) continue;
      if (best === undefined || isBetter(worker, best)) best = worker;
    }
    return best;
  }

  #waitingOf(listener: number): number {
    return this.#waiting.reduce((count, handed) => count + (handed.listener === listener ? 1 : 0), 0);
  }

  /** Connections the server may have beside those that workers have; what waits here is yet to be given. */
  #roomOfAll(): number {
    return this.#owner.connectionsMax - this.#owner.workers().reduce((sum, { load }) => sum + load, 0);
  }

  /** Connections one listener may have beside those that workers have. */
  #roomOf(listener: number): number {
    const { connections } = this.#options[listener].limits;
    if (connections === 0) return Infinity;
    return connections - this.#owner.workers().reduce((sum, { queue }) => sum + queue.loadOf(listener), 0);
  }

  /** Connections the workers that want more may have beside those they have. */
  #roomOfWorkers(): number {
    const { connectionsPerWorkerMax } = this.#owner;
    return this.#owner.serving().reduce((room, { load, queue }) => {
      return queue.pressure ? room : room + Math.max(0, connectionsPerWorkerMax - load);
    }, 0);
  }

  /** Sockets that may be on their way beside those that are: workers may be behind with taking them. */
  #roomOnTheWay(): number {
    return this.#owner.onTheirWayMax -
      this.#owner.workers().reduce((sum, { queue }) => sum + queue.length, 0);
  }

  /** Nobody takes it for now: the next ones wait in the kernel's queue, or all are cut. */
  #hold(handed: HandedOver): void {
    const refuses = this.#options[handed.listener].limits.atLimit === "refuse";
    if (refuses && this.#owner.serving().length > 0) return this.#refuse(handed, "limit");
    this.#waiting.push(handed);
    this.#ration();
  }

  #refuse(handed: HandedOver, reason: "limit" | "banned" | "shutdown"): void {
    const refused = this.#refused[handed.listener];
    refused[reason] = (refused[reason] ?? 0) + 1;
    if (reason === "limit") this.#tellLimit(handed.listener, true);
    this.#owner.refused(handed, reason);
    this.#owner.discard(handed.descriptor);
  }

  /** Whether there is no room for a connection of a listener, were the workers to want it. */
  #isFull(place: number): boolean {
    const { connectionsPerWorkerMax } = this.#owner;
    const serving = this.#owner.serving();
    const allFull = serving.length > 0 && serving.every(({ load }) => load >= connectionsPerWorkerMax);
    return allFull || this.#roomOfAll() <= 0 || this.#roomOf(place) <= 0;
  }

  #tellLimit(place: number, reached: boolean): void {
    if (reached === this.#full.has(place)) return;
    if (reached) this.#full.add(place);
    else this.#full.delete(place);
    this.#owner.limit(place, reached);
  }

  #giveWaiting(): void {
    while (this.#waiting.length > 0 && this.#give(this.#waiting[0])) this.#waiting.shift();
  }

  /**
   * Gives what waits here to a worker, and then each listener its part of the room there is. The
   * library accepts no more than that, so that the rest waits in the kernel's queue.
   */
  #ration(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#closed) return;
    this.#giveWaiting();
    const rooms = [this.#roomOfAll(), this.#roomOfWorkers(), this.#roomOnTheWay()];
    let room = this.#waiting.length > 0 ? 0 : Math.min(...rooms);
    const count = this.#serves ? this.#listeners.length : 0;
    for (let step = 0; step < count; step++) {
      const place = (this.#first + step) % count;
      const part = Math.ceil(Math.max(0, room) / (count - step));
      room -= this.#allow(place, Math.min(acceptedAheadMax, part, Math.max(0, this.#roomOf(place))));
    }
    this.#first = (this.#first + 1) % Math.max(1, count);
    const isWaiting = this.#waiting.length > 0 || (this.#serves && this.#paused.size > 0);
    if (isWaiting) this.#timer = setTimeout(() => this.#ration(), retryInterval);
  }

  /** Says how many connections one listener may accept; returns how many it may. */
  #allow(place: number, part: number): number {
    const listener = this.#listeners[place];
    const isRationed = listener.allowed !== Infinity;
    const isNobodyThere = this.#waiting.length > 0 || this.#owner.serving().length === 0;
    listener.allow(part);
    if (isRationed ? part === 0 : isNobodyThere) {
      this.#paused.add(place);
      if (isRationed) this.#tellLimit(place, this.#isFull(place));
      // What comes now need not wake this thread.
      listener.pause();
    } else {
      this.#paused.delete(place);
      if (isRationed) this.#tellLimit(place, false);
      listener.resume();
    }
    return isRationed ? part : 0;
  }
}

/** Whether a worker is to be preferred: it wants connections and the other does not, or it has fewer. */
function isBetter(worker: WorkerHandle, other: WorkerHandle): boolean {
  if (worker.queue.pressure !== other.queue.pressure) return other.queue.pressure;
  return worker.load < other.load;
}
