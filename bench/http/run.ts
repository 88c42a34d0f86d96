/**
 * The HTTP benchmark: `bun bench/http/run.ts [--toy] [--publish] [--rounds N] [--cells 64,pipelined,idle]
 * [--servers name,name]`. Compare figures within one cell only.
 *
 * @module
 */
import { describeMachine, describeVersions } from "../echo/machine.ts";
import { FIGURES, OUT } from "../echo/programs.ts";
import { renderChart } from "./chart.ts";
import { type Cell, CELLS, IDLE } from "./cells.ts";
import { judgeGoals } from "./goals.ts";
import { type HttpBench, idleRounds, measureCell, measureIdle } from "./measure.ts";
import { parseOptions } from "./options.ts";
import { buildHttpPrograms } from "./programs.ts";
import { renderResults, writePages } from "./readme.ts";
import { type RequestFiles, writeRequest } from "./requests.ts";
import { type Circumstances, type HttpResults, joinResults } from "./results.ts";
import { allServers, type HttpServer } from "./servers.ts";
import { renderTables } from "./table.ts";

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop();
  return listener.port;
}

/** Those that `--servers` names, or that begin so. */
function named(all: HttpServer[], names: string[]): HttpServer[] {
  const chosen = new Set<HttpServer>();
  for (const wanted of names) {
    const exact = all.filter(({ name }) => name === wanted);
    const found = exact.length > 0 ? exact : all.filter(({ name }) => name.startsWith(wanted));
    if (found.length === 0) {
      throw new TypeError(`--servers: "${wanted}" is none of ${all.map(({ name }) => name).join(", ")}`);
    }
    for (const server of found) chosen.add(server);
  }
  return all.filter((server) => chosen.has(server));
}

async function writeFiles(cells: Cell[]): Promise<Map<Cell, RequestFiles>> {
  const files = new Map<Cell, RequestFiles>();
  for (const cell of cells) files.set(cell, await writeRequest(`${OUT}/http`, cell.kind, cell.head));
  return files;
}

async function readFigures(): Promise<HttpResults> {
  const file = Bun.file(`${FIGURES}/http.json`);
  return await file.exists() ? JSON.parse(await file.text()) : { cells: [] };
}

/** After each cell, so that a run that ends early has not been in vain. */
async function save(results: HttpResults, publish: boolean): Promise<void> {
  await Bun.write(`${OUT}/http.json`, renderResults(results));
  await Bun.write(`${OUT}/http.svg`, renderChart(results));
  if (!publish) return;
  await Bun.write(`${FIGURES}/http.json`, renderResults(joinResults(await readFigures(), results)));
  await writePages();
}

/** Each cell names servers that there are and that answer its requests. */
function checkCells(all: HttpServer[]): void {
  for (const { name, kind, servers } of [...CELLS, IDLE]) {
    for (const server of servers) {
      if (all.find((one) => one.name === server)?.kinds.includes(kind)) continue;
      throw new Error(`no server of this kind is called ${server}, which the cell ${name} names`);
    }
  }
}

const options = parseOptions(Bun.argv.slice(2));
const programs = await buildHttpPrograms(!options.toy);
const all = allServers(programs, freePort);
checkCells(all);
const chosen = options.servers.length === 0 ? undefined : named(all, options.servers);
const files = await writeFiles([...CELLS, IDLE]);
const bench: HttpBench = {
  options,
  load: programs.load,
  filesOf: (cell) => files.get(cell)!,
  progress: (text) => process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined,
};

/** Who takes part in a cell, and under what circumstances. */
async function prepare(cell: Cell): Promise<{ servers: HttpServer[]; circumstances: Circumstances }> {
  const wanted = chosen?.filter(({ kinds }) => kinds.includes(cell.kind)) ??
    all.filter(({ name }) => cell.servers.includes(name));
  const leftOut = wanted.filter(({ command }) => command === undefined).map(({ name }) => name);
  const servers = wanted.filter(({ command }) => command !== undefined);
  const { rounds, durationMs } = options;
  const date = new Date().toISOString().slice(0, 10);
  const machine = await describeMachine();
  return {
    servers,
    circumstances: { date, machine, versions: describeVersions(), rounds, durationMs, leftOut },
  };
}

const results: HttpResults = { cells: [] };
for (const cell of CELLS.filter(({ name }) => options.cells.includes(name))) {
  const { servers, circumstances } = await prepare(cell);
  results.cells.push({ cell: cell.name, ...circumstances, servers: await measureCell(bench, cell, servers) });
  await save(results, options.publish);
}
if (options.cells.includes(IDLE.name)) {
  const { servers, circumstances } = await prepare(IDLE);
  const rounds = idleRounds(options);
  results.idle = { ...circumstances, rounds, servers: await measureIdle(bench, IDLE, servers) };
  await save(results, options.publish);
}
console.log(`\n${renderTables(results, options.toy ? [] : judgeGoals(results))}`);
if (options.toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
