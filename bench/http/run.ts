/**
 * The HTTP benchmark: `bun bench/http/run.ts [--toy] [--publish] [--rounds N] [--cells 64,pipelined,idle]
 * [--servers name,name]`. Compare figures within one run only.
 *
 * @module
 */
import { describeMachine, describeVersions } from "../echo/machine.ts";
import { FIGURES, OUT } from "../echo/programs.ts";
import { renderChart } from "./chart.ts";
import { type Cell, CELLS, IDLE } from "./cells.ts";
import { judgeGoals } from "./goals.ts";
import { type HttpBench, measureCells, measureIdle } from "./measure.ts";
import { type HttpBenchOptions, parseOptions } from "./options.ts";
import { buildHttpPrograms } from "./programs.ts";
import { type RequestFiles, writeRequest } from "./requests.ts";
import type { HttpResults } from "./results.ts";
import { allServers, type HttpServer } from "./servers.ts";
import { renderTables } from "./table.ts";

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop();
  return listener.port;
}

/** Of names without an exact match every server that begins so takes part. */
function chooseServers(all: HttpServer[], options: HttpBenchOptions): HttpServer[] {
  const chosen = new Set<HttpServer>();
  for (const wanted of options.servers) {
    const exact = all.filter(({ name }) => name === wanted);
    const found = exact.length > 0 ? exact : all.filter(({ name }) => name.startsWith(wanted));
    if (found.length === 0) {
      throw new TypeError(`--servers: "${wanted}" is none of ${all.map(({ name }) => name).join(", ")}`);
    }
    for (const server of found) chosen.add(server);
  }
  return options.servers.length === 0 ? all : all.filter((server) => chosen.has(server));
}

async function writeFiles(cells: Cell[]): Promise<Map<Cell, RequestFiles>> {
  const files = new Map<Cell, RequestFiles>();
  for (const cell of cells) files.set(cell, await writeRequest(`${OUT}/http`, cell.kind, cell.head));
  return files;
}

async function save(folder: string, results: HttpResults, goals: unknown): Promise<void> {
  await Bun.write(`${folder}/http.json`, JSON.stringify({ ...results, goals }, null, 2) + "\n");
  await Bun.write(`${folder}/http.svg`, renderChart(results));
}

const options = parseOptions(Bun.argv.slice(2));
const programs = await buildHttpPrograms(!options.toy);
const chosen = chooseServers(allServers(programs, freePort), options);
const leftOut = chosen.filter(({ command }) => command === undefined).map(({ name }) => name);
for (const name of leftOut) console.log(`${name} is left out: its program is missing here`);
const files = await writeFiles(CELLS);
const bench: HttpBench = {
  options,
  load: programs.load,
  servers: chosen.filter(({ command }) => command !== undefined),
  filesOf: (cell) => files.get(cell)!,
  progress: (text) => process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined,
};
const machine = await describeMachine();
const cells = await measureCells(bench, CELLS.filter(({ name }) => options.cells.includes(name)));
const idle = options.cells.includes(IDLE) ? await measureIdle(bench, CELLS[0]) : [];
const results: HttpResults = {
  date: new Date().toISOString().slice(0, 10),
  machine,
  versions: describeVersions(),
  rounds: options.rounds,
  toy: options.toy,
  leftOut,
  cells,
  idle,
};
const verdicts = options.toy ? [] : judgeGoals(results);
console.log(`\n${renderTables(results, verdicts)}`);
if (options.toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
await save(OUT, results, verdicts);
if (options.publish) await save(FIGURES, results, verdicts);
