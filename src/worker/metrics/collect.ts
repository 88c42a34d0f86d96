/**
 * Reads the metrics of a server from the memory that its workers write to. No worker is asked, so those of a
 * stuck worker can be read as well.
 *
 * @module
 */
import { formatHostAndPort, type SocketAddress } from "../../base/address.ts";
import { listenQueue, processCounters } from "../../loop/native.ts";
import type { ListenerInfo } from "../../server/application.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import { phases } from "../../server/phases.ts";
import type { Spreading } from "../../server/spreading.ts";
import type { Acceptor } from "../accepting/acceptor.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";
import {
  type AcceptQueue,
  activityOf,
  type ActivityStatistics,
  addActivity,
  addListenerCounts,
  type ListenerCounts,
  listenerCountsOf,
  type ListenerStatistics,
  noActivity,
  noListenerCounts,
  type ProcessStatistics,
  type WorkerStatistics,
} from "./table.ts";

/** The metrics of one worker. */
export function workerStatistics(worker: WorkerHandle, now: number): WorkerStatistics {
  const native = worker.statistics?.read();
  const { gauges } = worker;
  const used = (count: number | undefined, size: number | undefined) => ({
    used: count ?? 0,
    size: size ?? 0,
  });
  return {
    worker: worker.index,
    phase: worker.state === "starting" ? "starting" : phases[gauges.get("phase")],
    health: worker.health.health,
    heartbeatAge: worker.health.age(now),
    utilisation: worker.utilisation,
    submissionRing: used(native?.submissionsHighWater, native?.submissionRecords),
    completionRing: used(native?.completionsHighWater, native?.completionRecords),
    segments: used(native?.segmentsHeld, native?.segments),
    queues: {
      handOver: worker.queue.length,
      ready: native?.readyNow ?? 0,
      tasks: gauges.get("tasks"),
      outbox: gauges.get("bufferedBytes"),
      sendEntries: native?.sendEntriesHighWater ?? 0,
    },
    ...activityOf(gauges, native),
  };
}

/** This process, as the system sees it. */
export function processStatistics(library: string | undefined): ProcessStatistics {
  const counters = processCounters(library);
  return {
    cpuTime: counters.cpuSeconds * millisecondsPerSecond,
    residentBytes: counters.residentBytes || undefined,
    virtualBytes: counters.virtualBytes || undefined,
    openDescriptors: counters.openDescriptors || undefined,
    maxDescriptors: counters.maxDescriptors || undefined,
    // The system's clock may have been set since: the first answer stands.
    started: processStarted ??= counters.startedMilliseconds || undefined,
  };
}

const millisecondsPerSecond = 1000;
let processStarted: number | undefined = undefined;

/** The most over the mean: 1 where all have the same, or nobody has anything. */
export function skewOf(counts: readonly number[]): number {
  const sum = counts.reduce((total, count) => total + count, 0);
  return sum === 0 ? 1 : Math.max(...counts) * counts.length / sum;
}

/** Where the metrics of listeners come from. */
interface ListenerSources {
  readonly options: ResolvedServerOptions;
  readonly spreading: Spreading;
  readonly past: Past;
  /** Where the server's own thread listens; undefined before it does. */
  acceptor(): Acceptor | undefined;
  /** All workers, and those that serve. */
  workers(): readonly WorkerHandle[];
  serving(): readonly WorkerHandle[];
  /** Connections of the whole server at most. */
  connectionsMax(): number;
}

/** Reads the metrics of listeners, no matter which thread accepts: the server's own, or each worker. */
export class ListenerMetrics {
  readonly #sources: ListenerSources;

  constructor(sources: ListenerSources) {
    this.#sources = sources;
  }

