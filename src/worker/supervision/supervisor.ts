/**
 * Keeps a server's workers: starts them together, replaces those that die or do not come back, adds and
 * retires them by load. It runs on the thread that made the server and shares no lock with any worker.
 *
 * @module
 */
import { textOf } from "../../base/thrown.ts";
import { RingportError } from "../../base/errors.ts";
import type { Log, LogEvent } from "../../server/log/log.ts";
import type { ListenerPlan } from "../../server/listeners.ts";
import type { UdpPlan } from "../../server/udp_listener.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import { Deaths } from "./deaths.ts";
import { HealthWatch } from "./health.ts";
import type { WorkerEnd } from "../worker_port.ts";
import { MessageHub } from "../message_hub.ts";
import { Scaling } from "./scaling.ts";
import type { Health } from "../metrics/table.ts";
import { type HandleOwner, type LinkMaker, WorkerHandle } from "./worker_handle.ts";

/** What a supervisor is made with. */
export interface SupervisorSettings {
  application: string;
  options: ResolvedServerOptions;
  log: Log;
  makeLink: LinkMaker;
  /** How a new worker of this place comes to its connections. */
  listeners(index: number): ListenerPlan[];
  /** Where a new worker has its UDP sockets. */
  udp(): UdpPlan[];
  /** Connections of the whole server at most. */
  connectionsMax(): number;
  /** Wakes the loop of a worker. */
  wake(worker: WorkerHandle): void;
  /** Connections in the kernel's queues. */
  backlog(): number;
}

/** Whom a supervisor tells. */
export interface SupervisorOwner {
  /** The server cannot go on. */
  failed(error: RingportError): void;
  /**
   * A worker is gone, lost or ended in order: what it has done is to be kept, and what is on its way to it to
   * be taken back. Called once for each, and before `lost`.
   */
  gone(worker: WorkerHandle): void;
  /** A worker has been lost; what was counted for it is to be taken back. */
  lost(worker: WorkerHandle): void;
  /** Other workers serve than before, or they want connections that wanted none. */
  changed(): void;
  /** The application asks for a shutdown. */
  shutdown(reason: string): void;
}

const healthEvents = { healthy: "worker.recovered", slow: "worker.slow", stuck: "worker.stuck" } as const;

export class Supervisor implements HandleOwner {
  readonly #settings: SupervisorSettings;
  readonly #owner: SupervisorOwner;
  readonly #deaths: Deaths;
  readonly #scaling: Scaling;
  /** Workers by place; undefined while a place waits for its replacement. */
  readonly #places: (WorkerHandle | undefined)[] = [];
  readonly #generations: number[] = [];
  /** Every worker tells it once, and the server does so for all of them. */
  #writeRefusedTold = false;
  /** Workers that were retired and are draining. */
  readonly #leaving = new Set<WorkerHandle>();
  /** Workers that are being started beside those that serve. */
  readonly #arriving = new Set<WorkerHandle>();
  /** Places that are filled again after a while. */
  readonly #refills = new Set<ReturnType<typeof setTimeout>>();
  /** Workers being replaced, which are not to be replaced again. */
  readonly #replacing = new Set<WorkerHandle>();
  #serving: readonly WorkerHandle[] = [];
  #timer: ReturnType<typeof setInterval> | undefined = undefined;
  #nextRound = 0;
  #roundsToScaling = 0;
  #ending = false;
  /** Resolves when a shutdown ends the start. */
  readonly #startEnded = Promise.withResolvers<void>();
  #changing = false;
  restarts = 0;
  /** Workers that were to retire and did not come to their end. */
  #unretired = 0;

  readonly messages: MessageHub;

  /** Workers that died or were given up. */
  get deaths(): number {
    return this.#deaths.count + this.#unretired;
  }

