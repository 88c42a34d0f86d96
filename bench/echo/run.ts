/**
 * The echo bench: `bun bench/echo/run.ts [--toy] [--publish] [--timeouts] [--rounds N] [--connections 1,64]
 * [--sizes 64] [--servers name,name] [--parts cells,single,paced,idle]`. Compare figures within one run only.
 *
 * @module
 */
import { renderChart } from "./chart.ts";
import { writeReadme } from "./readme.ts";
import { judgeGoals } from "./goals.ts";
import { type Bench, type Cell, measureCells, measureIdle } from "./measure.ts";
import { type BenchOptions, parseOptions } from "./options.ts";
import { describeMachine, describeVersions } from "./machine.ts";
import { buildPrograms, FIGURES, OUT } from "./programs.ts";
import type { BenchResults, CellResult } from "./results.ts";
import { allServers, type Server } from "./servers.ts";
import { renderTables } from "./table.ts";

function chooseServers(all: Server[], options: BenchOptions): Server[] {
  for (const name of options.servers) {
    if (!all.some((server) => server.name === name)) {
      throw new TypeError(`--servers: "${name}" is none of ${all.map((server) => server.name).join(", ")}`);
    }
  }
  const wanted = all.filter((server) =>
    options.servers.length === 0 || options.servers.includes(server.name)
  );
  for (const server of wanted) {
    if (!server.command) console.log(`${server.name} is left out: its runtime is not on PATH`);
  }
  return wanted.filter((server) => server.command);
}

async function measureAll(bench: Bench): Promise<{ cells: CellResult[]; idle: BenchResults["idle"] }> {
  const { options } = bench;
  const plan: Cell[] = [];
  if (options.parts.includes("cells")) {
    for (const size of options.sizes) {
      for (const connections of options.connections) plan.push({ place: "main" as const, connections, size });
    }
  }
  if (options.parts.includes("single")) {
    const one = { connections: 1, size: 64 };
    if (!plan.some((cell) => cell.connections === 1 && cell.size === 64)) {
      plan.push({ place: "main" as const, ...one });
    }
    plan.push({ place: "worker" as const, ...one });
  }
  if (options.parts.includes("paced")) {
    // One at a time without a pause and with one, the load on the other core and on the server's.
    for (const pace of [0, PACE]) {
      for (const sameCore of [false, true]) {
        const isThere = plan.some((cell) =>
          cell.place === "main" && cell.connections === 1 && cell.size === 64
        );
        // Without either it is a cell like others.
        if (pace === 0 && !sameCore && isThere) continue;
        plan.push({ place: "main" as const, connections: 1, size: 64, pace, sameCore });
      }
    }
  }
  const cells = await measureCells(bench, plan);
  return { cells, idle: options.parts.includes("idle") ? await measureIdle(bench) : [] };
}

/** Messages a second of a server that has little to do. */
const PACE = 1_000;

async function save(folder: string, results: BenchResults, verdicts: unknown): Promise<void> {
  await Bun.write(`${folder}/echo.json`, JSON.stringify({ ...results, goals: verdicts }, null, 2) + "\n");
  await Bun.write(`${folder}/echo.svg`, renderChart(results));
}

const options = parseOptions(Bun.argv.slice(2));
const programs = buildPrograms();
const bench: Bench = {
  options,
  programs,
  servers: chooseServers(allServers(programs, options.timeouts), options),
  progress: (text) => process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined,
};
const machine = await describeMachine();
const measured = await measureAll(bench);
const results: BenchResults = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  versions: describeVersions(),
  rounds: options.rounds,
  toy: options.toy,
  ...measured,
};
const verdicts = options.toy ? [] : judgeGoals(results);
console.log(`\n${renderTables(results, verdicts)}`);
if (options.toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
await save(OUT, results, verdicts);
if (options.publish) {
  await save(FIGURES, results, verdicts);
  await writeReadme();
}
