/**
 * One worker's part of a server: the applications on one loop, and its listeners. It knows no other worker,
 * and of a shutdown only the phase it must enter.
 *
 * @module
 */
import { giveTurn, hasAccepted, isAtLimit } from "../listen/listener.ts";
import { textOf } from "../base/thrown.ts";
import { parseAddressWords } from "../base/address_words.ts";
import { OptionError } from "../base/errors.ts";
import { wholeNumber } from "../base/option_kinds.ts";
import type { UdpSocket } from "../udp/socket.ts";
import { connect as connectOn } from "../connect/connect.ts";
import { httpCountsOf, type HttpRefusal, isOffence } from "../http/counts.ts";
import { Counters } from "../loop/counters.ts";
import { createEventLoop, type EventLoop } from "../loop/event_loop.ts";
import { wakeLoop } from "../loop/native.ts";
import type { CloseReason, Connection } from "../stream/types.ts";
import type { ConnectOptions } from "../connect/types.ts";
import { AcceptTurn, type AcceptTurnMemory } from "./accept_turn.ts";
import { Applications } from "./application.ts";
import { Gauges } from "./gauges.ts";
import { Drain } from "./drain.ts";
import type { HandOver } from "./hand_over.ts";
import { Housekeeping } from "./housekeeping.ts";
import { type ListenerPlan, loadOf, openListener, type ServedListener } from "./listeners.ts";
import { AddressLimits, type AddressLimitsMemory, isJudgedInWorker } from "./address_limits/tables.ts";
import type { LogEvent } from "./log/events.ts";
import { loopOptionsOf } from "./options/loop_options.ts";
import type { ResolvedListenerOptions, ResolvedServerOptions, ResolvedUdpOptions } from "./options/mod.ts";
import type { DrainCounts, Phase } from "./phases.ts";
import { UdpListener, type UdpPlan } from "./udp_listener.ts";
import { LoggedBans } from "./address_limits/logged_bans.ts";
import { offencesMax } from "./address_limits/offences.ts";
import { Repeats } from "./log/repeats.ts";
import type { WorkerContext } from "./worker_context.ts";
import { type WorkerMessageEvent, WorkerMessages } from "./worker_messages.ts";

/** Something of the application's that failed, and what was thrown. */
interface Fault {
  what: string;
  thrown: unknown;
}

/** A refused request for the log. */
interface RefusedRequest extends HttpRefusal {
  /** The name of the listener; undefined for one of the application's own. */
  readonly listener: string | undefined;
  readonly address: string;
}

/** Offences that one call of `offend` may count: as many as can be counted at all. */
const offenceWeight = wholeNumber(1, offencesMax);

/** Settings of a worker's server. */
export interface WorkerServerSettings {
  index: number;
  generation: number;
  /** Module whose default export is the application of every listener that names no other. */
  application: string;
  options: ResolvedServerOptions;
  /** How the worker comes to the connections of each listener. */
  listeners: ListenerPlan[];
  /** Where the worker has its UDP sockets. */
  udp: UdpPlan[];
  /** Connections of the whole server at most. */
  connectionsMax: number;
  /** Of a library over the fake kernel: what happens by chance. */
  seed?: number;
}

/** Memory a worker shares with other threads or processes. */
export interface WorkerServerMemory {
  /** Its counters: see `gauges.ts`. */
  gauges: ArrayBufferLike;
  /** The tables of addresses, and the number under which they count for this worker. */
  addressLimits: AddressLimitsMemory;
  tableIndex: number;
  /** Where workers take turns with accepting; undefined where they do not. */
  turn?: AcceptTurnMemory;
  /** The numbers of its loop, where others than this process's threads are to see them. */
  loop?: ArrayBufferLike;
}

