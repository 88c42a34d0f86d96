/**
 * The figures of the README, as text made of the results: `bun bench/echo/readme.ts` writes them from
 * `docs/figures/echo.json`, and a run with `--publish` does the same. A test holds the README to it.
 *
 * @module
 */
import type { BenchResults, CellResult } from "./results.ts";

const START = "<!-- figures of docs/figures/echo.json: bun bench/echo/readme.ts -->";
const END = "<!-- end of the figures -->";

const SMALL_MESSAGE_BYTES = 64;
const CONNECTIONS = [1, 64, 512, 5000];
const NAMES: Record<string, string> = {
  "c-epoll": "bare C epoll loop",
  "ringport-bun": "**Ringport on Bun**",
  "ringport-deno": "**Ringport on Deno**",
  "bun-listen": "Bun.listen",
  "deno-listen": "Deno.listen",
  "node-net": "node:net",
};

function cellOf(results: BenchResults, place: string, server: string, connections: number): CellResult {
  const found = results.cells.find((cell) =>
    cell.place === place && cell.server === server && cell.connections === connections &&
    cell.size === SMALL_MESSAGE_BYTES
  );
  if (found === undefined) throw new Error(`no figures of ${server} with ${connections} connections`);
  return found;
}

const thousands = (rate: number) => `${(rate / 1000).toFixed(1)}k`;
const grouped = (value: number) => Math.round(value).toLocaleString("en-US");

function table(results: BenchResults): string[] {
  const rows = Object.entries(NAMES).map(([server, name]) => {
    const cells = CONNECTIONS.map((connections) => {
      const { rate, cpuPerMessage } = cellOf(results, "main", server, connections);
      return `${thousands(rate)} · ${cpuPerMessage.toFixed(1)} µs`;
    });
    return `| ${name} | ${cells.join(" | ")} |`;
  });
  const heads = CONNECTIONS.map((count, index) => index === 0 ? "1 connection" : grouped(count));
  return [`| server | ${heads.join(" | ")} |`, `| --- |${" --- |".repeat(CONNECTIONS.length)}`, ...rows];
}

function sentences(results: BenchResults): string[] {
  const idle = new Map(results.idle.map((one) => [one.server, one]));
  const bytes = (server: string) => grouped(idle.get(server)!.bytesPerConnection);
  const busy = Math.max(idle.get("ringport-bun")!.idleBusy, idle.get("ringport-deno")!.idleBusy);
  const worker = (server: string) => thousands(cellOf(results, "worker", server, 1).rate);
  const { cpu, kernel } = results.machine;
  return [
    `${grouped(idle.get("ringport-bun")!.connections)} idle connections cost ${
      bytes("ringport-bun")
    } bytes each on Bun and ` +
    `${bytes("ringport-deno")} on Deno (Bun.listen ${bytes("bun-listen")}, Deno.listen ${
      bytes("deno-listen")
    }, ` +
    `node:net ${bytes("node-net")}),`,
    `and at most ${(100 * busy).toFixed(1)} % of a core. One connection served by a worker makes ` +
    `${worker("ringport-bun")} round trips a second on Bun and ${worker("ringport-deno")} on Deno`,
    `(Bun.listen ${worker("bun-listen")}, Deno.listen ${worker("deno-listen")}). Measured on ${cpu}, ` +
    `${/^\S+ \d+\.\d+/.exec(kernel)}, Bun ${results.versions.bun}, ` +
    `${results.versions.deno.replace(/^deno/, "Deno")}; medians of ${results.rounds} interleaved rounds.`,
  ];
}

/** The text of a README with its figures as the results have them. */
export function withFigures(readme: string, results: BenchResults): string {
  const [start, end] = [readme.indexOf(START), readme.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the README has no place for figures: ${START}`);
  const figures = [...table(results), "", ...sentences(results)].join("\n");
  return `${readme.slice(0, start + START.length)}\n\n${figures}\n\n${readme.slice(end)}`;
}

/** What of Bun writes the pages; the module is loaded on Deno as well. */
export interface BunFiles<Results> {
  file(path: URL): { text(): Promise<string>; json(): Promise<Results> };
  write(path: URL, text: string): Promise<number>;
}

/** Writes the README of the checkout. On Bun. */
export async function writeReadme(): Promise<void> {
  const { file, write } = (globalThis as unknown as { Bun: BunFiles<BenchResults> }).Bun;
  const readme = new URL("../../README.md", import.meta.url);
  const results = await file(new URL("../../docs/figures/echo.json", import.meta.url)).json();
  await write(readme, withFigures(await file(readme).text(), results));
}

if (import.meta.main) await writeReadme();
