/**
 * A server as its owner sees it: all workers together.
 *
 * @module
 */
import type { RingportError } from "../base/errors.ts";
import { logFlushMilliseconds } from "../base/limits.ts";
import { checkOptions } from "../base/options.ts";
import { formatHostAndPort } from "../base/address.ts";
import { host } from "../host/mod.ts";
import type { SocketAddress } from "../base/address.ts";
import type { ListenerInfo, UdpInfo } from "../server/application.ts";
import { createLog, type Log } from "../server/log/log.ts";
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
import type { WorkerMessageHandler } from "../server/worker_messages.ts";
import type { ServerBans } from "../server/address_limits/tables.ts";
import { isBefore, type Phase } from "../server/phases.ts";
import { exportedOptions } from "./exported_options.ts";
import { Fleet } from "./fleet.ts";
import { ServiceManager } from "./service_manager.ts";
import { deadlinesWithin, emptyReport, runShutdown, type ShutdownReport } from "./shutdown.ts";
import type { SelfTestResult } from "./supervision/self_test.ts";
import { listenForSignals } from "./signals.ts";
import type { ServerStatistics } from "./metrics/table.ts";

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
  readonly #fleet: Fleet;
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
   * Starts a server and serves until it is told to stop: by SIGTERM or SIGINT (Ctrl+C, on Windows Ctrl+Break
   * and the closing of its window, too), a second one of which cuts everything, by the application, or
   * because its workers keep dying. Resolves with the report of the shutdown; rejects when the server had
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
    const tell = (act: (server: Server) => void) => server !== undefined && act(server);
    let stoppedBy: string | undefined = undefined;
    const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
    const forget = listenForSignals({
      received: (signal) => tell((it) => it.#log.tell("server.signal", { signal })),
      stop(signal, patience) {
        stoppedBy ??= signal;
        stop();
        tell((it) => it.#stopBySignal(signal, patience));
      },
      reload: () => tell((it) => it.#reload()),
      dump: () => tell((it) => it.#log.tellWhole("server.statistics", { statistics: it.stats() })),
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
    // What is wrong with flags and variables is told before the application is loaded.
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
      if (this.#fleet.abandoned === 0) code = 0;
      return report;
    } finally {
      // A thread that never came back, or a line of the log that nobody reads, would keep the process alive.
      const isKept = this.#fleet.abandoned > 0 || this.#logIsStuck;
      if (isKept) setTimeout(() => host.exit(code), lastWordsMilliseconds);
    }
  }

  /** Use {@linkcode Server.start}. @internal */
  private constructor(application: string, options: ResolvedServerOptions) {
    this.#application = application;
    this.#options = withModuleUrls(options);
    this.#log = createLog(options.log, options.logLevel, host);
    this.#finished.promise.catch(() => {});
    this.#started.promise.catch(() => {});
    this.#fleet = new Fleet(application, this.#options, this.#log, {
      stats: () => this.stats(),
      // A server that is not there yet ends when it is; whoever starts it hears of one that never will be.
      failed: (error) => this.#whenStarted(() => this.#fail(error)),
      shutdown: (reason) => this.#whenStarted(() => void this.shutdown({ reason })),
      successor: (event) => {
        if (event === "come") this.#manager?.reloading("a successor takes over");
        if (event === "failed") this.#manager?.ready(this.#status, false);
      },
    });
  }

  /**
   * Calls each listener as a client would, and tells how soon it was accepted. The application sees such a
   * connection come and go. With the option `supervisor.selfTest` this is done regularly and failures are
   * logged.
   */
  selfTest(): Promise<SelfTestResult[]> {
    return this.#fleet.selfTest();
  }

  /** The bans in force, to be read and changed while the server runs. They concern new connections only. */
  get bans(): ServerBans {
    return this.#fleet.bans;
  }

  /** Where it stands. */
  get phase(): Phase {
    return this.#phase;
  }

  /** Names and addresses of its listeners. */
  get listeners(): readonly ListenerInfo[] {
    return this.#fleet.listeners;
  }

  /** Names and addresses of its UDP sockets. */
  get udp(): readonly UdpInfo[] {
    return this.#fleet.udp;
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
    return (this.#fleet.listeners[0] ?? this.#fleet.udp[0])?.address;
  }

  /** Workers that serve now. */
  get workers(): number {
    return this.#fleet.serving;
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
    return this.#fleet.messages.broadcast(message);
  }

  /**
   * Hears what workers broadcast.
   *
   * @returns a function that takes the handler away.
   */
  onMessage(handler: WorkerMessageHandler): () => void {
    return this.#fleet.messages.handlers.add(handler);
  }

  /** The metrics as they are now, read from shared memory: those of stuck workers as well. */
  stats(): ServerStatistics {
    return this.#fleet.stats(this.#phase);
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
      await this.#fleet.start();
    } catch (error) {
      this.#started.reject(error);
      this.#logIsStuck = !await this.#log.end(logFlushMilliseconds);
      throw error;
    }
    this.#started.resolve();
    if (this.#shutdown === undefined) {
      this.#manager?.ready(this.#status, this.#fleet.tookOver);
      this.#manager?.watch(() => this.#phase !== "running" || this.#fleet.serving > 0);
      this.#log.tell("server.listening", {
        listeners: this.listeners.map(describe),
        udp: this.udp.map(describe),
      });
    }
  }

  async #run(options: ShutdownRequest): Promise<ShutdownReport> {
    const { reason = "shutdown", ...deadlines } = options;
    this.#log.tell("server.stopping", { reason });
    // The successor is what the manager watches from now on.
    if (reason === "restart") this.#manager?.end();
    this.#manager?.stopping(`stopping: ${reason}`);
    this.#fleet.endStart();
    await this.#started.promise;
    const report = await runShutdown({
      reason,
      deadlines: { ...this.#options.shutdown, ...deadlines },
      workers: this.#fleet.beginEnd(),
      refuse: () => this.#fleet.refuse(),
      entered: (phase) => this.#enter(phase),
      hurry: this.#hurry.signal,
    });
    await this.#fleet.end();
    this.#manager?.end();
    this.#log.tell("server.stopped", { ...report });
    this.#logIsStuck = !await this.#log.end(logFlushMilliseconds);
    this.#finished.resolve(report);
    return report;
  }

  #enter(phase: Phase): void {
    if (!isBefore(this.#phase, phase)) return;
    this.#phase = phase;
    this.#log.tell("server.phase", { phase });
    this.#manager?.status(phase);
  }

  /** There is nothing to load again yet; a manager that waits for the end of it must not wait for ever. */
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

  #stopBySignal(signal: string, patience = Infinity): void {
    if (this.#shutdown !== undefined) return this.#hurry.abort();
    // A start that fails meanwhile has nothing to shut down; `run` rejects with its reason.
    this.shutdown({ reason: signal, ...deadlinesWithin(this.#options.shutdown, patience) }).catch(() => {});
  }

  #whenStarted(action: () => void): void {
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

/** Milliseconds the caller of `run` has for its last words before a process with a lost thread is ended. */
const lastWordsMilliseconds = 250;

const shutdownSchema = {
  ...shutdownRows,
  reason: { wants: "text", accepts: (value: unknown) => typeof value === "string" },
};

function describe({ name, address }: ListenerInfo | UdpInfo): Record<string, unknown> {
  return { name, ...address };
}
