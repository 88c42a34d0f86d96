/**
 * One worker as the supervisor knows it: its link, what it has said, its memory, its health.
 *
 * @module
 */
import { RingportError } from "../../base/errors.ts";
import type { SocketAddress } from "../../base/address.ts";
import { keepNumbers, RemoteStatistics, type ShareableLoop } from "../../loop/remote_statistics.ts";
import { Gauges } from "../../server/gauges.ts";
import type { LogEvent } from "../../server/log/events.ts";
import { type DrainCounts, isBefore, noDrains, type Phase } from "../../server/phases.ts";
import type { WorkerServerSettings } from "../../server/worker_server.ts";
import { HandOverQueue } from "../accepting/hand_over_queue.ts";
import { HealthWatch } from "./health.ts";
import type { LinkOwner, WorkerEnd, WorkerPort, WorkerQueue } from "../worker_port.ts";
import type { FromWorker } from "../messages.ts";

/** Where a worker stands. */
export type WorkerState = "starting" | "ready" | "serving" | "ending" | "gone";

/** Whom a worker's handle tells. */
export interface HandleOwner {
  /**
   * The worker is gone, however that came: what it has done is to be kept, what is on its way to it taken
   * back.
   */
  gone(handle: WorkerHandle, end: WorkerEnd): void;
  /** The worker is gone and nobody asked it to go. */
  died(handle: WorkerHandle, end: WorkerEnd): void;
  log(handle: WorkerHandle, message: string, fields?: Record<string, unknown>): void;
  exception(handle: WorkerHandle, error: unknown, unreported: number): void;
  event(handle: WorkerHandle, event: LogEvent, fields: Record<string, unknown>): void;
  banned(handle: WorkerHandle, address: string): void;
  /** A message for all other workers, and how many it has heard. */
  message(handle: WorkerHandle, body: Uint8Array<ArrayBuffer>): void;
  heard(handle: WorkerHandle, count: number, bytes: number): void;
  shutdown(): void;
}

/** Milliseconds a worker may take for what was accepted before a shutdown, and between two looks. */
const takingMilliseconds = 250;
const takingInterval = 2;

/** How a link to a new worker is made. */
export type LinkMaker = (handle: WorkerHandle) => WorkerPort;

export class WorkerHandle implements LinkOwner {
  readonly index: number;
  readonly generation: number;
  /** How accepted sockets come to it. */
  readonly queue: WorkerQueue;
  /** The memory for that, where it is a thread. */
  readonly shared: HandOverQueue = new HandOverQueue();
  /** What it tells of itself beside the library's own counters. */
  board: Gauges = new Gauges();
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
  readonly link: WorkerPort;
  /** Resolves when its script runs and takes messages, or it is gone. */
  readonly loaded: Promise<unknown>;
  /** Resolves when the worker is ready; rejects when it cannot be. */
  readonly ready: Promise<void>;
  /** Resolves when the worker is gone. */
  readonly gone: Promise<WorkerEnd>;
  /** Resolves when its own listeners are closed, or it is gone. */
  readonly refusing: Promise<unknown>;

  readonly #owner: HandleOwner;
  readonly #settings: WorkerServerSettings;
  readonly #loaded = Promise.withResolvers<void>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #gone = Promise.withResolvers<WorkerEnd>();
  readonly #refusing = Promise.withResolvers<void>();
  #serving: (() => void) | undefined = undefined;
  /** The latest phase it was told to go into. */
  #phase: Phase = "running";
  /** Who waits until no connection is left since a phase began. */
  #emptied: { phase: Phase; resolve: () => void }[] = [];

  constructor(settings: WorkerServerSettings, health: HealthWatch, owner: HandleOwner, makeLink: LinkMaker) {
    this.index = settings.index;
    this.generation = settings.generation;
    this.health = health;
    this.#settings = settings;
    this.#owner = owner;
    this.ready = this.#ready.promise;
    // Who starts a worker waits for it; a failure after that is told through `died`.
    this.ready.catch(() => {});
    this.gone = this.#gone.promise;
    this.loaded = Promise.race([this.#loaded.promise, this.gone]);
    this.refusing = Promise.race([this.#refusing.promise, this.gone]);
    this.link = makeLink(this);
    this.queue = this.link.queue ?? this.shared;
    this.board = this.link.board ?? this.board;
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
    this.link.post({ kind: "serve" });
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
      this.link.post({ kind: "enter", phase });
    }
    await Promise.race([emptied, this.gone]);
  }

  /** Resolves when what is on its way to the worker has arrived, or it does not take it. */
  async #taken(): Promise<void> {
    const end = performance.now() + takingMilliseconds;
    while (this.queue.length > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, takingInterval));
    }
  }

  /** Frees everything and ends. */
  async stop(): Promise<void> {
    if (this.state === "gone") return;
    this.state = "ending";
    this.link.post({ kind: "stop" });
    await this.gone;
  }

  received(message: FromWorker): void {
    switch (message.kind) {
      case "loaded":
        this.link.post({ kind: "start", ...this.#settings });
        return this.#loaded.resolve();
      case "ready":
        this.addresses = message.addresses;
        this.loop = message.loop;
        this.statistics = new RemoteStatistics(message.loop);
        if (this.state === "starting") this.state = "ready";
        return this.#ready.resolve();
      case "serving":
        if (this.state === "ready") this.state = "serving";
        return this.#serving?.();
      case "refusing":
        return this.#refusing.resolve();
      case "emptied":
        this.counts = message.counts;
        return this.#resolveEmptied(message.phase);
      case "stopped":
        this.counts = message.counts;
        return;
      case "failed":
        return this.#ready.reject(this.#failure(message.code, message.message, message.stack));
      case "log":
        return this.#owner.log(this, message.message, message.fields);
      case "exception":
        return this.#owner.exception(this, message.error, message.unreported);
      case "event":
        return this.#owner.event(this, message.event, message.fields);
      case "hears":
        this.hears = true;
        return;
      case "message":
        return this.#owner.message(this, message.body);
      case "heard":
        return this.#owner.heard(this, message.count, message.bytes);
      case "banned":
        return this.#owner.banned(this, message.address);
      case "shutdown":
        return this.#owner.shutdown();
    }
  }

  #resolveEmptied(last: Phase): void {
    const isOver = ({ phase }: { phase: Phase }) => !isBefore(last, phase);
    for (const { resolve } of this.#emptied.filter(isOver)) resolve();
    this.#emptied = this.#emptied.filter((waiting) => !isOver(waiting));
  }

  ended(end: WorkerEnd): void {
    this.#keepFigures();
    const asked = this.state === "ending" && end.reason === "stopped";
    const wasReady = this.state !== "starting";
    // Its connections went with it, and those that it did not take are cut unless another worker takes them.
    const cut = end.reason === "stopped" ? this.queue.length : this.load;
    this.counts = { ...this.counts, aborted: this.counts.aborted + cut };
    this.state = "gone";
    this.#owner.gone(this, end);
    this.#ready.reject(this.#failure("ERR_WORKER", end.message));
    this.#gone.resolve(end);
    // A worker that never was ready is the concern of whoever starts it.
    if (!asked && wasReady) this.#owner.died(this, end);
  }

  /** What a process has written goes with it: the last of it is kept. */
  #keepFigures(): void {
    if (this.link.release === undefined) return;
    this.board = new Gauges(this.board.buffer.slice(0));
    if (this.loop !== undefined) {
      this.loop = keepNumbers(this.loop);
      this.statistics = new RemoteStatistics(this.loop);
    }
    this.link.release();
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
