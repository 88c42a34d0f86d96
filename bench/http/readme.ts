/**
 * The figures of HTTP in the README and in docs/performance.md, as text made of the results:
 * `bun bench/http/readme.ts` writes them, and the chart, from `docs/figures/http.json`, and a run with
 * `--publish` does the same. A test holds the pages to it.
 *
 * @module
 */
import type { Verdict } from "../echo/goals.ts";
import type { BunFiles } from "../echo/readme.ts";
import { RUNTIMES } from "./cells.ts";
import { renderChart } from "./chart.ts";
import { judgeGoals } from "./goals.ts";
import { type Circumstances, type HttpResult, type HttpResults, isStarved } from "./results.ts";

const START = "<!-- figures of docs/figures/http.json: bun bench/http/readme.ts -->";
const END = "<!-- end of the figures of HTTP -->";
/** Where a server takes no part in a cell. */
const NONE = "–";

const NAMES: Record<string, string> = {
  "c-epoll": "C loop that does not parse",
  "ringport-fast-bun": "**`http` on Bun**",
  "ringport-fast-deno": "**`http` on Deno**",
  "ringport-fetch-bun": "**`serve` on Bun**",
  "ringport-fetch-deno": "**`serve` on Deno**",
  "hyper": "hyper",
  "nginx": "nginx, `return 200`",
  "go-net-http": "Go net/http",
  "bun-serve": "Bun.serve",
  "bun-static": "Bun.serve, static route",
  "deno-serve": "Deno.serve",
  "node-http": "node:http",
};

const HEADS: Record<string, string> = {
  "1": "1 connection",
  "64": "64",
  "512": "512",
  "5000": "5,000",
  "pipelined": "64, 16 pipelined",
  "browser": "64, browser's head",
  "browser-pipelined": "the same, 16 pipelined",
  "json": "1 KiB of JSON",
  "body": "64 KiB",
  "download": "1 MiB",
  "upload": "upload of 1 MiB",
};

type Show = (result: HttpResult) => string;

/** A rate as people read it. */
function rateText(rate: number): string {
  if (rate < 10_000) return `${(rate / 1000).toFixed(2)}k`;
  if (rate < 1_000_000) return `${(rate / 1000).toFixed(1)}k`;
  return `${Math.round(rate / 1000).toLocaleString("en-US")}k`;
}

const micro = (value: number) => value.toFixed(value < 2 ? 2 : 1);
const whole = (value: number) => Math.round(value).toLocaleString("en-US");
const rateAndCpu: Show = ({ rate, cpuPerRequest }) => `${rateText(rate)} · ${micro(cpuPerRequest)} µs`;
const cpuAndUser: Show = ({ cpuPerRequest, userPerRequest }) =>
  `${cpuPerRequest.toFixed(2)} (${userPerRequest.toFixed(2)})`;
const latencies: Show = ({ p50, p99 }) => `${whole(p50)} · ${whole(p99)}`;

function find(results: HttpResults, cell: string, server: string): HttpResult | undefined {
  return results.cells.find((one) => one.cell === cell)?.servers.find((one) => one.server === server);
}

function lines(head: string[], rows: string[][]): string[] {
  const line = (texts: string[]) => `| ${texts.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line), ""];
}

/** A row for each server that takes part in any of the cells, which are the columns; empty without cells. */
function table(results: HttpResults, cells: string[], show: Show): string[] {
  const measured = cells.filter((name) => results.cells.some(({ cell }) => cell === name));
  const rows = Object.entries(NAMES)
    .map(([server, name]) => ({ name, found: measured.map((cell) => find(results, cell, server)) }))
    .filter(({ found }) => found.some((one) => one !== undefined))
    .map(({ name, found }) => [name, ...found.map((one) => one === undefined ? NONE : show(one))]);
  return rows.length === 0 ? [] : lines(["server", ...measured.map((cell) => HEADS[cell])], rows);
}

function under(sentence: string, rows: string[]): string[] {
  return rows.length === 0 ? [] : [sentence, "", ...rows];
}

/** The fetch door beside the runtime's own server, with handlers that do the usual things. */
function styles(results: HttpResults): string[] {
  const rows = RUNTIMES.flatMap((runtime) => {
    const name = runtime === "bun" ? "Bun" : "Deno";
    return [
      [
        `**\`serve\` on ${name}**`,
        ...["fetch", "async", "hono"].map((style) => `ringport-${style}-${runtime}`),
      ],
      [`${name}.serve`, `${runtime}-serve`, `${runtime}-async`, `${runtime}-hono`],
    ];
  });
  const texts = rows.map(([name, ...servers]) => [
    name,
    ...servers.map((server) => {
      const found = find(results, "work", server);
      return found === undefined ? NONE : rateAndCpu(found);
    }),
  ]);
  if (!results.cells.some(({ cell }) => cell === "work")) return [];
  return under(
    "The same handlers for `serve` and for the runtimes' own servers, over 64 connections. They parse\n" +
      "the URL, read a parameter and a field, and answer with JSON.",
    lines(["server", "handler", "async handler", "Hono"], texts),
  );
}

