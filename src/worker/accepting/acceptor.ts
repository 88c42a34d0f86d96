/**
 * One thread accepts for all workers and hands each connection to the worker with the fewest. No system lets
 * several threads accept from one socket and spreads connections evenly; this works on all systems alike, and
 * a stuck worker gets none.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import { AddressWords } from "../../base/address_words.ts";
import { AcceptedAddress } from "../../base/peer_address.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import { discardDescriptor } from "../../loop/native.ts";
import { type AddressLimits, isJudgedInWorker } from "../../server/address_limits/tables.ts";
import {
  connectionsMaxOf,
  connectionsPerWorkerMaxOf,
  onTheWayMaxOf,
} from "../../server/descriptor_budget.ts";
import type { Log } from "../../server/log/log.ts";
import type { EventLoop } from "../../loop/event_loop.ts";
import { type BoundSource, type DescriptorTaker, listenRaw } from "../../listen/bound_source.ts";
import type { HandedOver } from "../../server/hand_over.ts";
import { bindingOptionsOf } from "../../server/options/listener_options.ts";
import type { ResolvedListenerOptions, ResolvedServerOptions } from "../../server/options/mod.ts";
import type { Supervisor } from "../supervision/supervisor.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** What an acceptor is made with. */
interface AcceptorSettings {
  loop: EventLoop;
  options: ResolvedServerOptions;
  log: Log;
  /** The workers that serve, and all that have connections. */
  supervisor: Pick<Supervisor, "serving" | "workers">;
  limits: AddressLimits;
  /** By listener, sockets that another server has passed and uses until this one serves. */
  passed: readonly (number | undefined)[];
  /** Called for each connection accepted, before it is judged. */
  accepted(): void;
}

/** Connections a listener may accept before the acceptor looks again: some turns of the library. */
const acceptedAheadMax = 256;
/** Milliseconds between two checks whether accepting may continue, while it is paused. */
const retryInterval = 10;
/** Milliseconds for those that wait to find room, before a server that hands its listeners on cuts them. */
const waitingMilliseconds = 500;

export class Acceptor {
  readonly #settings: AcceptorSettings;
  readonly #supervisor: AcceptorSettings["supervisor"];
  readonly #options: readonly ResolvedListenerOptions[];
  /** Connections the server and one worker may have at once. */
  readonly #connectionsMax: number;
  readonly #connectionsPerWorkerMax: number;
  /** Sockets that may be on their way to workers at once: this process has a descriptor of each. */
  readonly #onTheWayMax: number;
  readonly #listeners: BoundSource[];
  /** Accepted, and on their way to nobody: their worker has died, or its queue is full. */
  readonly #waiting: HandedOver[] = [];
  /** Resolves when none of those waits any more. */
  #allGiven: PromiseWithResolvers<void> | undefined = undefined;
  /** The listeners whose sockets belong to another server as well. */
  readonly #shared = new Set<number>();
  #next = 0;
  /** The listener that gets its ration first, so that one nobody calls keeps none of the others out. */
  #first = 0;
  /** Listeners that wait for room, or for somebody to serve. */
  readonly #paused = new Set<number>();
  /** Listeners that are at a limit of connections. */
  readonly #full = new Set<number>();
  #serves = false;
  #closed = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Of each listener: connections accepted, and cut because they were too many or not admitted. */
  readonly #accepted: number[] = [];
  readonly #refused: Record<string, number>[] = [];
  /** For the address of one peer at a time. */
  readonly #peer = new AddressWords();

