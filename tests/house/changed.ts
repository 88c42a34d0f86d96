/**
 * Which tests a change most likely breaks: those that come to the changed files by the fewest imports, and
 * those that are about the same by their names.
 *
 * @module
 */
import { blankSource } from "./blank.ts";
import { importsOf } from "./direction.ts";
import type { Sources } from "./files.ts";

/**
 * Tried after the others, whatever has changed: the rules of the house and the plainest ways through the
 * code.
 */
export const ALWAYS = [
  "tidy",
  "direction",
  "surface",
  "no_node_import",
  "listen",
  "connect",
  "write",
  "udp",
  "server",
];
/** How likely those break, as steps between a module and a test. */
const ALWAYS_DISTANCE = 5;
/** Tests of what lies in a folder, where neither their names nor their imports say so. */
export const TESTS_OF_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  "src/stream/": ["write", "pause", "half_close", "reset", "handler", "timeouts", "connection_data"],
  "src/listen/": ["listen", "listeners", "admission", "proxy_listen", "peer_address"],
  "src/connect/": ["connect", "pool", "retry"],
  "src/worker/": ["server", "process", "shutdown", "restart", "in_step", "worker_parts"],
  "src/framing/": ["framed", "framers", "pipeline"],
  "zig/": ["boundary", "loop", "rings", "fake", "write", "udp"],
  "docs/": ["doc_examples", "figures", "metrics_page", "server_options", "service_manager", "system_calls"],
};
const FOLDER_DISTANCE = 0.8;
/** A test that has a word of the changed file's name in its own. */
const NAMESAKE_DISTANCE = 0.9;
/** Words of paths that say nothing. */
const NO_WORDS = new Set(["src", "ffi", "zig", "tests", "mod", "test", "io", "types", "docs", "server"]);

const NAMED = /\b(import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*["']([^"']+)["']/g;
/** A program that a test starts. */
const PROGRAM = /["'`](\.{1,2}\/[\w./]+\.ts)["'`]/g;

function resolve(path: string, specifier: string): string {
  return decodeURIComponent(new URL(specifier, `file:///${path}`).pathname.slice(1));
}

/** The names in braces, as the other module calls them and as this one does. */
function namesIn(list: string): [theirs: string, ours: string][] {
  return list.split(",").map((name) => name.trim().replace(/^type\s+/, "")).filter((name) => name !== "")
    .map((name) => {
      const [theirs, ours = theirs] = name.split(/\s+as\s+/);
      return [theirs, ours];
    });
}

/** For each module the ones it needs. A page of re-exports is looked through, name by name. */
function graphOf(sources: Sources): Map<string, Set<string>> {
  const named = new Map<string, { kind: string; names: [string, string][]; target: string }[]>();
  const passedOn = new Map<string, string>();
  for (const [path, text] of sources) {
    const found = [...blankSource(path, text, "keep strings").matchAll(NAMED)]
      .filter(([, , , specifier]) => /^\.\.?\//.test(specifier))
      .map(([, kind, list, specifier]) => ({ kind, names: namesIn(list), target: resolve(path, specifier) }));
    named.set(path, found);
    for (const { kind, names, target } of found) {
      if (kind !== "export") continue;
      for (const [theirs, ours] of names) passedOn.set(`${path} ${ours}`, `${target} ${theirs}`);
    }
  }
  const originOf = (name: string): string => {
    const origin = passedOn.get(name);
    return origin === undefined ? name.split(" ")[0] : originOf(origin);
  };
  return new Map([...sources].map(([path, text]) => {
    const byName = named.get(path)!;
    const pages = new Set(byName.map(({ target }) => target));
    const needed = importsOf(path, text).filter((target) => !pages.has(target));
    // A page needs nothing itself: each name leads to where it comes from.
    const uses = byName.filter(({ kind }) => kind === "import");
    for (const { names, target } of uses) {
      needed.push(...names.map(([name]) => originOf(`${target} ${name}`)));
    }
    if (path.startsWith("tests/")) {
      const programs = [...text.matchAll(PROGRAM)].map(([, specifier]) => resolve(path, specifier));
      needed.push(...programs.filter((program) => !pages.has(program)));
    }
    return [path, new Set(needed)];
  }));
}

const known = new WeakMap<Sources, Map<string, string[]>>();

/** For each module those that need it. */
function importersIn(sources: Sources): Map<string, string[]> {
  const importers = known.get(sources) ?? new Map<string, string[]>();
  if (known.has(sources)) return importers;
  known.set(sources, importers);
  for (const [path, needed] of graphOf(sources)) {
    for (const target of needed) importers.set(target, [...(importers.get(target) ?? []), path]);
  }
  return importers;
}

/** Steps from each module that leads to a changed one to that one. */
function distancesTo(changed: string[], sources: Sources): Map<string, number> {
  const importers = importersIn(sources);
  const distances = new Map(changed.map((path) => [path, 0]));
  const queue = [...changed];
  for (const path of queue) {
    for (const importer of importers.get(path) ?? []) {
      if (distances.has(importer)) continue;
      distances.set(importer, distances.get(path)! + 1);
      queue.push(importer);
    }
  }
  return distances;
}

/** Words of a path that say what it is about. */
function wordsOf(path: string): Set<string> {
  const words = path.replace(/_test\.ts$|\.\w+$/, "").split(/[/_.]/);
  return new Set(words.filter((word) => !NO_WORDS.has(word)));
}

/** The test files that these changes most likely break, the likeliest first. */
export function testsFor(changed: string[], sources: Sources): string[] {
  const distances = distancesTo(changed, sources);
  const folders = Object.entries(TESTS_OF_FOLDERS)
    .filter(([folder]) => changed.some((path) => path.startsWith(folder)))
    .flatMap(([, names]) => names);
  const words = new Set(changed.flatMap((path) => [...wordsOf(path)]));
  const likely = [...sources.keys()].filter((path) => /^tests\/\w+_test\.ts$/.test(path)).map((path) => {
    const name = path.slice("tests/".length, -"_test.ts".length);
    const distance = Math.min(
      distances.get(path) ?? Infinity,
      folders.includes(name) ? FOLDER_DISTANCE : Infinity,
      [...wordsOf(path)].some((word) => words.has(word)) ? NAMESAKE_DISTANCE : Infinity,
      ALWAYS.includes(name) ? ALWAYS_DISTANCE : Infinity,
    );
    return { path, distance };
  }).filter(({ distance }) => distance < Infinity);
  likely.sort((one, other) => one.distance - other.distance || one.path.localeCompare(other.path));
  return likely.map(({ path }) => path);
}
