/**
 * The command line of the server bench.
 *
 * @module
 */
import type { BenchOptions } from "../echo/options.ts";

/** The parts of the bench, in their order. */
export const partNames = ["rate", "echo", "spreading", "cost", "idle"] as const;
export type PartName = typeof partNames[number];

/** What is to be run. */
export interface ServerBenchOptions {
  /** Small and short: proves that everything runs, measures nothing. */
  toy: boolean;
  /** Write the results to docs/figures. */
  publish: boolean;
  parts: PartName[];
  /** Numbers of workers of the parts `rate`, `echo` and `idle`. */
  workers: number[];
  /** Runtimes this project runs on. */
  runtimes: string[];
  /** The rest is that of the echo bench. */
  bench: BenchOptions;
}

const bench: BenchOptions = {
  toy: false,
  publish: false,
  timeouts: false,
  rounds: 5,
  connections: [64],
  sizes: [64],
  servers: [],
  parts: [],
  // Connections are hundreds of times rarer than messages, so the compilers need longer to see enough of
  // them.
  warmUpMs: 2000,
  durationMs: 2000,
  idleConnections: 15_000,
  idleHoldMs: 10_000,
  serverCore: 0,
  loadCore: 1,
};

const toyBench: Partial<BenchOptions> = {
  toy: true,
  rounds: 1,
  connections: [8],
  warmUpMs: 100,
  durationMs: 150,
  idleConnections: 100,
  idleHoldMs: 200,
};

function numbers(name: string, text: string): number[] {
  const values = text.split(",").map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new TypeError(`${name} wants whole numbers from one on, not "${text}"`);
  }
  return values;
}

function parts(text: string): PartName[] {
  const names = text.split(",");
  const unknown = names.find((name) => !(partNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TypeError(`--parts: "${unknown}" is none of ${partNames.join(", ")}`);
  return names as PartName[];
}

const setters: Record<string, (options: ServerBenchOptions, text: string) => void> = {
  "--rounds": (options, text) => options.bench.rounds = numbers("--rounds", text)[0],
  "--parts": (options, text) => options.parts = parts(text),
  "--workers": (options, text) => options.workers = numbers("--workers", text),
  "--runtimes": (options, text) => options.runtimes = text.split(","),
  "--connections": (options, text) => options.bench.connections = numbers("--connections", text),
  "--duration-ms": (options, text) => options.bench.durationMs = numbers("--duration-ms", text)[0],
  "--warm-up-ms": (options, text) => options.bench.warmUpMs = numbers("--warm-up-ms", text)[0],
};

/** Reads the options; throws on one that is unknown. */
export function parseOptions(args: string[]): ServerBenchOptions {
  const toy = args.includes("--toy");
  const options: ServerBenchOptions = {
    toy,
    publish: args.includes("--publish"),
    parts: [...partNames],
    workers: [1, 2],
    runtimes: ["bun", "deno"],
    bench: { ...bench, ...(toy ? toyBench : {}) },
  };
  const rest = args.filter((arg) => arg !== "--toy" && arg !== "--publish");
  for (let index = 0; index < rest.length; index += 2) {
    const setter = setters[rest[index]];
    if (!setter || rest[index + 1] === undefined) {
      const known = ["--toy", "--publish", ...Object.keys(setters)].join(" ");
      throw new TypeError(`unknown or incomplete option ${rest[index]}; known: ${known}`);
    }
    setter(options, rest[index + 1]);
  }
  return options;
}