  /** Binds every address, without accepting yet. Throws what `listen` throws. */
  constructor(settings: AcceptorSettings) {
    const { loop, options, supervisor, passed } = settings;
    this.#settings = settings;
    this.#supervisor = supervisor;
    this.#options = options.listeners;
    this.#connectionsMax = connectionsMaxOf(options);
    this.#connectionsPerWorkerMax = connectionsPerWorkerMaxOf(options);
    this.#onTheWayMax = onTheWayMaxOf(options);
    this.#listeners = [];
    try {
      options.listeners.forEach((listener, index) => {
        const take = this.#taker(index);
        if (passed[index] !== undefined) this.#shared.add(index);
        // A listener that refuses at a limit has to accept for it.
        const rationed = listener.limits.atLimit === "pause";
        const binding = bindingOptionsOf(listener, passed[index]);
        this.#listeners.push(listenRaw(loop, binding, take, { paused: true, rationed }));
        this.#paused.add(index);
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

  /** Connections in the kernel's queue of one listener, where the system reports them. */
  backlog(index: number): { length: number; limit: number } | undefined {
    return this.#closed ? undefined : this.#listeners[index].backlog();
  }

  /** How one listener fares. */
  listenerStatistics(
    index: number,
  ): { accepted: number; refusals: Readonly<Record<string, number>>; paused: boolean; waiting: number } {
    return {
      accepted: this.#accepted[index],
      refusals: { ...this.#refused[index] },
      paused: this.#paused.has(index),
      waiting: this.#waitingOf(index),
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

  /** These listeners belong to a successor from now on. */
  share(listeners: readonly number[]): void {
    for (const listener of listeners) this.#shared.add(listener);
  }

  /** A connection whose worker is gone before it took it finds another one. */
  again(handed: HandedOver): void {
    if (this.#closed) return this.#refuse(handed, "shutdown");
    if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
  }

  /** `count` of a listener's connections did not arrive at their worker. */
  lost(listener: number, count: number): void {
    const refused = this.#refused[listener];
    refused.undelivered = (refused.undelivered ?? 0) + count;
  }

  /** Accepts no more; resolves when the addresses are free, except those that another server has. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    // A successor must not be blamed for connections that were accepted here at the last moment.
    const shared = this.#listeners.filter((_, index) => this.#shared.has(index));
    await Promise.all(shared.map((listener) => listener.handOn()));
    this.#serves = false;
    if (shared.length > 0) await withTimeout(this.#giveAll(), waitingMilliseconds);
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const handed of this.#waiting.splice(0)) this.#refuse(handed, "shutdown");
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** Resolves when a worker has got each connection that waits here. */
  #giveAll(): Promise<void> {
    this.#allGiven = Promise.withResolvers<void>();
    this.#ration();
    return this.#allGiven.promise;
  }

  #taker(index: number): DescriptorTaker {
    return (descriptor, { familyCode, word0, word1, word2, word3, port }) => {
      // A copy, since it may wait here or with a process, and the next accept overwrites the address.
      const handed = { descriptor, listener: index, familyCode, word0, word1, word2, word3, port };
      this.#accepted[index] += 1;
      this.#settings.accepted();
      if (this.#closed) this.#refuse(handed, "shutdown");
      else if (this.#isBanned(handed)) this.#refuse(handed, "banned");
      else if (this.#waiting.length > 0 || !this.#give(handed)) this.#hold(handed);
      if (this.#listeners[index].allowed <= 0) this.#ration();
    };
  }

  /** To the worker with the fewest connections; among equals in turn. */
  #give(handed: HandedOver): boolean {
    const best = this.#choose(handed.listener);
    if (best === undefined || !best.queue.give(handed)) return false;
    // One that refuses has room again; one that pauses is looked at in its turn.
    if (this.#listeners[handed.listener].allowed === Infinity) this.#tellLimit(handed.listener, false);
    this.#next = this.#supervisor.serving.indexOf(best) + 1;
    // Each socket is announced to a process by a message.
    if (this.#settings.options.isolation === "thread") best.wake();
    return true;
  }

  /**
   * The worker that is to get the next connection of a listener; undefined where none may have one more. One
   * that wants no more gets it only where none does and the listener does not refuse: it was accepted before
   * they said so.
   */
  #choose(listener: number): WorkerHandle | undefined {
    if (this.#roomOfAll() <= 0 || this.#roomOf(listener) <= 0) return undefined;
    const refuses = this.#options[listener].limits.atLimit === "refuse";
    const workers = this.#supervisor.serving;
    let best: WorkerHandle | undefined;
    for (let step = 0; step < workers.length; step++) {
      const worker = workers[(this.#next + step) % workers.length];
      if (worker.load >= this.#connectionsPerWorkerMax || (refuses && worker.queue.pressure)) continue;
      if (best === undefined || isBetter(worker, best)) best = worker;
    }
    return best;
  }

  #waitingOf(listener: number): number {
    return this.#waiting.reduce((count, handed) => count + (handed.listener === listener ? 1 : 0), 0);
  }

  /**
   * Connections the server may have beyond those of its workers; those that wait here are not counted yet.
   */
  #roomOfAll(): number {
    return this.#connectionsMax - this.#supervisor.workers.reduce((sum, { load }) => sum + load, 0);
  }

  /** Connections one listener may have beside those that workers have. */
  #roomOf(listener: number): number {
    const { connections } = this.#options[listener].limits;
    if (connections === 0) return Infinity;
    return connections - this.#supervisor.workers.reduce((sum, { queue }) => sum + queue.loadOf(listener), 0);
  }

  /** Connections the workers that want more may have beside those they have. */
  #roomOfWorkers(): number {
    return this.#supervisor.serving.reduce((room, { load, queue }) => {
      return queue.pressure ? room : room + Math.max(0, this.#connectionsPerWorkerMax - load);
    }, 0);
  }

  /** Sockets that may be on their way beside those that are: workers may be behind with taking them. */
  #roomOnTheWay(): number {
    return this.#onTheWayMax -
      this.#supervisor.workers.reduce((sum, { queue }) => sum + queue.length, 0);
  }

  /** Nobody takes it for now: the next ones wait in the kernel's queue, or all are cut. */
  #hold(handed: HandedOver): void {
    const refuses = this.#options[handed.listener].limits.atLimit === "refuse";
    if (refuses && this.#supervisor.serving.length > 0) return this.#refuse(handed, "limit");
    this.#waiting.push(handed);
    this.#ration();
  }

  #refuse(handed: HandedOver, reason: "limit" | "banned" | "shutdown"): void {
    const refused = this.#refused[handed.listener];
    refused[reason] = (refused[reason] ?? 0) + 1;
    if (reason === "limit") this.#tellLimit(handed.listener, true);
    this.#logRefused(handed, reason);
    discardDescriptor(handed.descriptor, this.#settings.options.library);
  }

  #logRefused(handed: HandedOver, reason: string): void {
    const { log } = this.#settings;
    if (!log.tells("debug")) return;
    const { name: listener } = this.#options[handed.listener];
    log.tell("connection.refused", {
      listener,
      reason,
      address: new AcceptedAddress().copy(handed).hostname,
    });
  }

  /** Bans are asked for here, unless a worker asks anyway. */
  #isBanned(handed: HandedOver): boolean {
    if (isJudgedInWorker(this.#options[handed.listener])) return false;
    return this.#settings.limits.isBanned(handed.listener, this.#peer.setPeer(handed));
  }

  /** Whether there is no room for a connection of a listener, were the workers to want it. */
  #isFull(index: number): boolean {
    const serving = this.#supervisor.serving;
    const allFull = serving.length > 0 && serving.every(({ load }) => load >= this.#connectionsPerWorkerMax);
    return allFull || this.#roomOfAll() <= 0 || this.#roomOf(index) <= 0;
  }

  #tellLimit(index: number, reached: boolean): void {
    if (reached === this.#full.has(index)) return;
    if (reached) this.#full.add(index);
    else this.#full.delete(index);
    const { name: listener } = this.#options[index];
    this.#settings.log.tell(reached ? "limit.reached" : "limit.released", { limit: "connections", listener });
  }

  #giveWaiting(): void {
    while (this.#waiting.length > 0 && this.#give(this.#waiting[0])) this.#waiting.shift();
    if (this.#waiting.length === 0) this.#allGiven?.resolve();
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
      const index = (this.#first + step) % count;
      const part = Math.ceil(Math.max(0, room) / (count - step));
      room -= this.#allow(index, Math.min(acceptedAheadMax, part, Math.max(0, this.#roomOf(index))));
    }
    this.#first = (this.#first + 1) % Math.max(1, count);
    const isWaiting = this.#waiting.length > 0 || (this.#serves && this.#paused.size > 0);
    if (isWaiting) this.#timer = setTimeout(() => this.#ration(), retryInterval);
  }

  /** Says how many connections one listener may accept; returns how many it may. */
  #allow(index: number, part: number): number {
    const listener = this.#listeners[index];
    const isRationed = listener.allowed !== Infinity;
    const isNobodyThere = this.#waiting.length > 0 || this.#supervisor.serving.length === 0;
    listener.allow(part);
    if (isRationed ? part === 0 : isNobodyThere) {
      this.#paused.add(index);
      if (isRationed) this.#tellLimit(index, this.#isFull(index));
      // Arriving connections need not wake this thread now.
      listener.pause();
    } else {
      this.#paused.delete(index);
      if (isRationed) this.#tellLimit(index, false);
      listener.resume();
    }
    return isRationed ? part : 0;
  }
}

/** Whether a worker is preferred: it wants connections and the other does not, or it has fewer. */
function isBetter(worker: WorkerHandle, other: WorkerHandle): boolean {
  if (worker.queue.pressure !== other.queue.pressure) return other.queue.pressure;
  return worker.load < other.load;
}
