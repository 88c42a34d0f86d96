/**
 * The tables as text.
 *
 * @module
 */
import { cpuBeside, LOAD_FULL, type Verdict, wasStarved } from "./goals.ts";
import type { BenchResults, CellResult, IdleResult } from "./results.ts";
import { BASELINE } from "./servers.ts";

/** Pads columns; the first is left-aligned, the others right-aligned. */
export function layOut(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
      .join("  ")
      .trimEnd()
  ).join("\n");
}

/** Bytes as text. */
export const megabytes = (bytes: number) => `${(bytes / 1048576).toFixed(0)} MiB`;
/** A share as text. */
export const percent = (share: number) => `${(share * 100).toFixed(0)} %`;

function cellRow(cell: CellResult, baseline: CellResult | undefined): string[] {
  const full = cell.loadBusy >= LOAD_FULL;
  return [
    cell.server,
    cell.rate.toFixed(0),
    baseline ? (cell.rate / baseline.rate).toFixed(2) : "-",
    cell.cpuPerMessage.toFixed(2),
    baseline ? cpuBeside(cell, baseline).toFixed(2) : "-",
    cell.p50.toFixed(0),
    cell.p99.toFixed(0),
    percent(cell.serverBusy),
    `${percent(cell.loadBusy)}${full ? " full" : ""}`,
    megabytes(cell.rss),
    megabytes(cell.pss),
  ];
}

const CELL_HEAD = [
  "server",
  "msgs/s",
  "to C",
  "CPU us/msg",
  "to C",
  "p50 us",
  "p99 us",
  "server busy",
  "load busy",
  "RSS",
  "PSS",
];

function cellTable(cells: CellResult[]): string {
  const first = cells[0];
  const baseline = cells.find((cell) => cell.server === BASELINE);
  const title = `${first.connections} connection${first.connections === 1 ? "" : "s"} x ${first.size} bytes` +
    (first.place === "worker" ? ", server in a worker" : "") + pacedTitle(first);
  const rows = cells.map((cell) => cellRow(cell, baseline));
  const notes = [];
  if (cells.some((cell) => cell.loadBusy >= LOAD_FULL)) {
    notes.push("The load generator was full where marked: compare the CPU time of a message.");
  }
  if (cells.some(wasStarved)) {
    notes.push("The cores were shared with other work: these figures are no measurement.");
  }
  return [title, layOut([CELL_HEAD, ...rows]), ...notes, ""].join("\n");
}

function pacedTitle({ pace, sameCore }: CellResult): string {
  return (pace > 0 ? `, one at a time, paced ${pace} a second` : "") +
    (sameCore ? ", the load on the server's core" : "");
}

function groupCells(cells: CellResult[]): CellResult[][] {
  const groups = new Map<string, CellResult[]>();
  for (const cell of cells) {
    const key = `${cell.place} ${cell.connections} ${cell.size} ${cell.pace} ${cell.sameCore}`;
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  return [...groups.values()];
}

/** What idle connections cost. */
export function idleTable(results: IdleResult[]): string {
  const head = ["server", "bytes/connection", "idle CPU", "RSS", "lost"];
  const rows = results.map((result) => [
    result.server,
    result.bytesPerConnection.toFixed(0),
    `${(result.idleBusy * 100).toFixed(2)} %`,
    megabytes(result.rss),
    String(result.lost),
  ]);
  return `${results[0].connections} idle connections\n${layOut([head, ...rows])}\n`;
}

/** The goals and which of them are met. */
export function goalTable(verdicts: Verdict[]): string {
  const rows = verdicts.map((
    one,
  ) => [one.goal, one.server, one.where, one.value, one.met ? "met" : "MISSED"]);
  const missed = verdicts.filter((one) => !one.met).length;
  const total = `${verdicts.length - missed} of ${verdicts.length} goals met`;
  return `Goals\n${layOut([["goal", "server", "where", "value", ""], ...rows])}\n${total}\n`;
}

/** Everything that is printed at the end of a run. */
export function renderTables(results: BenchResults, verdicts: Verdict[]): string {
  const parts = groupCells(results.cells).map(cellTable);
  if (results.idle.length > 0) parts.push(idleTable(results.idle));
  if (verdicts.length > 0) parts.push(goalTable(verdicts));
  return parts.join("\n");
}
