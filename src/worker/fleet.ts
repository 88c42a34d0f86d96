/**
 * Everything a server consists of: the loop of its own thread, the listeners there, the supervisor and its
 * workers; and how connections come from the ones to the others.
 *
 * @module
 */
import { RingportError } from "../base/errors.ts";
import { acceptCounters } from "../loop/accept_counters.ts";
import { createEventLoop, type EventLoop } from "../loop/event_loop.ts";
import type { ShareableLoop } from "../loop/remote_statistics.ts";
import { discardDescriptor, seizeLoop, wakeLoop } from "../loop/native.ts";
import type { ListenerInfo, UdpInfo } from "../server/application.ts";
import type { ListenerPlan } from "../server/listeners.ts";
import { inheritedDatagram } from "../udp/open.ts";
import { probeUdp, type UdpPlan } from "../server/udp_listener.ts";
import type { HandedOver } from "../server/hand_over.ts";
import type { Log } from "../server/log/log.ts";
import type { ResolvedServerOptions } from "../server/options/mod.ts";
import { host } from "../host/mod.ts";
import { PeerAddress } from "../base/peer_address.ts";
import { version } from "../base/version.ts";
import type { Phase } from "../server/phases.ts";
import { AddressWords } from "../base/address_words.ts";
import { connectionsPerWorker, descriptorsForProcesses } from "../server/descriptor_budget.ts";
import { LoggedBans } from "../server/address_limits/logged_bans.ts";
import { isJudgedInWorker, type ServerBans } from "../server/address_limits/tables.ts";
import { AddressTables } from "./address_tables.ts";
import { Acceptor } from "./accepting/acceptor.ts";
import { selfTest, type SelfTestResult } from "./supervision/self_test.ts";
import { type Spreading, spreadingOf } from "../server/spreading.ts";
import {
  formatSocketAddress,
  ListenerMetrics,
  processStatistics,
  skewOf,
  workerStatistics,
} from "./metrics/collect.ts";
import { serveMetrics } from "./metrics/listener.ts";
import { Past } from "./supervision/past.ts";
import { noActivity, totalOf } from "./metrics/table.ts";
import type { ActivityStatistics, CountsByName, ServerStatistics } from "./metrics/table.ts";
import type { WorkerPort } from "./worker_port.ts";
import type { EndingWorker } from "./shutdown.ts";
import type { MessageHub } from "./message_hub.ts";
import type { OfferedListener } from "./restart/messages.ts";
import { Predecessor } from "./restart/predecessor.ts";
import { type Rendezvous, rendezvousAt } from "./restart/rendezvous.ts";
import { Successor, type SuccessorEvent } from "./restart/successor.ts";
import { Supervisor } from "./supervision/supervisor.ts";
import { ThreadPort } from "./thread/thread_port.ts";
import type { WorkerHandle } from "./supervision/worker_handle.ts";
import { WorkerProcesses } from "./process/worker_processes.ts";

/** Whom a fleet tells. */
export interface FleetOwner {
  stats(): ServerStatistics;
  failed(error: RingportError): void;
  shutdown(reason: string): void;
  /** Another server is about to replace this one, or was and could not. */
  successor(event: SuccessorEvent): void;
}

/** Sizes of the loop of the server's own thread, which accepts and serves the metrics: little of anything. */
const ownLoopSizes = { segmentCount: 256, connectionSlots: 4096, timers: 4096, sendEntries: 512 };

/** Milliseconds a call of the server to itself may take. */
const selfTestTimeoutMilliseconds = 5_000;

/** Attempts to take a loop whose thread is inside the library, a second apart: a blocked system call ends. */
const seizeAttemptsMax = 60;
const seizeRetryMilliseconds = 1_000;

