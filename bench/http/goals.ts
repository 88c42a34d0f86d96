/**
 * The goals, each judged for each cell it speaks of.
 *
 * @module
 */
import { LOAD_FULL, type Verdict } from "../echo/goals.ts";
import { BASELINE, OURS, RUNTIMES, titleOf } from "./cells.ts";
import { type CellFigures, type HttpResult, type HttpResults, isStarved, ratioOfRounds } from "./results.ts";

const RATE_BESIDE_FLOOR = 0.95;
const USER_MICROSECONDS = 0.6;
const TIMES_BUN = 1.5;
const TIMES_BUN_PIPELINED = 8;
const TIMES_SAME_WORK = 1.3;
const TIMES_HONO = 2;
const BROWSER_MICROSECONDS = 0.3;
const IDLE_BYTES: Record<string, number> = { bun: 512, deno: 700 };
const BUSY_CELLS = ["64", "512"];

/** One server in one cell. */
interface Found {
  figures: CellFigures;
  result: HttpResult;
}

/** Judges what was measured. */
class Judge {
  readonly verdicts: Verdict[] = [];
  readonly #results: HttpResults;

  constructor(results: HttpResults) {
    this.#results = results;
  }

  #find(cell: string, server: string): Found | undefined {
    const figures = this.#results.cells.find((one) => one.cell === cell);
    const result = figures?.servers.find((one) => one.server === server);
    return figures && result && { figures, result };
  }

  #add(goal: string, server: string, cell: string, value: string, met: boolean): void {
    this.verdicts.push({ goal, server, where: titleOf(cell), value, met });
  }

  /**
   * The median of the rounds' ratios. Where the load generator was full in either, or the cores were shared
   * with other work, the rates tell of that, and the CPU time of a request decides.
   */
  faster(cell: string, server: string, than: string, wanted: number, name: string = than): void {
    const [mine, other] = [this.#find(cell, server)?.result, this.#find(cell, than)?.result];
    if (mine === undefined || other === undefined) return;
    const full = Math.max(mine.loadBusy, other.loadBusy) >= LOAD_FULL;
    const starved = isStarved(cell, mine) || isStarved(cell, other);
    const ratio = full || starved
      ? ratioOfRounds(other.cpuOfRounds, mine.cpuOfRounds)
      : ratioOfRounds(mine.rateOfRounds, other.rateOfRounds);
    const value = `${ratio.toFixed(2)}${full ? " (load full)" : starved ? " (CPU)" : ""}`;
    this.#add(`rate beside ${name} >= ${wanted}`, server, cell, value, ratio >= wanted);
  }

  userBelow(cell: string, server: string, microseconds: number): void {
    const mine = this.#find(cell, server)?.result;
    if (mine === undefined) return;
    const value = mine.userPerRequest;
    this.#add(`user CPU <= ${microseconds} us`, server, cell, value.toFixed(2), value <= microseconds);
  }

  /** Judged only if both cells come from one day on one machine. */
  browser(cell: string, small: string, server: string): void {
    const [mine, other] = [this.#find(cell, server), this.#find(small, server)];
    if (mine === undefined || other === undefined) return;
    if (mine.figures.date !== other.figures.date) return;
    if (mine.figures.machine.cpu !== other.figures.machine.cpu) return;
    const more = mine.result.userPerRequest - other.result.userPerRequest;
    const goal = `user CPU above small heads <= ${BROWSER_MICROSECONDS} us`;
    this.#add(goal, server, cell, more.toFixed(2), more <= BROWSER_MICROSECONDS);
  }

  idle(server: string, bytes: number): void {
    const mine = this.#results.idle?.servers.find((one) => one.server === server);
    if (mine === undefined) return;
    const value = mine.bytesPerConnection;
    this.#add(`bytes a connection <= ${bytes}`, server, "idle", value.toFixed(0), value <= bytes);
  }
}

/** Judges everything that was measured. */
export function judgeGoals(results: HttpResults): Verdict[] {
  const judge = new Judge(results);
  const builtIn = "the runtime's server";
  for (const runtime of RUNTIMES) {
    const [fast, fetching] = [`${OURS}fast-${runtime}`, `${OURS}fetch-${runtime}`];
    for (const cell of BUSY_CELLS) {
      judge.faster(cell, fast, BASELINE, RATE_BESIDE_FLOOR);
      judge.userBelow(cell, fast, USER_MICROSECONDS);
      judge.faster(cell, fast, "bun-serve", TIMES_BUN);
      judge.faster(cell, fast, "hyper", 1);
    }
    judge.faster("pipelined", fast, "bun-serve", TIMES_BUN_PIPELINED);
    judge.faster("pipelined", fast, "hyper", 1);
    judge.browser("browser", "64", fast);
    judge.browser("browser-pipelined", "pipelined", fast);
    judge.faster("64", fetching, `${runtime}-serve`, 1, builtIn);
    judge.faster("work", fetching, `${runtime}-serve`, TIMES_SAME_WORK, builtIn);
    const async = `${OURS}async-${runtime}`;
    judge.faster("work", async, `${runtime}-async`, TIMES_SAME_WORK, `${builtIn}, async`);
    judge.faster("work", `${OURS}hono-${runtime}`, `${runtime}-hono`, TIMES_HONO, "Hono there");
    judge.idle(fast, IDLE_BYTES[runtime]);
  }
  return judge.verdicts;
}
