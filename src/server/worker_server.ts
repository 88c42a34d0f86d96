/**
 * One thread's part of a server: the applications in one loop, its listeners, and the phases of its end. It
 * knows no other thread, and of a shutdown only the phase it was given.
 *
 * @module
 */
import { socketsOf } from "../stream/table.ts";
import { follow } from "../base/follow.ts";
import { textOf } from "../base/thrown.ts";
import { parseAddressWords } from "../base/address_words.ts";
import { OptionError } from "../base/errors.ts";
import { wholeNumber } from "../base/option_kinds.ts";
import type { UdpSocket } from "../udp/socket.ts";
import { connect as connectOn } from "../connect/connect.ts";
import { createEventLoop, type EventLoop } from "../loop/event_loop.ts";
import { Counters } from "../loop/counters.ts";
import { stateNames } from "../stream/state.ts";
import type { CloseReason, Connection } from "../stream/types.ts";
import type { ConnectOptions } from "../connect/types.ts";
import { type Application, loadApplication } from "./application.ts";
import { Gauges } from "./gauges.ts";
import { endGently, endIdle } from "./drain.ts";
import type { HandOver } from "./hand_over.ts";
import type { CloseSink } from "./handlers.ts";
import { type ListenerPlan, loadOf, openListener, type ServedListener } from "./listeners.ts";
import { Housekeeping } from "./housekeeping.ts";
import { AddressLimits, type AddressLimitsMemory, isJudgedInWorker } from "./address_limits/tables.ts";
import type { LogEvent } from "./log/events.ts";
import { loopOptionsOf } from "./options/loop_options.ts";
import type { ResolvedListenerOptions, ResolvedServerOptions, ResolvedUdpOptions } from "./options/mod.ts";
import { type DrainCounts, isBefore, noDrains, type Phase, phases } from "./phases.ts";
import { UdpListener, type UdpPlan } from "./udp_listener.ts";
import { LoggedBans } from "./address_limits/logged_bans.ts";
import { offencesMax } from "./address_limits/offences.ts";
import { Repeats } from "./log/repeats.ts";
import type { WorkerContext } from "./worker_context.ts";
import { WorkerMessages } from "./worker_messages.ts";

/** Something of the application's that failed, and what was thrown. */
interface Fault {
  what: string;
  thrown: unknown;
}

/** Offences that one call of `offend` may count: as many as can be counted at all. */
const offenceWeight = wholeNumber(1, offencesMax);

/** What a runner is made with. */
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

/** Memory a runner shares with other threads. */
export interface WorkerServerMemory {
  /** Its counters: see `board.ts`. */
  board: ArrayBufferLike;
  /** The tables of addresses, and the place of this runner in them. */
  judges: AddressLimitsMemory;
  place: number;
  /** The numbers of its loop, where others than this process's threads are to see them. */
  loop?: ArrayBufferLike;
}

/** Receives the events of a worker's server. */
export interface WorkerServerOwner {
  log(message: string, fields?: Record<string, unknown>): void;
  /** An exception has escaped into the loop; `unreported` others were counted since the last report. */
  exception(thrown: unknown, unreported: number): void;
  /** An exception has ended the loop. */
  broken(error: Error): void;
  /** An address was banned for its offences. */
  banned(address: string): void;
  /** Something of the closed list of events has happened. */
  event(event: LogEvent, fields: Record<string, unknown>): void;
  /** The supervisor has taken the loop away from this thread. */
  seized?(): void;
  /** A message for all other workers, and how many of theirs were heard. */
  message?(body: Uint8Array<ArrayBuffer>): void;
  heard?(count: number, bytes: number): void;
  /** Its listeners are closed. */
  refusing(): void;
  /** The application wants the server to shut down. */
  shutdown(): void;
}

/** Milliseconds between two looks, while draining, for connections on which nothing is in flight any more. */
const drainInterval = 100;

/** Looks at what peers acknowledge in the time in which a worker without movement is given up. */
const movementLooks = 8;

/** Milliseconds to wait for connections about to be opened: the library answers in its next turn. */
const letInTurnsMax = 100;

