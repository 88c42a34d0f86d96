/**
 * One worker as the supervisor sees it: its port, its state, its memory, its health.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import type { Health } from "../metrics/table.ts";
import type { SocketAddress } from "../../base/address.ts";
import { keepNumbers, RemoteStatistics, type ShareableLoop } from "../../loop/remote_statistics.ts";
import { Gauges } from "../../server/gauges.ts";
import { type DrainCounts, isBefore, noDrains, type Phase } from "../../server/phases.ts";
import type { WorkerServerEvent, WorkerServerSettings } from "../../server/worker_server.ts";
import { HandOverQueue } from "../accepting/hand_over_queue.ts";
import type { FromWorker, PortEvent, WorkerEnd, WorkerPort, WorkerQueue } from "../worker_port.ts";

/** The state of a worker. */
type WorkerState = "starting" | "ready" | "serving" | "ending" | "gone";

/** All events of a server's workers. */
export type WorkerEvent =
  /** A worker has said so. */
  | { worker: WorkerHandle } & Exclude<Extract<FromWorker, WorkerServerEvent>, { kind: "refusing" }>
  /**
   * A worker is gone, for whatever reason: its counts must be kept, and connections on their way to it taken
   * back. `died`: nobody asked it to end. Emitted once for each worker.
   */
  | { kind: "gone"; worker: WorkerHandle; end: WorkerEnd; died: boolean }
  /** A worker was lost: its counts must be taken back. Emitted after "gone". */
  | { kind: "lost"; worker: WorkerHandle }
  /** All workers are ready, and are about to serve. */
  | { kind: "allReady" }
  /** Other workers serve than before, or they want connections that wanted none. */
  | { kind: "changed" }
  /** The server cannot continue. */
  | { kind: "failed"; error: RingportError };

/** Milliseconds a worker may take for what was accepted before a shutdown. */
const takingMilliseconds = 250;

/** Starts a worker; its port passes the worker's events to `emit`. */
export type PortMaker = (handle: WorkerHandle, emit: (event: PortEvent) => void) => WorkerPort;

export class WorkerHandle {
  readonly index: number;
  readonly generation: number;
  /** How accepted sockets come to it. */
  readonly queue: WorkerQueue;
  /** The memory for that, where it is a thread. */
  readonly shared: HandOverQueue = new HandOverQueue();
  /** Its own gauges, in addition to the library's counters. */
  gauges: Gauges = new Gauges();
  readonly health: HealthWatch;
  /** The addresses its listeners have, once it is ready. */
  addresses: SocketAddress[] = [];
  /** Its loop, kept so that it can be seized when the thread is gone; undefined before it is ready. */
  loop: ShareableLoop | undefined = undefined;
  statistics: RemoteStatistics | undefined = undefined;
  /** Busy share of time in the last round of the supervisor, 0 to 1. */
  utilisation = 0;
  state: WorkerState = "starting";
  /** Its application can get messages: it is about to be started, or was. */
  hears = false;
  counts: DrainCounts = noDrains();
  readonly port: WorkerPort;
  /** Resolves when its script runs and takes messages, or it is gone. */
  readonly loaded: Promise<unknown>;
  /** Resolves when the worker is ready; rejects when it cannot be. */
  readonly ready: Promise<void>;
  /** Resolves when the worker is gone. */
  readonly gone: Promise<WorkerEnd>;

  readonly #emit: (event: WorkerEvent) => void;
  readonly #settings: WorkerServerSettings;
  readonly #loaded = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<WorkerEnd>();
  readonly #refusing = Promise.withResolvers<void>();
  #serving: (() => void) | undefined = undefined;
  /** The latest phase it was asked to enter. */
  #phase: Phase = "running";
  /** Resolves when no connection is left since a phase began. */
  #emptied: { phase: Phase; resolve: () => void }[] = [];