  /** All metrics of one listener. */
  read({ name, address }: ListenerInfo, index: number): ListenerStatistics {
    const open = this.#sources.workers().reduce((sum, worker) => sum + worker.queue.loadOf(index), 0);
    const { accepted, refusals } = this.counts(index);
    const here = this.#isHandedOver ? this.#sources.acceptor()?.listenerStatistics(index) : undefined;
    return {
      name,
      address: formatSocketAddress(address),
      open,
      accepted,
      refused: Object.values(refusals).reduce((sum, count) => sum + count, 0),
      refusals,
      waiting: here?.waiting ?? 0,
      paused: here?.paused ?? (this.#isHandedOver || this.#isFull(index, open)),
      acceptQueue: this.queue(address, index),
    };
  }

  /** Connections accepted and refused at one listener since the server began. */
  counts(index: number): ListenerCounts {
    let counts = this.#sources.past.listener(index);
    for (const { gauges } of this.#sources.workers()) {
      counts = addListenerCounts(counts, listenerCountsOf(gauges, index));
    }
    if (!this.#isHandedOver) return counts;
    // Workers count what they are handed over only where they refuse it.
    const here = this.#sources.acceptor()?.listenerStatistics(index);
    return here === undefined ? counts : addListenerCounts({ ...counts, accepted: 0 }, here);
  }

  /** Refused by the server's own thread, over all listeners: no worker knows of them. */
  refusedHere(): ListenerCounts["refusals"] {
    const { options } = this.#sources;
    const acceptor = this.#isHandedOver ? this.#sources.acceptor() : undefined;
    return options.listeners.reduce(
      (sum, _, index) =>
        acceptor === undefined ? sum : addListenerCounts(sum, acceptor.listenerStatistics(index)),
      { accepted: 0, refusals: {} } as ListenerCounts,
    ).refusals;
  }

  /** Connections in the kernel's queue of one listener; undefined where the system does not report it. */
  queue(address: SocketAddress, index: number): AcceptQueue | undefined {
    const { spreading, options } = this.#sources;
    // Where each worker has a socket of its own, the kernel is asked for all of them.
    const queue = spreading === "reusePort"
      ? listenQueue(address, options.library)
      : this.#sources.acceptor()?.backlog(index);
    return queue && { length: queue.length, max: queue.limit };
  }

  get #isHandedOver(): boolean {
    return this.#sources.spreading === "handOver";
  }

  /** Whether workers that accept for themselves have stopped doing so. */
  #isFull(index: number, open: number): boolean {
    const { connections, atLimit } = this.#sources.options.listeners[index].limits;
    const full = open >= this.#sources.connectionsMax() || (connections > 0 && open >= connections);
    return atLimit === "pause" && (full || this.#sources.serving().every(({ queue }) => queue.pressure));
  }
}

/** An address as metrics show it. */
export function formatSocketAddress(address: SocketAddress): string {
  return address.path ?? formatHostAndPort(address.hostname, address.port);
}

/** What workers that are gone have done: their numbers still count although their memory is gone. */
export class Past {
  /** All of them together. */
  activity: ActivityStatistics = noActivity;
  readonly #listeners: ListenerCounts[] = [];

  /** A worker is gone. What it had open has ended with it, cut by the system. */
  add(worker: WorkerHandle): void {
    const activity = activityOf(worker.gauges, worker.statistics?.read());
    const { accepted, connected, handled, closed, aborted } = activity.connections;
    const { end } = activity.operations;
    const lostServer = Math.max(0, accepted - handled);
    const lostClient = Math.max(0, connected - (end?.client ?? 0));
    this.activity = addActivity(this.activity, {
      ...activity,
      connections: {
        ...activity.connections,
        open: 0,
        byState: {},
        handled: handled + lostServer,
        closed,
        aborted: aborted + lostServer + lostClient,
      },
      operations: end === undefined ? activity.operations : {
        ...activity.operations,
        end: { server: end.server + lostServer, client: end.client + lostClient },
      },
    });
    const listeners = worker.listenerCount;
    for (let index = 0; index < listeners; index++) {
      this.#listeners[index] = addListenerCounts(
        this.listener(index),
        listenerCountsOf(worker.gauges, index),
      );
    }
  }

  /** What they did at one listener. */
  listener(index: number): ListenerCounts {
    return this.#listeners[index] ?? noListenerCounts;
  }
}
