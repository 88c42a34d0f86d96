/**
 * Keeps a server's workers: starts them together, replaces those that die or hang, adds and retires them by
 * load. It runs on the thread that created the server and shares no lock with any worker.
 *
 * @module
 */
import { textOf } from "../../base/thrown.ts";
import { RingportError } from "../../base/errors.ts";
import { withTimeout } from "../../base/with_timeout.ts";
import type { WorkerServerSettings } from "../../server/worker_server.ts";
import type { Log } from "../../server/log/log.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import type { WorkerEnd } from "../worker_port.ts";
import { Scaling } from "./scaling.ts";
import type { Health } from "../metrics/table.ts";
import { type PortMaker, type WorkerEvent, WorkerHandle } from "./worker_handle.ts";

/** What a supervisor is made with. */
interface SupervisorSettings {
  options: ResolvedServerOptions;
  log: Log;
  /** What a new worker is started with. */
  settingsOf(index: number, generation: number): WorkerServerSettings;
  makePort: PortMaker;
  /** Connections in the kernel's queues. */
  backlog(): number;
  /** Gets the events of all workers, and those of the supervisor itself. */
  emit(event: WorkerEvent): void;
}

const healthEvents = { healthy: "worker.recovered", slow: "worker.slow", stuck: "worker.stuck" } as const;

export class Supervisor {
  readonly #settings: SupervisorSettings;
  readonly #deaths: Deaths;
  readonly #scaling: Scaling;
  /** Workers by index; undefined while a slot waits for its replacement. */
  readonly #slots: (WorkerHandle | undefined)[] = [];
  readonly #generations: number[] = [];
  /** Workers that were retired and are draining. */
  readonly #leaving = new Set<WorkerHandle>();
  /** Workers that are being started beside those that serve. */
  readonly #arriving = new Set<WorkerHandle>();
  /** Slots that are filled again after a while. */
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

  /** Workers that died or were given up. */
  get deaths(): number {
    return this.#deaths.count + this.#unretired;
  }

  constructor(settings: SupervisorSettings) {
    const { options } = settings;
    this.#settings = settings;
    this.#deaths = new Deaths(options.supervisor);
    this.#scaling = new Scaling({ ...options.scaling, ...options });
  }

  /** Workers that serve now. */
  get serving(): readonly WorkerHandle[] {
    return this.#serving;
  }