export class WorkerServer {
  readonly loop: EventLoop;
  readonly listeners: ServedListener[] = [];
  readonly udp: UdpListener[] = [];
  readonly messages: WorkerMessages;
  /** Opens the sockets that the worker before this one still has. */
  readonly #inherited: (() => Promise<void>)[] = [];
  readonly #settings: WorkerServerSettings;
  readonly #owner: WorkerServerOwner;
  readonly #applications = new Map<string, Application<unknown>>();
  /** Those whose `start` was called. */
  readonly #begun: Application<unknown>[] = [];
  readonly #draining = new AbortController();
  readonly #context: WorkerContext;
  readonly #counts: DrainCounts = noDrains();
  readonly #board: Gauges;
  readonly #counters: Counters;
  readonly #judges: AddressLimits;
  readonly #place: number;
  readonly #housekeeping: Housekeeping;
  /** Faults of the application on their way to the log: equal ones, and too many kinds of them, as one. */
  readonly #faults: Repeats<Fault>;
  /** Places of listeners that are at their limit. */
  readonly #full = new Set<number>();
  #phase: Phase = "running";
  #starting: Promise<void> = Promise.resolve();
  /** How many of the connections handed over had not opened when the shutdown began. */
  #unopenedBefore = 0;
  /** Connections have ended in this turn, and are still to be counted. */
  #countDue = false;
  #handOver: HandOver | undefined = undefined;
  #emptied: (() => void) | undefined = undefined;
  #drainTimer: ReturnType<typeof setInterval> | undefined = undefined;
  #movementTimer: ReturnType<typeof setInterval> | undefined = undefined;
  /** Bytes no peer had acknowledged at the last look. */
  #unacknowledged = 0;

