/**
 * The goals, each judged for each cell it speaks of.
 *
 * @module
 */
import { LOAD_FULL, type Verdict } from "../echo/goals.ts";
import { CELLS } from "./cells.ts";
import { type HttpResult, type HttpResults, ratioOfRounds } from "./results.ts";
import { BASELINE, OURS, RUNTIMES } from "./servers.ts";

const RATE_BESIDE_FLOOR = 0.95;
const USER_MICROSECONDS = 0.6;
const TIMES_BUN = 1.5;
const TIMES_BUN_PIPELINED = 8;
const TIMES_SAME_WORK = 1.3;
const TIMES_HONO = 2;
const BROWSER_MICROSECONDS = 0.3;
const IDLE_BYTES: Record<string, number> = { bun: 512, deno: 700 };
const BUSY_CELLS = ["64", "512"];

/** Below, neither side was the bottleneck, so something else had the cores. */
const STARVED_BELOW = 0.85;
const STARVED_CONNECTIONS_MIN = 64;

/** True where the machine did other work during the measurement. */
export function isStarved({ cell, serverBusy, loadBusy }: HttpResult): boolean {
  const connections = CELLS.find(({ name }) => name === cell)?.connections ?? 0;
  return connections >= STARVED_CONNECTIONS_MIN && Math.max(serverBusy, loadBusy) < STARVED_BELOW;
}

/** Judges one run. */
class Judge {
  readonly verdicts: Verdict[] = [];
  readonly #results: HttpResults;

  constructor(results: HttpResults) {
    this.#results = results;
  }

  #find(cell: string, server: string): HttpResult | undefined {
    return this.#results.cells.find((one) => one.cell === cell && one.server === server);
  }

  #add(goal: string, server: string, cell: string, value: string, met: boolean): void {
    const where = CELLS.find(({ name }) => name === cell)?.title ?? cell;
    this.verdicts.push({ goal, server, where, value, met });
  }

  /**
   * The median of the rounds' ratios. Where the load generator was full in either, or the cores were shared
   * with other work, the rates tell of that, and the CPU time of a request decides.
   */
  faster(cell: string, server: string, than: string, wanted: number): void {
    const [mine, other] = [this.#find(cell, server), this.#find(cell, than)];
    if (mine === undefined || other === undefined) return;
    const full = Math.max(mine.loadBusy, other.loadBusy) >= LOAD_FULL;
    const starved = isStarved(mine) || isStarved(other);
    const ratio = full || starved
      ? ratioOfRounds(other.cpuOfRounds, mine.cpuOfRounds)
      : ratioOfRounds(mine.rateOfRounds, other.rateOfRounds);
    const goal = `rate beside ${than} >= ${wanted}`;
    this.#add(
      goal,
      server,
      cell,
      `${ratio.toFixed(2)}${full ? " (load full)" : starved ? " (CPU)" : ""}`,
      ratio >= wanted,
    );
  }

  userBelow(cell: string, server: string, microseconds: number): void {
    const mine = this.#find(cell, server);
    if (mine === undefined) return;
    const value = mine.userPerRequest;
    this.#add(`user CPU <= ${microseconds} us`, server, cell, value.toFixed(2), value <= microseconds);
  }

  browser(cell: string, small: string, server: string): void {
    const [mine, other] = [this.#find(cell, server), this.#find(small, server)];
    if (mine === undefined || other === undefined) return;
    const more = mine.userPerRequest - other.userPerRequest;
    const goal = `user CPU above small heads <= ${BROWSER_MICROSECONDS} us`;
    this.#add(goal, server, cell, more.toFixed(2), more <= BROWSER_MICROSECONDS);
  }

  idle(server: string, bytes: number): void {
    const mine = this.#results.idle.find((one) => one.server === server);
    if (mine === undefined) return;
    const value = mine.bytesPerConnection;
    const where = `${mine.connections} idle connections`;
    this.#add(`bytes a connection <= ${bytes}`, server, where, value.toFixed(0), value <= bytes);
  }
}

/** Judges everything that was measured. */
export function judgeGoals(results: HttpResults): Verdict[] {
  const judge = new Judge(results);
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
    judge.faster("work", fetching, `${runtime}-serve`, TIMES_SAME_WORK);
    judge.faster("work", `${OURS}async-${runtime}`, `${runtime}-async`, TIMES_SAME_WORK);
    judge.faster("64", fetching, `${runtime}-serve`, 1);
    judge.faster("work", `${OURS}hono-${runtime}`, `${runtime}-hono`, TIMES_HONO);
    judge.idle(fast, IDLE_BYTES[runtime]);
  }
  return judge.verdicts;
}
