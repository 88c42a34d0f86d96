/**
 * The measurements: each round goes over all cells and all servers, each on a fresh process.
 *
 * @module
 */
import { runLoad } from "../echo/load.ts";
import { measureIdleOnce, turned } from "../echo/measure.ts";
import { readMemory } from "../echo/process_memory.ts";
import type { IdleResult, Sample } from "../echo/results.ts";
import { startServer } from "../echo/servers.ts";
import type { Cell } from "./cells.ts";
import type { HttpBenchOptions } from "./options.ts";
import type { RequestFiles } from "./requests.ts";
import { type HttpResult, summarize } from "./results.ts";
import { BASELINE, type HttpServer } from "./servers.ts";

/** What every measurement needs. */
export interface HttpBench {
  options: HttpBenchOptions;
  load: string;
  servers: HttpServer[];
  /** The files of a cell's request. */
  filesOf(cell: Cell): RequestFiles;
  /** Tells how far it is. */
  progress(text: string): void;
}

/** Tries of the first connection, ten milliseconds apart. */
const triesMax = 300;

/** Waits until the server takes connections: not every one tells its port only then. */
async function untilReady(port: number): Promise<void> {
  for (let left = triesMax;; left--) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
      await response.arrayBuffer();
      return;
    } catch (error) {
      if (left === 0) throw error;
      await Bun.sleep(10);
    }
  }
}

async function measureOnce(bench: HttpBench, server: HttpServer, cell: Cell): Promise<Sample> {
  const { options } = bench;
  const files = bench.filesOf(cell);
  const command = server.command!({ kind: cell.kind, answer: files.answer });
  const running = await startServer(server.name, command, options.serverCore);
  try {
    if (server.name === "nginx") await untilReady(running.port);
    const load = await runLoad(bench.load, options.loadCore, {
      port: running.port,
      connections: cell.connections,
      pipeline: cell.pipeline,
      "warm-up-ms": options.warmUpMs,
      "duration-ms": options.durationMs,
      "server-pid": running.pid,
      ...files,
    });
    return { load, memory: await readMemory(running.pid) };
  } catch (error) {
    throw new Error(`${server.name}, ${cell.title}: ${(error as Error).message}`);
  } finally {
    await running.stop();
  }
}

/** Measures all cells, interleaved, and returns the medians in the order of the cells and the servers. */
export async function measureCells(bench: HttpBench, cells: Cell[]): Promise<HttpResult[]> {
  const samples = new Map<string, Sample[]>();
  const key = (cell: Cell, server: string) => `${cell.name} ${server}`;
  for (let round = 0; round < bench.options.rounds; round++) {
    for (const cell of cells) {
      const servers = bench.servers.filter(({ kinds }) => kinds.includes(cell.kind));
      for (const server of turned(servers, round)) {
        bench.progress(`round ${round + 1}, ${cell.title}, ${server.name}`);
        const sample = await measureOnce(bench, server, cell);
        samples.set(key(cell, server.name), [...samples.get(key(cell, server.name)) ?? [], sample]);
      }
    }
  }
  return cells.flatMap((cell) =>
    bench.servers.filter(({ name }) => samples.has(key(cell, name))).map(({ name }) =>
      summarize(cell, name, samples.get(key(cell, name))!, samples.get(key(cell, BASELINE)) ?? [])
    )
  );
}

/** Memory and CPU time of idle connections that have exchanged a request, once for each server. */
export async function measureIdle(bench: HttpBench, cell: Cell): Promise<IdleResult[]> {
  const results: IdleResult[] = [];
  const { request, answer } = bench.filesOf(cell);
  for (const { name, command } of bench.servers.filter(({ kinds }) => kinds.includes(cell.kind))) {
    bench.progress(`${bench.options.idleConnections} idle connections, ${name}`);
    const start = command!({ kind: cell.kind, answer });
    results.push(await measureIdleOnce(bench.load, bench.options, name, start, { request, answer }));
  }
  return results;
}
