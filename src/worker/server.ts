/**
 * A server: the loop of its own thread with the listeners there, the supervisor and its workers, and the way
 * of connections from the former to the latter.
 *
 * @module
 */
import { formatHostAndPort, type SocketAddress } from "../base/address.ts";
import { RingportError } from "../base/errors.ts";
import { logFlushMilliseconds } from "../base/limits.ts";
import { checkOptions } from "../base/options.ts";
import { version } from "../base/version.ts";
import { host } from "../host/mod.ts";
import { acceptCounters } from "../loop/accept_counters.ts";
import { createEventLoop, type EventLoop } from "../loop/event_loop.ts";
import { LoggedBans } from "../server/address_limits/logged_bans.ts";
import type { ServerBans } from "../server/address_limits/tables.ts";
import type { ListenerInfo, UdpInfo } from "../server/application.ts";
import type { ListenerPlan } from "../server/listeners.ts";
import { createLog, type Log, type LogEvent } from "../server/log/log.ts";
import {
  type OptionSources,
  readExported,
  readSources,
  type ResolvedServerOptions,
  resolveGiven,
  resolveServerOptions,
  type ServerOptions,
  type ShutdownOptions,
  shutdownRows,
  withPathsFromRoot,
} from "../server/options/mod.ts";
import { isBefore, type Phase } from "../server/phases.ts";
import { type Spreading, spreadingOf } from "../server/spreading.ts";
import { probeUdp, type UdpPlan } from "../server/udp_listener.ts";
import type { WorkerMessageHandler } from "../server/worker_messages.ts";
import { inheritedDatagram } from "../udp/open.ts";
import { AcceptTurns } from "./accepting/accept_turns.ts";
import { Acceptor } from "./accepting/acceptor.ts";
import { AddressTables } from "./address_tables.ts";
import { exportedOptions } from "./exported_options.ts";
import {
  formatSocketAddress,
  ListenerMetrics,
  processStatistics,
  skewOf,
  workerStatistics,
} from "./metrics/collect.ts";
import { serveMetrics } from "./metrics/listener.ts";
import { noActivity, totalOf } from "./metrics/table.ts";
import type { ActivityStatistics, CountsByName, ServerStatistics } from "./metrics/table.ts";
import type { OfferedListener } from "./restart/messages.ts";
import { Predecessor } from "./restart/predecessor.ts";
import { type Rendezvous, rendezvousAt } from "./restart/rendezvous.ts";
import { Successor } from "./restart/successor.ts";
import { ServiceManager } from "./service_manager.ts";
import { deadlinesWithin, emptyReport, runShutdown, type ShutdownReport } from "./shutdown.ts";
import { listenForSignals, type SignalEvent } from "./signals.ts";
import { Past } from "./metrics/collect.ts";
import { Supervisor } from "./supervision/supervisor.ts";
import type { WorkerEvent, WorkerHandle } from "./supervision/worker_handle.ts";
import { connectionsMaxOf } from "../server/descriptor_budget.ts";
import type { WorkerServerSettings } from "../server/worker_server.ts";
import { MessageHub } from "./messages.ts";
import { WorkerProcesses } from "./process/worker_processes.ts";
import { AcceptSignal, selfTest, type SelfTestResult, SelfTests } from "./supervision/self_test.ts";
import { LostThreads, ThreadPort } from "./thread/thread_port.ts";
import type { PortEvent, WorkerPort } from "./worker_port.ts";

/** Options of {@linkcode Server.shutdown}. What is left out is as the server's option `shutdown` says. */
export interface ShutdownRequest extends ShutdownOptions {
  /** Goes into the report. `"shutdown"` by default. */
  reason?: string;
}

/**
 * How {@linkcode Server.run} serves a program. The environment and the program's arguments are read unless
 * `variable` or `flags` say otherwise: a program with arguments of its own gives `{ flags: [] }`.
 */
export interface ServerRunOptions extends OptionSources {
  /** Called with the server once it serves; not called if it is stopped before. */
  readonly started?: (server: Server) => void;
}

