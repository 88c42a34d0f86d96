/**
 * How evenly connections are spread over the workers.
 *
 * @module
 */
import { holdIdle } from "../echo/load.ts";
import type { Bench } from "../echo/measure.ts";
import { type Server, startServer } from "../echo/servers.ts";

/** Where the connections of one server are. */
export interface SkewResult {
  server: string;
  /** Connections of each worker, in each round. */
  counts: number[][];
  /** The mean over the rounds of how far the fullest worker is above its share: 0 is even, 1 is double. */
  skew: number;
}

/** A server that has not told of all connections by then never will. */
const reportTimeoutMs = 10_000;

async function countsOf(bench: Bench, server: Server, connections: number): Promise<number[]> {
  const { options, programs } = bench;
  const running = await startServer(server.name, server.command!, "0,1");
  const timer = setTimeout(() => void running.stop(), reportTimeoutMs + options.idleHoldMs);
  try {
    let counts: number[] = [];
    const load = { port: running.port, connections, "hold-ms": reportTimeoutMs };
    await holdIdle(programs.load, options.loadCore, load, async () => {
      while (counts.reduce((sum, count) => sum + count, 0) < connections) {
        counts = JSON.parse(await running.nextLine()).connections;
      }
    });
    return counts;
  } finally {
    clearTimeout(timer);
    await running.stop();
  }
}

/** Opens connections and asks the server, several times. */
export async function measureSkew(
  bench: Bench,
  servers: Server[],
  connections: number,
): Promise<SkewResult[]> {
  const results: SkewResult[] = [];
  for (const server of servers) {
    bench.progress(`${connections} connections, ${server.name}`);
    const counts: number[][] = [];
    for (let round = 0; round < bench.options.rounds; round++) {
      counts.push(await countsOf(bench, server, connections));
    }
    const excess = counts.map((one) => Math.max(...one) * one.length / connections - 1);
    const skew = excess.reduce((sum, one) => sum + one, 0) / excess.length;
    results.push({ server: server.name, counts, skew });
  }
  return results;
}
