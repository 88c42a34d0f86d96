/**
 * `tools/commits.ts [COMMIT]`: checks the messages of all commits after that one, by the rules in
 * tests/house/commits.ts. One line for each check, as tools/count reads them.
 *
 * @module
 */
import { commitFaults } from "../tests/house/commits.ts";

/** The last commit from before this check was part of every gate. */
const BASELINE = "bcd192e5d4bb73f4e1721ddd6ed94c96cbac1772";

async function git(...parameters: string[]): Promise<string | undefined> {
  const { stdout, success } = await new Deno.Command("git", { args: parameters, stderr: "null" }).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

const baseline = Deno.args[0] ?? BASELINE;
if (await git("merge-base", "--is-ancestor", baseline, "HEAD") === undefined) {
  console.log(
    `check skipped: commit messages: the history here does not reach back to ${baseline.slice(0, 7)}`,
  );
  Deno.exit(0);
}
const messages = await git("log", "--no-merges", "--format=%h%n%B%x00", `${baseline}..HEAD`) ?? "";
const commits = messages.split("\0").map((text) => text.trimStart()).filter((text) => text !== "");
let failed = false;
for (const text of commits) {
  const [hash, ...message] = text.split("\n");
  for (const fault of commitFaults(message.join("\n"))) {
    failed = true;
    console.log(`check failed: commit ${hash} (${message[0]}): ${fault}`);
  }
}
if (!failed) console.log(`check passed: the messages of ${commits.length} commits`);
Deno.exit(failed ? 1 : 0);