/** The events of a worker's server. */
export type WorkerServerEvent =
  /** The application writes to the server's log. */
  | { kind: "log"; message: string; fields?: Record<string, unknown> }
  /** An exception has escaped into the loop; `unreported` others were counted since the last report. */
  | { kind: "exception"; error: unknown; unreported: number }
  /** An exception has ended the loop. */
  | { kind: "broken"; error: Error }
  /** The supervisor has taken the loop away from this thread. */
  | { kind: "seized" }
  /** An address was banned for its offences. */
  | { kind: "banned"; address: string }
  /** An event for the server's log. */
  | { kind: "event"; event: LogEvent; fields: Record<string, unknown> }
  /** Its own listeners may have accepted a connection; emitted while the supervisor asks for it. */
  | { kind: "accepted" }
  /** Its listeners are closed. */
  | { kind: "refusing" }
  /** The application asks for a shutdown. */
  | { kind: "shutdown" }
  | WorkerMessageEvent;

export class WorkerServer {
  readonly loop: EventLoop;
  readonly listeners: ServedListener[] = [];
  readonly udp: UdpListener[] = [];
  readonly messages: WorkerMessages;
  /** Opens the sockets that the worker before this one still has. */
  readonly #inherited: (() => Promise<void>)[] = [];
  readonly #settings: WorkerServerSettings;
  readonly #emit: (event: WorkerServerEvent) => void;
  readonly #applications: Applications;
  readonly #context: WorkerContext;
  readonly #gauges: Gauges;
  readonly #addressLimits: AddressLimits;
  readonly #tableIndex: number;
  readonly #drain: Drain;
  readonly #housekeeping: Housekeeping;
  /** Faults of the application on their way to the log: equal ones, and too many kinds of them, as one. */
  readonly #faults: Repeats<Fault>;
  /** Refused requests on their way to the log; undefined where nobody reads of them. */
  readonly #refusedRequests: Repeats<RefusedRequest> | undefined;
  #starting: Promise<void> = Promise.resolve();
  /** Connections have ended in this turn, and are still to be counted. */
  #countDue = false;
  #tellsAccepts = false;
  #handOver: HandOver | undefined = undefined;
  /** Where it accepts in turn with other workers. */
  readonly #turn: AcceptTurn | undefined;
  readonly #counters: Counters;

