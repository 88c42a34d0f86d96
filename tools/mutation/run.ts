/**
 * Makes the mistakes, one at a time, in a copy of the checkout, and tells which no test has noticed.
 *
 * @module
 */
import { readSources } from "../../tests/house/files.ts";
import { type Job, jobsOf } from "./jobs.ts";
import { MUTATIONS, TARGETS } from "./list.ts";

/** Seconds the tests of one mistake may take: many of them make something wait for ever. */
const SECONDS_MAX = 120;
const COPY = ".tools/mutation";
const COPIED = [
  "src",
  "ffi",
  "tests",
  "zig",
  "examples",
  "package.json",
  "deno.json",
  "bunfig.toml",
  "tsconfig.json",
];
const SURVIVORS = "tools/mutation/survivors.json";

async function succeeds(folder: string, ...command: string[]): Promise<boolean> {
  const child = new Deno.Command("timeout", {
    args: ["--kill-after=5", String(SECONDS_MAX), ...command],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  });
  return (await child.output()).success;
}

async function passes({ file, tests }: Pick<Job, "file" | "tests">): Promise<boolean> {
  const isZig = file.endsWith(".zig");
  if (isZig && !await succeeds(`${COPY}/zig`, "zig", "build", "test")) return false;
  if (isZig && !await succeeds(`${COPY}/zig`, "zig", "build")) return false;
  return await succeeds(COPY, "bun", "test", ...tests.map((name) => `tests/${name}_test.ts`));
}

/** True when a test notices. */
async function isNoticed(job: Job): Promise<boolean> {
  const path = `${COPY}/${job.file}`;
  const whole = Deno.readTextFileSync(path);
  Deno.writeTextFileSync(path, job.text);
  try {
    return !await passes(job);
  } finally {
    Deno.writeTextFileSync(path, whole);
    if (job.file.endsWith(".zig")) await succeeds(`${COPY}/zig`, "zig", "build");
  }
}

function copyCheckout(): void {
  new Deno.Command("rm", { args: ["-rf", COPY] }).outputSync();
  Deno.mkdirSync(COPY, { recursive: true });
  const { success } = new Deno.Command("cp", { args: ["-a", ...COPIED, COPY] }).outputSync();
  if (!success) throw new Error(`the checkout cannot be copied to ${COPY}`);
}

async function expectAllPass(jobs: Job[]): Promise<void> {
  const tests = [...new Set(jobs.flatMap((job) => job.tests))];
  for (const name of tests) {
    if (!await passes({ file: "", tests: [name] })) {
      throw new Error(`tests/${name}_test.ts fails without any mistake: mend that first`);
    }
  }
}

const wanted = (job: Job) => Deno.args.length === 0 || Deno.args.some((word) => job.key.includes(word));
const known = JSON.parse(Deno.readTextFileSync(SURVIVORS)) as Record<string, string>;
const files = await readSources(["src", "ffi", "zig/src", "tests"], /\.(ts|zig)$/);
const jobs = jobsOf(MUTATIONS, TARGETS, files).filter(wanted);
copyCheckout();
await expectAllPass(jobs);

const faults: string[] = [];
for (const [index, job] of jobs.entries()) {
  const noticed = await isNoticed(job);
  console.log(`${index + 1}/${jobs.length} ${noticed ? "noticed " : "SURVIVED"} ${job.key}`);
  if (!noticed && known[job.key] === undefined) faults.push(`no test notices ${job.key}`);
  if (noticed && known[job.key] !== undefined) {
    faults.push(`is noticed now, so that it leaves ${SURVIVORS}: ${job.key}`);
  }
}
if (Deno.args.length === 0) {
  const made = new Set(jobs.map(({ key }) => key));
  for (const key of Object.keys(known)) {
    if (!made.has(key)) faults.push(`is made no more, so that it leaves ${SURVIVORS}: ${key}`);
  }
}
console.log(faults.length === 0 ? "every mistake was noticed or is known" : faults.join("\n"));
Deno.exit(faults.length === 0 ? 0 : 1);
