/**
 * `tools/changed_tests.ts [COMMIT]`: the test files that what has changed since the commit most likely
 * breaks, the likeliest first (tests/house/changed.ts), and before them `zig` where its tests are among
 * them. Without a commit it is what the branch has beyond `main`, or the last commit.
 *
 * @module
 */
import { testsFor } from "../tests/house/changed.ts";
import { readSources } from "../tests/house/files.ts";

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

const changed = await changedSince(Deno.args[0] || await startOfBranch());
const tests = testsFor(changed, await readSources(["src", "ffi", "tests", "examples"], /\.ts$/));
if (changed.some((path) => path.startsWith("zig/"))) console.log("zig");
console.log(tests.join("\n"));
