/**
 * Servers started and stopped again and again leave nothing behind: no descriptor, no thread, no memory that
 * grows on. `RINGPORT_STARTS=1000` takes that many instead of the few of a usual run.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { runScript } from "./helpers/process.ts";
import { environment, scaled } from "./helpers/runtime.ts";

const STARTS = Number(environment("RINGPORT_STARTS") ?? scaled(100, 8));

/** Milliseconds one start and stop may take on a machine that is busy with other things. */
const ROUND_MILLISECONDS = scaled(1_000, 10_000);

/**
 * Bytes a server may leave in the runtime's own heaps, and what these vary by: with a thousand of them 10
 * to 35 KB are seen, fewer the longer it runs, where 10 to 15 are what an empty thread leaves on Deno.
 */
const BYTES_PER_SERVER = 96 * 1024;
const BYTES_OF_CHANCE = 40 * 1024 * 1024;

describe("servers started and stopped", () => {
  for (const workers of [1, 2]) {
    // A multiple of four: the figures are told after each quarter.
    const rounds = 4 * Math.ceil(STARTS / workers / 4);
    const title = `${rounds} times leave nothing behind (${workers} workers)`;
    it(title, { timeout: 60_000 + rounds * ROUND_MILLISECONDS }, async () => {
      await using child = runScript("./children/server_growth.ts", import.meta.url, {
        arguments: [String(rounds), String(workers)],
      });
      const { code, output, errors } = await child.end(50_000 + rounds * ROUND_MILLISECONDS);
      expect(`${code} ${errors}`).toBe("0 ");
      const told = [...output.matchAll(/descriptors (\d+) threads (\d+) bytes (\d+)/g)];
      const figures = told.map((match) => match.slice(1).map(Number));
      expect(figures).toHaveLength(4);
      const [first, second, third, last] = figures;
      // Windows tells neither: both are 0 there.
      expect(last[0] - first[0]).toBeLessThanOrEqual(1);
      expect(last[1] - first[1]).toBeLessThanOrEqual(2);
      // When the runtime collects its garbage is chance, so each half counts with its lower figure.
      const before = Math.min(first[2], second[2]);
      const after = Math.min(third[2], last[2]);
      expect(after - before).toBeLessThan(BYTES_OF_CHANCE + rounds / 2 * BYTES_PER_SERVER);
    });
  }
});
