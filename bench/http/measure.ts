/**
 * The measurements. In a cell all servers are started and warmed up first, and stay; each round then goes
 * over all of them.
 *
 * @module
 */
import { type LoadResult, runLoad } from "../echo/load.ts";
import { measureIdleOnce, turned } from "../echo/measure.ts";
import { readMemory } from "../echo/process_memory.ts";
import type { IdleResult, Sample } from "../echo/results.ts";
import { type RunningServer, startServer } from "../echo/servers.ts";
import { BASELINE, type Cell } from "./cells.ts";
import type { HttpBenchOptions } from "./options.ts";
import type { RequestFiles } from "./requests.ts";
import { type HttpResult, summarize, summarizeIdle } from "./results.ts";
import type { HttpServer } from "./servers.ts";

/** What every measurement needs. */
export interface HttpBench {
  options: HttpBenchOptions;
  load: string;
  /** The files of a cell's request. */
  filesOf(cell: Cell): RequestFiles;
  /** Tells how far it is. */
  progress(text: string): void;
}

/** Tries of the first connection, ten milliseconds apart. */
const triesMax = 300;
/** Warm-up of each measurement: opens the connections and lets the server clear away those before. */
const againMs = 200;
/** Memory varies little between processes, and each takes seconds. */
const idleRoundsMax = 3;

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

/** The servers of one cell, running. */
class RunningCell {
  readonly #bench: HttpBench;
  readonly #cell: Cell;
  readonly #running = new Map<string, RunningServer>();

  constructor(bench: HttpBench, cell: Cell) {
    this.#bench = bench;
    this.#cell = cell;
  }

  /** Starts a server and lets its compilers work. */
  async start({ name, command }: HttpServer): Promise<void> {
    const { options, filesOf } = this.#bench;
    const start = command!({ kind: this.#cell.kind, answer: filesOf(this.#cell).answer });
    const running = await startServer(name, start, options.serverCore);
    this.#running.set(name, running);
    if (name === "nginx") await untilReady(running.port);
    await this.#load(name, 0, Math.max(1, options.warmUpMs));
  }

  /** One measurement. */
  async measure(name: string): Promise<Sample> {
    const { warmUpMs, durationMs } = this.#bench.options;
    const load = await this.#load(name, Math.min(againMs, warmUpMs), durationMs);
    return { load, memory: await readMemory(this.#running.get(name)!.pid) };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((server) => server.stop()));
  }

  async #load(name: string, warmUpMs: number, durationMs: number): Promise<LoadResult> {
    const { options, load, filesOf } = this.#bench;
    const { pid, port } = this.#running.get(name)!;
    try {
      return await runLoad(load, options.loadCore, {
        port,
        connections: this.#cell.connections,
        pipeline: this.#cell.pipeline,
        "warm-up-ms": warmUpMs,
        "duration-ms": durationMs,
        "server-pid": pid,
        ...filesOf(this.#cell),
      });
    } catch (error) {
      throw new Error(`${name}, ${this.#cell.title}: ${(error as Error).message}`);
    }
  }
}

/** Measures all servers in one cell, interleaved, and returns the medians in the order of the servers. */
export async function measureCell(
  bench: HttpBench,
  cell: Cell,
  servers: HttpServer[],
): Promise<HttpResult[]> {
  const samples = new Map<string, Sample[]>(servers.map(({ name }) => [name, []]));
  const running = new RunningCell(bench, cell);
  try {
    for (const server of servers) {
      bench.progress(`${cell.title}: warming up ${server.name}`);
      await running.start(server);
    }
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const { name } of turned(servers, round)) {
        bench.progress(`${cell.title}: round ${round + 1}, ${name}`);
        samples.get(name)!.push(await running.measure(name));
      }
    }
  } finally {
    await running.stop();
  }
  return [...samples].map(([name, list]) => summarize(name, list, samples.get(BASELINE) ?? []));
}

/** Processes of each server in which idle connections are measured. */
export function idleRounds({ rounds }: HttpBenchOptions): number {
  return Math.min(rounds, idleRoundsMax);
}

/** Memory and CPU time of idle connections that have exchanged a request, in fresh processes. */
export async function measureIdle(
  bench: HttpBench,
  cell: Cell,
  servers: HttpServer[],
): Promise<IdleResult[]> {
  const { options, load } = bench;
  const { request, answer } = bench.filesOf(cell);
  const results: IdleResult[] = [];
  for (const { name, command } of servers) {
    const samples: IdleResult[] = [];
    while (samples.length < idleRounds(options)) {
      bench.progress(`${options.idleConnections} idle connections: round ${samples.length + 1}, ${name}`);
      const start = command!({ kind: cell.kind, answer });
      samples.push(await measureIdleOnce(load, options, name, start, { request, answer }));
    }
    results.push(summarizeIdle(samples));
  }
  return results;
}
