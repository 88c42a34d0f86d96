/**
 * Draws results as an SVG chart that reads well on a light and on a dark page: rates and CPU times as bars.
 *
 * @module
 */
import type { BenchResults } from "./results.ts";
import { BASELINE } from "./servers.ts";

const WIDTH = 860;
const MARGIN = 24;
const TITLE_HEIGHT = 64;
const GROUP_TITLE_HEIGHT = 26;
const BAR_HEIGHT = 16;
const BAR_STEP = 22;
const GROUP_GAP = 14;
const FOOT_HEIGHT = 30;
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

/** One server in one group of bars. */
export interface ChartRow {
  server: string;
  /** Its name in the chart. */
  title: string;
  /** Messages or requests a second. */
  rate: number;
  /** Microseconds of CPU time for each. */
  cpu: number;
}

/** What is drawn. */
export interface Chart {
  title: string;
  /** The heads of the two columns. */
  heads: [rate: string, cpu: string];
  /** Pixels for the names of the servers. */
  nameWidth: number;
  groups: { title: string; rows: ChartRow[] }[];
  /** The last line: where it was measured. */
  foot: string;
}

/** One column of bars: what it shows, where it lies, and how long a bar may be. */
interface Panel {
  left: number;
  length: number;
  pick(row: ChartRow): number;
  label(value: number): string;
  most: number;
}

function bar(panel: Panel, row: ChartRow, y: number): string {
  const value = panel.pick(row);
  const length = Math.max(1, Math.round(value / panel.most * panel.length));
  return `<rect x="${panel.left}" y="${y}" width="${length}" height="${BAR_HEIGHT}" rx="2" ` +
    `class="${kindOf(row.server)}"/>` +
    text(panel.left + length + 6, y + BAR_HEIGHT - 4, panel.label(value));
}

function makePanels(rows: ChartRow[], nameWidth: number): Panel[] {
  const left = MARGIN + nameWidth;
  const length = (WIDTH - 2 * MARGIN - nameWidth - 2 * VALUE_WIDTH - PANEL_GAP) / 2;
  const rate = (row: ChartRow) => row.rate;
  const cpu = (row: ChartRow) => row.cpu;
  const most = (pick: (row: ChartRow) => number) => Math.max(...rows.map(pick));
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

function drawGroup(title: string, rows: ChartRow[], nameWidth: number, top: number) {
  // Each group has its own scale: one connection alone would vanish beside five thousand.
  const panels = makePanels(rows, nameWidth);
  const parts = [text(MARGIN, top + 16, title, "group")];
  let y = top + GROUP_TITLE_HEIGHT;
  for (const row of rows) {
    parts.push(text(MARGIN, y + BAR_HEIGHT - 4, row.title));
    parts.push(...panels.map((panel) => bar(panel, row, y)));
    y += BAR_STEP;
  }
  return { parts, bottom: y + GROUP_GAP };
}

/** The last line of a chart: the machine, the runtimes and the rounds. */
export function footOf(
  { machine, versions, rounds }: Pick<BenchResults, "machine" | "versions" | "rounds">,
): string {
  const names = `Bun ${versions.bun}, ${versions.deno}, node ${versions.node}`;
  return `${machine.cpu}; ${names}; medians of ${rounds} round${rounds === 1 ? "" : "s"}`;
}

/** A chart as the text of an SVG file. */
export function drawChart({ title, heads, nameWidth, groups, foot }: Chart): string {
  const panels = makePanels(groups.flatMap(({ rows }) => rows), nameWidth);
  const parts = [text(MARGIN, 26, title, "title")];
  parts.push(...heads.map((head, index) => text(panels[index].left, 50, head, "quiet")));
  let y = TITLE_HEIGHT;
  for (const group of groups) {
    const drawn = drawGroup(group.title, group.rows, nameWidth, y);
    parts.push(...drawn.parts);
    y = drawn.bottom;
  }
  const height = y + FOOT_HEIGHT;
  const bottom = height - 12;
  parts.push(
    `<line x1="${MARGIN}" x2="${WIDTH - MARGIN}" y1="${bottom - 20}" y2="${bottom - 20}" class="line"/>`,
    text(MARGIN, bottom, foot, "quiet"),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
    `height="${height}" role="img"><title>${escape(title)}</title><style>${STYLE}</style>\n${
      parts.join("\n")
    }\n</svg>\n`;
}

/** A chart of nothing. */
export const EMPTY = `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>\n`;

/** The results of the echo bench for small messages as the text of an SVG file. */
export function renderChart(results: BenchResults): string {
  const main = results.cells.filter((cell) => cell.place === "main");
  const size = main.some((cell) => cell.size === SMALL_MESSAGE_BYTES)
    ? SMALL_MESSAGE_BYTES
    : main[0]?.size ?? 0;
  const cells = main.filter((cell) => cell.size === size);
  if (cells.length === 0) return EMPTY;
  return drawChart({
    title: `Echo of ${size} bytes over loopback, one server core`,
    heads: ["messages a second (longer is better)", "server CPU a message (shorter is better)"],
    nameWidth: 112,
    groups: [...new Set(cells.map((cell) => cell.connections))].map((connections) => ({
      title: `${connections} connection${connections === 1 ? "" : "s"}`,
      rows: cells.filter((cell) => cell.connections === connections).map((cell) => ({
        server: cell.server,
        title: TITLES[cell.server] ?? cell.server,
        rate: cell.rate,
        cpu: cell.cpuPerMessage,
      })),
    })),
    foot: footOf(results),
  });
}
