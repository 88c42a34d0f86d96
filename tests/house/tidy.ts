/**
 * The house rules that a program can see: lengths, leftovers, and what no file may tell.
 *
 * @module
 */
import { blankSource } from "./blank.ts";
import type { Sources } from "./files.ts";

/** Columns of a line: what two files side by side show on a common screen. */
export const COLUMNS_MAX = { ts: 110, zig: 120, c: 120 };
/** Lines of a file: one idea is kept whole up to this length. */
export const FILE_LINES_MAX = 900;
/** Lines of a function: what is seen at once. */
export const FUNCTION_LINES_MAX = 70;

/** Files and functions that are longer, with the length they may keep. The list only shrinks. */
export type Exceptions = Record<string, number>;

// Put together from halves, so that this file does not catch itself.
const LEFTOVERS = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`);
const SECRETS: [what: string, pattern: RegExp][] = [
  [
    "a path of somebody's machine",
    new RegExp(`(?<![\\w.])/(${["wo" + "rk", "ro" + "ot", "ho" + "me"].join("|")})/\\w`),
  ],
  ["a temporary path", new RegExp(`["'\`]/${"t" + "mp"}/\\w`)],
  [
    "the host name of a registry",
    new RegExp(["npm" + "js\\.", "py" + "pi\\.org", "deb\\.deb" + "ian", "js" + "r\\.io"].join("|")),
  ],
];

/** What the text tells of somebody's machine. */
export function secretsIn(text: string): string[] {
  return SECRETS.filter(([_, pattern]) => pattern.test(text)).map(([what]) => what);
}

export interface FunctionFound {
  name: string;
  line: number;
  lines: number;
}

/** Words before a block that is no function. */
const NO_FUNCTION = /^(if|for|while|switch|catch|with|return|else|do|inline|comptime|errdefer|defer|test)$/;
/** `function name`, `name = (a) => ` or `name: a => `, and a method at the start of a line. */
const TYPESCRIPT_FUNCTION = new RegExp(
  [
    /\bfunction\b\s*\*?\s*(\w+)/,
    /([#\w]+)\s*(?:=|:)\s*(?:async\s*)?(?:\([^(){}]*\)|\w+)(?:\s*:[^={}]+)?\s*=>/,
    /^[ \t]+(?:(?:static|async|get|set|override|public|private)\s+|\*\s*)*([#\w]+)\s*(?:<[^>]*>)?\s*\(/,
  ].map(({ source }) => source).join("|"),
  "gm",
);
const ZIG_FUNCTION = /\bfn\s+(\w+)\s*\(/g;

/** The end of the bracket that opens at `start`, or -1. */
function endOfBracket(text: string, start: number): number {
  const open = text[start];
  const close = open === "(" ? ")" : "}";
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === open) depth += 1;
    if (text[at] === close && --depth === 0) return at;
  }
  return -1;
}

/** Where the body of a function begins whose head ends at `at`: its first brace that is no part of a type. */
function bodyStart(text: string, at: number): number {
  const parameters = text[at - 1] === "(" ? endOfBracket(text, at - 1) + 1 : at;
  if (parameters === 0) return -1;
  const head = /^[^{};]*\{/.exec(text.slice(parameters, parameters + 400));
  return head === null ? -1 : parameters + head[0].length - 1;
}

/** The functions of a file with their lengths, from the line of the name to the closing brace. */
export function functionsOf(path: string, text: string): FunctionFound[] {
  const source = blankSource(path, text, "blank strings");
  const pattern = path.endsWith(".zig") ? ZIG_FUNCTION : TYPESCRIPT_FUNCTION;
  const found: FunctionFound[] = [];
  for (const match of source.matchAll(pattern)) {
    const name = match.slice(1).find((group) => group !== undefined) ?? "";
    if (NO_FUNCTION.test(name)) continue;
    let headEnd = match.index + match[0].length;
    if (match[1] !== undefined && !path.endsWith(".zig")) headEnd = source.indexOf("(", headEnd) + 1;
    const start = bodyStart(source, headEnd);
    const end = start < 0 ? -1 : endOfBracket(source, start);
    if (end < 0) continue;
    // A Zig function that returns a type is a container; the functions in it are found for themselves.
    if (path.endsWith(".zig") && /\)\s*type\s*$/.test(source.slice(headEnd, start))) continue;
    const nameAt = match.index + match[0].indexOf(name);
    const line = source.slice(0, nameAt).split("\n").length;
    found.push({ name, line, lines: source.slice(nameAt, end).split("\n").length });
  }
  return found;
}

function columnsOf(path: string): number {
  if (path.endsWith(".zig")) return COLUMNS_MAX.zig;
  return /\.[ch]$/.test(path) ? COLUMNS_MAX.c : COLUMNS_MAX.ts;
}

function lineFaults(path: string, text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const place = `${path}:${index + 1}`;
    const faults: string[] = [];
    const columns = [...line].length;
    if (columns > columnsOf(path)) faults.push(`${place}: ${columns} columns`);
    if (LEFTOVERS.test(line)) faults.push(`${place}: a leftover marker`);
    if (line.includes("\r")) faults.push(`${place}: a carriage return`);
    return [...faults, ...secretsIn(line).map((what) => `${place}: ${what}`)];
  });
}

/** One entry for each file or function that is longer than it may be. */
export function lengthsOver(sources: Sources): Exceptions {
  const over: Exceptions = {};
  for (const [path, text] of sources) {
    const lines = text.split("\n").length - 1;
    if (lines > FILE_LINES_MAX) over[path] = lines;
    // In a test file the outermost functions are the suites.
    if (path.endsWith("_test.ts") || !/\.(ts|zig)$/.test(path)) continue;
    for (const { name, lines } of functionsOf(path, text)) {
      if (lines > FUNCTION_LINES_MAX) over[`${path} ${name}`] = lines;
    }
  }
  return over;
}

/** All that is untidy in these files. `exceptions` may be as long as they say and no longer. */
export function tidyFaults(sources: Sources, exceptions: Exceptions): string[] {
  const over = lengthsOver(sources);
  const lengths = Object.entries(over)
    .filter(([place, lines]) => lines > (exceptions[place] ?? 0))
    .map(([place, lines]) => `${place}: ${lines} lines`);
  const kept = Object.keys(exceptions)
    .filter((place) => (over[place] ?? 0) < exceptions[place])
    .map((place) => `${place}: shorter than its exception says; lower or remove it`);
  return [...[...sources].flatMap(([path, text]) => lineFaults(path, text)), ...lengths, ...kept];
}
