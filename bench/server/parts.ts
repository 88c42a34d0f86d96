/**
 * The parts of the server bench: which servers are measured in which cells.
 *
 * @module
 */
import { type Bench, type Cell, measureCells, measureIdle } from "../echo/measure.ts";
import type { CellResult, IdleResult } from "../echo/results.ts";
import type { Server } from "../echo/servers.ts";
import type { ServerBenchOptions } from "./options.ts";
import { measurePaired, type PairedResult } from "./paired.ts";
import {
  builtIn,
  cLoop,
  plainListen,
  withHandOver,
  withOptions,
  withReusePort,
  withWorkers,
} from "./servers.ts";
import { measureSkew, type SkewResult } from "./skew.ts";

/** What is measured, by part. */
export interface PartResults {
  rate?: CellResult[];
  echo?: CellResult[];
  spreading?: { cells: CellResult[]; connections: number; skew: SkewResult[] };
  cost?: PairedResult[];
  idle?: IdleResult[];
}

/** All cores, where servers with several workers and the load share them. */
const allCores = "0,1";
/** Workers of the part that compares ways of spreading, and connections of its skew. */
const spreadingWorkers = 2;
const spreadingConnections = 1_000;

/** Short windows for each round of the other parts. */
const pairedRoundsFactor = 6;

/** Options of a server with everything on: none of them is ever reached. */
const everythingOn = {
  timeouts: { firstByte: 30_000, message: 60_000, writeStall: 60_000, idle: 75_000, lifetime: 600_000 },
  limits: {
    connections: 60_000,
    connectionsPerWorker: 60_000,
    connectionsPerAddress: 60_000,
    ratePerAddress: 50_000,
    banAfter: 10,
    receiveRate: 1,
    sendRate: 1,
  },
};
/** The same with everything off that can be. */
const everythingOff = {
  timeouts: { firstByte: 0, message: 0, writeStall: 0, idle: 0, lifetime: 0 },
};

function withServers(bench: Bench, servers: Server[]): Bench {
  return { ...bench, servers: servers.filter(({ command }) => command !== undefined) };
}

/** Connections a second: accept, one exchange of 64 bytes, close. */
export function measureRate(bench: Bench, { workers, runtimes }: ServerBenchOptions): Promise<CellResult[]> {
  const servers = [
    cLoop(bench.programs),
    ...workers.filter((number) => number > 1).map((number) => cLoop(bench.programs, number)),
    ...plainListen(runtimes),
    ...workers.flatMap((number) => withWorkers(runtimes, number)),
    ...workers.flatMap((number) => withHandOver(runtimes, number)),
    ...builtIn(),
  ];
  return measureCells(
    withServers(bench, servers),
    bench.options.connections.map((connections) => ({ place: "main", connections, size: 64, mode: "rate" })),
  );
}

/**
 * Echo with several workers; the load has a generator on each core and so takes a part of the servers' time.
 */
export function measureEcho(bench: Bench, { workers, runtimes }: ServerBenchOptions): Promise<CellResult[]> {
  const servers = workers.flatMap((number) => [
    cLoop(bench.programs, number),
    ...withWorkers(runtimes, number),
  ]);
  const cell: Cell = {
    place: "main",
    connections: bench.options.connections[0],
    size: 64,
    serverCores: allCores,
    loadCores: allCores.split(","),
  };
  return measureCells(withServers(bench, servers), [cell]);
}

/** Workers that accept in turn, beside an acceptor that hands over and a listener for each worker. */
export async function measureSpreading(
  bench: Bench,
  { runtimes }: ServerBenchOptions,
): Promise<PartResults["spreading"]> {
  const ours = withServers(bench, [
    ...withWorkers(runtimes, spreadingWorkers),
    ...withHandOver(runtimes, spreadingWorkers),
    ...withReusePort(runtimes, spreadingWorkers),
  ]);
  const withC = withServers(bench, [
    cLoop(bench.programs),
    cLoop(bench.programs, spreadingWorkers),
    ...ours.servers,
  ]);
  const connections = bench.options.toy ? 100 : spreadingConnections;
  const cell: Cell = { place: "main", connections: 64, size: 64, mode: "rate", serverCores: allCores };
  const cells = await measureCells(withC, [{ ...cell, loadCores: [allCores] }]);
  return { cells, connections, skew: await measureSkew(bench, ours.servers, connections) };
}

/** What timeouts, limits and figures that are fetched cost a message. */
export async function measureCost(bench: Bench, { runtimes }: ServerBenchOptions): Promise<PairedResult[]> {
  const results: PairedResult[] = [];
  for (const runtime of runtimes) {
    const family = [
      ...plainListen([runtime]),
      ...withOptions([runtime], "server-off", everythingOff),
      ...withOptions([runtime], "server-timeouts", { timeouts: everythingOn.timeouts }),
      ...withOptions([runtime], "server-on", { ...everythingOn, metrics: { port: 0 } }),
    ];
    const { servers } = withServers(bench, family);
    if (servers.length > 0) {
      results.push(...await measurePaired(bench, servers, bench.options.rounds * pairedRoundsFactor));
    }
  }
  return results;
}

/** Memory and CPU of idle connections. */
export function measureIdleServers(
  bench: Bench,
  { workers, runtimes }: ServerBenchOptions,
): Promise<IdleResult[]> {
  const servers = [
    ...plainListen(runtimes),
    ...workers.flatMap((number) => withWorkers(runtimes, number)),
  ];
  return measureIdle(withServers(bench, servers));
}