/**
 * A server: an application served by one or more workers, with limits, supervision and a shutdown in phases.
 *
 * @example
 * ```ts
 * import { type Application, type Connection, Server, type Window } from "@ringport/ringport";
 *
 * export default class Echo implements Application {
 *   data(connection: Connection, window: Window) {
 *     connection.write(window);
 *   }
 * }
 *
 * // The same file is the program and, in each worker, the application.
 * if (import.meta.main) {
 *   const server = await Server.start(import.meta.url, { hostname: "127.0.0.1", port: 0, workers: 1 });
 *   console.log(server.port > 0);
 *   const report = await server.shutdown();
 *   console.log(report.bytesLost); // 0
 * }
 * ```
 */
export class Server implements AsyncDisposable {
  readonly #application: string;
  readonly #options: ResolvedServerOptions;
  readonly #log: Log;
  /** How connections come to the workers. */
  readonly #spreading: Spreading;
  /** Where several workers accept from one socket. */
  readonly #turns: AcceptTurns | undefined;
  readonly #supervisor: Supervisor;
  readonly #messages: MessageHub;
  readonly #tables: AddressTables;
  readonly #lostThreads: LostThreads;
  /** Where servers that replace one another meet. */
  readonly #rendezvous: Rendezvous | undefined;
  /** What workers that are gone have done. */
  readonly #past = new Past();
  readonly #listenerMetrics: ListenerMetrics;
  readonly #startedAt = Date.now();
  /** The bans in force, to be read and changed while the server runs. They concern new connections only. */
  readonly bans: ServerBans;
  /** The loop of this thread, which accepts and serves the metrics. */
  #loop: EventLoop | undefined = undefined;
  #acceptor: Acceptor | undefined = undefined;
  #listeners: ListenerInfo[] = [];
  #udp: UdpInfo[] = [];
  /** Where workers are processes. */
  #processes: WorkerProcesses | undefined = undefined;
  #metrics: ReturnType<typeof serveMetrics> | undefined = undefined;
  #selfTests: SelfTests | undefined = undefined;
  /** Self tests that wait for connections to be accepted. */
  #acceptWatchers = 0;
  readonly #accepts = new AcceptSignal();
  #predecessor: Predecessor | undefined = undefined;
  #successor: Successor | undefined = undefined;
  /** Resolves when this server accepts no more. */
  readonly #refused = Promise.withResolvers<void>();
  /** A shutdown has begun, before all was started or after. */
  #ending = false;
  /** Every worker reports it once, and the server once for all of them. */
  #writeRefusedTold = false;
  readonly #hurry = new AbortController();
  readonly #finished = Promise.withResolvers<ShutdownReport>();
  /** Settles when all workers serve, or cannot. */
  readonly #started = Promise.withResolvers<void>();
  /** The last lines of the log found no reader in time. */
  #logIsStuck = false;
  /** Told how this process fares, where it is the server's own. */
  #manager: ServiceManager | undefined = undefined;
  #phase: Phase = "running";
  #shutdown: Promise<ShutdownReport> | undefined = undefined;

  /**
   * Starts a server and resolves when all of its workers serve.
   *
   * @param application the module whose default export is the application: `import.meta.url`, another URL, or
   * a path, which is taken from the working directory.
   * @param sources where options come from beside code. The environment by default; `flags` are the
   * arguments of a command line, which win over it.
   * @throws {OptionError} for an unknown option or a wrong value.
   * @throws {AddressInUseError} and the like, when an address cannot be bound.
   * @throws {RingportError} when the application cannot be loaded or its `start` fails.
   */
  static async start(
    application: string | URL,
    options: ServerOptions = {},
    sources: OptionSources = {},
  ): Promise<Server> {
    const moduleUrl = host.moduleUrl(String(application));
    const resolved = resolveServerOptions(options, { ...hostSources(), ...sources });
    const server = new Server(moduleUrl, withPathsFromRoot(resolved));
    await server.#start();
    return server;
  }

