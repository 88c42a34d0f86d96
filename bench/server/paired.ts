/**
 * Servers compared in turn, in many short windows: what is about one percent apart cannot be told from two
 * runs, between which the machine changes by more. All of them run all the time, one at a time has load, and
 * each round gives the ratio of neighbours.
 *
 * @module
 */
import { runLoad } from "../echo/load.ts";
import type { Bench } from "../echo/measure.ts";
import { median } from "../echo/results.ts";
import { keepScraping } from "../echo/scraping.ts";
import { type RunningServer, type Server, startServer } from "../echo/servers.ts";

/** One server beside the first of its family. */
export interface PairedResult {
  server: string;
  beside: string;
  rounds: number;
  /** Median over the rounds, in microseconds. */
  cpuPerMessage: number;
  /**
   * How much more a message costs: the median of the rounds' ratios less one, and the middle half of them.
   */
  extra: number;
  extraQuartiles: [number, number];
}

/** Milliseconds of one window: long beside a turn, short beside what else the machine does. */
const windowMs = 250;

function quartile(values: number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/** The servers of one family, the first of which is what the others are compared with. */
export async function measurePaired(bench: Bench, family: Server[], rounds: number): Promise<PairedResult[]> {
  const { options, programs } = bench;
  const running: RunningServer[] = [];
  const endings: (() => Promise<void>)[] = [];
  const cpu: number[][] = family.map(() => []);
  const window = async (place: number, milliseconds: number) =>
    (await runLoad(programs.load, options.loadCore, {
      port: running[place].port,
      connections: options.connections[0],
      "warm-up-ms": 20,
      "duration-ms": milliseconds,
      "server-pid": running[place].pid,
    })).cpu_us_per_message;
  try {
    for (const server of family) {
      const started = await startServer(server.name, server.command!, options.serverCore);
      running.push(started);
      if (started.metricsPort !== undefined) endings.push(await keepScraping(started.metricsPort));
    }
    for (const place of family.keys()) await window(place, options.warmUpMs);
    for (let round = 0; round < rounds; round++) {
      bench.progress(`round ${round + 1} of ${rounds}, ${family[0].name} and those beside it`);
      for (let step = 0; step < family.length; step++) {
        const place = (round + step) % family.length;
        cpu[place].push(await window(place, options.toy ? options.durationMs : windowMs));
      }
    }
  } finally {
    for (const end of endings) await end();
    for (const server of running) await server.stop();
  }
  return family.map((server, place) => {
    const extras = cpu[place].map((one, round) => one / cpu[0][round] - 1);
    return {
      server: server.name,
      beside: family[0].name,
      rounds,
      cpuPerMessage: median(cpu[place]),
      extra: median(extras),
      extraQuartiles: [quartile(extras, 0.25), quartile(extras, 0.75)],
    };
  });
}
