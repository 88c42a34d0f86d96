/**
 * The view of `ringport top`, as text for a window of any size.
 *
 * @module
 */
import { duration, percent, plainText, shortNumber } from "./numbers.ts";
import { type Column, fit, tableLines } from "./table.ts";
import type {
  ActivityStatistics,
  ListenerStatistics,
  ServerStatistics,
  WorkerStatistics,
} from "../worker/metrics/table.ts";

/** The current metrics, and the previous ones, from which rates are computed. */
export interface TopView {
  readonly now: ServerStatistics;
  readonly before?: ServerStatistics;
}

/** Lines under which there is no room for more than a title and the workers. */
const rowsForAll = 10;

const sum = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((total, count) => total + count, 0);

/** How much a counter grew each second; NaN if unknown. */
function rate(
  { now, before }: TopView,
  present: ActivityStatistics,
  past: ActivityStatistics | undefined,
  read: (activity: ActivityStatistics) => number,
): number {
  const seconds = before === undefined ? 0 : (now.time - before.time) / 1000;
  const grown = past === undefined ? NaN : read(present) - read(past);
  // A worker that was replaced counts from the beginning.
  return seconds > 0 && grown >= 0 ? grown / seconds : NaN;
}

function headLines(view: TopView): string[] {
  const { now, before } = view;
  const { total } = now;
  const perSecond = (read: (activity: ActivityStatistics) => number) =>
    shortNumber(rate(view, total, before?.total, read));
  const bad = now.workers.filter(({ health }) => health !== "healthy").length;
  return [
    `ringport ${plainText(now.version)} ${plainText(now.phase)} ${now.workers.length} workers` +
    `${bad === 0 ? "" : ` (${bad} not healthy)`} up ${duration(now.time - now.started)}` +
    ` pid ${plainText(now.pid)} ${plainText(now.runtime)} ${plainText(now.operatingSystem)}`,
    `connections ${shortNumber(total.connections.open)}, accepted ${
      perSecond((it) => it.connections.accepted)
    }/s, ` +
    `handled ${shortNumber(total.connections.handled)}, refused ${
      shortNumber(sum(total.connections.refused))
    }, ` +
    `skew ${now.skew.toFixed(2)}`,
    `in ${perSecond((it) => it.bytesReceived)}B/s, out ${perSecond((it) => it.bytesSent)}B/s, ` +
    `errors ${shortNumber(sum(total.errors))}, timeouts ${shortNumber(sum(total.timeouts))}, ` +
    `deaths ${shortNumber(now.deaths)}`,
  ];
}

function workerColumns(view: TopView): Column<WorkerStatistics>[] {
  const past = new Map(view.before?.workers.map((worker) => [worker.worker, worker]));
  const right = (title: string, rank: number, text: (worker: WorkerStatistics) => string) =>
    ({ title, rank, align: "right", text }) as const;
  const perSecond = (read: (activity: ActivityStatistics) => number) => (worker: WorkerStatistics) =>
    shortNumber(rate(view, worker, past.get(worker.worker), read));
  return [
    right("WORKER", 0, ({ worker }) => plainText(worker)),
    { title: "HEALTH", rank: 1, align: "left", text: ({ health }) => plainText(health) },
    { title: "PHASE", rank: 9, align: "left", text: ({ phase }) => plainText(phase) },
    right("BUSY", 2, ({ utilisation }) => percent(utilisation)),
    right("CONN", 3, ({ connections }) => shortNumber(connections.open)),
    right("ACC/S", 4, perSecond(({ connections }) => connections.accepted)),
    right("REQ/S", 5, perSecond(({ http }) => http.requests)),
    right("IN/S", 6, perSecond(({ bytesReceived }) => bytesReceived)),
    right("OUT/S", 7, perSecond(({ bytesSent }) => bytesSent)),
    right("TURNS/S", 11, perSecond(({ turns }) => turns)),
    right("TASKS", 10, ({ queues }) => shortNumber(queues.tasks ?? 0)),
    right("SEGMENTS", 12, ({ segments }) => percent(segments.used / segments.size)),
    right("ERRORS", 13, ({ errors }) => shortNumber(sum(errors))),
    right("BEAT", 8, ({ heartbeatAge }) => duration(heartbeatAge)),
  ];
}

const listenerColumns: Column<ListenerStatistics>[] = [
  { title: "LISTENER", rank: 0, align: "left", text: ({ name }) => plainText(name) },
  { title: "ADDRESS", rank: 3, align: "left", text: ({ address }) => plainText(address) },
  { title: "CONN", rank: 1, align: "right", text: ({ open }) => shortNumber(open) },
  { title: "ACCEPTED", rank: 4, align: "right", text: ({ accepted }) => shortNumber(accepted) },
  { title: "REFUSED", rank: 5, align: "right", text: ({ refused }) => shortNumber(refused) },
  {
    title: "QUEUE",
    rank: 2,
    align: "right",
    text: ({ acceptQueue: queue }) =>
      queue === undefined ? "-" : `${shortNumber(queue.length)}/${shortNumber(queue.max)}`,
  },
  { title: "STATE", rank: 6, align: "left", text: ({ paused }) => paused ? "paused" : "accepting" },
];

/** A table of at most `rows` lines; where not all fit, the last line says how many are missing. */
function tableWithin<Row>(
  columns: readonly Column<Row>[],
  all: readonly Row[],
  width: number,
  rows: number,
  what: string,
): string[] {
  if (all.length + 1 <= rows) return tableLines(columns, all, width);
  const shown = all.slice(0, Math.max(0, rows - 2));
  const lines = tableLines(columns, shown, width);
  return [...lines, fit(`and ${all.length - shown.length} more ${what}`, width)].slice(0, Math.max(0, rows));
}

/** The worst first, so that a short window shows them; among equals by number. */
function byNeed(workers: readonly WorkerStatistics[]): WorkerStatistics[] {
  const badness = ({ health }: WorkerStatistics) => ["stuck", "slow", "healthy"].indexOf(health);
  return [...workers].sort((a, b) => badness(a) - badness(b) || a.worker - b.worker);
}

/** The metrics as at most `rows` lines of at most `columns` characters. */
export function renderTop(view: TopView, columns: number, rows: number): string {
  const all = rows >= rowsForAll;
  const lines = headLines(view).slice(0, all ? undefined : 1).map((line) => fit(line, columns));
  if (all) lines.push("");
  const { workers, listeners } = view.now;
  // Titles, a listener and a blank line before them: what listeners need to be worth their place.
  const wanted = all && listeners.length > 0 ? Math.min(listeners.length, 4) + 2 : 0;
  const forWorkers = Math.max(2, rows - lines.length - wanted);
  const fitting = workers.length + 1 <= forWorkers;
  const sorted = fitting ? [...workers].sort((a, b) => a.worker - b.worker) : byNeed(workers);
  lines.push(...tableWithin(workerColumns(view), sorted, columns, forWorkers, "workers"));
  if (wanted > 0) {
    const rest = rows - lines.length - 1;
    lines.push("", ...tableWithin(listenerColumns, listeners, columns, rest, "listeners"));
  }
  return lines.slice(0, Math.max(0, rows)).join("\n");
}