  /**
   * Starts a server and serves until it is stopped: by SIGTERM or SIGINT (Ctrl+C, on Windows also Ctrl+Break
   * and the closing of its window), where a second signal aborts everything; by the application; or because
   * its workers keep dying. Resolves with the report of the shutdown; rejects when the server had
   * to stop for a fault.
   *
   * Options come from the module's export `options`, over which those given here win, then the environment,
   * then the program's arguments up to `--`, as with `ringport run`.
   *
   * Signals are handled from the call on: one that comes while the workers start ends the start, and the
   * workers that are there go through the phases. The option `hangup` says what SIGHUP does on Linux.
   *
   * @param application as for {@linkcode Server.start}.
   * @param run a function to call once the server serves, and where options come from beside code, in place
   * of the environment and the program's arguments.
   * @throws {OptionError} for an unknown option, variable or flag, or a wrong value.
   */
  static async run(
    application: string | URL,
    options: ServerOptions = {},
    { started, ...sources }: ServerRunOptions = {},
  ): Promise<ShutdownReport> {
    let server: Server | undefined = undefined;
    let stoppedBy: string | undefined = undefined;
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const forget = listenForSignals((event) => {
      if (server !== undefined) server.#signalled(event);
      if (event.kind !== "stop") return;
      stoppedBy ??= event.signal;
      stop();
    }, () => server === undefined ? "auto" : server.#options.hangup);
    try {
      // A module that does not come to its end must not keep the program from ending.
      const made = await Promise.race([Server.#prepare(application, options, sources), stopped]);
      if (stoppedBy !== undefined || made === undefined) return emptyReport(stoppedBy!);
      server = made;
      return await made.#serve(started);
    } finally {
      forget();
    }
  }

  /** A server with options from everywhere, not started. */
  static async #prepare(
    application: string | URL,
    options: ServerOptions,
    given: OptionSources,
  ): Promise<Server> {
    const moduleUrl = host.moduleUrl(String(application));
    // Errors in flags and variables are reported before the application is loaded.
    const sources = readSources({ ...hostSources(), flags: host.arguments, ...given });
    const exported = given.exported === undefined
      ? readExported(await exportedOptions(moduleUrl), moduleUrl)
      : sources.exported;
    const resolved = withPathsFromRoot(resolveGiven(options, { ...sources, exported }));
    const server = new Server(moduleUrl, resolved);
    server.#manager = ServiceManager.ofProcess(() => server.#log.tell("manager.unreachable"));
    return server;
  }

  /** Starts and serves until the shutdown. */
  async #serve(started: ((server: Server) => void) | undefined): Promise<ShutdownReport> {
    let code = 1;
    try {
      await this.#start();
      if (this.#shutdown === undefined) started?.(this);
      const report = await this.finished;
      if (this.#lostThreads.count === 0) code = 0;
      return report;
    } finally {
      // A thread that never came back, or a line of the log that nobody reads, would keep the process alive.
      const isKept = this.#lostThreads.count > 0 || this.#logIsStuck;
      if (isKept) setTimeout(() => host.exit(code), lastWordsMilliseconds);
    }
  }

  private constructor(application: string, options: ResolvedServerOptions) {
    this.#application = application;
    this.#options = withModuleUrls(options);
    this.#log = createLog(options.log, options.logLevel, host);
    this.#finished.promise.catch(() => {});
    this.#started.promise.catch(() => {});
    this.#spreading = spreadingOf(this.#options, host.operatingSystem);
    const { maxWorkers } = this.#options;
    if (this.#spreading === "direct" && maxWorkers > 1) this.#turns = new AcceptTurns(maxWorkers);
    this.#tables = new AddressTables(this.#options);
    this.bans = new LoggedBans(this.#tables.limits, (event, fields) => this.#log.tell(event, fields));
    this.#rendezvous = options.restartPath === undefined
      ? undefined
      : rendezvousAt(options.restartPath, options.library);
    this.#lostThreads = new LostThreads(options.library, (count) => this.#threadLost(count));
    this.#supervisor = new Supervisor({
      options: this.#options,
      log: this.#log,
      settingsOf: (index, generation) => this.#settingsOf(index, generation),
      makePort: (worker, emit) => this.#makePort(worker, emit),
      backlog: () => this.#backlog(),
      emit: (event) => this.#heard(event),
    });
    this.#messages = new MessageHub(this.#log, () => this.#supervisor.all);
    this.#listenerMetrics = new ListenerMetrics({
      options: this.#options,
      spreading: this.#spreading,
      past: this.#past,
      acceptor: () => this.#acceptor,
      workers: () => this.#supervisor.workers,
      serving: () => this.#supervisor.serving,
      connectionsMax: () => connectionsMaxOf(this.#options),
    });
  }

  /**
   * Connects to each listener as a client would, and reports how soon it was accepted. The application sees
   * such a connection come and go. With the option `supervisor.selfTest` this is done regularly and failures
   * are logged.
   */
  selfTest(): Promise<SelfTestResult[]> {
    if (this.#loop === undefined) return Promise.resolve([]);
    this.#watchAccepts(1);
    return selfTest({
      loop: this.#loop,
      listeners: this.#listeners,
      accepted: (listener) => this.#listenerMetrics.counts(listener).accepted,
      accepts: this.#accepts,
    }).finally(() => this.#watchAccepts(-1));
  }

  /** Its phase. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Names and addresses of its listeners. */
  get listeners(): readonly ListenerInfo[] {
    return this.#listeners;
  }

  /** Names and addresses of its UDP sockets. */
  get udp(): readonly UdpInfo[] {
    return this.#udp;
  }

  /** The port of the first listener, or of the first UDP address where there is none; 0 of a Unix socket. */
  get port(): number {
    return this.#firstAddress?.port ?? 0;
  }

  /** The address of the first listener, or the first UDP address where there is none. */
  get hostname(): string {
    return this.#firstAddress?.hostname ?? "";
  }

  get #firstAddress(): SocketAddress | undefined {
    return (this.#listeners[0] ?? this.#udp[0])?.address;
  }

  /** Workers that serve now. */
  get workers(): number {
    return this.#supervisor.serving.filter(({ state }) => state !== "gone").length;
  }

  /**
   * Sends a message to all workers, as {@linkcode WorkerContext.broadcast} does to all others. A worker with
   * 4,096 messages or 4 MiB on their way to it does not get it; such drops are counted
   * (`stats().messagesDropped`) and logged (`worker.messagesDropped`).
   *
   * @returns the number of workers it was sent to.
   * @throws {OptionError} for what cannot be sent.
   * @throws {LimitError} `ERR_MESSAGE_TOO_LONG` above 262,144 bytes.
   *
   * @example
   * ```ts
   * import { Server } from "@ringport/ringport";
   *
   * const application = new URL("../../examples/supervised.ts", import.meta.url);
   * await using server = await Server.start(application, { hostname: "127.0.0.1", workers: 2, log: "off" });
   * console.log(server.broadcast({ reload: "prices" })); // 2
   * ```
   */
  broadcast(message: unknown): number {
    return this.#messages.broadcast(message);
  }

  /**
   * Hears what workers broadcast.
   *
   * @returns a function that takes the handler away.
   */
  onMessage(handler: WorkerMessageHandler): () => void {
    return this.#messages.handlers.add(handler);
  }

  /** The metrics as they are now, read from shared memory: those of stuck workers as well. */
  stats(): ServerStatistics {
    const now = performance.now();
    const workers = this.#supervisor.workers.map((worker) => workerStatistics(worker, now));
    const open = this.#supervisor.serving.map(({ load }) => load);
    const counters = acceptCounters();
    return {
      time: Date.now(),
      started: this.#startedAt,
      pid: host.pid,
      version,
      runtime: host.runtime,
      operatingSystem: host.operatingSystem,
      phase: this.#phase,
      workers,
      deaths: this.#supervisor.deaths,
      abandonedThreads: this.#lostThreads.count,
      messagesDropped: this.#messages.dropped,
      listeners: this.#listeners.map((listener, index) => this.#listenerMetrics.read(listener, index)),
      udp: this.#udp.map(({ name, address }) => ({ name, address: formatSocketAddress(address) })),
      total: totalOf([this.#past.activity, refusedOnly(this.#listenerMetrics.refusedHere()), ...workers]),
      skew: skewOf(open),
      acceptQueueOverflows: counters?.queueOverflows,
      acceptQueueDrops: counters?.drops,
      process: processStatistics(this.#options.library),
      addresses: this.#tables.limits.statistics(),
      logFailures: this.#log.failures,
      logDropped: this.#log.dropped,
    };
  }

  /** Resolves with the report when the server has stopped; rejects when a fault stopped it. */
  get finished(): Promise<ShutdownReport> {
    return this.#finished.promise;
  }

  /**
   * Shuts the server down in phases. A second call gives the same promise.
   *
   * @throws {OptionError} for an unknown option or a wrong value.
   */
  shutdown(options: ShutdownRequest = {}): Promise<ShutdownReport> {
    checkOptions("shutdown", options, shutdownSchema);
    return this.#shutdown ??= this.#run(options);
  }

  /** Ends the shutdown's patience: what is left is cut. Begins one where none is under way. */
  abort(reason = "abort"): Promise<ShutdownReport> {
    this.#hurry.abort();
    return this.shutdown({ reason });
  }

  /** The same as {@linkcode shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  /** Resolves when all workers serve, or a shutdown has ended the start. */
  async #start(): Promise<void> {
    const { workers, isolation } = this.#options;
    this.#log.tell("server.starting", { application: this.#application, workers, isolation });
    try {
      await this.#startAll();
    } catch (error) {
      this.#started.reject(error);
      this.#logIsStuck = !await this.#log.end(logFlushMilliseconds);
      throw error;
    }
    this.#started.resolve();
    if (this.#shutdown !== undefined) return;
    this.#manager?.ready(this.#status, this.#predecessor !== undefined);
    this.#manager?.watch(() => this.#phase !== "running" || this.workers > 0);
    this.#log.tell("server.listening", {
      listeners: this.listeners.map(describe),
      udp: this.udp.map(describe),
    });
  }

  /**
   * Binds every address, then starts the workers. Resolves as well when a shutdown has ended it: what is
   * there by then is left to that.
   */
  async #startAll(): Promise<void> {
    const loop = this.#openLoop();
    this.#loop = loop;
    try {
      await this.#bind(loop);
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
    const acceptor = this.#acceptor!;
    const accept = () => this.#spreading === "handOver" && acceptor.serve();
    if (this.#predecessor === undefined) accept();
    else await this.#predecessor.replace(accept);
    await this.#expectSuccessor(loop, acceptor);
    this.#serveMetrics(loop);
    this.#testRegularly();
    this.#tables.begin();
  }

  #openLoop(): EventLoop {
    const loop = createEventLoop({ ...ownLoopSizes, library: this.#options.library });
    const { engine } = loop;
    engine.exceptions.sink = (error, unreported) => this.#log.tell("loop.exception", { error, unreported });
    engine.whenBroken = (error) => this.#heard({ kind: "failed", error });
    engine.faults.sink = (what, error) => this.#log.tell("application.error", { what, error });
    loop.ref();
    return loop;
  }

  async #bind(loop: EventLoop): Promise<void> {
    const { isolation, listeners, udp } = this.#options;
    if (isolation === "process") {
      const lost = (listener: number, count: number) => this.#acceptor?.lost(listener, count);
      const tables = this.#tables.shared!;
      this.#processes = new WorkerProcesses(loop, this.#application, this.#options, tables, lost);
    }
    await this.#findPredecessor(loop);
    // Bound alone at first, also where workers accept: a port that another program has is not shared.
    const acceptor = new Acceptor({
      loop,
      options: this.#options,
      log: this.#log,
      supervisor: this.#supervisor,
      limits: this.#tables.limits,
      passed: this.#predecessor?.descriptors ?? [],
      accepted: () => this.#accepts.tell(),
    });
    this.#acceptor = acceptor;
    this.#listeners = acceptor.addresses.map((address, index) => ({ name: listeners[index].name, address }));
    if (this.#spreading === "reusePort") await acceptor.close();
    for (const options of udp) {
      const address = await probeUdp(loop, options, this.#predecessor !== undefined);
      this.#udp.push({ name: options.name, address });
    }
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
        if (event === "come") this.#manager?.reloading("a successor takes over");
        if (event === "failed") this.#manager?.ready(this.#status, false);
      },
      yield: async (listeners) => {
        acceptor.share(listeners);
        // The successor's metrics are at the same address.
        await this.#metrics?.stop();
        this.#shutdownOnceStarted("restart");
        await this.#refused.promise;
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

  /** Where the metrics can be fetched. A server without them still serves. */
  #serveMetrics(loop: EventLoop): void {
    const { metrics } = this.#options;
    if (metrics === undefined) return;
    const failed = (error: unknown) => this.#log.tell("metrics.failed", { error });
    try {
      this.#metrics = serveMetrics({ ...metrics, loop, error: failed }, () => this.stats());
      this.#log.tell("metrics.listening", { address: formatSocketAddress(this.#metrics.address) });
    } catch (error) {
      failed(error);
    }
  }

  /** One more self test waits for accepted connections, or one less. */
  #watchAccepts(change: 1 | -1): void {
    this.#acceptWatchers += change;
    if (this.#acceptWatchers <= 1) this.#askForAccepts();
  }

  /** Workers with their own listeners report accepted connections while a self test waits for them. */
  #askForAccepts(): void {
    if (this.#spreading === "handOver") return;
    const on = this.#acceptWatchers > 0;
    for (const { port } of this.#supervisor.workers) port.post({ kind: "tellAccepts", on });
  }

  #testRegularly(): void {
    const { selfTest: interval } = this.#options.supervisor;
    if (interval === 0) return;
    this.#selfTests = new SelfTests(() => this.selfTest(), interval, ({ listener, error }) => {
      if (!this.#ending) this.#log.tell("server.selfTestFailed", { listener, error });
    });
  }

  /** What a new worker is started with. */
  #settingsOf(index: number, generation: number): WorkerServerSettings {
    return {
      index,
      generation,
      application: this.#application,
      // A function cannot be sent, and workers log by message.
      options: { ...this.#options, log: "off" },
      listeners: this.#listenerPlans(),
      udp: this.#udpPlans(),
      connectionsMax: connectionsMaxOf(this.#options),
    };
  }

  #listenerPlans(): ListenerPlan[] {
    return this.#listeners.map(({ address }, listener) => {
      switch (this.#spreading) {
        case "handOver":
          return { kind: "adopt", address };
        case "reusePort":
          return { kind: "bind", port: address.port, reusePort: true };
        case "direct":
          return { kind: "share", descriptor: this.#acceptor!.listeners[listener].descriptor };
      }
    });
  }

  #udpPlans(): UdpPlan[] {
    // Only Linux shares a port between sockets and spreads the connections.
    const reusePort = host.operatingSystem === "linux";
    return this.#udp.map(({ address: { port } }, index) => {
      const { inherited } = this.#options.udp[index];
      return {
        port,
        reusePort,
        descriptor: inherited === undefined ? undefined : inheritedDatagram(inherited),
        onlyWorker: reusePort ? undefined : 0,
      };
    });
  }

  #makePort(worker: WorkerHandle, emit: (event: PortEvent) => void): WorkerPort {
    const tableIndex = this.#tables.take(worker);
    const addressLimits = this.#tables.limits.memory;
    if (this.#processes !== undefined) {
      return this.#processes.start(tableIndex, addressLimits.ofListener, emit);
    }
    const { shared, gauges } = worker;
    const turn = this.#turns?.of(worker);
    return new ThreadPort({
      name: `ringport worker ${worker.index}`,
      memory: { queue: shared.buffer, gauges: gauges.buffer, addressLimits, tableIndex, turn },
      lost: this.#lostThreads,
      library: this.#options.library,
    }, emit);
  }

  /** A server bears a few threads that run on and cannot be ended. */
  #threadLost(count: number): void {
    const { maxAbandoned } = this.#options.supervisor;
    if (this.#ending || count <= maxAbandoned) return;
    const message = `server: ${count} stuck threads exceed "supervisor.maxAbandoned" (${maxAbandoned})`;
    const details = { code: "ERR_THREADS_STUCK", operation: "supervise", origin: "application" } as const;
    this.#heard({ kind: "failed", error: new RingportError(message, details) });
  }

  /** Receives all events of the workers. */
  #heard(event: WorkerEvent): void {
    switch (event.kind) {
      case "gone":
        this.#past.add(event.worker);
        // What is on its way to it finds another one, which it no longer is itself.
        return event.worker.queue.drain((handed) => this.#acceptor?.again(handed));
      case "lost":
        return this.#tables.reclaim(event.worker);
      case "allReady":
        // None of them takes the share of others that begin a moment later.
        return this.#turns?.serve(this.#supervisor.workers);
      case "changed":
        if (this.#acceptWatchers > 0) this.#askForAccepts();
        this.#turns?.serve(this.#supervisor.serving);
        return this.#acceptor?.changed();
      case "accepted":
        return this.#accepts.tell();
      case "failed":
        // A server that is still starting fails once it has started; where it never does, the start rejects.
        return this.#onceStarted(() => this.#fail(event.error));
      case "shutdown":
        return this.#shutdownOnceStarted("application");
      case "message":
        return this.#messages.received(event.worker, event.body);
      case "heard":
        return this.#messages.heard(event.worker, event.count, event.bytes);
      case "event":
        return this.#logEvent(event.worker.index, event.event, event.fields);
      case "log": {
        const { worker: { index: worker }, message, fields } = event;
        return this.#log.tell("application.message", { worker, message, ...fields });
      }
      case "exception": {
        const { worker: { index: worker }, error, unreported } = event;
        return this.#log.tell("loop.exception", { worker, error, unreported });
      }
      case "banned":
        return this.#log.tell("address.banned", { worker: event.worker.index, address: event.address });
    }
  }

  #logEvent(worker: number, event: LogEvent, fields: Record<string, unknown>): void {
    if (event === "write.refused") {
      if (this.#writeRefusedTold) return;
      this.#writeRefusedTold = true;
    }
    this.#log.tell(event, { worker, ...fields });
    // It says when it wants no more connections, and when it wants some again.
    if (event === "limit.reached" || event === "limit.released") this.#acceptor?.changed();
  }

  #backlog(): number {
    return this.#listeners.reduce(
      (sum, { address }, listener) => sum + (this.#listenerMetrics.queue(address, listener)?.length ?? 0),
      0,
    );
  }

  async #run(options: ShutdownRequest): Promise<ShutdownReport> {
    const { reason = "shutdown", ...deadlines } = options;
    this.#log.tell("server.stopping", { reason });
    // The successor is what the manager watches from now on.
    if (reason === "restart") this.#manager?.end();
    this.#manager?.stopping(`stopping: ${reason}`);
    this.#ending = true;
    this.#supervisor.endStart();
    await this.#started.promise;
    // Nothing is replaced any more.
    this.#supervisor.end();
    this.#selfTests?.end();
    this.#tables.end();
    const report = await runShutdown({
      reason,
      deadlines: { ...this.#options.shutdown, ...deadlines },
      workers: this.#supervisor.workers,
      refuse: () => this.#refuse(),
      entered: (phase) => this.#enter(phase),
      hurry: this.#hurry.signal,
    });
    await this.#close();
    this.#manager?.end();
    this.#log.tell("server.stopped", { ...report });
    this.#logIsStuck = !await this.#log.end(logFlushMilliseconds);
    this.#finished.resolve(report);
    return report;
  }

  /** Closes the listeners, or hands them on. */
  async #refuse(): Promise<void> {
    await this.#acceptor?.close();
    this.#refused.resolve();
    await this.#successor?.close();
  }

  /** Frees what this thread has. */
  async #close(): Promise<void> {
    await this.#supervisor.endArriving();
    await this.#acceptor?.close();
    await this.#metrics?.stop();
    await this.#processes?.close();
    this.#tables.close();
    await this.#loop?.close();
  }

