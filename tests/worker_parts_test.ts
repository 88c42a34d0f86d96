/** What the supervisor decides by: heartbeats, deaths, loads; and the queue of handed-over sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { Deaths } from "../src/worker/supervision/supervisor.ts";
import { HandOverQueue, handOverQueueEntries } from "../src/worker/accepting/hand_over_queue.ts";
import { HealthWatch } from "../src/worker/supervision/worker_handle.ts";
import { Scaling } from "../src/worker/supervision/scaling.ts";
import type { HandedOver } from "../src/server/hand_over.ts";
import { Random } from "./helpers/random.ts";

describe("the watch over a heartbeat", () => {
  const limits = { slowAfter: 2_000, stuckAfter: 10_000 };
  const interval = 500;

  it("calls a worker slow and stuck by the time it is silent, and healthy at the next beat", () => {
    const watch = new HealthWatch(limits, 0);
    const seen: string[] = [];
    for (let now = interval; now <= 12_000; now += interval) {
      watch.observe(7, now, now);
      if (seen.at(-1) !== watch.health) seen.push(watch.health);
    }
    expect(seen).toEqual(["healthy", "slow", "stuck"]);
    expect(watch.observe(8, 12_500, 12_500)).toBe(false);
    expect(watch.health).toBe("healthy");
    expect(watch.age(12_600)).toBe(100);
  });

  it("asks for a wake when the loop has not beaten since the last reading", () => {
    const watch = new HealthWatch(limits, 0);
    expect(watch.observe(1, 500, 500)).toBe(false);
    expect(watch.observe(1, 1_000, 1_000)).toBe(true);
    expect(watch.observe(2, 1_500, 1_500)).toBe(false);
  });

  it("does not hold its own delay against the worker", () => {
    const watch = new HealthWatch(limits, 0);
    watch.observe(1, 500, 500);
    // The supervisor's own thread was away for a minute.
    watch.observe(1, 61_000, 1_000);
    expect(watch.health).toBe("healthy");
    watch.observe(1, 63_500, 61_500);
    expect(watch.health).toBe("healthy");
    watch.observe(1, 64_000, 64_000);
    expect(watch.health).toBe("healthy");
    watch.observe(1, 66_000, 66_000);
    expect(watch.health).toBe("slow");
  });
});

describe("the count of deaths", () => {
  const limits = { backOff: 100, maxBackOff: 1_000, maxDeaths: 5, deathsWindow: 60_000 };

  it("waits twice as long after each death, up to a limit, and gives up after too many", () => {
    const deaths = new Deaths(limits);
    expect([0, 1, 2, 3, 4, 5].map((second) => deaths.died(second * 1_000)))
      .toEqual([100, 200, 400, 800, 1_000, undefined]);
    expect(deaths.count).toBe(6);
  });

  it("forgets deaths that are long past", () => {
    const deaths = new Deaths(limits);
    for (let time = 0; time < 600_000; time += 60_000) expect(deaths.died(time)).toBe(100);
  });
});

describe("scaling", () => {
  const limits = { minWorkers: 1, maxWorkers: 4, high: 0.8, low: 0.3, holdUp: 3, holdDown: 5 };

  it("adds a worker only after enough busy readings in a row", () => {
    const scaling = new Scaling(limits);
    const busy = { workers: 1, utilisation: 0.9, backlog: 0 };
    expect(
      [busy, busy, { ...busy, utilisation: 0.5 }, busy, busy, busy, busy].map((load) => scaling.decide(load)),
    )
      .toEqual([0, 0, 0, 0, 0, 1, 0]);
  });

  it("counts a long queue of the kernel as busy", () => {
    const scaling = new Scaling({ ...limits, holdUp: 1 });
    expect(scaling.decide({ workers: 2, utilisation: 0.1, backlog: 32 })).toBe(0);
    expect(scaling.decide({ workers: 2, utilisation: 0.1, backlog: 33 })).toBe(1);
  });

  it("retires one only where the others can take its work", () => {
    const scaling = new Scaling({ ...limits, low: 0.6, holdDown: 1 });
    // Two at 0.5 would be one at 1.0.
    expect(scaling.decide({ workers: 2, utilisation: 0.5, backlog: 0 })).toBe(0);
    expect(scaling.decide({ workers: 4, utilisation: 0.5, backlog: 0 })).toBe(-1);
  });

  it("stays within its bounds, whatever the load", () => {
    const random = new Random(11);
    const scaling = new Scaling({ ...limits, holdUp: 1, holdDown: 1 });
    let workers = 2;
    for (let round = 0; round < 5_000; round++) {
      workers += scaling.decide({
        workers,
        utilisation: random.between(0, 100) / 100,
        backlog: random.between(0, 99),
      });
      expect(workers >= limits.minWorkers && workers <= limits.maxWorkers).toBe(true);
    }
  });
});

describe("the queue of handed-over sockets", () => {
  const socket = (descriptor: number): HandedOver => ({
    descriptor,
    listener: descriptor % 3,
    familyCode: 4,
    word0: descriptor * 7,
    word1: -1,
    word2: 0x7fffffff,
    word3: descriptor | 0,
    port: descriptor & 0xffff,
  });

  it("gives back what was given, in order, over many rounds", () => {
    const queue = new HandOverQueue();
    const reader = new HandOverQueue(queue.buffer);
    const random = new Random(5);
    let given = 0;
    let taken = 0;
    for (let round = 0; round < 20_000; round++) {
      if (!random.oneIn(500)) {
        const fits = given - taken < handOverQueueEntries;
        expect(queue.give(socket(given))).toBe(fits);
        if (fits) given += 1;
      } else {
        reader.takeAll((handed) => {
          expect(handed).toEqual(socket(taken));
          taken += 1;
          return 0;
        });
        expect(taken).toBe(given);
      }
      expect(queue.length).toBe(given - taken);
    }
    expect(taken).toBeGreaterThan(handOverQueueEntries);
  });

  it("is full when it says so, and never counts too few connections", () => {
    const queue = new HandOverQueue();
    const reader = new HandOverQueue(queue.buffer);
    for (let index = 0; index < handOverQueueEntries; index++) expect(queue.give(socket(index))).toBe(true);
    expect(queue.give(socket(1))).toBe(false);
    expect(queue.load(3)).toBe(handOverQueueEntries);
    const open = [0, 0, 0];
    reader.takeAll(({ listener }) => {
      expect(queue.load(3)).toBe(handOverQueueEntries);
      return ++open[listener];
    });
    expect(queue.length).toBe(0);
    expect([0, 1, 2].map((listener) => queue.loadOf(listener))).toEqual(open);
    reader.setOpen(0, 5);
    reader.setOpen(1, 0);
    reader.setOpen(2, 0);
    expect(queue.load(3)).toBe(5);
    expect(queue.give(socket(9))).toBe(true);
    const rest: number[] = [];
    queue.drain(({ descriptor }) => rest.push(descriptor));
    expect(rest).toEqual([9]);
    expect(queue.load(3)).toBe(0);
  });

  it("tells when its reader wants no more", () => {
    const queue = new HandOverQueue();
    new HandOverQueue(queue.buffer).setPressure(true);
    expect(queue.pressure).toBe(true);
  });
});
