/**
 * The tables as text.
 *
 * @module
 */
import { LOAD_FULL, type Verdict } from "../echo/goals.ts";
import { goalTable, idleTable, layOut, megabytes, percent } from "../echo/table.ts";
import { titleOf } from "./cells.ts";
import { type CellFigures, type HttpResult, type HttpResults, isStarved } from "./results.ts";

const HEAD = [
  "server",
  "requests/s",
  "to C",
  "CPU us",
  "to C",
  "user us",
  "system us",
  "p50 us",
  "p99 us",
  "server busy",
  "load busy",
  "RSS",
];

const ratio = (value: number | undefined) => value === undefined ? "-" : value.toFixed(2);

function row(result: HttpResult): string[] {
  return [
    result.server,
    result.rate.toFixed(0),
    ratio(result.rateToFloor),
    result.cpuPerRequest.toFixed(2),
    ratio(result.cpuToFloor),
    result.userPerRequest.toFixed(2),
    result.systemPerRequest.toFixed(2),
    result.p50.toFixed(0),
    result.p99.toFixed(0),
    percent(result.serverBusy),
    `${percent(result.loadBusy)}${result.loadBusy >= LOAD_FULL ? " full" : ""}`,
    megabytes(result.rss),
  ];
}

function cellTable({ cell, servers, leftOut }: CellFigures): string {
  const notes = leftOut.map((name) => `${name} was left out: its program is missing.`);
  if (servers.some(({ loadBusy }) => loadBusy >= LOAD_FULL)) {
    notes.push("The load generator was full where marked: compare the CPU time of a request.");
  }
  if (servers.some((one) => isStarved(cell, one))) {
    notes.push("The cores were shared with other work: these figures are no measurement.");
  }
  return [titleOf(cell), layOut([HEAD, ...servers.map(row)]), ...notes, ""].join("\n");
}

/** Everything that is printed at the end of a run. */
export function renderTables(results: HttpResults, verdicts: Verdict[]): string {
  const parts = results.cells.map(cellTable);
  if (results.idle !== undefined) parts.push(idleTable(results.idle.servers));
  if (verdicts.length > 0) parts.push(goalTable(verdicts));
  return parts.join("\n");
}