  /** Without shared memory the runner judges by tables of its own. */
  constructor(settings: WorkerServerSettings, owner: WorkerServerOwner, memory?: WorkerServerMemory) {
    this.#settings = settings;
    this.#owner = owner;
    this.loop = createEventLoop({ ...loopOptionsOf(settings.options), seed: settings.seed }, memory?.loop);
    const { engine } = this.loop;
    engine.exceptions.sink = (thrown, unreported) => owner.exception(thrown, unreported);
    engine.whenBroken = (error) => owner.broken(error);
    this.#faults = new Repeats<Fault>(({ what, thrown }, repeated) => {
      owner.event("application.error", { what, error: thrown, ...(repeated > 0 ? { repeated } : {}) });
    }, { countsOthers: true });
    engine.faults.sink = (what, thrown) => this.#fault(what, thrown);
    if (engine.pressure !== undefined) {
      engine.pressure.changed = (limit, reached) =>
        owner.event(reached ? "limit.reached" : "limit.released", { limit });
    }
    engine.whenSeized = () => owner.seized?.();
    // A worker without connections is still there to serve.
    this.loop.ref();
    this.loop.engine.whenWriteLost = (message, connectionId) =>
      owner.event("write.refused", { message, connectionId });
    const way = {
      post: (body: Uint8Array<ArrayBuffer>) => owner.message?.(body),
      heard: (count: number, bytes: number) => owner.heard?.(count, bytes),
    };
    this.messages = new WorkerMessages(way, (thrown) => engine.exceptions.tell(thrown));
    this.#board = new Gauges(memory?.board);
    this.#counters = new Counters(this.loop.engine.native.shareable);
    this.#judges = memory === undefined
      ? AddressLimits.create(settings.options, 1)
      : AddressLimits.attach(memory.judges);
    this.#place = memory?.place ?? 0;
    this.#context = this.#makeContext();
    this.#housekeeping = new Housekeeping({
      write: (quiet) => this.#write(quiet),
      completions: () => this.#completions,
      idle: () => this.#idle(),
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** How the connections have ended since the shutdown began. */
  get counts(): DrainCounts {
    return this.#counts;
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
    for (const listener of [...listeners, ...udp]) {
      const url = listener.application ?? this.#settings.application;
      if (this.#applications.has(url)) continue;
      this.#applications.set(url, await loadApplication(url));
    }
    for (const application of this.#applications.values()) {
      if (this.#phase !== "running") return;
      this.#begun.push(application);
      await application.start?.(this.#context);
    }
    if (this.#phase !== "running") return;
    listeners.forEach((options, place) => this.listeners.push(this.#openListener(options, place)));
    for (const [place, options] of udp.entries()) await this.#openUdp(options, this.#settings.udp[place]);
  }

  async #openUdp(options: ResolvedUdpOptions, plan: UdpPlan): Promise<void> {
    const url = options.application ?? this.#settings.application;
    const application = this.#applications.get(url)!;
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
      if (this.#phase === "running") listener.serve();
      else listener.close();
    } catch (error) {
      this.#owner.log(`UDP address "${name}" cannot be bound`, { error: textOf(error) });
    }
  }

  /** Takes the connections somebody else accepts, each time the loop is woken. */
  takeFrom(handOver: HandOver): void {
    this.#handOver = handOver;
    const { engine } = this.loop;
    engine.pressure?.watch((on) => handOver.setPressure(on));
    engine.whenWoken = () => this.#adopt();
    this.#adopt();
  }

  #adopt(): void {
    this.#handOver?.takeAll((handed) => {
      const served = this.listeners[handed.listener];
      served.source!.adopt(handed.descriptor, handed);
      return loadOf(served);
    });
  }

  /** Open connections and those about to be opened. */
  get #load(): number {
    let sum = 0;
    for (const served of this.listeners) sum += loadOf(served);
    for (const { load } of this.udp) sum += load;
    return sum;
  }

  /**
   * Completions so far without mere wake-ups, so that reading statistics does not make a worker look busy.
   */
  get #completions(): number {
    return this.#counters.activity;
  }

  /** From now on connections are served. */
  serve(): void {
    for (const { listener } of this.listeners) listener.resume();
    for (const listener of this.udp) listener.serve();
    for (const inherit of this.#inherited.splice(0)) void inherit();
    this.#housekeeping.begin();
  }

  /** Goes into a phase; resolves when no connection is left, which may be never. */
  async enter(phase: Phase): Promise<void> {
    // A worker that retires is asked once more when the whole server goes.
    if (!isBefore(this.#phase, phase)) return await this.#empty();
    if (this.#phase === "running") this.#unopenedBefore = this.#unopened;
    this.#phase = phase;
    await this.#letIn();
    // Meanwhile a later phase may have begun.
    if (this.#phase !== phase) return await this.#empty();
    for (const listener of this.udp) listener.refuse();
    const stopping = this.listeners.map(({ listener }) => listener.stop());
    void Promise.all(stopping).then(() => this.#owner.refusing());
    this.#clearDraining();
    if (!isBefore(phase, "draining")) this.#draining.abort();
    if (phase === "draining") {
      this.#drainTimer = setInterval(() => this.#endConnections("draining"), drainInterval);
      const { draining } = this.#settings.options.shutdown;
      const interval = Math.max(drainInterval, draining / movementLooks);
      this.#movementTimer = setInterval(() => this.#lookForMovement(), interval);
    }
    const told = this.#tell(phase);
    if (phase === "closing") await within(told, this.#settings.options.shutdown.closing / 2);
    else if (phase !== "aborting") await told;
    // The application may take its time; meanwhile a later phase may have begun.
    if (this.#phase === phase) this.#endConnections(phase);
    await this.#empty();
  }

  #clearDraining(): void {
    clearInterval(this.#drainTimer);
    clearInterval(this.#movementTimer);
  }

  /** A slow peer takes bytes long before the kernel takes further ones from here: that is movement, too. */
  #lookForMovement(): void {
    const { engine } = this.loop;
    const table = socketsOf(this.loop);
    let unacknowledged = 0;
    for (const { number } of table.connections()) unacknowledged += engine.unacknowledged(number);
    if (unacknowledged !== this.#unacknowledged) this.#board.add("acknowledgements");
    this.#unacknowledged = unacknowledged;
  }

  /** What was accepted for this worker is served, although the server accepts no more. */
  async #letIn(): Promise<void> {
    this.#adopt();
    const isPending = () => this.listeners.some(({ listener }) => listener.pendingCount > 0);
    for (let turn = 0; turn < letInTurnsMax && isPending(); turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /**
   * Ends the loop. What is still open is cut. An application that is starting has the time to finish, so that
   * its `stop` finds what its `start` has opened.
   */
  async stop(): Promise<void> {
    if (this.#phase === "running") this.#unopenedBefore = this.#unopened;
    this.#phase = "stopped";
    this.#draining.abort();
    await this.#starting.catch(() => {});
    this.#clearDraining();
    this.#housekeeping.end();
    // Once more: connections handed over now have no owner, so they are closed and counted.
    this.#adopt();
    for (const { listener } of this.listeners) void listener.stop(true);
    for (const listener of this.udp) listener.close();
    await Promise.all(this.#begun.map(async (application) => {
      try {
        await application.stop?.();
      } catch (error) {
        this.#fault("the application's `stop` failed", error);
      }
    }));
    await this.loop.close();
    // The library closed what it had not answered.
    const pending = this.listeners.reduce((sum, { listener }) => sum + listener.pendingCount, 0);
    this.#counts.aborted += this.#unopened - this.#unopenedBefore + pending;
    this.#writeRefusals();
    this.#faults.end();
  }

  #fault(what: string, thrown: unknown): void {
    this.#faults.add(`${what} ${textOf(thrown)}`, { what, thrown });
  }

  /** Ends the loop at once, as the thread is about to end. */
  crash(): void {
    try {
      // The last of what it did: the memory outlives the thread.
      this.#write(false);
    } catch {
      // The loop is broken; what was written before stands.
    }
    this.#faults.end();
    this.loop.engine.native.endNow();
  }

  #makeContext(): WorkerContext {
    const { loop } = this;
    const { connectTimeout } = this.#settings.options;
    const bans = new LoggedBans(this.#judges, (event, fields) => this.#owner.event(event, fields));
    return {
      index: this.#settings.index,
      generation: this.#settings.generation,
      loop,
      argument: this.#settings.options.argument,
      signal: this.#draining.signal,
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
      log: (message, fields) => this.#owner.log(message, fields),
      stats: () => loop.stats(),
      shutdown: () => this.#owner.shutdown(),
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

  #openListener(listener: ResolvedListenerOptions, place: number): ServedListener {
    const application = this.#applications.get(listener.application ?? this.#settings.application);
    const plan = this.#settings.listeners[place];
    const { connectionsPerWorker } = this.#settings.options.limits;
    const admission = plan.kind !== "adopt" || isJudgedInWorker(listener)
      ? this.#judges.admission(place, this.#place)
      : undefined;
    return openListener(this.loop, listener, plan, {
      application: application!,
      admission,
      connectionsMax: this.#settings.connectionsMax,
      workers: this.#settings.options.maxWorkers,
      accepted: () => this.#board.addAccepted(place),
      refused: this.#settings.options.logLevel === "debug"
        ? (refusal) => this.#owner.event("connection.refused", { listener: listener.name, ...refusal })
        : undefined,
      connectionsPerWorkerMax: connectionsPerWorker === 0 ? Infinity : connectionsPerWorker,
      sink: this.#sink(place),
    });
  }

  #sink(listener: number): CloseSink {
    const { banAfter } = this.#settings.options.limits;
    return {
      gone: (reason) => this.#gone(reason),
      offended: banAfter === 0 ? undefined : (hostname) => void this.#offended(listener, hostname),
    };
  }

  /** A peer that reaches a timeout or is slower than allowed has committed an offence. */
  #offended(listener: number, hostname: string, weight = 1): boolean {
    const address = parseAddressWords(hostname);
    if (address === undefined || !this.#judges.offend(listener, address, this.#place, weight)) return false;
    this.#owner.banned(hostname);
    return true;
  }

  /** The application says that a peer has abused its welcome. */
  #offend(connection: Connection<unknown>, weight: number): boolean {
    if (!offenceWeight.accepts(weight)) {
      throw new OptionError("offend", "weight", `the weight of an offence must be ${offenceWeight.wants}`);
    }
    const listener = this.listeners.findIndex(({ listener }) => listener.hasAccepted(connection));
    if (listener < 0) {
      throw new OptionError("offend", "connection", "no listener of this worker accepted the connection");
    }
    if (this.#settings.options.limits.banAfter === 0) return false;
    const { family, hostname } = connection.remoteAddress;
    return family !== "Unix" && this.#offended(listener, hostname, weight);
  }

  #gone(reason: CloseReason): void {
    // The listener counts it out after this callback; those of one turn are counted together.
    if (!this.#countDue) queueMicrotask(this.#counted);
    this.#countDue = true;
    const counts = this.#counts;
    if (this.#phase === "running") return;
    if (this.#phase === "aborting" || this.#phase === "stopped") {
      counts.aborted += 1;
      counts.bytesCut += reason.bytesLost;
    } else {
      if (this.#phase === "closing") counts.closed += 1;
      else counts.drained += 1;
      counts.bytesLost += reason.bytesLost;
    }
  }

  #tellLoad(): void {
    this.listeners.forEach((served, place) => this.#handOver?.setOpen(place, loadOf(served)));
  }

  readonly #counted = (): void => {
    this.#countDue = false;
    this.#tellLoad();
    if (this.#load === 0) this.#emptied?.();
  };

  /** Tells all applications at once: one that takes its time holds none of the others up. */
  async #tell(phase: Phase): Promise<void> {
    await Promise.all(this.#begun.map(async (application) => {
      try {
        await application.stopping?.(phase);
      } catch (error) {
        this.#fault(`the application's \`stopping\` failed in the phase ${phase}`, error);
      }
    }));
  }

  #endConnections(phase: Phase): void {
    if (!isBefore(phase, "closing")) { for (const listener of this.udp) listener.close(); }
    for (const served of this.listeners) {
      if (phase === "draining") endIdle(served);
      if (phase === "closing") endGently(served);
      if (phase === "aborting" || phase === "stopped") void served.listener.stop(true);
    }
  }

  async #empty(): Promise<void> {
    if (this.#load === 0) return;
    const before = this.#emptied;
    await new Promise<void>((resolve) => {
      this.#emptied = () => {
        before?.();
        resolve();
      };
    });
  }

  /** `quiet`: nothing has happened on the loop since the last time. */
  #write(quiet: boolean): void {
    const board = this.#board;
    board.set("writtenAt", Date.now());
    board.set("phase", phases.indexOf(this.#phase));
    // Where nobody reads, the loop is quiet and the kernel drops.
    socketsOf(this.loop).countDrops();
    board.setLoop(this.loop.engine);
    if (quiet) return;
    this.#writeRefusals();
    this.#tellLimits();
    const states = stateNames.map(() => 0);
    socketsOf(this.loop).countStates(states);
    board.setStates(states);
    this.#tellLoad();
    // Last: a reader that reads it first finds the other values at least as new.
    board.set("connections", this.connectionCount);
  }

  /** Listeners of the worker's own that have reached their limit of connections, or have room again. */
  #tellLimits(): void {
    this.listeners.forEach(({ listener: { isFull }, info }, place) => {
      if (isFull === this.#full.has(place)) return;
      if (isFull) this.#full.add(place);
      else this.#full.delete(place);
      const event = isFull ? "limit.reached" : "limit.released";
      this.#owner.event(event, { limit: "connections", listener: info.name });
    });
  }

  /** Connections handed over that were closed and never opened. */
  get #unopened(): number {
    return this.listeners.reduce((sum, { listener }) => sum + listener.discardedCount, 0);
  }

  #writeRefusals(): void {
    this.listeners.forEach(({ listener }, place) => this.#board.setRefusals(place, listener.refusals));
  }

  #idle(): void {
    for (const application of this.#applications.values()) {
      try {
        follow(application.idle?.(this.#context), () => {}, (error) => this.#idleFailed(error));
      } catch (error) {
        this.#idleFailed(error);
      }
    }
  }

  #idleFailed(error: unknown): void {
    this.#fault("the application's `idle` failed", error);
  }
}

/** Settles as `work` does, or after some time without it. */
async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([work, new Promise<void>((resolve) => timer = setTimeout(resolve, milliseconds))]);
  clearTimeout(timer);
}
