/**
 * Draws the results for small messages as an SVG chart that reads well on a light and on a dark page.
 *
 * @module
 */
import type { BenchResults, CellResult } from "./results.ts";
import { BASELINE } from "./servers.ts";

const WIDTH = 860;
const MARGIN = 24;
const TITLE_HEIGHT = 64;
const GROUP_TITLE_HEIGHT = 26;
const BAR_HEIGHT = 16;
const BAR_STEP = 22;
const GROUP_GAP = 14;
const FOOT_HEIGHT = 30;
const NAME_WIDTH = 112;
/** Room for the figure behind a bar. */
const VALUE_WIDTH = 86;
const PANEL_GAP = 20;
const SMALL_MESSAGE_BYTES = 64;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .group { font-weight: 600; }
  .quiet { fill: #57606a; }
  .ours { fill: #1a7f5a; }
  .baseline { fill: #6e7781; }
  .other { fill: #a9b4c0; }
  .line { stroke: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9da7b1; }
    .ours { fill: #3fb98a; }
    .baseline { fill: #8b949e; }
    .other { fill: #4b5662; }
    .line { stroke: #3d444d; }
  }
`;

const TITLES: Record<string, string> = {
  "c-epoll": "C epoll loop",
  "ringport-bun": "Ringport, Bun",
  "ringport-deno": "Ringport, Deno",
  "bun-listen": "Bun.listen",
  "deno-listen": "Deno.listen",
  "node-net": "node:net",
};

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function text(x: number, y: number, content: string, kind = "", anchor = "start"): string {
  return `<text x="${x}" y="${y}" class="${kind}" text-anchor="${anchor}">${escape(content)}</text>`;
}

function kindOf(server: string): string {
  if (server === BASELINE) return "baseline";
  return server.startsWith("ringport") ? "ours" : "other";
}

/** One column of bars: what it shows, where it lies, and how long a bar may be. */
interface Panel {
  left: number;
  length: number;
  pick(cell: CellResult): number;
  label(value: number): string;
  most: number;
}

function bar(panel: Panel, cell: CellResult, y: number): string {
  const value = panel.pick(cell);
  const length = Math.max(1, Math.round(value / panel.most * panel.length));
  return `<rect x="${panel.left}" y="${y}" width="${length}" height="${BAR_HEIGHT}" rx="2" ` +
    `class="${kindOf(cell.server)}"/>` +
    text(panel.left + length + 6, y + BAR_HEIGHT - 4, panel.label(value));
}

function makePanels(cells: CellResult[]): Panel[] {
  const left = MARGIN + NAME_WIDTH;
  const length = (WIDTH - 2 * MARGIN - NAME_WIDTH - 2 * VALUE_WIDTH - PANEL_GAP) / 2;
  const rate = (cell: CellResult) => cell.rate;
  const cpu = (cell: CellResult) => cell.cpuPerMessage;
  const most = (pick: (cell: CellResult) => number) => Math.max(...cells.map(pick));
  return [
    { left, length, pick: rate, most: most(rate), label: (value) => `${(value / 1000).toFixed(1)}k` },
    {
      left: left + length + VALUE_WIDTH + PANEL_GAP,
      length,
      pick: cpu,
      most: most(cpu),
      label: (value) => `${value.toFixed(2)} us`,
    },
  ];
}

function drawGroup(cells: CellResult[], top: number): { parts: string[]; bottom: number } {
  const count = cells[0].connections;
  // Each group has its own scale: one connection alone would vanish beside five thousand.
  const panels = makePanels(cells);
  const parts = [text(MARGIN, top + 16, `${count} connection${count === 1 ? "" : "s"}`, "group")];
  let y = top + GROUP_TITLE_HEIGHT;
  for (const cell of cells) {
    parts.push(text(MARGIN, y + BAR_HEIGHT - 4, TITLES[cell.server] ?? cell.server));
    parts.push(...panels.map((panel) => bar(panel, cell, y)));
    y += BAR_STEP;
  }
  return { parts, bottom: y + GROUP_GAP };
}

function heading(size: number, panels: Panel[]): string[] {
  return [
    text(MARGIN, 26, `Echo of ${size} bytes over loopback, one server core`, "title"),
    text(panels[0].left, 50, "messages a second (longer is better)", "quiet"),
    text(panels[1].left, 50, "server CPU a message (shorter is better)", "quiet"),
  ];
}

function foot(results: BenchResults, y: number): string[] {
  const line = `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${y - 20}" y2="${y - 20}" class="line"/>`;
  const versions = `Bun ${results.versions.bun}, ${results.versions.deno}, node ${results.versions.node}`;
  const rounds = `medians of ${results.rounds} round${results.rounds === 1 ? "" : "s"}`;
  return [line, text(MARGIN, y, `${results.machine.cpu}; ${versions}; ${rounds}`, "quiet")];
}

/** The chart as the text of an SVG file. */
export function renderChart(results: BenchResults): string {
  const main = results.cells.filter((cell) => cell.place === "main");
  const size = main.some((cell) => cell.size === SMALL_MESSAGE_BYTES)
    ? SMALL_MESSAGE_BYTES
    : main[0]?.size ?? 0;
  const cells = main.filter((cell) => cell.size === size);
  if (cells.length === 0) return `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>\n`;
  const parts = heading(size, makePanels(cells));
  let y = TITLE_HEIGHT;
  for (const connections of new Set(cells.map((cell) => cell.connections))) {
    const group = drawGroup(cells.filter((cell) => cell.connections === connections), y);
    parts.push(...group.parts);
    y = group.bottom;
  }
  const height = y + FOOT_HEIGHT;
  parts.push(...foot(results, height - 12));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
    `height="${height}" role="img"><title>Echo bench</title><style>${STYLE}</style>\n${
      parts.join("\n")
    }\n</svg>\n`;
}
