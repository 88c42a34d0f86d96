/**
 * The cells of the HTTP benchmark: what is asked for, over how many connections, and which servers are
 * compared there.
 *
 * @module
 */
import type { HeadKind } from "./requests.ts";
import type { Kind } from "./work.ts";

/** One combination that its servers are measured in. */
export interface Cell {
  name: string;
  title: string;
  kind: Kind;
  head: HeadKind;
  connections: number;
  /** Requests sent at once on a connection. */
  pipeline: number;
  /** Who takes part unless `--servers` names others. */
  servers: string[];
}

/** The name all ratios refer to. */
export const BASELINE = "c-epoll";
/** What the names of this project's servers begin with. */
export const OURS = "ringport-";
/** The runtimes this project runs on. */
export const RUNTIMES = ["bun", "deno"];

const FAST = RUNTIMES.map((runtime) => `${OURS}fast-${runtime}`);
const FETCH = RUNTIMES.map((runtime) => `${OURS}fetch-${runtime}`);
const BUILT_IN = RUNTIMES.map((runtime) => `${runtime}-serve`);
/** The fast door, the floor below it, the fastest peer and what the runtimes have. */
const BRIEF = [BASELINE, ...FAST, "hyper", ...BUILT_IN];
const BROAD = [...BRIEF, "nginx", "go-net-http", "node-http"];
const STYLES = ["async", "hono"].flatMap((style) =>
  RUNTIMES.flatMap((runtime) => [`${OURS}${style}-${runtime}`, `${runtime}-${style}`])
);
const SCRIPTS = [...FAST, ...FETCH, ...BUILT_IN, "go-net-http", "node-http"];

function cell(
  name: string,
  title: string,
  connections: number,
  servers: string[],
  rest: Partial<Cell> = {},
): Cell {
  return { name, title, connections, servers, kind: "hello", head: "small", pipeline: 1, ...rest };
}

/** Every cell, in the order of the tables. */
export const CELLS: Cell[] = [
  cell("1", "1 connection", 1, BROAD),
  cell("64", "64 connections", 64, [...BROAD, ...FETCH, "bun-static"]),
  cell("512", "512 connections", 512, BROAD),
  cell("5000", "5,000 connections", 5000, BROAD),
  cell("pipelined", "64 connections, 16 pipelined", 64, BROAD, { pipeline: 16 }),
  cell("browser", "64 connections, a browser's head", 64, BRIEF, { head: "browser" }),
  cell("browser-pipelined", "a browser's head, 16 pipelined", 64, BRIEF, { head: "browser", pipeline: 16 }),
  cell("work", "64 connections, URL, field and JSON", 64, [...SCRIPTS, ...STYLES], { kind: "work" }),
  cell("json", "64 connections, 1 KiB of JSON", 64, [BASELINE, ...SCRIPTS], { kind: "json" }),
  cell("body", "64 connections, a body of 64 KiB", 64, BRIEF, { kind: "body" }),
  cell("download", "16 connections, a body of 1 MiB", 16, BRIEF, { kind: "download" }),
  cell("upload", "16 connections, an upload of 1 MiB", 16, BRIEF, { kind: "upload" }),
];

/** The cell of idle connections: requests as in the first one, and all is silent then. */
export const IDLE: Cell = cell("idle", "idle connections", 1, [
  ...BRIEF,
  ...FETCH,
  "go-net-http",
  "node-http",
]);

/** What is said of a cell: its title, or its name where there is no such cell. */
export function titleOf(name: string): string {
  return [...CELLS, IDLE].find((one) => one.name === name)?.title ?? name;
}
