/**
 * The command line of the echo bench.
 *
 * @module
 */

/** What is to be run. */
export interface BenchOptions {
  /** A few small cells in seconds: proves that everything runs, measures nothing. */
  toy: boolean;
  /** Write the results to docs/figures. */
  publish: boolean;
  /** Measure this project's servers with all limits of time and rate as well. */
  timeouts: boolean;
  rounds: number;
  connections: number[];
  sizes: number[];
  /** Names of the servers, empty for all. */
  servers: string[];
  /** Parts to run: cells, single, paced, idle. */
  parts: string[];
  warmUpMs: number;
  durationMs: number;
  idleConnections: number;
  idleHoldMs: number;
  /** Core of the server and core of the load. */
  serverCore: number;
  loadCore: number;
}

const FULL: BenchOptions = {
  toy: false,
  publish: false,
  timeouts: false,
  rounds: 5,
  connections: [1, 64, 512, 5000],
  sizes: [64, 4096, 262144],
  servers: [],
  parts: ["cells", "single", "paced", "idle"],
  warmUpMs: 1000,
  durationMs: 2000,
  idleConnections: 15000,
  idleHoldMs: 10000,
  serverCore: 0,
  loadCore: 1,
};

const TOY: BenchOptions = {
  ...FULL,
  toy: true,
  rounds: 1,
  connections: [8],
  sizes: [64, 262144],
  warmUpMs: 100,
  durationMs: 150,
  idleConnections: 100,
  idleHoldMs: 200,
};

/** The whole number an option has. */
export function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new TypeError(`${name} wants a whole number, not "${text}"`);
  }
  return value;
}

function counts(name: string, text: string): number[] {
  return text.split(",").map((part) => count(name, part));
}

type Setter = (options: BenchOptions, text: string) => void;

const SETTERS: Record<string, Setter> = {
  "--rounds": (options, text) => options.rounds = count("--rounds", text),
  "--connections": (options, text) => options.connections = counts("--connections", text),
  "--sizes": (options, text) => options.sizes = counts("--sizes", text),
  "--servers": (options, text) => options.servers = text.split(","),
  "--parts": (options, text) => options.parts = text.split(","),
  "--warm-up-ms": (options, text) => options.warmUpMs = count("--warm-up-ms", text),
  "--duration-ms": (options, text) => options.durationMs = count("--duration-ms", text),
  "--idle-connections": (options, text) => options.idleConnections = count("--idle-connections", text),
  "--idle-hold-ms": (options, text) => options.idleHoldMs = count("--idle-hold-ms", text),
  "--server-core": (options, text) => options.serverCore = count("--server-core", text),
  "--load-core": (options, text) => options.loadCore = count("--load-core", text),
};

/** Reads the options; throws on one that is unknown. */
export function parseOptions(args: string[]): BenchOptions {
  const options: BenchOptions = { ...(args.includes("--toy") ? TOY : FULL) };
  for (let index = 0; index < args.length; index++) {
    const name = args[index];
    if (name === "--toy") continue;
    if (name === "--publish") {
      options.publish = true;
      continue;
    }
    if (name === "--timeouts") {
      options.timeouts = true;
      continue;
    }
    const setter = SETTERS[name];
    const text = args[++index];
    if (!setter || text === undefined) {
      throw new TypeError(
        `unknown or incomplete option ${name}; known: --toy --publish --timeouts ${Object.keys(SETTERS)}`,
      );
    }
    setter(options, text);
  }
  return options;
}
