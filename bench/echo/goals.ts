/**
 * The goals, each judged for each cell it speaks of.
 *
 * @module
 */
import type { BenchResults, CellResult, IdleResult } from "./results.ts";
import { BASELINE, LIMITED, OURS } from "./servers.ts";

/** One goal in one cell. */
export interface Verdict {
  goal: string;
  server: string;
  where: string;
  value: string;
  met: boolean;
}

/** From here on the load generator was the bottleneck and CPU a message decides. */
export const LOAD_FULL = 0.97;

/**
 * With this many connections one side or the other is busy all the time; where neither was, the cores were
 * shared with something else and the rates tell of that.
 */
const STARVED_BELOW = 0.85;
const STARVED_CONNECTIONS_MIN = 64;

/** True where the machine did other work during the measurement. */
export function wasStarved(cell: CellResult): boolean {
  return cell.connections >= STARVED_CONNECTIONS_MIN &&
    Math.max(cell.serverBusy, cell.loadBusy) < STARVED_BELOW;
}

const RATE_BESIDE_C = 0.97;
const CPU_BESIDE_C = 1.06;
const CPU_OF_LIMITS = 1.03;
const CPU_AT_LOW_LOAD = 1.1;
const TIMES_DENO_LISTEN = 1.5;
const TIMES_NODE_NET = 2;
const IDLE_BYTES = 256;
const IDLE_BUSY = 0.005;
/** The cells the goals for small messages speak of. */
const SMALL_MESSAGE_BYTES = 64;
const BUSY_CONNECTIONS = [64, 512];

/**
 * How much faster one server is than another. Where the load generator was full in either run the rates tell
 * of it and not of the servers; the CPU time of a message then says how they compare.
 */
export function speedBeside(mine: CellResult, other: CellResult): { ratio: number; byCpu: boolean } {
  const full = Math.max(mine.loadBusy, other.loadBusy) >= LOAD_FULL;
  if (!full) return { ratio: mine.rate / other.rate, byCpu: false };
  return { ratio: other.cpuPerMessage / mine.cpuPerMessage, byCpu: true };
}

/** The CPU time of a message beside another server's. */
export function cpuBeside(mine: CellResult, other: CellResult): number {
  return mine.cpuPerMessage / other.cpuPerMessage;
}

function describe(cell: CellResult): string {
  const place = cell.place === "worker" ? ", in a worker" : "";
  const paced = cell.pace > 0 ? `, ${cell.pace} a second` : "";
  return `${cell.connections} x ${cell.size} B${place}${paced}${cell.sameCore ? ", same core" : ""}`;
}

class Judge {
  readonly verdicts: Verdict[] = [];

  atLeast(goal: string, cell: CellResult, other: CellResult | undefined, wanted: number): void {
    if (!other) return;
    const { ratio, byCpu } = speedBeside(cell, other);
    const value = `${ratio.toFixed(2)}${byCpu ? " (load full)" : ""}`;
    this.#add(goal, cell, value, ratio >= wanted);
  }

  cpuAtMost(goal: string, cell: CellResult, other: CellResult | undefined, wanted: number): void {
    if (!other) return;
    const ratio = cpuBeside(cell, other);
    this.#add(goal, cell, ratio.toFixed(2), ratio <= wanted);
  }

  #add(goal: string, cell: CellResult, value: string, met: boolean): void {
    this.verdicts.push({ goal, server: cell.server, where: describe(cell), value, met });
  }
}

/** A server with little to do is judged by what it takes from the machine, and by its answers' times. */
function judgeLowLoad(judge: Judge, cell: CellResult, bun: CellResult | undefined): void {
  judge.cpuAtMost(`CPU a message beside Bun.listen <= ${CPU_AT_LOW_LOAD}`, cell, bun, CPU_AT_LOW_LOAD);
  if (cell.pace === 0) judge.atLeast("rate ahead of Bun.listen", cell, bun, 1);
}

function judgeCell(judge: Judge, cell: CellResult, peer: (name: string) => CellResult | undefined): void {
  const c = peer(BASELINE);
  const bun = peer("bun-listen");
  const small = cell.size === SMALL_MESSAGE_BYTES;
  if (small && BUSY_CONNECTIONS.includes(cell.connections)) {
    judge.atLeast(`rate beside C >= ${RATE_BESIDE_C}`, cell, c, RATE_BESIDE_C);
    judge.cpuAtMost(`CPU a message beside C <= ${CPU_BESIDE_C}`, cell, c, CPU_BESIDE_C);
    judge.atLeast(
      `rate beside Deno.listen >= ${TIMES_DENO_LISTEN}`,
      cell,
      peer("deno-listen"),
      TIMES_DENO_LISTEN,
    );
    judge.atLeast(`rate beside node:net >= ${TIMES_NODE_NET}`, cell, peer("node-net"), TIMES_NODE_NET);
  }
  if (!small) judge.atLeast(`rate beside C >= ${RATE_BESIDE_C}`, cell, c, RATE_BESIDE_C);
  judge.atLeast("rate ahead of Bun.listen", cell, bun, 1);
  if (cell.place === "main") judge.cpuAtMost("CPU a message below Bun.listen", cell, bun, 1);
}

function judgeIdle(result: IdleResult): Verdict[] {
  const where = `${result.connections} idle connections`;
  const bytes = result.bytesPerConnection;
  return [
    {
      goal: `bytes a connection <= ${IDLE_BYTES}`,
      server: result.server,
      where,
      value: bytes.toFixed(0),
      met: bytes <= IDLE_BYTES,
    },
    {
      goal: "idle CPU < 0.5 % of a core",
      server: result.server,
      where,
      value: `${(result.idleBusy * 100).toFixed(2)} %`,
      met: result.idleBusy < IDLE_BUSY,
    },
  ];
}

/** Judges everything that was measured. */
export function judgeGoals(results: BenchResults): Verdict[] {
  const judge = new Judge();
  for (const cell of results.cells.filter((one) => OURS.includes(one.server))) {
    const same = results.cells.filter((one) =>
      one.connections === cell.connections && one.size === cell.size && one.place === cell.place &&
      one.pace === cell.pace && one.sameCore === cell.sameCore
    );
    if (cell.pace > 0 || cell.sameCore) {
      judgeLowLoad(judge, cell, same.find(({ server }) => server === "bun-listen"));
      continue;
    }
    judgeCell(judge, cell, (name) => same.find((one) => one.server === name));
  }
  for (const cell of results.cells.filter((one) => one.server.endsWith(LIMITED))) {
    const without = results.cells.find((one) =>
      one.server === cell.server.slice(0, -LIMITED.length) && describe(one) === describe(cell)
    );
    judge.cpuAtMost(`CPU a message beside no limits <= ${CPU_OF_LIMITS}`, cell, without, CPU_OF_LIMITS);
  }
  const idle = results.idle.filter((one) => OURS.includes(one.server)).flatMap(judgeIdle);
  return [...judge.verdicts, ...idle];
}