  #enter(phase: Phase): void {
    if (!isBefore(this.#phase, phase)) return;
    this.#phase = phase;
    this.#log.tell("server.phase", { phase });
    this.#manager?.status(phase);
  }

  /** There is nothing to load again yet; a manager that waits for the end of it must not wait forever. */
  #reload(): void {
    if (this.#phase !== "running" || this.#shutdown !== undefined) return;
    this.#manager?.reloading("reloading");
    this.#manager?.ready(this.#status, false);
  }

  /** One line for people. */
  get #status(): string {
    const addresses = [...this.listeners, ...this.udp].map(({ address }) =>
      address.path ?? formatHostAndPort(address.hostname, address.port)
    );
    return `serving ${addresses.join(", ")} with ${this.workers} workers`;
  }

  #signalled(event: SignalEvent): void {
    const { signal } = event;
    this.#log.tell("server.signal", { signal });
    if (event.kind === "stop") this.#stopBySignal(signal, event.patience);
    if (event.kind === "reload") this.#reload();
    if (event.kind === "dump") this.#log.tellWhole("server.statistics", { statistics: this.stats() });
  }

  #stopBySignal(signal: string, patience = Infinity): void {
    if (this.#shutdown !== undefined) return this.#hurry.abort();
    // A start that fails meanwhile has nothing to shut down; `run` rejects with its reason.
    this.shutdown({ reason: signal, ...deadlinesWithin(this.#options.shutdown, patience) }).catch(() => {});
  }

  #shutdownOnceStarted(reason: string): void {
    this.#onceStarted(() => void this.shutdown({ reason }));
  }

  #onceStarted(action: () => void): void {
    this.#started.promise.then(action, () => {});
  }

  #fail(error: RingportError): void {
    this.#log.tell("server.failed", { error });
    this.#manager?.status(error.message);
    this.#finished.reject(error);
    void this.shutdown({ reason: error.message });
  }
}

