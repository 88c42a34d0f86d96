/**
 * `tools/changed_tests.ts [COMMIT]`: the test files that what has changed since the commit most likely
 * breaks, the likeliest first, and before them `zig` where its tests are among them. Without a commit it is
 * what the branch has beyond `main`, or the last commit.
 *
 * @module
 */
import { readSources } from "../tests/house/files.ts";
import { importsOf } from "../tests/house/direction.ts";

/**
 * Tried after the others, whatever has changed: the rules of the house and the plainest ways through the
 * code.
 */
const ALWAYS = [
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
/** A test that has a word of the changed file's name in its own. */
const NAMESAKE_DISTANCE = 1.5;
/** They import everything, so that a way through them says nothing. */
const PUBLIC_PAGE = /^src\/[a-z]+\.ts$/;

async function git(...parameters: string[]): Promise<string> {
  const { stdout, success } = await new Deno.Command("git", { args: parameters, stderr: "null" }).output();
  return success ? new TextDecoder().decode(stdout).trim() : "";
}

async function startOfBranch(): Promise<string> {
  const head = await git("rev-parse", "HEAD");
  for (const main of ["origin/main", "main"]) {
    const base = await git("merge-base", "HEAD", main);
    if (base !== "" && base !== head) return base;
  }
  return await git("status", "--porcelain") === "" ? "HEAD~1" : "HEAD";
}

async function changedSince(commit: string): Promise<string[]> {
  const listed = await git("diff", "--name-only", commit);
  const fresh = await git("ls-files", "--others", "--exclude-standard");
  return [...new Set(`${listed}\n${fresh}`.split("\n"))].filter((path) => path !== "");
}

/** Words of a path that say what it is about. */
function wordsOf(path: string): Set<string> {
  const words = path.replace(/_test\.ts$|\.\w+$/, "").split(/[/_.]/);
  return new Set(words.filter((word) => !["src", "ffi", "zig", "tests", "mod", "test", "io"].includes(word)));
}

/** Steps from each module that leads to a changed one to that one. */
function distancesTo(changed: string[], importers: Map<string, string[]>): Map<string, number> {
  const distances = new Map(changed.map((path) => [path, 0]));
  const queue = [...changed];
  for (const path of queue) {
    if (PUBLIC_PAGE.test(path) && !changed.includes(path)) continue;
    for (const importer of importers.get(path) ?? []) {
      if (distances.has(importer)) continue;
      distances.set(importer, distances.get(path)! + 1);
      queue.push(importer);
    }
  }
  return distances;
}

const sources = await readSources(["src", "ffi", "tests"], /\.ts$/);
const importers = new Map<string, string[]>();
for (const [path, text] of sources) {
  for (const target of importsOf(path, text)) {
    importers.set(target, [...(importers.get(target) ?? []), path]);
  }
}
const changed = await changedSince(Deno.args[0] || await startOfBranch());
const distances = distancesTo(changed, importers);
const likely = [...sources.keys()].filter((path) => /^tests\/\w+_test\.ts$/.test(path)).map((path) => {
  const words = wordsOf(path);
  const isNamesake = changed.some((one) => [...wordsOf(one)].some((word) => words.has(word)));
  const isAlways = ALWAYS.some((name) => path === `tests/${name}_test.ts`);
  const distance = Math.min(
    distances.get(path) ?? Infinity,
    isNamesake ? NAMESAKE_DISTANCE : Infinity,
    isAlways ? ALWAYS_DISTANCE : Infinity,
  );
  return { path, distance };
}).filter(({ distance }) => distance < Infinity);
likely.sort((one, other) => one.distance - other.distance || one.path.localeCompare(other.path));
if (changed.some((path) => path.startsWith("zig/"))) console.log("zig");
console.log(likely.map(({ path }) => path).join("\n"));
