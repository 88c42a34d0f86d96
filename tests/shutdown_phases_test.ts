/** The phases of a shutdown with made-up workers: deadlines, extension, hurry, report. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { noDrains, type Phase } from "../src/server/phases.ts";
import {
  deadlinesWithin,
  type EndingWorker,
  runShutdown,
  type ShutdownReport,
} from "../src/worker/shutdown.ts";
import { until } from "./helpers/wait.ts";

const never = new Promise<void>(() => {});

/** A worker that is empty when told so, by phase. */
class FakeWorker implements EndingWorker {
  readonly entered: Phase[] = [];
  readonly counts = noDrains();
  movements = 0;
  killed = false;
  stopped = false;
  readonly #emptyIn: Phase | undefined;
  #empty = false;

  /** `listens`: its listeners are closed when the test says so. */
  constructor(emptyIn: Phase | undefined, readonly stops = true, listens = false) {
    this.#emptyIn = emptyIn;
    if (!listens) this.refuses.resolve();
  }

  enter(phase: Phase): Promise<void> {
    this.entered.push(phase);
    this.#empty ||= phase === this.#emptyIn;
    return this.#empty ? Promise.resolve() : never;
  }

  /** Resolves when its listeners are closed. */
  readonly refuses = Promise.withResolvers<void>();

  refuse(): Promise<void> {
    void this.enter("refusing");
    return this.refuses.promise;
  }

  stop(): Promise<void> {
    if (!this.stops) return never;
    this.stopped = true;
    return Promise.resolve();
  }

  kill(): Promise<void> {
    this.killed = true;
    return Promise.resolve();
  }
}

const short = { refusing: 1_000, draining: 150, maxDraining: 20_000, closing: 150, aborting: 150 };

function run(
  workers: FakeWorker[],
  phases: Phase[],
  own: Partial<Parameters<typeof runShutdown>[0]> = {},
): Promise<ShutdownReport> {
  return runShutdown({
    reason: "test",
    deadlines: short,
    workers,
    refuse: () => Promise.resolve(),
    entered: (phase) => phases.push(phase),
    hurry: new AbortController().signal,
    ...own,
  });
}

describe("the phases of a shutdown", () => {
  it("drain when every worker has closed its listeners, or the time for that is over", async () => {
    const phases: Phase[] = [];
    const workers = [new FakeWorker("draining"), new FakeWorker("draining", true, true)];
    const ended = run(workers, phases, { deadlines: { ...short, refusing: 20_000 } });
    await until(() => workers[1].entered.length === 1, "it was told");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(phases).toEqual(["refusing"]);
    workers[1].refuses.resolve();
    expect((await ended).phases[0]).toMatchObject({ phase: "refusing", finished: true });
    const late = await run([new FakeWorker("draining", true, true)], [], {
      deadlines: { ...short, refusing: 50 },
    });
    expect(late.phases[0]).toMatchObject({ phase: "refusing", finished: false });
    expect(late.phases[1]).toMatchObject({ phase: "draining", finished: true });
  });

  it("end as soon as nothing is left", async () => {
    const phases: Phase[] = [];
    const workers = [new FakeWorker("draining"), new FakeWorker("draining")];
    const report = await run(workers, phases, { deadlines: { ...short, draining: 60_000 } });
    expect(phases).toEqual(["refusing", "draining", "stopped"]);
    expect(workers.map(({ stopped }) => stopped)).toEqual([true, true]);
    expect(report.phases.map(({ finished }) => finished)).toEqual([true, true]);
    expect(report.workersKilled).toBe(0);
  });

  it("are over in time where the system gives none", () => {
    const minute = 60_000;
    const long = {
      refusing: minute,
      draining: minute,
      maxDraining: minute,
      closing: minute,
      aborting: minute,
    };
    const { refusing, draining, maxDraining, closing, aborting } = deadlinesWithin(long, 5_000);
    // Stopping the workers takes as long as aborting.
    expect(refusing + Math.max(draining, maxDraining) + closing + 2 * aborting).toBeLessThanOrEqual(4_500);
    // What is short stays as it is.
    expect(deadlinesWithin(short, 5_000)).toEqual({ ...short, refusing: 500, maxDraining: 1_500 });
    expect(deadlinesWithin(short, Infinity)).toEqual(short);
  });

  it("go on at each deadline, and all workers go together", async () => {
    const phases: Phase[] = [];
    const workers = [new FakeWorker("draining"), new FakeWorker("aborting")];
    const report = await run(workers, phases);
    expect(phases).toEqual(["refusing", "draining", "closing", "aborting", "stopped"]);
    expect(report.phases.map(({ finished }) => finished)).toEqual([true, false, false, true]);
    expect(workers[0].entered).toEqual(["refusing", "draining", "closing", "aborting"]);
  });

  it("extend draining while data moves, up to the cap", async () => {
    const worker = new FakeWorker(undefined);
    const moving = setInterval(() => worker.movements += 1, 10);
    const begun = performance.now();
    const report = await run([worker], [], { deadlines: { ...short, draining: 100, maxDraining: 700 } });
    clearInterval(moving);
    const draining = report.phases.find(({ phase }) => phase === "draining")!;
    expect(draining.milliseconds).toBeGreaterThanOrEqual(690);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(690);
  });

  it("do not extend draining for a worker whose data stands still", async () => {
    const report = await run([new FakeWorker(undefined)], []);
    const draining = report.phases.find(({ phase }) => phase === "draining")!;
    expect(draining.finished).toBe(false);
    expect(draining.milliseconds).toBeLessThan(10_000);
  });

  it("skip to aborting when hurried", async () => {
    const phases: Phase[] = [];
    const hurry = new AbortController();
    const worker = new FakeWorker("aborting");
    const deadlines = { ...short, draining: 600_000, maxDraining: 600_000 };
    const running = run([worker], phases, { deadlines, hurry: hurry.signal });
    await until(() => phases.includes("draining"), "draining began");
    hurry.abort();
    const report = await running;
    expect(phases).toEqual(["refusing", "draining", "aborting", "stopped"]);
    expect(report.phases.at(-1)).toMatchObject({ phase: "aborting", finished: true });
  });

  it("kill a worker that does not stop, and only that one", async () => {
    const workers = [new FakeWorker(undefined, false), new FakeWorker("draining")];
    const report = await run(workers, []);
    expect(workers.map(({ killed }) => killed)).toEqual([true, false]);
    expect(report.workersKilled).toBe(1);
  });

  it("go on when the listeners do not close in time", async () => {
    const report = await run([new FakeWorker("draining")], [], {
      refuse: () => never,
      deadlines: { ...short, refusing: 50 },
    });
    expect(report.phases[0]).toMatchObject({ phase: "refusing", finished: false });
  });

  it("add up what the workers counted", async () => {
    const workers = [new FakeWorker("draining"), new FakeWorker("draining")];
    Object.assign(workers[0].counts, { drained: 3, closed: 1 });
    Object.assign(workers[1].counts, { drained: 4, aborted: 2, bytesCut: 10 });
    const report = await run(workers, []);
    expect(report).toMatchObject({ drained: 7, closed: 1, aborted: 2, bytesLost: 0, bytesCut: 10 });
  });
});
