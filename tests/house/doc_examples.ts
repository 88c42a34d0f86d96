/**
 * The examples of the documentation as programs: those of the guides and of the docstrings.
 *
 * @module
 */
import type { Child, ChildEnd } from "../helpers/process.ts";

/** One example. */
export interface Example {
  /** The file and the line its code begins at: `docs/framing.md:12`. */
  place: string;
  code: string;
  /** It serves until it is told to stop: its fence is marked with `serves`. */
  serves: boolean;
}

/** Milliseconds an example may take before it counts as one that does not end. */
export const exampleMilliseconds = 30_000;

/** What an example prints once it serves. */
const serving = /server\.listening|listening on/;

/** The examples of one file; in TypeScript those of its docstrings. */
export function examplesOf(file: string, text: string): Example[] {
  const examples: Example[] = [];
  const isSource = file.endsWith(".ts");
  let open: { line: number; serves: boolean; fence: string; code: string[] } | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    const line = isSource ? docLine(raw) : raw;
    if (line === undefined) {
      open = undefined;
      continue;
    }
    const fence = /^\s*(`{3,})\s*(.*?)\s*$/.exec(line);
    if (open !== undefined) {
      if (fence === null || fence[2] !== "" || fence[1].length < open.fence.length) {
        open.code.push(line);
        continue;
      }
      examples.push({ place: `${file}:${open.line}`, code: open.code.join("\n"), serves: open.serves });
      open = undefined;
    } else if (fence !== null) {
      const [language, ...marks] = fence[2].split(/[\s,]+/);
      if (language === "ts") {
        open = { line: index + 2, serves: marks.includes("serves"), fence: fence[1], code: [] };
      }
    }
  }
  return examples;
}

/** What stands on a line of a docstring; undefined outside of one. */
function docLine(line: string): string | undefined {
  return /^\s*\*(?!\/) ?(.*)$/.exec(line)?.[1];
}

/** Why an example failed that was started as `child`; undefined where it did what it should. */
export async function faultOf(
  child: Child,
  { serves }: Pick<Example, "serves">,
  milliseconds: number = exampleMilliseconds,
): Promise<string | undefined> {
  let end: ChildEnd;
  try {
    if (serves) {
      await Promise.any([child.line(serving, milliseconds), child.errorLine(serving, milliseconds)]);
      child.signal("SIGTERM");
    }
    end = await child.end(milliseconds);
  } catch (error) {
    const cause = error instanceof AggregateError ? error.errors[0] : error;
    return `does not ${serves ? "serve or stop" : "end"} by itself: ${(cause as Error).message}`;
  }
  return end.code === 0 ? undefined : `ended with code ${end.code}:\n${end.output}\n${end.errors}`;
}
