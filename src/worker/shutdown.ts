/**
 * The phases of a shutdown, each with its deadline, and the report of how everything has ended.
 *
 * @module
 */
import { withTimeout } from "../base/with_timeout.ts";
import { addDrains, type DrainCounts, noDrains, type Phase } from "../server/phases.ts";

/** Milliseconds each phase may take. */
interface ShutdownDeadlines {
  /** For closing the listeners. */
  refusing: number;
  /** For the application to finish, which begins again for each worker whose data still moves. */
  draining: number;
  /** For draining in all, however much still moves. */
  maxDraining: number;
  closing: number;
  aborting: number;
}

/**
 * The share of a short time that each phase may have. Stopping the workers takes as long as `aborting`; what
 * is left is for the process to end in.
 */
const shares: Readonly<ShutdownDeadlines> = {
  refusing: 0.1,
  draining: 0.3,
  maxDraining: 0.3,
  closing: 0.3,
  aborting: 0.1,
};

/** Deadlines with which all phases together are over in less than `milliseconds`. */
export function deadlinesWithin(deadlines: ShutdownDeadlines, milliseconds: number): ShutdownDeadlines {
  const lowered = { ...deadlines };
  for (const name of Object.keys(shares) as (keyof ShutdownDeadlines)[]) {
    lowered[name] = Math.min(lowered[name], Math.floor(shares[name] * milliseconds));
  }
  return lowered;
}

/** How one phase went. */
export interface PhaseReport {
  /** The phase. */
  phase: Phase;
  /** How long it took. */
  milliseconds: number;
  /** False: its deadline passed, or the shutdown was hurried on. */
  finished: boolean;
}

/** How a server and its connections have ended. */
export interface ShutdownReport extends DrainCounts {
  /** Why it was shut down: `"SIGTERM"`, `"shutdown"`, or the fault that stopped it. */
  reason: string;
  /** How long the shutdown took. */
  milliseconds: number;
  /** Its phases, in order. */
  phases: PhaseReport[];
  /** Workers that did not answer and lost their sockets or were killed. */
  workersKilled: number;
}

/** The report of a server that was stopped before there was anything to shut down. */
export function emptyReport(reason: string): ShutdownReport {
  return { reason, milliseconds: 0, phases: [], workersKilled: 0, ...noDrains() };
}

/** A worker as the shutdown needs it. */
export interface EndingWorker {
  readonly counts: DrainCounts;
  /** Grows while data moves. */
  readonly movements: number;
  /** Goes into a phase; resolves when no connection is left or the worker is gone. */
  enter(phase: Phase): Promise<void>;
  /** Goes into the first phase; resolves when it listens no more. */
  refuse(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it by force; resolves when it is gone and what it leaves behind is counted. */
  kill(): Promise<unknown>;
}

/** What a shutdown works on. */
interface ShutdownTask {
  reason: string;
  deadlines: ShutdownDeadlines;
  workers: readonly EndingWorker[];
  /** Closes the listeners of the server, or hands them on. */
  refuse(): Promise<void>;
  /** Told when a phase begins. */
  entered(phase: Phase): void;
  /** Aborted: go to aborting at once. */
  hurry: AbortSignal;
}

/** Milliseconds between two looks at whether data still moves. */
const movementInterval = 50;

/** Milliseconds the system may take to end a worker by force. */
const killingMilliseconds = 3_000;

/** Runs the phases; resolves when nothing is left. */
export async function runShutdown(task: ShutdownTask): Promise<ShutdownReport> {
  const begun = performance.now();
  const reports: PhaseReport[] = [];
  let empty = false;
  const phase = async (name: Phase, work: () => Promise<boolean>): Promise<void> => {
    if (empty || (task.hurry.aborted && name !== "aborting")) return;
    const started = performance.now();
    task.entered(name);
    const finished = await work();
    if (name !== "refusing") empty = finished;
    reports.push({ phase: name, milliseconds: performance.now() - started, finished });
  };
  const { deadlines } = task;
  await phase("refusing", () => withTimeout(refuse(task), deadlines.refusing, task.hurry));
  await phase("draining", () => drain(task));
  await phase("closing", () => withTimeout(enterAll(task, "closing"), deadlines.closing, task.hurry));
  await phase("aborting", () => withTimeout(enterAll(task, "aborting"), deadlines.aborting));
  const workersKilled = await stopAll(task);
  task.entered("stopped");
  const counts = noDrains();
  for (const worker of task.workers) addDrains(counts, worker.counts);
  return {
    reason: task.reason,
    milliseconds: performance.now() - begun,
    phases: reports,
    workersKilled,
    ...counts,
  };
}

async function refuse(task: ShutdownTask): Promise<void> {
  // First the listeners: what they have accepted a worker still takes, and then no more comes.
  await task.refuse();
  // Nobody waits here for connections to go: the next phase does.
  await Promise.all(task.workers.map((worker) => worker.refuse()));
}

async function enterAll(task: ShutdownTask, phase: Phase): Promise<void> {
  await Promise.all(task.workers.map((worker) => worker.enter(phase)));
}

/** Each worker has its own deadline, which moves on while its data does. */
async function drain(task: ShutdownTask): Promise<boolean> {
  const { draining, maxDraining } = task.deadlines;
  const end = performance.now() + maxDraining;
  const one = async (worker: EndingWorker): Promise<boolean> => {
    const emptied = worker.enter("draining");
    let { movements } = worker;
    let deadline = performance.now() + draining;
    for (;;) {
      // The counters that show progress are memory that the worker writes: no event reports a change.
      if (await withTimeout(emptied, movementInterval, task.hurry)) return true;
      const now = performance.now();
      if (worker.movements !== movements) deadline = now + draining;
      movements = worker.movements;
      if (task.hurry.aborted || now >= deadline || now >= end) return false;
    }
  };
  const results = await Promise.all(task.workers.map(one));
  return results.every((empty) => empty);
}

/** No worker frees its memory before all have drained. Returns how many had to be killed. */
async function stopAll(task: ShutdownTask): Promise<number> {
  let killed = 0;
  await Promise.all(task.workers.map(async (worker) => {
    if (await withTimeout(worker.stop(), task.deadlines.aborting)) return;
    killed += 1;
    await withTimeout(worker.kill(), killingMilliseconds);
  }));
  return killed;
}