function idleSentence({ idle }: HttpResults): string[] {
  if (idle === undefined) return [];
  const bytes = (server: string) => {
    const found = idle.servers.find((one) => one.server === server);
    return found === undefined ? undefined : whole(found.bytesPerConnection);
  };
  const others = ["bun-serve", "deno-serve", "node-http", "go-net-http", "hyper"]
    .filter((server) => bytes(server) !== undefined)
    .map((server) => `${NAMES[server]} ${bytes(server)}`).join(", ");
  const connections = whole(idle.servers[0].connections);
  const medians = idle.rounds === 1 ? "one process" : `medians of ${idle.rounds} processes`;
  return [
    `${connections} idle keep-alive connections cost ${bytes("ringport-fast-bun")} bytes each on Bun and ` +
    `${bytes("ringport-fast-deno")} on Deno`,
    `(${others}; growth of the process, ${medians}).`,
  ];
}

function circumstancesText({ date, machine, versions, rounds }: Circumstances): string {
  const kernel = /^\S+ \d+\.\d+/.exec(machine.kernel)?.[0] ?? machine.kernel;
  const runtimes = `Bun ${versions.bun}, ${versions.deno.replace(/^deno/, "Deno")}, node ${
    versions.node.replace(/^v/, "")
  }`;
  const medians = rounds === 1 ? "one round" : `medians of ${rounds} interleaved rounds`;
  return `Measured on ${date} on ${machine.cpu}, ${kernel}, ${runtimes}; ${medians}.`;
}

/** Cells that were measured in another way than the first ones are named. */
function measuredSentences(results: HttpResults): string[] {
  const groups = new Map<string, string[]>();
  for (const one of results.cells) {
    const text = circumstancesText(one);
    groups.set(text, [...groups.get(text) ?? [], HEADS[one.cell] ?? one.cell]);
  }
  const sentences = [...groups].map(([text, cells], index) =>
    index === 0 ? text : `${text.slice(0, -1)}: ${cells.join("; ")}.`
  );
  const starved = results.cells.filter(({ cell, servers }) => servers.some((one) => isStarved(cell, one)));
  if (starved.length > 0) {
    sentences.push("The machine had other work meanwhile, so the rates are an indication only.");
  }
  return sentences;
}

function goalRows(verdicts: Verdict[]): string[][] {
  const rows = new Map<string, Record<string, string>>();
  for (const { goal, server, where, value, met } of verdicts) {
    const door = server.split("-")[1];
    const text = goal.replace(">=", "≥").replace("<=", "≤").replace(/ us$/, " µs").replace(
      "c-epoll",
      "the C loop",
    )
      .replace("bun-serve", "Bun.serve");
    const key = `\`${door === "fast" ? "http" : "serve"}\`${
      door === "hono" ? " with Hono" : ""
    }: ${text} | ${where}`;
    const runtime = RUNTIMES.find((one) => server.endsWith(one))!;
    rows.set(key, { ...rows.get(key), [runtime]: met ? value : `**${value}**` });
  }
  return [...rows].map(([key, values]) => [key, ...RUNTIMES.map((runtime) => values[runtime] ?? NONE)]);
}

function goals(results: HttpResults): string[] {
  const verdicts = judgeGoals(results);
  if (verdicts.length === 0) return [];
  const met = verdicts.filter((one) => one.met).length;
  return [
    `${met} of ${verdicts.length} goals are met; the missed ones are bold. Where the load generator was`,
    "saturated (load full), the ratio is that of the CPU times of a request.",
    "",
    ...lines(["goal", "where", "Bun", "Deno"], goalRows(verdicts)),
  ];
}

function replaceFigures(page: string, text: string[]): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new Error(`the page has no place for figures: ${START}`);
  return `${page.slice(0, start + START.length)}\n\n${text.join("\n").trimEnd()}\n\n${page.slice(end)}`;
}

/** The README with its figures as the results have them. */
export function withReadmeFigures(readme: string, results: HttpResults): string {
  return replaceFigures(readme, [
    ...table(results, ["1", "64", "512", "5000", "pipelined"], rateAndCpu),
    ...styles(results),
    ...idleSentence(results),
    ...measuredSentences(results),
  ]);
}

/** docs/performance.md with its figures of HTTP as the results have them. */
export function withPerformanceFigures(page: string, results: HttpResults): string {
  return replaceFigures(page, [
    ...goals(results),
    ...under(
      "CPU time of the server per request in µs, user time in brackets:",
      table(results, ["64", "512", "pipelined", "browser", "browser-pipelined"], cpuAndUser),
    ),
    ...under(
      "Requests per second and CPU time per request, JSON and 64 KiB over 64 connections, 1 MiB over 16:",
      table(results, ["json", "body", "download", "upload"], rateAndCpu),
    ),
    ...under(
      "Latency in µs, median and 99th percentile, at full load; pipelined, the time of a batch:",
      table(results, ["1", "64", "512", "5000", "pipelined"], latencies),
    ),
    ...measuredSentences(results),
  ]);
}

/** The results as they are kept. */
export function renderResults(results: HttpResults): string {
  return JSON.stringify({ ...results, goals: judgeGoals(results) }, null, 2) + "\n";
}

/** Writes the pages and the chart of the checkout. On Bun. */
export async function writePages(): Promise<void> {
  const { file, write } = (globalThis as unknown as { Bun: BunFiles<HttpResults> }).Bun;
  const docs = new URL("../../docs/", import.meta.url);
  const results = await file(new URL("figures/http.json", docs)).json();
  await write(new URL("figures/http.svg", docs), renderChart(results));
  const readme = new URL("../README.md", docs);
  await write(readme, withReadmeFigures(await file(readme).text(), results));
  const performance = new URL("performance.md", docs);
  await write(performance, withPerformanceFigures(await file(performance).text(), results));
}

if (import.meta.main) await writePages();
