/**
 * The measurements: each round goes over all cells and all servers, each on a fresh process.
 *
 * @module
 */
import { holdIdle, type LoadResult, runLoad, runLoads } from "./load.ts";
import type { BenchOptions } from "./options.ts";
import { readMemory } from "./process_memory.ts";
import type { Programs } from "./programs.ts";
import { keepScraping } from "./scraping.ts";
import { type CellResult, type IdleResult, type Sample, summarize } from "./results.ts";
import { type Server, startServer } from "./servers.ts";

/** What every measurement needs. */
export interface Bench {
  options: BenchOptions;
  programs: Programs;
  servers: Server[];
  /** Tells how far it is. */
  progress(text: string): void;
}

/** One combination that all servers are measured in. */
export interface Cell {
  place: CellResult["place"];
  connections: number;
  size: number;
  /** Messages a second, one at a time; without a pause by default. */
  pace?: number;
  /** The load generator runs on the server's core. */
  sameCore?: boolean;
  /** "rate": a connection for every message. "echo" by default. */
  mode?: "echo" | "rate";
  /** Cores of the server as `taskset` takes them; the one of the options by default. */
  serverCores?: string;
  /** Cores of the load generators, one for each; the one of the options by default. */
  loadCores?: string[];
}

function loadCoresOf(cell: Cell, options: BenchOptions): string[] {
  return cell.loadCores ?? [String(cell.sameCore ? options.serverCore : options.loadCore)];
}

/** Messages under way hold their bytes in both kernels' buffers; past this the window is made longer. */
const LARGE_CELL_BYTES = 64 * 1024 * 1024;

async function measureOnce(bench: Bench, server: Server, cell: Cell): Promise<Sample> {
  const { options, programs } = bench;
  const command = cell.place === "worker" ? server.workerCommand : server.command;
  const running = await startServer(server.name, command!, cell.serverCores ?? options.serverCore);
  let stopScraping: (() => Promise<void>) | undefined = undefined;
  try {
    if (running.metricsPort !== undefined) stopScraping = await keepScraping(running.metricsPort);
    const factor = !options.toy && cell.connections * cell.size > LARGE_CELL_BYTES ? 2 : 1;
    const load: LoadResult = await runLoads(programs.load, loadCoresOf(cell, options), {
      port: running.port,
      mode: cell.mode ?? "echo",
      connections: cell.connections,
      size: cell.size,
      pace: cell.pace ?? 0,
      "warm-up-ms": options.warmUpMs * factor,
      "duration-ms": options.durationMs * factor,
      "server-pid": running.pid,
    });
    return { load, memory: await readMemory(running.pid) };
  } finally {
    await stopScraping?.();
    await running.stop();
  }
}

/** The order of the servers turns from round to round, so that none always follows the same one. */
export function turned<One>(servers: One[], round: number): One[] {
  const start = round % servers.length;
  return [...servers.slice(start), ...servers.slice(0, start)];
}

/** Measures all cells, interleaved, and returns the medians in the order of the cells and the servers. */
export async function measureCells(bench: Bench, cells: Cell[]): Promise<CellResult[]> {
  const samples = new Map<string, Sample[]>();
  const key = (cell: Cell, server: Server) => JSON.stringify([cell, server.name]);
  const takesPart = (cell: Cell, server: Server) =>
    cell.place === "main" ? server.command : server.workerCommand;
  for (let round = 0; round < bench.options.rounds; round++) {
    for (const cell of cells) {
      for (const server of turned(bench.servers, round)) {
        if (!takesPart(cell, server)) continue;
        bench.progress(
          `round ${round + 1}, ${cell.connections} x ${cell.size} B, ${cell.place}, ${server.name}` +
            (cell.pace === undefined ? "" : `, ${cell.pace} a second`),
        );
        const sample = await measureOnce(bench, server, cell);
        const list = samples.get(key(cell, server)) ?? [];
        samples.set(key(cell, server), [...list, sample]);
      }
    }
  }
  return cells.flatMap((cell) =>
    bench.servers.filter((server) => samples.has(key(cell, server)))
      .map((server) => summarize(cell, server.name, samples.get(key(cell, server))!))
  );
}

/** Connections that talk before the first reading of the memory, so that start-up costs are not counted. */
const WARM_UP_CONNECTIONS = 16;

/** What a measurement of idle connections needs. */
export type IdleOptions = Pick<
  BenchOptions,
  "serverCore" | "loadCore" | "warmUpMs" | "idleConnections" | "idleHoldMs"
>;

/** Measures the memory and the CPU time of idle connections; `extra` goes to the load generator. */
export async function measureIdleOnce(
  load: string,
  options: IdleOptions,
  name: string,
  command: string[],
  extra: Record<string, string> = {},
): Promise<IdleResult> {
  const running = await startServer(name, command, options.serverCore);
  try {
    const common = { port: running.port, "server-pid": running.pid, ...extra };
    await runLoad(load, options.loadCore, {
      ...common,
      connections: WARM_UP_CONNECTIONS,
      "warm-up-ms": 0,
      "duration-ms": options.warmUpMs,
    });
    await Bun.sleep(options.idleHoldMs / 10);
    const before = await readMemory(running.pid);
    let after = before;
    const held = await holdIdle(load, options.loadCore, {
      ...common,
      connections: options.idleConnections,
      "hold-ms": options.idleHoldMs * 2,
    }, async () => {
      await Bun.sleep(options.idleHoldMs);
      after = await readMemory(running.pid);
    });
    return {
      server: name,
      connections: options.idleConnections,
      bytesPerConnection: (after.rss - before.rss) / options.idleConnections,
      idleBusy: held.server_busy,
      rss: after.rss,
      lost: held.lost,
    };
  } finally {
    await running.stop();
  }
}

/** Memory and CPU of idle connections, once for each server. */
export async function measureIdle(bench: Bench): Promise<IdleResult[]> {
  const results: IdleResult[] = [];
  for (const server of bench.servers) {
    bench.progress(`${bench.options.idleConnections} idle connections, ${server.name}`);
    results.push(await measureIdleOnce(bench.programs.load, bench.options, server.name, server.command!));
  }
  return results;
}