  /** Every worker that is not gone, those that are being started included. */
  get all(): readonly WorkerHandle[] {
    return [...new Set([...this.workers, ...this.#arriving])];
  }

  /** Every worker that is not gone, those that leave included. */
  get workers(): readonly WorkerHandle[] {
    const kept = this.#slots.filter((worker) => worker !== undefined);
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
        const worker = this.#slots[index] = this.#make(index);
        // A worker is notified of the shutdown once it is loaded, which is our own code and quick.
        await Promise.race([worker.ready, this.#startEnded.promise.then(() => worker.loaded)]);
      }
    } catch (error) {
      this.#ending = true;
      await this.#endAll();
      throw error;
    }
    if (this.#ending) return;
    this.#settings.emit({ kind: "allReady" });
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
    // A slot that waits for its replacement must not keep the process.
    for (const timer of this.#refills) clearTimeout(timer);
    // The sockets they were to accept from are about to be closed.
    for (const worker of this.#arriving) void worker.stop();
  }

  /** Ends the workers that were being started when the server began to end. */
  async endArriving(): Promise<void> {
    await Promise.all([...this.#arriving].map((worker) => this.#endInTime(worker, worker.gone)));
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

  /** Every event of a worker comes through here to the server. */
  #heard(event: WorkerEvent): void {
    if (event.kind === "gone") {
      this.#changed();
      const { worker, end } = event;
      if (end.reason === "stopped") this.#settings.log.tell("worker.stopped", { worker: worker.index });
    }
    this.#settings.emit(event);
    if (event.kind === "gone" && event.died) this.#died(event.worker, event.end);
  }

  #died(worker: WorkerHandle, end: WorkerEnd): void {
    this.#settings.log.tell("worker.died", { worker: worker.index, reason: end.message });
    const left = this.#leaving.delete(worker);
    if (this.#slots[worker.index] === worker) this.#slots[worker.index] = undefined;
    this.#changed();
    this.#lost(worker);
    if (this.#ending || left || end.reason === "killed") return;
    this.#refill(worker.index, end.message);
  }

  #lost(worker: WorkerHandle): void {
    this.#settings.emit({ kind: "lost", worker });
  }

  #make(index: number): WorkerHandle {
    const generation = this.#generations[index] ?? 0;
    this.#generations[index] = generation + 1;
    this.#settings.log.tell("worker.starting", { worker: index, generation });
    const settings = this.#settings.settingsOf(index, generation);
    const worker = new WorkerHandle(settings, (event) => this.#heard(event), this.#settings.makePort);
    const begun = performance.now();
    const tellReady = () => {
      const milliseconds = Math.round(performance.now() - begun);
      this.#settings.log.tell("worker.ready", { worker: index, milliseconds });
    };
    // One that cannot be ready is the concern of its caller.
    worker.ready.then(tellReady, () => {});
    return worker;
  }

  /** A dead worker's slot is filled again, after a while, unless too many have died. */
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
    const error = new RingportError(
      `server: more than ${maxDeaths} workers died within ${deathsWindow} ms; the last one: ${reason}`,
      { code: "ERR_WORKERS_DIE", operation: "supervise", origin: "application" },
    );
    this.#settings.emit({ kind: "failed", error });
  }

  /** No worker has this slot, and none is being started for it. */
  #isEmpty(index: number): boolean {
    if (this.#slots[index] !== undefined) return false;
    return ![...this.#arriving].some((worker) => worker.index === index);
  }

  /** Puts a new worker into a slot. False where it could not be started, which counts as one more death. */
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
      // One that was stopped meanwhile has not failed.
      const stopped = this.#ending && worker.state === "gone";
      if (!stopped) this.#settings.log.tell("worker.failed", { worker: index, error });
      this.#lost(worker);
      this.#arriving.delete(worker);
      if (!this.#ending && this.#isEmpty(index)) this.#refill(index, textOf(error));
      return false;
    }
    if (!this.#ending) await worker.serve();
    if (this.#ending) {
      await worker.stop();
      return false;
    }
    // It died meanwhile; its slot is being filled already.
    if (worker.state === "gone") return false;
    this.#slots[index] = worker;
    this.restarts += 1;
    this.#settings.log.tell("worker.replaced", { worker: index, reason });
    this.#changed();
    return true;
  }

  #kill(worker: WorkerHandle, reason: string): void {
    if (worker.state === "gone") return;
    this.#settings.log.tell("worker.killed", { worker: worker.index, reason });
    worker.port.kill();
  }

  #changed(): void {
    this.#serving = this.#slots.filter((worker) =>
      worker !== undefined && worker.state === "serving" && worker.health.health !== "stuck"
    ) as WorkerHandle[];
    this.#settings.emit({ kind: "changed" });
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
    if (health.observe(worker.statistics.heartbeat, now, this.#nextRound)) worker.wake();
    if (health.health === before) return;
    const milliseconds = Math.round(health.age(now));
    this.#settings.log.tell(healthEvents[health.health], { worker: worker.index, milliseconds });
    this.#changed();
    // One that leaves has a deadline already, and its slot is not to be filled.
    if (health.health === "stuck" && !this.#leaving.has(worker)) void this.replace(worker, "stuck");
  }

  #scale(): void {
    const { minWorkers, maxWorkers } = this.#settings.options;
    const workers = this.#serving.length;
    if (minWorkers === maxWorkers || this.#changing || this.#ending || workers === 0) return;
    // The hold times of a decision separate load from short bursts between two rounds.
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
    const free = this.#slots.indexOf(undefined);
    const index = free >= 0 ? free : this.#slots.length;
    if (await this.#fill(index, "load")) this.restarts -= 1;
  }

  /** The worker with the fewest connections goes; what it has it finishes. */
  async #retire(): Promise<void> {
    const [worker] = this.#serving.toSorted((one, other) => one.load - other.load);
    this.#slots[worker.index] = undefined;
    this.#leaving.add(worker);
    this.#changed();
    const { draining, closing } = this.#settings.options.shutdown;
    await withTimeout(worker.enter("draining"), draining);
    await withTimeout(worker.enter("closing"), closing);
    await withTimeout(worker.stop(), closing);
    if (worker.state !== "gone") this.#unretired += 1;
    this.#kill(worker, "did not retire");
    // One that died on the way was reported as lost.
    if (this.#leaving.delete(worker)) this.#lost(worker);
  }

  async #endAll(): Promise<void> {
    await Promise.all(this.workers.map((worker) => this.#endInTime(worker, worker.stop())));
  }

  async #endInTime(worker: WorkerHandle, ended: Promise<unknown>): Promise<void> {
    if (!(await withTimeout(ended, this.#settings.options.shutdown.aborting))) await worker.kill();
  }
}

/** The limits, in milliseconds and counts. */
interface DeathLimits {
  /** Before the first replacement; doubled with each further death. */
  backOff: number;
  maxBackOff: number;
  /** Deaths within the window after which the server stops. */
  maxDeaths: number;
  deathsWindow: number;
}

/**
 * The deaths of all workers of a server: how long a slot stays empty after one, and when there have been too
 * many. Decided from times alone.
 */
export class Deaths {
  readonly #limits: DeathLimits;
  #times: number[] = [];
  /** All deaths so far. */
  count = 0;

  constructor(limits: DeathLimits) {
    this.#limits = limits;
  }

  /** A worker has died. Milliseconds to wait before it is replaced, or undefined: too many have died. */
  died(now: number): number | undefined {
    const { backOff, maxBackOff, maxDeaths, deathsWindow } = this.#limits;
    this.count += 1;
    this.#times = this.#times.filter((time) => now - time < deathsWindow);
    this.#times.push(now);
    if (this.#times.length > maxDeaths) return undefined;
    return Math.min(maxBackOff, backOff * 2 ** (this.#times.length - 1));
  }
}