  constructor(settings: SupervisorSettings, owner: SupervisorOwner) {
    const { options } = settings;
    this.#settings = settings;
    this.#owner = owner;
    this.#deaths = new Deaths(options.supervisor);
    this.messages = new MessageHub(settings.log, () => [...new Set([...this.workers, ...this.#arriving])]);
    this.#scaling = new Scaling({ ...options.scaling, ...options });
  }

  /** Workers that serve now. */
  get serving(): readonly WorkerHandle[] {
    return this.#serving;
  }

  /** Every worker that is not gone, those that leave included. */
  get workers(): readonly WorkerHandle[] {
    const kept = this.#places.filter((worker) => worker !== undefined);
    return [...kept, ...this.#leaving].filter(({ state }) => state !== "gone");
  }

  /**
   * Starts `count` workers; none serves before all are ready. Rejects with the first failure. Resolves
   * without the others when the start was ended.
   */
  async start(count: number): Promise<void> {
    try {
      for (let index = 0; index < count && !this.#ending; index++) {
        // One after the other: a runtime may crash when several threads open the library for the first time.
        const worker = this.#places[index] = this.#make(index);
        // A worker hears of the shutdown once it is loaded, which is our own code and does not take long.
        await Promise.race([worker.ready, this.#startEnded.promise.then(() => worker.loaded)]);
      }
    } catch (error) {
      this.#ending = true;
      await this.#endAll();
      throw error;
    }
    if (this.#ending) return;
    await Promise.all(this.workers.map((worker) => worker.serve()));
    this.#changed();
    const { interval } = this.#settings.options.supervisor;
    this.#nextRound = performance.now() + interval;
    this.#roundsToScaling = this.#settings.options.scaling.interval;
    this.#timer = setInterval(() => this.#round(), interval);
  }

  /** Starts no further workers, and does not wait for one that is being started. */
  endStart(): void {
    this.#ending = true;
    this.#startEnded.resolve();
  }

  /** Watches no more: the server ends. The workers are then the caller's to end. */
  end(): void {
    this.#ending = true;
    clearInterval(this.#timer);
    // A place that waits for its replacement must not keep the process.
    for (const timer of this.#refills) clearTimeout(timer);
  }

  /** Ends the workers that were being started when the server began to end. */
  async endArriving(): Promise<void> {
    await Promise.all([...this.#arriving].map(async (worker) => {
      const late = setTimeout(() => worker.link.kill(), this.#settings.options.shutdown.aborting);
      await worker.gone;
      clearTimeout(late);
    }));
  }

  /** Replaces a worker, which counts as its death: the new one serves before the old one is ended. */
  async replace(old: WorkerHandle, reason: string): Promise<void> {
    if (this.#ending || this.#replacing.has(old)) return;
    if (this.#deaths.died(performance.now()) === undefined) return this.#tooManyDied(reason);
    this.#replacing.add(old);
    const filled = await this.#fill(old.index, reason);
    this.#replacing.delete(old);
    // A server that ends has its own way with every worker.
    if (this.#ending) return;
    this.#kill(old, reason);
    if (!filled && this.#isEmpty(old.index)) this.#refill(old.index, reason);
  }

  gone(worker: WorkerHandle, end: WorkerEnd): void {
    this.#changed();
    if (end.reason === "stopped") this.#settings.log.tell("worker.stopped", { worker: worker.index });
    this.#owner.gone(worker);
  }

  died(worker: WorkerHandle, end: WorkerEnd): void {
    this.#settings.log.tell("worker.died", { worker: worker.index, reason: end.message });
    const left = this.#leaving.delete(worker);
    if (this.#places[worker.index] === worker) this.#places[worker.index] = undefined;
    this.#changed();
    this.#owner.lost(worker);
    if (this.#ending || left || end.reason === "killed") return;
    this.#refill(worker.index, end.message);
  }

  log(worker: WorkerHandle, message: string, fields?: Record<string, unknown>): void {
    this.#settings.log.tell("application.message", { worker: worker.index, message, ...fields });
  }

  exception({ index }: WorkerHandle, error: unknown, unreported: number): void {
    this.#settings.log.tell("loop.exception", { worker: index, error, unreported });
  }

  event(worker: WorkerHandle, event: LogEvent, fields: Record<string, unknown>): void {
    if (event === "write.refused") {
      if (this.#writeRefusedTold) return;
      this.#writeRefusedTold = true;
    }
    this.#settings.log.tell(event, { worker: worker.index, ...fields });
    // It says when it wants no more connections, and when it wants some again.
    if (event === "limit.reached" || event === "limit.released") this.#owner.changed();
  }

  message(worker: WorkerHandle, body: Uint8Array<ArrayBuffer>): void {
    this.messages.received(worker, body);
  }

  heard(worker: WorkerHandle, count: number, bytes: number): void {
    this.messages.heard(worker, count, bytes);
  }

  banned(worker: WorkerHandle, address: string): void {
    this.#settings.log.tell("address.banned", { worker: worker.index, address });
  }

  shutdown(): void {
    this.#owner.shutdown("application");
  }

  #make(index: number): WorkerHandle {
    const { application, makeLink } = this.#settings;
    // A function cannot be sent, and workers log by message.
    const options: ResolvedServerOptions = { ...this.#settings.options, log: "off" };
    const generation = this.#generations[index] ?? 0;
    this.#generations[index] = generation + 1;
    this.#settings.log.tell("worker.starting", { worker: index, generation });
    const health = new HealthWatch(options.supervisor, performance.now());
    const listeners = this.#settings.listeners(index);
    const connectionsMax = this.#settings.connectionsMax();
    const udp = this.#settings.udp();
    const settings = { index, generation, application, options, listeners, udp, connectionsMax };
    const worker = new WorkerHandle(settings, health, this, makeLink);
    const begun = performance.now();
    const tellReady = () => {
      const milliseconds = Math.round(performance.now() - begun);
      this.#settings.log.tell("worker.ready", { worker: index, milliseconds });
    };
    // One that cannot be ready is the concern of its caller.
    worker.ready.then(tellReady, () => {});
    return worker;
  }

  /** A dead worker's place is filled again, after a while, unless too many have died. */
  #refill(index: number, reason: string): void {
    const delay = this.#deaths.died(performance.now());
    if (delay === undefined) return this.#tooManyDied(reason);
    const timer = setTimeout(() => {
      this.#refills.delete(timer);
      if (!this.#ending && this.#isEmpty(index)) void this.#fill(index, reason);
    }, delay);
    this.#refills.add(timer);
  }

  #tooManyDied(reason: string): void {
    const { maxDeaths, deathsWindow } = this.#settings.options.supervisor;
    this.#owner.failed(
      new RingportError(
        `server: more than ${maxDeaths} workers died within ${deathsWindow} ms; the last one: ${reason}`,
        { code: "ERR_WORKERS_DIE", operation: "supervise", origin: "application" },
      ),
    );
  }

  /** Nobody has this place, and nobody is on the way to it. */
  #isEmpty(index: number): boolean {
    if (this.#places[index] !== undefined) return false;
    return ![...this.#arriving].some((worker) => worker.index === index);
  }

  /** Puts a new worker into a place. False where it could not be started, which counts as one more death. */
  async #fill(index: number, reason: string): Promise<boolean> {
    const worker = this.#make(index);
    this.#arriving.add(worker);
    try {
      return await this.#settle(worker, reason);
    } finally {
      this.#arriving.delete(worker);
    }
  }

  async #settle(worker: WorkerHandle, reason: string): Promise<boolean> {
    const { index } = worker;
    try {
      await worker.ready;
    } catch (error) {
      this.#settings.log.tell("worker.failed", { worker: index, error });
      this.#owner.lost(worker);
      this.#arriving.delete(worker);
      if (!this.#ending && this.#isEmpty(index)) this.#refill(index, textOf(error));
      return false;
    }
    if (!this.#ending) await worker.serve();
    if (this.#ending) {
      await worker.stop();
      return false;
    }
    // It died meanwhile; that its place is filled again is under way.
    if (worker.state === "gone") return false;
    this.#places[index] = worker;
    this.restarts += 1;
    this.#settings.log.tell("worker.replaced", { worker: index, reason });
    this.#changed();
    return true;
  }

  #kill(worker: WorkerHandle, reason: string): void {
    if (worker.state === "gone") return;
    this.#settings.log.tell("worker.killed", { worker: worker.index, reason });
    worker.link.kill();
  }

  #changed(): void {
    this.#serving = this.#places.filter((worker) =>
      worker !== undefined && worker.state === "serving" && worker.health.health !== "stuck"
    ) as WorkerHandle[];
    this.#owner.changed();
  }

  #round(): void {
    const now = performance.now();
    for (const worker of this.workers) this.#watch(worker, now);
    const { interval } = this.#settings.options.supervisor;
    this.#nextRound = now + interval;
    this.#roundsToScaling -= interval;
    if (this.#roundsToScaling > 0) return;
    this.#roundsToScaling = this.#settings.options.scaling.interval;
    this.#scale();
  }

  #watch(worker: WorkerHandle, now: number): void {
    if (worker.statistics === undefined || worker.state === "starting") return;
    worker.utilisation = worker.statistics.utilisation();
    const { health } = worker;
    const before: Health = health.health;
    if (health.observe(worker.statistics.heartbeat, now, this.#nextRound)) this.#settings.wake(worker);
    if (health.health === before) return;
    const milliseconds = Math.round(health.age(now));
    this.#settings.log.tell(healthEvents[health.health], { worker: worker.index, milliseconds });
    this.#changed();
    // One that leaves has a deadline already, and its place is not to be filled.
    if (health.health === "stuck" && !this.#leaving.has(worker)) void this.replace(worker, "stuck");
  }

  #scale(): void {
    const { minWorkers, maxWorkers } = this.#settings.options;
    const workers = this.#serving.length;
    if (minWorkers === maxWorkers || this.#changing || this.#ending || workers === 0) return;
    // Short bursts between two rounds are told apart from load by the times a decision has to hold.
    const sum = this.#serving.reduce((total, { utilisation }) => total + utilisation, 0);
    const load = { workers, utilisation: sum / workers, backlog: this.#settings.backlog() };
    const change = this.#scaling.decide(load);
    if (change === 0) return;
    this.#changing = true;
    const fields = { workers: workers + change, utilisation: Number(load.utilisation.toFixed(2)) };
    this.#settings.log.tell(change > 0 ? "worker.added" : "worker.retiring", fields);
    const done = change > 0 ? this.#add() : this.#retire();
    void done.finally(() => this.#changing = false);
  }

  async #add(): Promise<void> {
    const free = this.#places.indexOf(undefined);
    const index = free >= 0 ? free : this.#places.length;
    if (await this.#fill(index, "load")) this.restarts -= 1;
  }

  /** The worker with the fewest connections goes; what it has it finishes. */
  async #retire(): Promise<void> {
    const [worker] = this.#serving.toSorted((one, other) => one.load - other.load);
    this.#places[worker.index] = undefined;
    this.#leaving.add(worker);
    this.#changed();
    const { draining, closing } = this.#settings.options.shutdown;
    const later = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    await Promise.race([worker.enter("draining"), later(draining)]);
    await Promise.race([worker.enter("closing"), later(closing)]);
    await Promise.race([worker.stop(), later(closing)]);
    if (worker.state !== "gone") this.#unretired += 1;
    this.#kill(worker, "did not retire");
    // One that died on the way was told of as lost.
    if (this.#leaving.delete(worker)) this.#owner.lost(worker);
  }

  async #endAll(): Promise<void> {
    await Promise.all(this.workers.map(async (worker) => {
      const late = setTimeout(() => worker.link.kill(), this.#settings.options.shutdown.aborting);
      await worker.stop();
      clearTimeout(late);
    }));
  }
}