  constructor(settings: WorkerServerSettings, emit: (event: WorkerEvent) => void, makePort: PortMaker) {
    this.index = settings.index;
    this.generation = settings.generation;
    this.health = new HealthWatch(settings.options.supervisor, performance.now());
    this.#settings = settings;
    this.#emit = emit;
    this.ready = this.#ready.promise;
    // Who starts a worker waits for it; a failure after that comes as an event.
    this.ready.catch(() => {});
    this.gone = this.#gone.promise;
    this.loaded = Promise.race([this.#loaded.promise, this.gone]);
    this.port = makePort(this, (event) => this.received(event));
    this.queue = this.port.queue ?? this.shared;
    this.gauges = this.port.gauges ?? this.gauges;
  }

  /** Listeners of the server. */
  get listenerCount(): number {
    return this.#settings.options.listeners.length;
  }

  /** Connections it has or is about to get. */
  get load(): number {
    return this.queue.load(this.#settings.options.listeners.length);
  }

  /** Begins to serve; resolves when it does, or is gone. */
  async serve(): Promise<void> {
    const serving = new Promise<void>((resolve) => this.#serving = resolve);
    this.port.post({ kind: "serve" });
    await Promise.race([serving, this.gone]);
  }

  /** Goes into a phase; resolves when no connection is left or the worker is gone. */
  async enter(phase: Phase): Promise<void> {
    if (this.state === "gone") return;
    this.state = "ending";
    if (isBefore(phase, "closing")) await this.#taken();
    const emptied = new Promise<void>((resolve) => this.#emptied.push({ phase, resolve }));
    // Meanwhile a later phase may have begun, whose end is the end of this one as well.
    if (!isBefore(phase, this.#phase)) {
      this.#phase = phase;
      this.port.post({ kind: "enter", phase });
    }
    await Promise.race([emptied, this.gone]);
  }

  /** Resolves when what is on its way to the worker has arrived, or it does not take it. */
  async #taken(): Promise<void> {
    if (this.queue.emptied !== undefined) await withTimeout(this.queue.emptied(), takingMilliseconds);
  }

  /** Enters the first phase of a shutdown; resolves when its own listeners are closed. */
  async refuse(): Promise<void> {
    void this.enter("refusing");
    if (this.#settings.listeners.some(({ kind }) => kind !== "adopt")) {
      await Promise.race([this.#refusing.promise, this.gone]);
    }
  }

  /** Frees everything and ends. */
  async stop(): Promise<void> {
    if (this.state === "gone") return;
    this.state = "ending";
    this.port.post({ kind: "stop" });
    await this.gone;
  }

  /** Ends it by force; resolves when it is gone. */
  kill(): Promise<unknown> {
    this.port.kill();
    return this.gone;
  }

  /** Wakes its loop, which then beats. */
  wake(): void {
    if (this.loop !== undefined) this.port.wake(this.loop);
  }

  /** Grows while data moves, and only then: timers are completions too. */
  get movements(): number {
    if (this.statistics === undefined) return 0;
    const { receives, sends, connectionsClosed, connectionsAborted } = this.statistics.read();
    return receives + sends + connectionsClosed + connectionsAborted + this.gauges.get("acknowledgements");
  }

  /** Something has come from its port. */
  received(event: PortEvent): void {
    switch (event.kind) {
      case "loaded":
        this.port.post({ kind: "start", ...this.#settings });
        return this.#loaded.resolve();
      case "ready":
        this.addresses = event.addresses;
        this.loop = event.loop;
        this.statistics = new RemoteStatistics(event.loop);
        if (this.state === "starting") this.state = "ready";
        return this.#ready.resolve();
      case "serving":
        if (this.state === "ready") this.state = "serving";
        return this.#serving?.();
      case "refusing":
        return this.#refusing.resolve();
      case "emptied":
        this.counts = event.counts;
        return this.#resolveEmptied(event.phase);
      case "stopped":
        this.counts = event.counts;
        return;
      case "returned":
        return;
      case "failed":
        return this.#ready.reject(this.#failure(event.code, event.message, event.stack));
      case "hears":
        this.hears = true;
        return;
      case "ended":
        return this.#ended(event.end);
      default:
        return this.#emit({ ...event, worker: this });
    }
  }

  #resolveEmptied(last: Phase): void {
    const isOver = ({ phase }: { phase: Phase }) => !isBefore(last, phase);
    for (const { resolve } of this.#emptied.filter(isOver)) resolve();
    this.#emptied = this.#emptied.filter((waiting) => !isOver(waiting));
  }

  #ended(end: WorkerEnd): void {
    this.#keepMetrics();
    const asked = this.state === "ending" && end.reason === "stopped";
    const wasReady = this.state !== "starting";
    // Its connections went with it, and those that it did not take are cut unless another worker takes them.
    const cut = end.reason === "stopped" ? this.queue.length : this.load;
    this.counts = { ...this.counts, aborted: this.counts.aborted + cut };
    this.state = "gone";
    // A worker that never was ready is reported to the code that starts it.
    this.#emit({ kind: "gone", worker: this, end, died: !asked && wasReady });
    this.#ready.reject(this.#failure("ERR_WORKER", end.message));
    this.#gone.resolve(end);
  }

  /** What a process has written goes with it: the last of it is kept. */
  #keepMetrics(): void {
    if (this.port.release === undefined) return;
    this.gauges = new Gauges(this.gauges.buffer.slice(0));
    if (this.loop !== undefined) {
      this.loop = keepNumbers(this.loop);
      this.statistics = new RemoteStatistics(this.loop);
    }
    this.port.release();
  }

  #failure(code: string, message: string, stack?: string): RingportError {
    const error = new RingportError(`worker ${this.index}: ${message}`, {
      code,
      operation: "start",
      origin: "application",
    });
    if (stack !== undefined) error.stack = stack;
    return error;
  }
}

/** Milliseconds without a heartbeat after which a worker is called so. */
interface HealthLimits {
  slowAfter: number;
  stuckAfter: number;
}

/**
 * Healthy, slow or stuck: decided from a worker's heartbeat alone, which is the number of polls its loop has
 * made. A loop that sleeps makes none, so one that stands still is woken and must beat soon after. Reads no
 * clock.
 */
export class HealthWatch {
  readonly #limits: HealthLimits;
  #polls = -1;
  #beatAt: number;
  #observedAt: number;
  health: Health = "healthy";

  constructor(limits: HealthLimits, now: number) {
    this.#limits = limits;
    this.#beatAt = now;
    this.#observedAt = now;
  }

  /** Milliseconds since the last beat that was seen. */
  age(now: number): number {
    return now - this.#beatAt;
  }

  /**
   * Takes in a reading. True: the loop has not polled since the last one, and must be woken. `expected`: when
   * this reading should have come at the latest; a later reading is the observer's own delay and does not
   * count against the worker.
   */
  observe(polls: number, now: number, expected: number): boolean {
    const late = Math.max(0, now - Math.max(expected, this.#observedAt));
    this.#observedAt = now;
    if (polls !== this.#polls) {
      this.#polls = polls;
      this.#beatAt = now;
      this.health = "healthy";
      return false;
    }
    this.#beatAt += late;
    const age = this.age(now);
    this.health = age >= this.#limits.stuckAfter
      ? "stuck"
      : age >= this.#limits.slowAfter
      ? "slow"
      : "healthy";
    return true;
  }
}
