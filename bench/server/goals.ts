/**
 * The goals of the server bench.
 *
 * @module
 */
import { speedBeside, type Verdict, wasStarved } from "../echo/goals.ts";
import { type CellResult, median } from "../echo/results.ts";
import { BASELINE } from "../echo/servers.ts";
import type { PairedResult } from "./paired.ts";
import type { PartResults } from "./parts.ts";

const rateBesideC = 0.95;
const rateBesideBun = 1.3;
const costMax = 0.03;

function isOurs({ server }: CellResult): boolean {
  return server.startsWith("listen-") || server.startsWith("server-");
}

/** Where a core was full or had other work, the CPU time of the same round tells what the rates cannot. */
function beside(cell: CellResult, other: CellResult): { ratio: number; byCpu: boolean } {
  if (!wasStarved(cell) && !wasStarved(other)) return speedBeside(cell, other);
  const rounds = Math.min(cell.cpuOfRounds.length, other.cpuOfRounds.length);
  const ratios = other.cpuOfRounds.slice(0, rounds).map((cpu, round) => cpu / cell.cpuOfRounds[round]);
  return { ratio: median(ratios), byCpu: true };
}

/** The C loop with as many threads as the server has workers. */
function baselineOf({ server }: CellResult): string {
  const workers = /^server-(\d+)/.exec(server)?.[1] ?? "1";
  return workers === "1" ? BASELINE : `${BASELINE}-${workers}`;
}

function judgeRate(cells: CellResult[]): Verdict[] {
  return cells.filter(isOurs).flatMap((cell) => {
    const peer = (name: string) =>
      cells.find((one) => one.server === name && one.connections === cell.connections);
    const goals: [string, CellResult | undefined, number][] = [
      [`connections beside C >= ${rateBesideC}`, peer(baselineOf(cell)), rateBesideC],
      [`connections beside Bun.listen >= ${rateBesideBun}`, peer("bun-listen"), rateBesideBun],
    ];
    return goals.filter(([, other]) => other !== undefined).map(([goal, other, wanted]) => {
      const { ratio, byCpu } = beside(cell, other!);
      const value = `${ratio.toFixed(2)}${byCpu ? " (by CPU time)" : ""}`;
      return { goal, server: cell.server, where: `${cell.connections} at once`, value, met: ratio >= wanted };
    });
  });
}

function judgeCost(results: PairedResult[]): Verdict[] {
  return results.filter(({ server, beside }) => server !== beside).map(({ server, beside, extra }) => ({
    goal: `CPU a message < 3 % above ${beside}`,
    server,
    where: "64 bytes",
    value: `${(extra * 100).toFixed(1)} %`,
    met: extra < costMax,
  }));
}

/** Judges everything that was measured. */
export function judgeGoals({ rate, cost }: PartResults): Verdict[] {
  return [...(rate ? judgeRate(rate) : []), ...(cost ? judgeCost(cost) : [])];
}
