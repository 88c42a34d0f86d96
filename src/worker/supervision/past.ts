/**
 * What workers that are gone have done: their numbers still count when their memory does not any more.
 *
 * @module
 */
import { activityOf } from "../metrics/table.ts";
import {
  addActivity,
  addListenerCounts,
  listenerCountsOf,
  noActivity,
  noListenerCounts,
} from "../metrics/table.ts";
import type { ActivityStatistics, ListenerCounts } from "../metrics/table.ts";
import type { WorkerHandle } from "./worker_handle.ts";

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