export class Fleet {
  readonly #options: ResolvedServerOptions;
  readonly #log: Log;
  readonly #owner: FleetOwner;
  readonly #supervisor: Supervisor;
  readonly #application: string;
  readonly #spreading: Spreading;
  #selfTestTimer: ReturnType<typeof setInterval> | undefined = undefined;
  readonly #tables: AddressTables;
  readonly #bans: ServerBans;
  /** Where servers that replace one another meet. */
  readonly #rendezvous: Rendezvous | undefined;
  #predecessor: Predecessor | undefined = undefined;
  #successor: Successor | undefined = undefined;
  /** Resolves when this server accepts no more. */
  readonly #acceptsNoMore = Promise.withResolvers<void>();
  /** Where workers are processes. */
  #processes: WorkerProcesses | undefined = undefined;
  readonly #address = new AddressWords();
  #loop: EventLoop | undefined = undefined;
  #acceptor: Acceptor | undefined = undefined;
  #listeners: ListenerInfo[] = [];
  #udp: UdpInfo[] = [];
  #metrics: ReturnType<typeof serveMetrics> | undefined = undefined;
  /** What workers that are gone have done. */
  readonly #past = new Past();
  readonly #listenerMetrics: ListenerMetrics;
  readonly #started = Date.now();
  /** A shutdown has begun, before all was started or after. */
  #ending = false;
  readonly #abandonedLoops = new Set<ShareableLoop>();
  /** Threads that lost their loop and have not come back since. */
  abandoned = 0;

