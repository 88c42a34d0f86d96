/**
 * What the whole graph of modules must not have: circles, files nothing reaches, names exported for nobody,
 * and one name for two things.
 *
 * @module
 */
import { blankSource } from "./blank.ts";
import { importsOf } from "./direction.ts";
import type { Sources } from "./files.ts";

/** A file that is opened by its URL: `new URL("./entry.ts", import.meta.url)`. */
const OPENED = /new URL\(\s*["'](\.[^"']+\.(?:ts|zig))["']/g;

/** The files each file imports or opens by its URL. */
function edgesOf(sources: Sources): Map<string, string[]> {
  return new Map([...sources].map(([path, text]) => {
    const opened = [...blankSource(path, text, "keep strings").matchAll(OPENED)]
      .map(([, specifier]) => decodeURIComponent(new URL(specifier, `file:///${path}`).pathname.slice(1)));
    return [path, [...importsOf(path, text), ...opened].filter((target) => sources.has(target))];
  }));
}

/** Groups of files that import each other, imports of types included; each group in alphabetical order. */
export function circlesOf(sources: Sources): string[][] {
  const edges = new Map([...sources].map(([path, text]) => [
    path,
    importsOf(path, text).filter((target) => sources.has(target)),
  ]));
  const circles: string[][] = [];
  // Tarjan, 1972: a group is complete when its first file is left and reached nothing that is older.
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const open: string[] = [];
  const visit = (path: string) => {
    order.set(path, order.size);
    lowest.set(path, order.get(path)!);
    open.push(path);
    for (const target of edges.get(path)!) {
      if (!order.has(target)) visit(target);
      if (open.includes(target)) lowest.set(path, Math.min(lowest.get(path)!, lowest.get(target)!));
    }
    if (lowest.get(path) !== order.get(path)) return;
    const group = open.splice(open.indexOf(path));
    if (group.length > 1) circles.push(group.sort());
  };
  for (const path of edges.keys()) if (!order.has(path)) visit(path);
  return circles.sort();
}

/** Files that none of the entries reaches. */
export function deadFiles(sources: Sources, entries: readonly string[]): string[] {
  const edges = edgesOf(sources);
  const reached = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...edges.get(path) ?? []);
  }
  return [...sources.keys()].filter((path) => !reached.has(path));
}

const KINDS = "const enum|const|let|function\\*?|class|interface|type|enum";
const DECLARATION = new RegExp(`^export (?:declare )?(?:abstract )?(?:async )?(?:${KINDS}) +(\\w+)`, "gm");
const LIST = /^export (?:type )?\{([^}]*)\}(?! from)/gm;

/** The names a file declares for others. */
export function exportsOf(path: string, text: string): string[] {
  const source = blankSource(path, text, "keep strings");
  const imported = new Set([...source.matchAll(NAMED)].flatMap(([, names]) => namesIn(names, "outside")));
  const listed = [...source.matchAll(LIST)].flatMap(([, names]) => namesIn(names, "outside"))
    .filter((name) => !imported.has(name));
  const declared = [...source.matchAll(DECLARATION)].map(([, name]) => name);
  // A function with overloads is declared several times.
  return [...new Set([...declared, ...listed])];
}

/** The names of `a, type b as c`: those of the module they come from, or those they have here. */
function namesIn(list: string, side: "inside" | "outside"): string[] {
  return list.split(",").map((part) => part.trim().replace(/^type /, "")).filter((part) => part !== "")
    .map((part) => part.split(" as ")[side === "inside" ? 0 : part.split(" as ").length - 1]);
}

const NAMED = /\b(?:import|export)\s+(?:type\s+)?(?:\w+\s*,\s*)?\{([^}]*)\}\s*from\s*["']([^"']+)["']/g;
const WHOLE = new RegExp(
  [
    /\b(?:import\s+(?:type\s+)?\*\s+as\s+\w+|export\s+\*(?:\s+as\s+\w+)?)\s+from\s*["']([^"']+)["']/,
    /\bimport\(\s*["']([^"']+)["']/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/** The names each file is asked for, or "*" where somebody takes all of them. */
function wantedOf(sources: Sources): Map<string, Set<string>> {
  const wanted = new Map<string, Set<string>>();
  const want = (path: string, specifier: string, names: string[]) => {
    if (!specifier.startsWith(".")) return;
    const target = decodeURIComponent(new URL(specifier, `file:///${path}`).pathname.slice(1));
    const known = wanted.get(target) ?? new Set();
    for (const name of names) known.add(name);
    wanted.set(target, known);
  };
  for (const [path, text] of sources) {
    const source = blankSource(path, text, "keep strings");
    for (const [, names, specifier] of source.matchAll(NAMED)) {
      want(path, specifier, namesIn(names, "inside"));
    }
    for (const [, star, dynamic] of source.matchAll(WHOLE)) want(path, star ?? dynamic, ["*"]);
  }
  return wanted;
}

/**
 * Names that `sources` export and no other file of `users` imports.
 *
 * @param pages the files whose exports are for the outside.
 */
export function unusedExports(sources: Sources, users: Sources, pages: readonly string[]): string[] {
  const wanted = wantedOf(users);
  return [...sources].filter(([path]) => !pages.includes(path)).flatMap(([path, text]) => {
    const known = wanted.get(path) ?? new Set();
    if (known.has("*")) return [];
    return exportsOf(path, text).filter((name) => !known.has(name)).map((name) => `${path}: ${name}`);
  });
}

/** Names that several of the files declare for others. */
export function doubleExports(sources: Sources): string[] {
  const declaredBy = new Map<string, string[]>();
  for (const [path, text] of sources) {
    for (const name of exportsOf(path, text)) declaredBy.set(name, [...declaredBy.get(name) ?? [], path]);
  }
  return [...declaredBy].filter(([, paths]) => paths.length > 1)
    .map(([name, paths]) => `${name}: ${paths.sort().join(", ")}`).sort();
}
