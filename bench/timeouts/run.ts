/**
 * What limits of time cost a loop with very many connections: `bun bench/timeouts/run.ts [--toy] [--publish]
 * [--parts loop,sockets] [--runtimes bun,deno] [--rounds 3] [--connections 100000]
 * [--real-connections 15000] [--hold-ms 32000]`.
 *
 * @module
 */
import { describeMachine, describeVersions } from "../echo/machine.ts";
import { FIGURES, OUT } from "../echo/programs.ts";
import { measureLoop } from "./loop.ts";
import { parseOptions, type PartName } from "./options.ts";
import type { Compared } from "./pair.ts";
import { measureSockets } from "./sockets.ts";

const titles: Record<PartName, string> = {
  loop: "One loop over a kernel in memory, clients on the same loop",
  sockets: "Real sockets",
};

function render(compared: Compared): string {
  const text = (value: number) => value.toFixed(2);
  const { what, unit, without, extra, extraQuartiles: [low, high] } = compared;
  const beside = `without limits ${text(without)} ${unit}, with them ${text(compared.with)}`;
  return `${what.padEnd(54)} ${beside}: ${text(extra)} more (middle half: ${text(low)} to ${text(high)})`;
}

const options = parseOptions(Bun.argv.slice(2));
const progress = (text: string) => process.stderr.isTTY ? process.stderr.write(`\r\x1b[K${text}`) : undefined;
const machine = await describeMachine();
const results: Partial<Record<PartName, Compared[]>> = {};
for (const part of options.parts) {
  const measure = part === "loop" ? measureLoop : measureSockets;
  const compared: Compared[] = [];
  console.log(`\n# ${titles[part]}\n`);
  for (const runtime of options.runtimes) {
    const lines = await measure(runtime, options, progress);
    if (lines === undefined) console.log(`${runtime} is not on PATH and left out`);
    for (const line of lines ?? []) console.log(render(line));
    compared.push(...lines ?? []);
  }
  results[part] = compared;
}
if (options.toy) console.log("\nToy size: this shows that everything runs; the figures mean nothing.");
const date = new Date().toISOString().slice(0, 10);
const { rounds, toy } = options;
const text =
  JSON.stringify({ date, machine, versions: describeVersions(), rounds, toy, ...results }, null, 2) + "\n";
await Bun.write(`${OUT}/timeouts.json`, text);
if (options.publish) await Bun.write(`${FIGURES}/timeouts.json`, text);
