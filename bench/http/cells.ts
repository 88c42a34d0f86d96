/**
 * The cells of the HTTP benchmark: what is asked for, over how many connections.
 *
 * @module
 */
import type { HeadKind } from "./requests.ts";
import type { Kind } from "./work.ts";

/** One combination that all servers which answer its kind are measured in. */
export interface Cell {
  name: string;
  title: string;
  kind: Kind;
  head: HeadKind;
  connections: number;
  /** Requests sent at once on a connection. */
  pipeline: number;
}

function cell(name: string, title: string, connections: number, rest: Partial<Cell> = {}): Cell {
  return { name, title, connections, kind: "hello", head: "small", pipeline: 1, ...rest };
}

/** Every cell, in the order of the tables. */
export const CELLS: Cell[] = [
  cell("1", "1 connection", 1),
  cell("64", "64 connections", 64),
  cell("512", "512 connections", 512),
  cell("5000", "5,000 connections", 5000),
  cell("pipelined", "64 connections, 16 pipelined", 64, { pipeline: 16 }),
  cell("browser", "64 connections, a browser's head", 64, { head: "browser" }),
  cell("browser-pipelined", "a browser's head, 16 pipelined", 64, { head: "browser", pipeline: 16 }),
  cell("work", "64 connections, URL, field and JSON", 64, { kind: "work" }),
  cell("json", "64 connections, 1 KiB of JSON", 64, { kind: "json" }),
  cell("body", "64 connections, a body of 64 KiB", 64, { kind: "body" }),
  cell("download", "16 connections, a body of 1 MiB", 16, { kind: "download" }),
  cell("upload", "16 connections, an upload of 1 MiB", 16, { kind: "upload" }),
];

/** The name of the part that measures idle connections. */
export const IDLE = "idle";