  /** Without shared memory it uses tables of addresses of its own. */
  constructor(
    settings: WorkerServerSettings,
    emit: (event: WorkerServerEvent) => void,
    memory?: WorkerServerMemory,
  ) {
    const { options } = settings;
    this.#settings = settings;
    this.#emit = emit;
    this.loop = createEventLoop({ ...loopOptionsOf(options), seed: settings.seed }, memory?.loop);
    this.#faults = new Repeats<Fault>(({ what, thrown }, repeated) => {
      this.#tell("application.error", { what, error: thrown, ...(repeated > 0 ? { repeated } : {}) });
    }, { countsOthers: true });
    this.#refusedRequests = options.logLevel === "debug"
      ? new Repeats<RefusedRequest>((refused, repeated) => {
        this.#tell("request.refused", { ...refused, ...(repeated > 0 ? { repeated } : {}) });
      }, { countsOthers: true })
      : undefined;
    this.#counters = new Counters(this.loop.engine.native.shareable);
    this.#hearLoop();
    // A worker without connections is still there to serve.
    this.loop.ref();
    this.messages = new WorkerMessages(emit, (thrown) => this.loop.engine.exceptions.tell(thrown));
    this.#applications = new Applications((what, thrown) => this.#fault(what, thrown));
    this.#gauges = new Gauges(memory?.gauges);
    this.#addressLimits = memory === undefined
      ? AddressLimits.create(options, 1)
      : AddressLimits.attach(memory.addressLimits);
    this.#tableIndex = memory?.tableIndex ?? 0;
    this.#turn = memory?.turn && new AcceptTurn(memory.turn, (loop) => wakeLoop(loop, options.library));
    this.#drain = new Drain({
      loop: this.loop,
      listeners: this.listeners,
      udp: this.udp,
      applications: this.#applications,
      gauges: this.#gauges,
      deadlines: options.shutdown,
      adopt: () => this.#adopt(),
      refusing: () => emit({ kind: "refusing" }),
    });
    this.#context = this.#makeContext();
    this.#housekeeping = new Housekeeping({
      loop: this.loop,
      gauges: this.#gauges,
      listeners: this.listeners,
      phase: () => this.phase,
      tellLoad: () => {
        this.#lookForTurn();
        this.#tellLoad();
      },
      limit: (listener, reached) =>
        this.#tell(reached ? "limit.reached" : "limit.released", { limit: "connections", listener }),
      idle: () => this.#applications.idle(this.#context),
    });
  }

  #hearLoop(): void {
    const { engine } = this.loop;
    engine.exceptions.sink = (error, unreported) => this.#emit({ kind: "exception", error, unreported });
    engine.faults.sink = (what, thrown) => this.#fault(what, thrown);
    engine.whenBroken = (error) => this.#emit({ kind: "broken", error });
    engine.whenSeized = () => this.#emit({ kind: "seized" });
    engine.whenWriteLost = (message, connectionId) => this.#tell("write.refused", { message, connectionId });
    httpCountsOf(engine).whenRefused = (connection, refusal) => this.#requestRefused(connection, refusal);
    if (engine.pressure === undefined) return;
    engine.pressure.changed = (limit, reached) =>
      this.#tell(reached ? "limit.reached" : "limit.released", { limit });
  }

  /** Tells an event of the log. */
  #tell(event: LogEvent, fields: Record<string, unknown>): void {
    this.#emit({ kind: "event", event, fields });
  }

  get phase(): Phase {
    return this.#drain.phase;
  }

  /** How the connections have ended since the shutdown began. */
  get counts(): DrainCounts {
    return this.#drain.counts;
  }

  /** Connections of all listeners. */
  get connectionCount(): number {
    return this.listeners.reduce((sum, { listener }) => sum + listener.connectionCount, 0);
  }

  /** Loads and starts the applications. Makes no listeners where a shutdown began meanwhile. */
  start(): Promise<void> {
    return this.#starting = this.#startAll();
  }

  async #startAll(): Promise<void> {
    const { listeners, udp } = this.#settings.options;
    await this.#applications.load([...listeners, ...udp].map((options) => this.#urlOf(options)));
    await this.#applications.start(this.#context, () => this.#drain.isRunning);
    if (!this.#drain.isRunning) return;
    listeners.forEach((listener, index) => this.listeners.push(this.#openListener(listener, index)));
    for (const [index, options] of udp.entries()) await this.#openUdp(options, this.#settings.udp[index]);
  }

  /** The module of the application that serves a listener or a UDP address. */
  #urlOf({ application }: ResolvedListenerOptions | ResolvedUdpOptions): string {
    return application ?? this.#settings.application;
  }

  async #openUdp(options: ResolvedUdpOptions, plan: UdpPlan): Promise<void> {
    const url = this.#urlOf(options);
    const application = this.#applications.of(url);
    if (application.datagram === undefined) {
      throw new OptionError(
        "application",
        "datagram",
        `${url}: UDP address "${options.name}" needs the callback "datagram"`,
      );
    }
    const { onlyWorker } = plan;
    if (onlyWorker !== undefined && onlyWorker !== this.#settings.index) return;
    const open = async () => {
      const listener = await UdpListener.open(this.loop, options, plan, application, () => this.#counted());
      this.udp.push(listener);
      return listener;
    };
    if (onlyWorker === undefined || this.#settings.generation === 0) return void await open();
    this.#inherited.push(() => this.#inherit(options.name, open()));
  }

  /** The worker that is replaced gives its socket up only when this one serves. */
  async #inherit(name: string, opening: Promise<UdpListener>): Promise<void> {
    try {
      const listener = await opening;
      if (this.#drain.isRunning) listener.serve();
      else listener.close();
    } catch (error) {
      const message = `UDP address "${name}" cannot be bound`;
      this.#emit({ kind: "log", message, fields: { error: textOf(error) } });
    }
  }

  /** Takes the connections somebody else accepts, each time the loop is woken. */
  takeFrom(handOver: HandOver): void {
    this.#handOver = handOver;
    const { engine } = this.loop;
    engine.pressure?.watch((on) => {
      handOver.setPressure(on);
      this.#lookForTurn();
    });
    engine.whenWoken = () => {
      this.#adopt();
      this.#lookForTurn();
    };
    this.#adopt();
  }

  #adopt(): void {
    this.#handOver?.takeAll((handed) => {
      const served = this.listeners[handed.listener];
      served.source!.adopt(handed.descriptor, handed);
      return loadOf(served);
    });
  }

  /** From now on connections are served. */
  serve(): void {
    this.#lookForTurn();
    for (const { listener } of this.listeners) listener.resume();
    for (const listener of this.udp) listener.serve();
    for (const inherit of this.#inherited.splice(0)) void inherit();
    this.#housekeeping.begin();
  }

  /** Enters a phase; resolves when no connection is left, which may be never. */
  enter(phase: Phase): Promise<void> {
    return this.#drain.enter(phase);
  }

  /**
   * Ends the loop. What is still open is cut. An application that is starting has the time to finish, so that
   * its `stop` finds what its `start` has opened.
   */
  async stop(): Promise<void> {
    this.#drain.stop();
    await this.#starting.catch(() => {});
    this.#housekeeping.end();
    // Once more: connections handed over now have no owner, so they are closed and counted.
    this.#adopt();
    this.#drain.cut();
    await this.#applications.stop();
    await this.loop.close();
    this.#drain.loopClosed();
    this.#housekeeping.writeRefusals();
    this.#faults.end();
    this.#refusedRequests?.end();
  }

  /** Ends the loop at once, as the thread is about to end. */
  crash(): void {
    try {
      // The last of what it did: the memory outlives the thread.
      this.#housekeeping.write();
    } catch {
      // The loop is broken; what was written before stands.
    }
    this.#faults.end();
    this.#refusedRequests?.end();
    this.loop.engine.native.endNow();
  }

  #fault(what: string, thrown: unknown): void {
    this.#faults.add(`${what} ${textOf(thrown)}`, { what, thrown });
  }

  #makeContext(): WorkerContext {
    const { loop } = this;
    const { connectTimeout } = this.#settings.options;
    const bans = new LoggedBans(this.#addressLimits, (event, fields) => this.#tell(event, fields));
    return {
      index: this.#settings.index,
      generation: this.#settings.generation,
      loop,
      argument: this.#settings.options.argument,
      signal: this.#drain.signal,
      connect: <D>(options: ConnectOptions<D>): Promise<Connection<D>> =>
        connectOn({
          ...options,
          timeouts: { ...options.timeouts, connect: options.timeouts?.connect ?? connectTimeout },
          loop,
        }),
      udpSocket: (name) => this.#udpSocket(name),
      broadcast: (message) => this.messages.broadcast(message),
      onMessage: (handler) => this.messages.handlers.add(handler),
      offend: (connection, weight = 1) => this.#offend(connection, weight),
      ban: (address, milliseconds, reason) => bans.add(address, milliseconds, reason),
      bans,
      log: (message, fields) => this.#emit({ kind: "log", message, fields }),
      stats: () => loop.stats(),
      shutdown: () => this.#emit({ kind: "shutdown" }),
    };
  }

  #udpSocket(name?: string): UdpSocket | undefined {
    const known = this.#settings.options.udp.map((options) => options.name);
    const wanted = name ?? known[0];
    if (wanted === undefined || !known.includes(wanted)) {
      const message = `the server has no UDP address "${name}" (known: ${known.join(", ") || "none"})`;
      throw new OptionError("udpSocket", "name", message);
    }
    return this.udp.find((listener) => listener.name === wanted)?.socket;
  }

  #openListener(options: ResolvedListenerOptions, listener: number): ServedListener {
    const plan = this.#settings.listeners[listener];
    const { connectionsPerWorker, banAfter } = this.#settings.options.limits;
    const admission = plan.kind !== "adopt" || isJudgedInWorker(options)
      ? this.#addressLimits.admission(listener, this.#tableIndex)
      : undefined;
    return openListener(this.loop, options, plan, {
      application: this.#applications.of(this.#urlOf(options)),
      admission,
      connectionsMax: this.#settings.connectionsMax,
      workers: this.#settings.options.maxWorkers,
      accepted: () => this.#accepted(listener),
      refused: this.#settings.options.logLevel === "debug"
        ? (refusal) => this.#tell("connection.refused", { listener: options.name, ...refusal })
        : undefined,
      connectionsPerWorkerMax: connectionsPerWorker === 0 ? Infinity : connectionsPerWorker,
      closed: (reason) => this.#closed(reason),
      offended: banAfter === 0 ? undefined : (hostname) => void this.#offended(listener, hostname),
    });
  }

  #accepted(listener: number): void {
    this.#gauges.addAccepted(listener);
    if (this.#turn !== undefined) this.#countSoon();
    if (this.#tellsAccepts) this.#emit({ kind: "accepted" });
  }

  /** Reports each connection that its own listeners accept, after one report for those before. */
  tellAccepts(on: boolean): void {
    this.#tellsAccepts = on;
    if (on) this.#emit({ kind: "accepted" });
  }

  /** A peer that reaches a timeout or is slower than allowed has committed an offence. */
  #offended(listener: number, hostname: string, weight = 1): boolean {
    const address = parseAddressWords(hostname);
    if (address === undefined) return false;
    if (!this.#addressLimits.offend(listener, address, this.#tableIndex, weight)) return false;
    this.#emit({ kind: "banned", address: hostname });
    return true;
  }

  /** A client has broken a rule of HTTP, or asked for more than the server takes. */
  #requestRefused(connection: Connection<unknown>, refusal: HttpRefusal): void {
    const counts = isOffence(refusal.status) && this.#settings.options.limits.banAfter > 0;
    if (!counts && this.#refusedRequests === undefined) return;
    const { family, hostname: address } = connection.remoteAddress;
    const index = this.#listenerOf(connection);
    if (counts && index >= 0 && family !== "Unix") this.#offended(index, address);
    if (this.#refusedRequests === undefined) return;
    const { status, reason } = refusal;
    const listener = this.listeners[index]?.info.name;
    this.#refusedRequests.add(`${index} ${status} ${address} ${reason}`, {
      listener,
      address,
      status,
      reason,
    });
  }

  /** The index of the listener that accepted a connection, or -1. */
  #listenerOf(connection: Connection<unknown>): number {
    return this.listeners.findIndex((served) => hasAccepted(served.listener, connection));
  }

  /** The application says that a peer has abused its welcome. */
  #offend(connection: Connection<unknown>, weight: number): boolean {
    if (!offenceWeight.accepts(weight)) {
      throw new OptionError("offend", "weight", `the weight of an offence must be ${offenceWeight.wants}`);
    }
    const listener = this.#listenerOf(connection);
    if (listener < 0) {
      throw new OptionError("offend", "connection", "no listener of this worker accepted the connection");
    }
    if (this.#settings.options.limits.banAfter === 0) return false;
    const { family, hostname } = connection.remoteAddress;
    return family !== "Unix" && this.#offended(listener, hostname, weight);
  }

  #closed(reason: CloseReason): void {
    this.#turn?.closed();
    // The listener counts it out after this callback.
    this.#countSoon();
    this.#drain.closed(reason);
  }

  /** Those of one turn are counted together. */
  #countSoon(): void {
    if (!this.#countDue) queueMicrotask(this.#counted);
    this.#countDue = true;
  }

  readonly #counted = (): void => {
    this.#countDue = false;
    this.#lookForTurn();
    this.#tellLoad();
    this.#drain.changed();
  };

  /** Accepts as many connections as it may beside the other workers. */
  #lookForTurn(): void {
    if (this.#turn === undefined || !this.#drain.isRunning || this.listeners.length === 0) return;
    const [{ listener }] = this.listeners;
    const { engine } = this.loop;
    const wants = engine.pressure?.on !== true && !isAtLimit(listener) && !this.#counters.isFull;
    giveTurn(listener, this.#turn.look(wants ? listener.connectionCount : undefined, engine.now));
  }

  #tellLoad(): void {
    this.listeners.forEach((served, index) => this.#handOver?.setOpen(index, loadOf(served)));
  }
}
