/**
 * Two of the same program side by side, one with limits of time and one without: what is apart by a few
 * nanoseconds cannot be told from runs one after the other.
 *
 * @module
 */
import { median } from "../echo/results.ts";
import { Commanded } from "./commanded.ts";

/** The limits a server sets by default. */
export const serverTimeouts = {
  firstByte: 30_000,
  message: 60_000,
  writeStall: 60_000,
  idle: 75_000,
  lifetime: 0,
};

/** What is compared. */
export const sides = ["without", "with"] as const;
export type Side = typeof sides[number];

/** One value of each side, taken at the same time or right after each other. */
export type Pair = Record<Side, number>;

/** What the pairs of one measurement say. */
export interface Compared {
  what: string;
  unit: string;
  pairs: number;
  /** Medians. */
  without: number;
  with: number;
  /** Median of the differences, and the middle half of them. */
  extra: number;
  extraQuartiles: [number, number];
}

/** Sums pairs up. */
export function compare(what: string, unit: string, pairs: Pair[]): Compared {
  const extras = pairs.map((pair) => pair.with - pair.without).sort((one, other) => one - other);
  const at = (share: number) => extras[Math.min(extras.length - 1, Math.floor(extras.length * share))];
  return {
    what,
    unit,
    pairs: pairs.length,
    without: median(pairs.map((pair) => pair.without)),
    with: median(pairs.map((pair) => pair.with)),
    extra: median(extras),
    extraQuartiles: [at(0.25), at(0.75)],
  };
}

/** Milliseconds of CPU a second that both take meanwhile. */
export async function idleCpu(both: Record<Side, Commanded>, milliseconds: number): Promise<Pair> {
  const read = async () => ({
    without: (await both.without.ask("cpu")).cpu,
    with: (await both.with.ask("cpu")).cpu,
    at: performance.now(),
  });
  const before = await read();
  await Bun.sleep(milliseconds);
  const after = await read();
  // Microseconds by milliseconds are milliseconds by seconds.
  const passed = after.at - before.at;
  return { without: (after.without - before.without) / passed, with: (after.with - before.with) / passed };
}

/** Measures one side after the other, the first of them in turn. */
export async function inTurn(round: number, measure: (side: Side) => Promise<number>): Promise<Pair> {
  const pair: Pair = { without: 0, with: 0 };
  for (const side of round % 2 === 0 ? sides : [...sides].reverse()) pair[side] = await measure(side);
  return pair;
}

/** Starts both sides; undefined where the runtime is not on PATH. */
export async function startBoth(
  runtime: string,
  given: { library?: string; clients: number },
): Promise<Record<Side, Commanded> | undefined> {
  const path = runtime === "bun" ? process.execPath : Bun.which(runtime);
  if (!path) return undefined;
  const module = new URL("server.ts", import.meta.url).pathname;
  const flags = runtime === "bun" ? ["run"] : ["run", "--quiet", "--no-check", "--allow-all"];
  const command = (timeouts: object) => [path, ...flags, module, JSON.stringify({ timeouts, ...given })];
  const without = await Commanded.start(command({}));
  try {
    return { without, with: await Commanded.start(command(serverTimeouts)) };
  } catch (error) {
    await without.end();
    throw error;
  }
}

/** The end of connections that should have stayed. */
export function lostText(count: number): string {
  return `${count} connections have ended: this machine was too busy to be done within their limits`;
}