  constructor(application: string, options: ResolvedServerOptions, log: Log, owner: FleetOwner) {
    this.#application = application;
    this.#options = options;
    this.#log = log;
    this.#owner = owner;
    this.#spreading = spreadingOf(options, host.operatingSystem);
    this.#tables = new AddressTables(options);
    this.#bans = new LoggedBans(this.#tables.judges, (event, fields) => log.tell(event, fields));
    this.#rendezvous = options.restartPath === undefined
      ? undefined
      : rendezvousAt(options.restartPath, options.library);
    this.#listenerMetrics = new ListenerMetrics({
      options,
      spreading: this.#spreading,
      past: this.#past,
      acceptor: () => this.#acceptor,
      workers: () => this.#supervisor.workers,
      serving: () => this.#supervisor.serving,
      connectionsMax: () => this.#connectionsMax,
    });
    this.#supervisor = new Supervisor({
      application,
      options,
      log,
      makeLink: (handle) => this.#makeLink(handle),
      listeners: () => this.#listenerPlans(),
      udp: () => this.#udpPlans(),
      connectionsMax: () => this.#connectionsMax,
      wake: (worker) => worker.link.wake === undefined ? this.#wake(worker) : worker.link.wake(),
      backlog: () => this.#backlog(),
    }, {
      failed: (error) => owner.failed(error),
      gone: (worker) => this.#gone(worker),
      lost: (worker) => this.#lost(worker),
      changed: () => this.#acceptor?.changed(),
      shutdown: (reason) => owner.shutdown(reason),
    });
  }

  get listeners(): readonly ListenerInfo[] {
    return this.#listeners;
  }

  get udp(): readonly UdpInfo[] {
    return this.#udp;
  }

  /** The bans of all workers. */
  get bans(): ServerBans {
    return this.#bans;
  }

  /** It has replaced another server. */
  get tookOver(): boolean {
    return this.#predecessor !== undefined;
  }

  /** The messages between the workers. */
  get messages(): MessageHub {
    return this.#supervisor.messages;
  }

  get serving(): number {
    return this.#supervisor.serving.filter(({ state }) => state !== "gone").length;
  }

  /**
   * Binds every address, then starts the workers. Resolves as well when {@linkcode endStart} has ended it:
   * what is there by then is left to the shutdown.
   */
  async start(): Promise<void> {
    const loop = createEventLoop({ ...ownLoopSizes, library: this.#options.library });
    loop.engine.exceptions.sink = (error, unreported) => {
      this.#log.tell("loop.exception", { error, unreported });
    };
    loop.engine.whenBroken = (error) => this.#owner.failed(error);
    loop.engine.faults.sink = (what, error) => this.#log.tell("application.error", { what, error });
    loop.ref();
    this.#loop = loop;
    try {
      if (this.#options.isolation === "process") {
        const lost = (listener: number, count: number) => this.#acceptor?.lost(listener, count);
        const tables = this.#tables.shared!;
        this.#processes = new WorkerProcesses(loop, this.#application, this.#options, tables, lost);
      }
      await this.#findPredecessor(loop);
      // Bound alone at first, whoever accepts then: a port that is somebody else's is nothing to share.
      const acceptor = new Acceptor(
        loop,
        this.#options.listeners,
        this.#acceptorOwner(),
        this.#predecessor?.descriptors,
      );
      this.#acceptor = acceptor;
      this.#listeners = acceptor.addresses.map((address, place) => ({
        name: this.#options.listeners[place].name,
        address,
      }));
      if (this.#spreading === "reusePort") await acceptor.close();
      for (const options of this.#options.udp) {
        const address = await probeUdp(loop, options, this.#predecessor !== undefined);
        this.#udp.push({ name: options.name, address });
      }
      await this.#supervisor.start(this.#options.workers);
      if (this.#ending) return this.#predecessor?.giveUp();
    } catch (error) {
      this.#predecessor?.giveUp();
      await this.#acceptor?.close();
      await this.#processes?.close();
      this.#tables.close();
      await loop.close();
      throw error;
    }
    const acceptor = this.#acceptor;
    const accept = () => this.#spreading === "handOver" && acceptor.serve();
    if (this.#predecessor === undefined) accept();
    else await this.#predecessor.replace(accept);
    await this.#expectSuccessor(loop, acceptor);
    this.#serveMetrics(loop);
    this.#testRegularly();
    this.#tables.begin();
  }

  /** The sockets of a server that runs are passed to this one. */
  async #findPredecessor(loop: EventLoop): Promise<void> {
    const { listeners, library } = this.#options;
    const rendezvous = this.#rendezvous;
    if (rendezvous === undefined) return;
    this.#predecessor = await Predecessor.find({ loop, rendezvous, listeners, library });
    if (this.#predecessor === undefined) return;
    const passed = this.#predecessor.descriptors.filter((descriptor) => descriptor !== undefined);
    this.#log.tell("server.restart", { listeners: passed.length });
  }

  /** From now on a further server may replace this one. */
  async #expectSuccessor(loop: EventLoop, acceptor: Acceptor): Promise<void> {
    if (this.#rendezvous === undefined) return;
    acceptor.own();
    const successor = new Successor({
      library: this.#options.library,
      offers: () => this.#offers(acceptor),
      told: (event) => {
        this.#log.tell(`successor.${event}`);
        this.#owner.successor(event);
      },
      yield: async (listeners) => {
        acceptor.share(listeners);
        // The successor's metrics are at the same address.
        await this.#metrics?.stop();
        this.#owner.shutdown("restart");
        await this.#acceptsNoMore.promise;
      },
    });
    try {
      await successor.expect(loop, this.#rendezvous, this.#predecessor?.rendezvous);
      this.#successor = successor;
    } catch (error) {
      // A server that cannot be replaced still serves.
      this.#log.tell("successor.unreachable", { error });
    }
  }

  #offers({ listeners }: Acceptor): { listener: OfferedListener; descriptor: number }[] {
    return listeners.map(({ address, descriptor }, index) => {
      const { name, hostname, port, inherited } = this.#options.listeners[index];
      return { listener: { name, hostname, port, inherited, address }, descriptor };
    });
  }

  /** Calls each listener as a client would. */
  selfTest(): Promise<SelfTestResult[]> {
    if (this.#loop === undefined) return Promise.resolve([]);
    return selfTest({
      loop: this.#loop,
      listeners: this.#listeners,
      accepted: (place) => this.#listenerMetrics.counts(place).accepted,
      timeout: selfTestTimeoutMilliseconds,
    });
  }

  #testRegularly(): void {
    const { selfTest: interval } = this.#options.supervisor;
    if (interval === 0) return;
    let isRunning = false;
    this.#selfTestTimer = setInterval(async () => {
      // One that takes its time is not joined by further ones.
      if (isRunning) return;
      isRunning = true;
      const results = await this.selfTest();
      isRunning = false;
      if (this.#ending) return;
      for (const { listener, error } of results) {
        if (error !== undefined) this.#log.tell("server.selfTestFailed", { listener, error });
      }
    }, interval);
  }

  /** Where the metrics can be fetched. A server without them still serves. */
  #serveMetrics(loop: EventLoop): void {
    const { metrics } = this.#options;
    if (metrics === undefined) return;
    const failed = (error: unknown) => this.#log.tell("metrics.failed", { error });
    try {
      this.#metrics = serveMetrics({ ...metrics, loop, error: failed }, () => this.#owner.stats());
      this.#log.tell("metrics.listening", { address: formatSocketAddress(this.#metrics.address) });
    } catch (error) {
      failed(error);
    }
  }

  /** The metrics, as they are now. */
  stats(phase: Phase): ServerStatistics {
    const now = performance.now();
    const workers = this.#supervisor.workers.map((worker) => workerStatistics(worker, now));
    const open = this.#supervisor.serving.map(({ load }) => load);
    const counters = acceptCounters();
    return {
      time: Date.now(),
      started: this.#started,
      pid: host.pid,
      version,
      runtime: host.runtime,
      operatingSystem: host.operatingSystem,
      phase,
      workers,
      deaths: this.#supervisor.deaths,
      abandonedThreads: this.abandoned,
      messagesDropped: this.#supervisor.messages.dropped,
      listeners: this.#listeners.map((listener, place) => this.#listenerMetrics.read(listener, place)),
      udp: this.#udp.map(({ name, address }) => ({ name, address: formatSocketAddress(address) })),
      total: totalOf([this.#past.activity, refusedOnly(this.#listenerMetrics.refusedHere()), ...workers]),
      skew: skewOf(open),
      acceptQueueOverflows: counters?.queueOverflows,
      acceptQueueDrops: counters?.drops,
      process: processStatistics(this.#options.library),
      addresses: this.#tables.judges.statistics(),
      logFailures: this.#log.failures,
      logDropped: this.#log.dropped,
    };
  }

  /** Starts no further workers, and does not wait for one that is being started. */
  endStart(): void {
    this.#ending = true;
    this.#supervisor.endStart();
  }

  /** Nothing is replaced any more; gives the workers that are to be ended. */
  beginEnd(): EndingWorker[] {
    this.#supervisor.end();
    clearInterval(this.#selfTestTimer);
    this.#tables.end();
    const listens = this.#spreading !== "handOver";
    return this.#supervisor.workers.map((worker) => asEnding(worker, listens));
  }

  /** Closes the listeners. */
  async refuse(): Promise<void> {
    await this.#acceptor?.close();
    this.#acceptsNoMore.resolve();
    await this.#successor?.close();
  }

  /** Frees the loop of this thread. */
  async end(): Promise<void> {
    await this.#supervisor.endArriving();
    await this.#acceptor?.close();
    await this.#metrics?.stop();
    await this.#processes?.close();
    this.#tables.close();
    await this.#loop?.close();
  }

  #listenerPlans(): ListenerPlan[] {
    return this.#listeners.map(({ address }, place) => {
      switch (this.#spreading) {
        case "handOver":
          return { kind: "adopt", address };
        case "reusePort":
          return { kind: "bind", port: address.port, reusePort: true };
        case "direct":
          return { kind: "share", descriptor: this.#acceptor!.listeners[place].descriptor };
      }
    });
  }

  #udpPlans(): UdpPlan[] {
    // Only Linux shares a port between sockets and spreads what comes there.
    const reusePort = host.operatingSystem === "linux";
    return this.#udp.map(({ address: { port } }, place) => {
      const { inherited } = this.#options.udp[place];
      return {
        port,
        reusePort,
        descriptor: inherited === undefined ? undefined : inheritedDatagram(inherited),
        onlyWorker: reusePort ? undefined : 0,
      };
    });
  }

  #makeLink(handle: WorkerHandle): WorkerPort {
    const place = this.#tables.take(handle);
    const judges = this.#tables.judges.memory;
    if (this.#processes !== undefined) return this.#processes.makeLink(handle, place, judges.ofListener);
    const { shared, board } = handle;
    const memory = { queue: shared.buffer, board: board.buffer, judges, tableIndex: place };
    const name = `ringport worker ${handle.index}`;
    return new ThreadPort(name, host.pid, memory, handle, {
      lost: ({ reason }) => {
        this.#seize(handle);
        if (reason === "killed") this.#abandon();
      },
      returned: () => this.abandoned -= 1,
    });
  }

  /** A thread runs on that nobody can end. A few of them a server bears; each may use a core up. */
  #abandon(): void {
    this.abandoned += 1;
    const { maxAbandoned } = this.#options.supervisor;
    if (this.#ending || this.abandoned <= maxAbandoned) return;
    this.#owner.failed(
      new RingportError(
        `server: ${this.abandoned} threads do not come back, and no more than ${maxAbandoned} are borne`,
        { code: "ERR_THREADS_STUCK", operation: "supervise", origin: "application" },
      ),
    );
  }

  #wake({ loop, link }: WorkerHandle): void {
    if (loop !== undefined && link.pid === host.pid) wakeLoop(loop.handle, this.#options.library);
  }

  /** Takes the sockets of a thread that does not come back. */
  #seize({ loop }: Pick<WorkerHandle, "loop">, attempt = 1): void {
    if (loop === undefined) return;
    // Whatever becomes of its thread, the library may look into this memory as long as the process lives.
    this.#abandonedLoops.add(loop);
    const answer = seizeLoop(loop.handle, this.#options.library);
    if (answer !== "busy" || attempt === seizeAttemptsMax) return;
    setTimeout(() => this.#seize({ loop }, attempt + 1), seizeRetryMilliseconds);
  }

  #acceptorOwner(): ConstructorParameters<typeof Acceptor>[2] {
    const { isolation, maxWorkers } = this.#options;
    return {
      serving: () => this.#supervisor.serving,
      workers: () => this.#supervisor.workers,
      wake: (worker) => this.#wake(worker),
      discard: (descriptor) => void discardDescriptor(descriptor, this.#options.library),
      admits: (handed) => this.#admits(handed),
      refused: (handed, reason) => this.#refused(handed, reason),
      limit: (place, reached) => {
        const { name: listener } = this.#options.listeners[place];
        this.#log.tell(reached ? "limit.reached" : "limit.released", { limit: "connections", listener });
      },
      connectionsMax: this.#connectionsMax,
      connectionsPerWorkerMax: this.#connectionsPerWorkerMax,
      onTheirWayMax: isolation === "process" ? descriptorsForProcesses(maxWorkers) : Infinity,
    };
  }

  /** What is asked for, or what the system's limit of descriptors leaves room for. */
  get #connectionsMax(): number {
    const { maxWorkers, connectionSlots, isolation, limits } = this.#options;
    if (limits.connections !== "auto") return limits.connections;
    const slots = maxWorkers * connectionSlots;
    // Each process has descriptors of its own.
    const sharing = isolation === "process" ? 1 : maxWorkers;
    return Math.min(slots, maxWorkers * connectionsPerWorker(sharing));
  }

  /** What is asked for, or what the system's limit of descriptors leaves room for in a process of its own. */
  get #connectionsPerWorkerMax(): number {
    const { isolation, limits } = this.#options;
    const asked = limits.connectionsPerWorker === 0 ? Infinity : limits.connectionsPerWorker;
    if (isolation !== "process" || limits.connections !== "auto") return asked;
    return Math.min(asked, connectionsPerWorker(1));
  }

  #refused(handed: HandedOver, reason: string): void {
    if (!this.#log.tells("debug")) return;
    const { name } = this.#options.listeners[handed.listener];
    this.#log.tell("connection.refused", {
      listener: name,
      reason,
      address: new PeerAddress().copy(handed).hostname,
    });
  }

  /** Bans are asked for here, unless a worker judges anyway. */
  #admits(handed: HandedOver): boolean {
    if (isJudgedInWorker(this.#options.listeners[handed.listener])) return true;
    return !this.#tables.judges.isBanned(handed.listener, this.#address.setPeer(handed));
  }

  /**
   * What it has done still counts, and what is on its way to it finds another one, which it no longer is
   * itself.
   */
  #gone(worker: WorkerHandle): void {
    this.#past.add(worker);
    worker.queue.drain((handed) => this.#acceptor?.again(handed));
  }

  #lost(worker: WorkerHandle): void {
    this.#tables.reclaim(worker);
  }

  #backlog(): number {
    return this.#listeners.reduce(
      (sum, { address }, place) => sum + (this.#listenerMetrics.queue(address, place)?.length ?? 0),
      0,
    );
  }
}

/** `listens`: the worker has listeners of its own, not only the server. */
function asEnding(worker: WorkerHandle, listens: boolean): EndingWorker {
  return {
    get counts() {
      return worker.counts;
    },
    get movements() {
      return movementsOf(worker);
    },
    enter: (phase) => worker.enter(phase),
    async refuse() {
      void worker.enter("refusing");
      if (listens) await worker.refusing;
    },
    stop: () => worker.stop(),
    kill() {
      worker.link.kill();
      return worker.gone;
    },
  };
}

/** Grows while data moves, and only then: timers are completions too. */
function movementsOf({ statistics, board }: WorkerHandle): number {
  if (statistics === undefined) return 0;
  const { receives, sends, connectionsClosed, connectionsAborted } = statistics.read();
  return receives + sends + connectionsClosed + connectionsAborted + board.get("acknowledgements");
}

/** As activity: what was refused before any worker knew of it. */
function refusedOnly(refused: CountsByName): ActivityStatistics {
  return { ...noActivity, connections: { ...noActivity.connections, refused } };
}
