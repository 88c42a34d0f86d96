/**
 * The goals of the server bench.
 *
 * @module
 */
import { speedBeside, type Verdict } from "../echo/goals.ts";
import { type CellResult, median } from "../echo/results.ts";
import { BASELINE } from "../echo/servers.ts";
import type { PartResults } from "./parts.ts";

const rateBesideC = 0.95;
const rateBesideBun = 1.3;
const costMax = 0.03;

function isOurs({ server }: CellResult): boolean {
  return server.startsWith("listen-") || server.startsWith("server-");
}

function judgeRate(cells: CellResult[]): Verdict[] {
  return cells.filter(isOurs).flatMap((cell) => {
    const peer = (name: string) =>
      cells.find((one) => one.server === name && one.connections === cell.connections);
    const goals: [string, CellResult | undefined, number][] = [
      [`connections beside C >= ${rateBesideC}`, peer(BASELINE), rateBesideC],
      [`connections beside Bun.listen >= ${rateBesideBun}`, peer("bun-listen"), rateBesideBun],
    ];
    return goals.filter(([, other]) => other !== undefined).map(([goal, other, wanted]) => {
      const { ratio, byCpu } = speedBeside(cell, other!);
      const value = `${ratio.toFixed(2)}${byCpu ? " (load full)" : ""}`;
      return { goal, server: cell.server, where: `${cell.connections} at once`, value, met: ratio >= wanted };
    });
  });
}

/** By how much a message of one server costs more than that of another: the median of the rounds' ratios. */
export function extraCost(cell: CellResult, beside: CellResult): number {
  const rounds = Math.min(cell.cpuOfRounds.length, beside.cpuOfRounds.length);
  return median(cell.cpuOfRounds.slice(0, rounds).map((cpu, round) => cpu / beside.cpuOfRounds[round])) - 1;
}

function judgeCost(cells: CellResult[]): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const cell of cells) {
    const [name, on, runtime] = cell.server.split("-");
    if (name !== "server") continue;
    for (const peer of [`listen-${runtime}`, `server-off-${runtime}`]) {
      const beside = cells.find(({ server }) => server === peer);
      if (beside === undefined || peer === cell.server) continue;
      const cost = extraCost(cell, beside);
      const goal = `CPU a message, ${on === "on" ? "everything on" : "everything off"}, < 3 % above ${peer}`;
      const value = `${(cost * 100).toFixed(1)} %`;
      verdicts.push({
        goal,
        server: cell.server,
        where: `${cell.connections} x 64 B`,
        value,
        met: cost < costMax,
      });
    }
  }
  return verdicts;
}

/** Judges everything that was measured. */
export function judgeGoals({ rate, cost }: PartResults): Verdict[] {
  return [...(rate ? judgeRate(rate) : []), ...(cost ? judgeCost(cost) : [])];
}
