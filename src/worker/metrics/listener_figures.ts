/**
 * Metrics of the server's listeners, no matter which thread accepts: the server's own, or each worker.
 *
 * @module
 */
import { formatHostAndPort, type SocketAddress } from "../../base/address.ts";
import { listenQueue } from "../../loop/native.ts";
import type { ListenerInfo } from "../../server/application.ts";
import type { ResolvedServerOptions } from "../../server/options/mod.ts";
import type { Spreading } from "../../server/spreading.ts";
import type { Acceptor } from "../accepting/acceptor.ts";
import { listenerCountsOf } from "./collect.ts";
import type { Past } from "../supervision/past.ts";
import { addListenerCounts } from "./statistics_total.ts";
import type { AcceptQueue, ListenerCounts, ListenerStatistics } from "./statistics_types.ts";
import type { WorkerHandle } from "../supervision/worker_handle.ts";

/** Where the figures come from. */
export interface ListenerSources {
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

export class ListenerFigures {
  readonly #sources: ListenerSources;

  constructor(sources: ListenerSources) {
    this.#sources = sources;
  }

  /** All figures of one listener. */
  read({ name, address }: ListenerInfo, place: number): ListenerStatistics {
    const open = this.#sources.workers().reduce((sum, worker) => sum + worker.queue.loadOf(place), 0);
    const { accepted, refusals } = this.counts(place);
    const here = this.#isHandedOver ? this.#sources.acceptor()?.listenerStatistics(place) : undefined;
    return {
      name,
      address: formatSocketAddress(address),
      open,
      accepted,
      refused: Object.values(refusals).reduce((sum, count) => sum + count, 0),
      refusals,
      waiting: here?.waiting ?? 0,
      paused: here?.paused ?? (this.#isHandedOver || this.#isFull(place, open)),
      acceptQueue: this.queue(address, place),
    };
  }

  /** Connections accepted and refused at one listener since the server began. */
  counts(place: number): ListenerCounts {
    let counts = this.#sources.past.listener(place);
    for (const { board } of this.#sources.workers()) {
      counts = addListenerCounts(counts, listenerCountsOf(board, place));
    }
    if (!this.#isHandedOver) return counts;
    // Workers count what they are handed over only where they refuse it.
    const here = this.#sources.acceptor()?.listenerStatistics(place);
    return here === undefined ? counts : addListenerCounts({ ...counts, accepted: 0 }, here);
  }

  /** Refused by the server's own thread, over all listeners: no worker knows of them. */
  refusedHere(): ListenerCounts["refusals"] {
    const { options } = this.#sources;
    const acceptor = this.#isHandedOver ? this.#sources.acceptor() : undefined;
    return options.listeners.reduce(
      (sum, _, place) =>
        acceptor === undefined ? sum : addListenerCounts(sum, acceptor.listenerStatistics(place)),
      { accepted: 0, refusals: {} } as ListenerCounts,
    ).refusals;
  }

  /** Connections in the kernel's queue of one listener; undefined where the system does not tell. */
  queue(address: SocketAddress, place: number): AcceptQueue | undefined {
    const { spreading, options } = this.#sources;
    // Where each worker has a socket of its own, the kernel is asked for all of them.
    const queue = spreading === "reusePort"
      ? listenQueue(address, options.library)
      : this.#sources.acceptor()?.backlog(place);
    return queue && { length: queue.length, max: queue.limit };
  }

  get #isHandedOver(): boolean {
    return this.#sources.spreading === "handOver";
  }

  /** Whether workers that accept for themselves have stopped doing so. */
  #isFull(place: number, open: number): boolean {
    const { connections, atLimit } = this.#sources.options.listeners[place].limits;
    const full = open >= this.#sources.connectionsMax() || (connections > 0 && open >= connections);
    return atLimit === "pause" && (full || this.#sources.serving().every(({ queue }) => queue.pressure));
  }
}

/** An address as the figures show it. */
export function formatSocketAddress(address: SocketAddress): string {
  return address.path ?? formatHostAndPort(address.hostname, address.port);
}
