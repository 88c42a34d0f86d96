/**
 * The command line of the bench of timeouts.
 *
 * @module
 */

/** The parts, in their order: one loop over a kernel in memory, real sockets. */
export const partNames = ["loop", "sockets"] as const;
export type PartName = typeof partNames[number];

/** What is to be run. */
export interface TimeoutsBenchOptions {
  /** Small and short: proves that everything runs, measures nothing. */
  toy: boolean;
  /** Write the results to docs/figures. */
  publish: boolean;
  parts: PartName[];
  runtimes: string[];
  /** Fresh pairs of processes. */
  rounds: number;
  /** Connections of the loop over a kernel in memory. */
  connections: number;
  /** Real ones: less than the descriptors a process may have. */
  realConnections: number;
  /** Milliseconds of silence: each connection is looked at at least once, and none is idle too long. */
  holdMs: number;
  /** Of the connections, so many talk. */
  active: number[];
  /** Short windows of each round with one of the two, then with the other. */
  windows: number;
  windowMs: number;
}

const usual: TimeoutsBenchOptions = {
  toy: false,
  publish: false,
  parts: [...partNames],
  runtimes: ["bun", "deno"],
  rounds: 3,
  connections: 100_000,
  realConnections: 15_000,
  holdMs: 32_000,
  active: [64, 4096],
  windows: 20,
  windowMs: 250,
};

const small: Partial<TimeoutsBenchOptions> = {
  rounds: 1,
  connections: 1000,
  realConnections: 100,
  holdMs: 300,
  active: [64],
  windows: 2,
  windowMs: 50,
};

function number(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new TypeError(`${name} wants a whole number from one on, not "${text}"`);
  }
  return value;
}

function parts(text: string): PartName[] {
  const names = text.split(",");
  const unknown = names.find((name) => !(partNames as readonly string[]).includes(name));
  if (unknown !== undefined) throw new TypeError(`--parts: "${unknown}" is none of ${partNames.join(", ")}`);
  return names as PartName[];
}

const setters: Record<string, (options: TimeoutsBenchOptions, text: string) => void> = {
  "--parts": (options, text) => options.parts = parts(text),
  "--runtimes": (options, text) => options.runtimes = text.split(","),
  "--rounds": (options, text) => options.rounds = number("--rounds", text),
  "--connections": (options, text) => options.connections = number("--connections", text),
  "--real-connections": (options, text) => options.realConnections = number("--real-connections", text),
  "--hold-ms": (options, text) => options.holdMs = number("--hold-ms", text),
};

/** Reads the options; throws on one that is unknown. */
export function parseOptions(args: string[]): TimeoutsBenchOptions {
  const toy = args.includes("--toy");
  const options = { ...usual, ...(toy ? small : {}), toy, publish: args.includes("--publish") };
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
