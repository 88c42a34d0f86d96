/**
 * Writes the list of metrics into `docs/metrics.md`, from the table that the metrics come from:
 * `bun tools/metrics_page.ts`, or `deno run -A tools/metrics_page.ts`.
 *
 * @module
 */
import { host } from "../src/host/mod.ts";
import {
  listenerMetrics,
  type Metric,
  processMetrics,
  serverMetrics,
  workerMetrics,
} from "../src/worker/metrics/table.ts";

const path = "docs/metrics.md";

/** Lines around the list. */
const begin = "<!-- generated: bun tools/metrics_page.ts -->";
const end = "<!-- end -->";

type Metrics = Readonly<Record<string, Omit<Metric<never>, "read">>>;

const groups: readonly [title: string, field: string, labels: readonly string[], metrics: Metrics][] = [
  ["The server", "", [], serverMetrics],
  ["Its process", "", [], processMetrics],
  ["Each listener", "listeners[].", ["listener", "address"], listenerMetrics],
  ["Each worker", "workers[].", ["worker"], workerMetrics],
];

function code(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

function renderMetrics(): string {
  const lines = groups.flatMap(([title, prefix, common, metrics]) => [
    `| **${title}** | | | | |`,
    ...Object.entries(metrics).map(([field, { name, type, help, labels = [] }]) => {
      const fields = field.split(", ").map((path) => `${prefix}${path}`);
      return `| ${[code([name]), type, code([...common, ...labels]), code(fields), help].join(" | ")} |`;
    }),
  ]);
  return [
    "| metric | type | labels | field of `stats()` | meaning |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
  ]
    .join("\n");
}

/** The page, with the list as the table has it now. */
export function withMetrics(page: string): string {
  const [before, rest] = page.split(begin);
  const [, after] = rest.split(end);
  return `${before}${begin}\n\n${renderMetrics()}\n\n${end}${after}`;
}

if (import.meta.main) await host.writeText(path, withMetrics((await host.readText(path))!));
