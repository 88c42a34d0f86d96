/**
 * The shape of the results and the medians over the rounds.
 *
 * @module
 */
import type { LoadResult } from "./load.ts";
import type { ProcessMemory } from "./process_memory.ts";

/** Medians of one server in one cell. */
export interface CellResult {
  /** "main", or "worker" where the server ran in a worker. */
  place: "main" | "worker";
  server: string;
  connections: number;
  size: number;
  /** Messages a second, one at a time; 0 for no pause between two. */
  pace: number;
  /** The load generator had the server's core, not one of its own. */
  sameCore: boolean;
  rounds: number;
  rate: number;
  cpuPerMessage: number;
  /** CPU time of a message in each round: servers of one round are best compared with each other. */
  cpuOfRounds: number[];
  p50: number;
  p99: number;
  serverBusy: number;
  loadBusy: number;
  rss: number;
  pss: number;
}

/** What 15,000 idle connections cost. */
export interface IdleResult {
  server: string;
  connections: number;
  /** Growth of the process for each idle connection. */
  bytesPerConnection: number;
  /** Share of one core used while nothing happens, connections open. */
  idleBusy: number;
  rss: number;
  lost: number;
}

/** The whole of one run. */
export interface BenchResults {
  date: string;
  machine: { cpu: string; kernel: string; loadAverage: number };
  versions: Record<string, string>;
  rounds: number;
  toy: boolean;
  cells: CellResult[];
  idle: IdleResult[];
}

/** One measurement of one round. */
export interface Sample {
  load: LoadResult;
  memory: ProcessMemory;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Joins the rounds of one server in one cell. */
export function summarize(
  cell: Pick<CellResult, "place"> & Partial<Pick<CellResult, "pace" | "sameCore">>,
  server: string,
  samples: Sample[],
): CellResult {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    place: cell.place,
    server,
    connections: samples[0].load.connections,
    size: samples[0].load.size,
    pace: cell.pace ?? 0,
    sameCore: cell.sameCore ?? false,
    rounds: samples.length,
    rate: of((sample) => sample.load.rate),
    cpuPerMessage: of((sample) => sample.load.cpu_us_per_message),
    cpuOfRounds: samples.map((sample) => sample.load.cpu_us_per_message),
    p50: of((sample) => sample.load.p50_us),
    p99: of((sample) => sample.load.p99_us),
    serverBusy: of((sample) => sample.load.server_busy),
    loadBusy: of((sample) => sample.load.load_busy),
    rss: of((sample) => sample.memory.rss),
    pss: of((sample) => sample.memory.pss),
  };
}
