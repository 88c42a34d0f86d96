/** Workers that accept from one socket in turn: none rests for nothing, and none gets far ahead. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AcceptTurn, acceptTurnWords, countOn } from "../src/server/accept_turn.ts";
import { resolveServerOptions, type ServerOptions } from "../src/server/options/mod.ts";
import { spreadingOf } from "../src/server/spreading.ts";
import { Random } from "./helpers/random.ts";

/** A worker as its turns see it: a listening socket, its connections, and wakes that come later. */
interface Simulated {
  turn: AcceptTurn;
  load: number;
  allowed: number;
  woken: boolean;
  wants: boolean;
  counts: boolean;
}

class Workers {
  readonly all: Simulated[] = [];
  readonly #words: SharedArrayBuffer;
  now = 1_000;
  wakes = 0;

  constructor(count: number) {
    this.#words = acceptTurnWords(count);
    for (let place = 0; place < count; place++) {
      const turn = new AcceptTurn({ words: this.#words, place }, (loop) => {
        this.wakes += 1;
        this.all[loop - 1].woken = true;
      });
      this.all.push({ turn, load: 0, allowed: 0, woken: false, wants: true, counts: false });
      this.serve(place, true);
    }
    for (const worker of this.all) this.look(worker);
  }

  /** The loops have the numbers from 1 on. */
  serve(place: number, on: boolean): void {
    this.all[place].counts = on;
    countOn(this.#words, place, on ? place + 1 : undefined);
    for (const worker of this.all) worker.woken = true;
  }

  look(worker: Simulated): void {
    worker.woken = false;
    worker.allowed = worker.turn.look(worker.wants ? worker.load : undefined, this.now);
  }

  accept(worker: Simulated): void {
    worker.load += 1;
    worker.allowed -= 1;
  }

  close(worker: Simulated): void {
    worker.load -= 1;
    worker.turn.closed();
  }

  /** Everybody who was woken looks, until nobody is woken any more. */
  settle(): void {
    for (let round = 0; this.all.some(({ woken }) => woken); round++) {
      expect(round).toBeLessThan(100);
      for (const worker of this.all) if (worker.woken) this.look(worker);
    }
  }

  /** Those that may accept now. */
  get ready(): Simulated[] {
    return this.all.filter(({ allowed, wants, counts }) => allowed > 0 && wants && counts);
  }

  get loads(): number[] {
    return this.all.map(({ load }) => load);
  }
}

describe("workers that accept for themselves", () => {
  const cases: [string, ServerOptions, "direct" | "handOver"][] = [
    ["a single one", { workers: 1 }, "direct"],
    ["a single one with limits", { workers: 1, limits: { connections: 5, atLimit: "refuse" } }, "direct"],
    ["four", { workers: 4, limits: { connectionsPerWorker: 9, connectionsPerAddress: 2 } }, "direct"],
    ["more than would wake for each connection", { workers: 5 }, "handOver"],
    ["some that can become more than that", { workers: 2, maxWorkers: 5 }, "handOver"],
    ["several with a limit together", { workers: 2, limits: { connections: 100 } }, "handOver"],
    ["several that refuse", { workers: 2, limits: { atLimit: "refuse" } }, "handOver"],
    [
      "several with a limit of their listener",
      { workers: 2, listeners: [{ name: "main", limits: { connections: 9 } }] },
      "handOver",
    ],
    ["several with two listeners", { workers: 2, listeners: [{ name: "one" }, { name: "two" }] }, "handOver"],
    ["several processes", { workers: 2, isolation: "process" }, "handOver"],
    ["several that a successor replaces", { workers: 2, restartPath: "a.sock" }, "handOver"],
    ["several where the option says otherwise", { workers: 2, spreading: "handOver" }, "handOver"],
  ];
  for (const [what, options, wanted] of cases) {
    it(`are ${wanted === "direct" ? "" : "not "}${what}`, () => {
      const resolved = resolveServerOptions(options);
      expect(spreadingOf(resolved, "linux")).toBe(wanted);
      expect(spreadingOf(resolved, "windows")).toBe("handOver");
    });
  }
});

describe("turns of accepting", () => {
  it("spread connections that stay evenly, whoever is first", () => {
    const workers = new Workers(3);
    for (let count = 0; count < 12; count++) {
      // The eagerest of them gets it, each time.
      const [eager] = workers.ready;
      workers.accept(eager);
      workers.look(eager);
      workers.settle();
      expect(Math.max(...workers.loads) - Math.min(...workers.loads)).toBeLessThanOrEqual(1);
    }
    expect(workers.loads).toEqual([4, 4, 4]);
  });

  it("let a worker go on where connections come and go, and wake nobody for it", () => {
    const workers = new Workers(2);
    const [busy, idle] = workers.all;
    for (let count = 0; count < 64; count++) {
      workers.accept(busy);
      workers.close(busy);
      workers.look(busy);
    }
    workers.wakes = 0;
    for (let count = 0; count < 20; count++) {
      workers.accept(busy);
      workers.look(busy);
    }
    expect(workers.wakes).toBe(0);
    expect(busy.allowed).toBeGreaterThan(0);
    // When they stay, the other one has its turn.
    workers.now += 300;
    workers.look(busy);
    expect(busy.allowed).toBe(0);
    expect(idle.woken).toBe(true);
  });

  it("wait for no worker that wants none, or serves no more", () => {
    const workers = new Workers(2);
    const [one, other] = workers.all;
    other.wants = false;
    workers.look(other);
    for (let count = 0; count < 10; count++) {
      workers.accept(one);
      workers.look(one);
      expect(one.allowed).toBeGreaterThan(0);
    }
    other.wants = true;
    workers.look(other);
    workers.look(one);
    expect(one.allowed).toBe(0);
    workers.serve(1, false);
    workers.settle();
    expect(one.allowed).toBeGreaterThan(0);
  });

  it("come to a worker that rests as soon as the others have as many", () => {
    const workers = new Workers(2);
    const [one, other] = workers.all;
    for (let count = 0; count < 3; count++) workers.accept(other);
    workers.look(other);
    expect(other.allowed).toBe(0);
    for (let count = 0; count < 3; count++) {
      expect(other.woken).toBe(false);
      workers.accept(one);
      workers.look(one);
    }
    expect(other.woken).toBe(true);
    workers.settle();
    expect(other.allowed).toBe(1);
  });

  for (let seed = 1; seed <= 40; seed++) {
    it(`leave somebody to accept, whatever happens (seed ${seed})`, () => {
      const random = new Random(seed);
      const next = () => random.between(0, 999) / 1_000;
      const pick = <One>(all: readonly One[]): One => all[Math.floor(next() * all.length)];
      const workers = new Workers(1 + Math.floor(next() * 4));
      for (let step = 0; step < 2_000; step++) {
        const worker = pick(workers.all);
        const choice = next();
        if (choice < 0.4 && worker.allowed > 0) workers.accept(worker);
        else if (choice < 0.6 && worker.load > 0) workers.close(worker);
        else if (choice < 0.62) worker.wants = !worker.wants;
        else if (choice < 0.63) workers.serve(workers.all.indexOf(worker), !worker.counts);
        // A worker looks after what happened to it, but others may come between.
        if (next() < 0.8) workers.look(worker);
        else worker.woken = true;
        if (next() < 0.2) workers.now += 40;
        if (next() > 0.1) continue;
        workers.settle();
        const able = workers.all.filter(({ wants, counts }) => wants && counts);
        if (able.length > 0) expect(workers.ready.length).toBeGreaterThan(0);
      }
    });
  }
});