/** Applications of listeners, too, are named by URLs, or by paths from the working directory. */
function withModuleUrls(options: ResolvedServerOptions): ResolvedServerOptions {
  const listeners = options.listeners.map((listener) => {
    const { application } = listener;
    return application === undefined ? listener : { ...listener, application: host.moduleUrl(application) };
  });
  return { ...options, listeners };
}

/** The environment and the machine. */
function hostSources(): OptionSources {
  return {
    variable: (name) => host.variable(name),
    variableNames: host.variableNames(),
    cores: host.cores,
  };
}

/** Sizes of the loop of the server's own thread, which accepts and serves the metrics: little of anything. */
const ownLoopSizes = { segmentCount: 256, connectionSlots: 4096, timers: 4096, sendEntries: 512 };

/** Milliseconds the caller of `run` has for its last words before a process with a lost thread is ended. */
const lastWordsMilliseconds = 250;

const shutdownSchema = {
  ...shutdownRows,
  reason: { wants: "text", accepts: (value: unknown) => typeof value === "string" },
};

function describe({ name, address }: ListenerInfo | UdpInfo): Record<string, unknown> {
  return { name, ...address };
}

/** As activity: what was refused before any worker knew of it. */
function refusedOnly(refused: CountsByName): ActivityStatistics {
  return { ...noActivity, connections: { ...noActivity.connections, refused } };
}
