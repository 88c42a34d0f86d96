/**
 * The options in the order and under the headings of the documentation.
 *
 * @module
 */
import { serverOptionPaths } from "./table.ts";
import type { ServerOptionPath } from "./types.ts";

/** Options that belong together. */
interface OptionSection {
  readonly title: string;
  readonly paths: readonly ServerOptionPath[];
}

const titles: readonly [title: string, paths: RegExp][] = [
  ["Timeouts", /^timeouts\./],
  ["Limits", /^(limits|proxyProtocol)\./],
  ["HTTP", /^http\./],
  ["Shutdown", /^(shutdown\.|restartPath$|hangup$)/],
  ["Supervisor", /^supervisor\./],
  ["Scaling", /^(scaling\.|minWorkers$|maxWorkers$)/],
  ["Metrics and log", /^(metrics\.|log)/],
  ["Workers and their loops", /^(workers|isolation|spreading|segment|submission|completion|connectionSlots)/],
  ["Workers and their loops", /^(timers|sendEntries|headroom|tailroom|development|library)/],
  ["Listening and sockets", /./],
];

function titleOf(path: string): string {
  return titles.find(([, paths]) => paths.test(path))![0];
}

const order = ["Listening and sockets", "Timeouts", "Limits", "HTTP", "Workers and their loops", "Scaling"];

/** All sections; every option stands in one. */
export const optionSections: readonly OptionSection[] = [
  ...new Set([...order, ...titles.map(([title]) => title)]),
]
  .map((title) => ({ title, paths: serverOptionPaths.filter((path) => titleOf(path) === title) }));
