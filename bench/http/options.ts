/**
 * The command line of the HTTP benchmark.
 *
 * @module
 */
import { count } from "../echo/options.ts";
import { CELLS, IDLE } from "./cells.ts";

/** What is to be run. */
export interface HttpBenchOptions {
  /** Every server and every kind of request in seconds: proves that everything runs, measures nothing. */
  toy: boolean;
  /** Put the measured cells into the place of those in docs/figures, and into the pages that show them. */
  publish: boolean;
  rounds: number;
  /** Names of the cells, among them `idle`. */
  cells: string[];
  /** Names of the servers, or beginnings of them; empty for those that each cell compares. */
  servers: string[];
  warmUpMs: number;
  durationMs: number;
  idleConnections: number;
  idleHoldMs: number;
  /** Core of the server and core of the load. */
  serverCore: number;
  loadCore: number;
}

const FULL: HttpBenchOptions = {
  toy: false,
  publish: false,
  rounds: 5,
  cells: [...CELLS.map(({ name }) => name), IDLE.name],
  servers: [],
  warmUpMs: 1500,
  durationMs: 1500,
  idleConnections: 10000,
  idleHoldMs: 2000,
  serverCore: 0,
  loadCore: 1,
};

const TOY: HttpBenchOptions = {
  ...FULL,
  toy: true,
  rounds: 1,
  cells: ["pipelined", "work", "upload"],
  warmUpMs: 20,
  durationMs: 50,
};

function cells(text: string): string[] {
  const names = text.split(",");
  const unknown = names.find((name) => !FULL.cells.includes(name));
  if (unknown !== undefined) throw new TypeError(`--cells: "${unknown}" is none of ${FULL.cells.join(", ")}`);
  return names;
}

type Setter = (options: HttpBenchOptions, text: string) => void;

const SETTERS: Record<string, Setter> = {
  "--rounds": (options, text) => options.rounds = count("--rounds", text),
  "--cells": (options, text) => options.cells = cells(text),
  "--servers": (options, text) => options.servers = text.split(","),
  "--warm-up-ms": (options, text) => options.warmUpMs = count("--warm-up-ms", text),
  "--duration-ms": (options, text) => options.durationMs = count("--duration-ms", text),
  "--idle-connections": (options, text) => options.idleConnections = count("--idle-connections", text),
  "--idle-hold-ms": (options, text) => options.idleHoldMs = count("--idle-hold-ms", text),
  "--server-core": (options, text) => options.serverCore = count("--server-core", text),
  "--load-core": (options, text) => options.loadCore = count("--load-core", text),
};

/** Reads the options; throws on one that is unknown. */
export function parseOptions(args: string[]): HttpBenchOptions {
  const options: HttpBenchOptions = { ...(args.includes("--toy") ? TOY : FULL) };
  for (let index = 0; index < args.length; index++) {
    const name = args[index];
    if (name === "--toy") continue;
    if (name === "--publish") {
      options.publish = true;
      continue;
    }
    const setter = SETTERS[name];
    const text = args[++index];
    if (!setter || text === undefined) {
      const known = `--toy --publish ${Object.keys(SETTERS).join(" ")}`;
      throw new TypeError(`unknown or incomplete option ${name}; known: ${known}`);
    }
    setter(options, text);
  }
  if (options.toy && options.publish) {
    throw new TypeError("--publish wants figures that mean something, not --toy");
  }
  return options;
}
