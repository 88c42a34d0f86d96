/**
 * Small mistakes made at random: a comparison that is off by one or turned over, a sum that is a difference,
 * a condition that asks for less.
 *
 * @module
 */
import { blankSource } from "../../tests/house/blank.ts";
import type { Target } from "./list.ts";

/** A mistake at a place of a file. */
export interface Mistake {
  file: string;
  /** Names it as long as the line stays as it is: file, operator, line, and which of the same on it. */
  key: string;
  /** The whole file with the mistake in it. */
  text: string;
}

const OPERATORS: [pattern: RegExp, to: string][] = [
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ == /g, " != "],
  [/ != /g, " == "],
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ and /g, " or "],
  [/ or /g, " and "],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/ \+= /g, " -= "],
  [/ -= /g, " += "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\bMath\.min\b/g, "Math.max"],
  [/\bMath\.max\b/g, "Math.min"],
  [/@min\b/g, "@max"],
  [/@max\b/g, "@min"],
];
/** Types and imports hold nothing that runs, and the tests of Zig stand in its files. */
const NOTHING_THAT_RUNS = /^\s*(import|export type|type|interface|\/\/|\*)\b|=>\s*(void|boolean);?$/;

/** All mistakes that can be made in a file. */
export function mistakesIn({ file }: Target, source: string): Mistake[] {
  const tests = source.search(/^test "/m);
  const code = blankSource(file, source, "blank strings").slice(0, tests < 0 ? undefined : tests);
  const found: Mistake[] = [];
  for (const [pattern, to] of OPERATORS) {
    if (
      file.endsWith(".ts") ? / and | or |@/.test(pattern.source) : /===|!==|&&|\|\||Math/.test(pattern.source)
    ) {
      continue;
    }
    const seen = new Map<string, number>();
    for (const match of code.matchAll(pattern)) {
      const start = source.lastIndexOf("\n", match.index) + 1;
      const line = source.slice(start, source.indexOf("\n", match.index)).trim();
      if (NOTHING_THAT_RUNS.test(line)) continue;
      const what = `${file}: "${match[0].trim()}" as "${to.trim()}" in: ${line}`;
      const count = (seen.get(what) ?? 0) + 1;
      seen.set(what, count);
      found.push({
        file,
        key: count === 1 ? what : `${what} (${count})`,
        text: source.slice(0, match.index) + to + source.slice(match.index + match[0].length),
      });
    }
  }
  return found;
}
