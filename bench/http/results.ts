/**
 * The shape of the results and the medians over the rounds.
 *
 * @module
 */
import { type BenchResults, type IdleResult, median, type Sample } from "../echo/results.ts";
import type { Cell } from "./cells.ts";

/** Medians of one server in one cell. Times are microseconds. */
export interface HttpResult {
  cell: string;
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

/** The whole of one run. */
export interface HttpResults extends Omit<BenchResults, "cells"> {
  cells: HttpResult[];
  /** Servers that were left out because their program is missing. */
  leftOut: string[];
  idle: IdleResult[];
}

/** The median of the ratios of each round. */
export function ratioOfRounds(mine: number[], others: number[]): number {
  return median(mine.slice(0, others.length).map((value, round) => value / others[round]));
}

/** Joins the rounds of one server in one cell. */
export function summarize(cell: Cell, server: string, samples: Sample[], floor: Sample[]): HttpResult {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  const rates = (list: Sample[]) => list.map(({ load }) => load.rate);
  const cpus = (list: Sample[]) => list.map(({ load }) => load.cpu_us_per_message);
  const micro = (seconds: number, sample: Sample) => seconds / sample.load.messages * 1e6;
  return {
    cell: cell.name,
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
