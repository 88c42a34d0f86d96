/**
 * The shape of the results, the medians over the rounds, and how a run's cells join those of earlier runs.
 *
 * @module
 */
import { type BenchResults, type IdleResult, median, type Sample } from "../echo/results.ts";
import { CELLS } from "./cells.ts";

/** Medians of one server in one cell. Times are microseconds. */
export interface HttpResult {
  server: string;
  rounds: number;
  /** Requests a second. */
  rate: number;
  /** CPU time of the server's process for a request, and its parts. */
  cpuPerRequest: number;
  userPerRequest: number;
  systemPerRequest: number;
  /** The median of each round's ratio to the C floor in that round; undefined where it was not measured. */
  rateToFloor?: number;
  cpuToFloor?: number;
  p50: number;
  p99: number;
  serverBusy: number;
  loadBusy: number;
  rss: number;
  /** Rates and CPU times of the rounds: servers of one round are best compared with each other. */
  rateOfRounds: number[];
  cpuOfRounds: number[];
}

/** When, where and how a cell was measured. */
export interface Circumstances extends Pick<BenchResults, "date" | "machine" | "versions" | "rounds"> {
  /** Milliseconds of one measurement. */
  durationMs: number;
  /** Servers of the cell that were left out because their program is missing. */
  leftOut: string[];
}

/** All servers of one cell. */
export interface CellFigures extends Circumstances {
  cell: string;
  servers: HttpResult[];
}

/** What idle connections cost. */
export interface IdleFigures extends Circumstances {
  servers: IdleResult[];
}

/** Everything that was measured, each cell by the run that measured it last. */
export interface HttpResults {
  cells: CellFigures[];
  idle?: IdleFigures;
}

/** The results with the cells of `later` in the place of those of the same name. */
export function joinResults(earlier: HttpResults, later: HttpResults): HttpResults {
  const find = (from: HttpResults, name: string) => from.cells.find(({ cell }) => cell === name);
  const cells = CELLS.map(({ name }) => find(later, name) ?? find(earlier, name))
    .filter((one): one is CellFigures => one !== undefined);
  return { cells, idle: later.idle ?? earlier.idle };
}

/** The median of the ratios of each round. */
export function ratioOfRounds(mine: number[], others: number[]): number {
  return median(mine.slice(0, others.length).map((value, round) => value / others[round]));
}

/** Below, neither side was the bottleneck, so something else had the cores. */
const STARVED_BELOW = 0.85;
const STARVED_CONNECTIONS_MIN = 64;

/** True where the machine did other work during the measurement. */
export function isStarved(name: string, { serverBusy, loadBusy }: HttpResult): boolean {
  const connections = CELLS.find((cell) => cell.name === name)?.connections ?? 0;
  return connections >= STARVED_CONNECTIONS_MIN && Math.max(serverBusy, loadBusy) < STARVED_BELOW;
}

/** Joins the rounds of one server. */
export function summarize(server: string, samples: Sample[], floor: Sample[]): HttpResult {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const rates = (list: Sample[]) => list.map(({ load }) => load.rate);
  const cpus = (list: Sample[]) => list.map(({ load }) => load.cpu_us_per_message);
  // A server that had no core all the while has answered nothing.
  const micro = (seconds: number, { load }: Sample) =>
    load.messages === 0 ? 0 : seconds / load.messages * 1e6;
  return {
    server,
    rounds: samples.length,
    rate: of(({ load }) => load.rate),
    cpuPerRequest: of(({ load }) => load.cpu_us_per_message),
    userPerRequest: of((sample) => micro(sample.load.server_user_seconds, sample)),
    systemPerRequest: of((sample) => micro(sample.load.server_system_seconds, sample)),
    rateToFloor: floor.length > 0 ? ratioOfRounds(rates(samples), rates(floor)) : undefined,
    cpuToFloor: floor.length > 0 ? ratioOfRounds(cpus(samples), cpus(floor)) : undefined,
    p50: of(({ load }) => load.p50_us),
    p99: of(({ load }) => load.p99_us),
    serverBusy: of(({ load }) => load.server_busy),
    loadBusy: of(({ load }) => load.load_busy),
    rss: of(({ memory }) => memory.rss),
    rateOfRounds: rates(samples),
    cpuOfRounds: cpus(samples),
  };
}

/** Joins the rounds of one server with idle connections. */
export function summarizeIdle(samples: IdleResult[]): IdleResult {
  const of = (pick: (sample: IdleResult) => number) => median(samples.map(pick));
  return {
    server: samples[0].server,
    connections: samples[0].connections,
    bytesPerConnection: of(({ bytesPerConnection }) => bytesPerConnection),
    idleBusy: of(({ idleBusy }) => idleBusy),
    rss: of(({ rss }) => rss),
    lost: samples.reduce((sum, { lost }) => sum + lost, 0),
  };
}
