/**
 * The server bench: `bun bench/server/run.ts [--toy] [--publish] [--rounds N] [--parts
 * rate,echo,spreading,cost,idle] [--workers 1,2] [--runtimes bun,deno] [--connections 64]`. Compare figures
 * within one run only.
 *
 * @module
 */
import { describeMachine, describeVersions } from "../echo/machine.ts";
import type { Bench } from "../echo/measure.ts";
import { buildPrograms, FIGURES, OUT } from "../echo/programs.ts";
import type { BenchResults, CellResult, IdleResult } from "../echo/results.ts";
import { renderTables } from "../echo/table.ts";
import { judgeGoals } from "./goals.ts";
import { parseOptions, type PartName, type ServerBenchOptions } from "./options.ts";
import {
  measureCost,
  measureEcho,
  measureIdleServers,
  measureRate,
  measureSpreading,
  type PartResults,
} from "./parts.ts";
import type { PairedResult } from "./paired.ts";
import type { SkewResult } from "./skew.ts";

const titles: Record<PartName, string> = {
  rate: "Connections a second: accept, one exchange of 64 bytes, close (a message is a connection here)",
  echo: "Echo with several workers, on the cores of the load: compare the CPU time of a message",
  spreading:
    "Workers that accept in turn, handed connections, a listener each; latency is that of the first answer",
  cost: "What timeouts, limits and figures that are fetched cost",
  idle: "Idle connections",
};

async function measure(bench: Bench, options: ServerBenchOptions): Promise<PartResults> {
  const results: PartResults = {};
  for (const part of options.parts) {
    if (part === "rate") results.rate = await measureRate(bench, options);
    if (part === "echo") results.echo = await measureEcho(bench, options);
    if (part === "spreading") results.spreading = await measureSpreading(bench, options);
    if (part === "cost") results.cost = await measureCost(bench, options);
    if (part === "idle") results.idle = await measureIdleServers(bench, options);
  }
  return results;
}

function renderSkew(results: SkewResult[], connections: number): string {
  const rows = results.map(({ server, skew, counts }) =>
    `${server.padEnd(20)} fullest worker ${(skew * 100).toFixed(1)} % above its share; ${
      JSON.stringify(counts)
    }`
  );
  return [`${connections} connections`, ...rows, ""].join("\n");
}

function renderCost(results: PairedResult[]): string {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return results.map(({ server, beside, cpuPerMessage, extra, extraQuartiles }) => {
    const [low, high] = extraQuartiles.map(percent);
    const cost = server === beside
      ? ""
      : `  ${percent(extra)} above ${beside} (middle half: ${low} to ${high})`;
    return `${server.padEnd(22)} ${cpuPerMessage.toFixed(2)} us CPU a message${cost}`;
  }).join("\n") + "\n";
}

function renderPart(
  common: Omit<BenchResults, "cells" | "idle">,
  results: PartResults,
  part: PartName,
): string {
  const tables = (cells: CellResult[], idle: IdleResult[] = []) =>
    renderTables({ ...common, cells, idle }, []);
  switch (part) {
    case "rate":
    case "echo":
      return tables(results[part]!);
    case "spreading": {
      const { cells, skew, connections } = results.spreading!;
      return `${tables(cells)}\n${renderSkew(skew, connections)}`;
    }
    case "cost":
      return renderCost(results.cost!);
    case "idle":
      return tables([], results.idle!);
  }
}

const options = parseOptions(Bun.argv.slice(2));
const bench: Bench = {
  options: options.bench,
  programs: buildPrograms(),
  servers: [],
  progress: (text) => process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined,
};
const common = {
  date: new Date().toISOString().slice(0, 10),
  machine: await describeMachine(),
  versions: describeVersions(),
  rounds: options.bench.rounds,
  toy: options.toy,
};
const results = await measure(bench, options);
const verdicts = options.toy ? [] : judgeGoals(results);
for (const part of options.parts) console.log(`\n# ${titles[part]}\n\n${renderPart(common, results, part)}`);
if (verdicts.length > 0) console.log(renderTables({ ...common, cells: [], idle: [] }, verdicts));
if (options.toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
const text = JSON.stringify({ ...common, ...results, goals: verdicts }, null, 2) + "\n";
await Bun.write(`${OUT}/server.json`, text);
if (options.publish) await Bun.write(`${FIGURES}/server.json`, text);
