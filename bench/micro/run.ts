/**
 * The small benches, on Bun and on Deno: `bun bench/micro/run.ts [--toy] [group]`,
 * `deno run --allow-all bench/micro/run.ts [--toy] [group]`. Figures are nanoseconds.
 *
 * @module
 */
import { Micro } from "./bench.ts";
import { crossing, turns } from "./crossing.ts";
import { framing } from "./framing.ts";
import { gather } from "./gather.ts";
import { http1 } from "./http1.ts";
import { segments } from "./segments.ts";
import { timers } from "./timers.ts";
import { watch } from "./watch.ts";

const GROUPS: Record<string, (micro: Micro) => Promise<void>> = {
  crossing,
  turn: turns,
  segments,
  timers,
  watch,
  gather,
  framing,
  http1,
};

const toy = process.argv.includes("--toy");
const filter = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const micro = new Micro(toy, filter);
const heads = ["p50 ns", "mean ns", "p99 ns"].map((head) => head.padStart(10));
console.log(`${"group".padEnd(10)} ${"what".padEnd(44)} ${heads.join(" ")}`);
for (const [group, run] of Object.entries(GROUPS)) {
  if (micro.wants(group)) await run(micro);
}
if (micro.results.length === 0) throw new TypeError(`no group is named like "${filter}"`);
if (toy) console.log("Toy size: this shows that everything runs; the figures mean nothing.");
