/**
 * Runs each example of the documentation as a program of its own, on Bun and on Deno: it must end by itself
 * with code 0, or, where its fence is marked with `serves`, when it is told to stop. `bun
 * tools/doc_programs.ts`, with a part of a file's name for those examples alone.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { Child } from "../tests/helpers/process.ts";
import { type Example, examplesOf, faultOf } from "../tests/house/doc_examples.ts";

const root = new URL("../", import.meta.url).pathname;
/**
 * Within the checkout, so that the package's name leads to it as it does for its users, and in the place of
 * `docs` and `src`, so that a path in an example names the same file.
 */
const folder = `${root}.doc_programs/`;
/** Programs at once: they wait more than they work. */
const atOnce = 4;

const runtimes: Record<string, (path: string) => string[]> = {
  bun: (path) => ["bun", "run", path],
  deno: (path) => ["deno", "run", "--quiet", "--no-check", "-A", path],
};

async function find(): Promise<Example[]> {
  const [wanted = ""] = Bun.argv.slice(2);
  const files: string[] = [];
  for (const pattern of ["README.md", "docs/*.md", "src/**/*.ts"]) {
    for await (const file of new Bun.Glob(pattern).scan({ cwd: root })) files.push(file);
  }
  const found: Example[] = [];
  for (const file of files.sort()) {
    if (!file.includes(wanted)) continue;
    found.push(...examplesOf(file, await Bun.file(`${root}${file}`).text()));
  }
  return found;
}

/** A server takes any port, and a path of its own where another one could take over from it. */
function environmentOf(name: string, { serves, code }: Example): Record<string, string> {
  if (!serves) return {};
  const environment: Record<string, string> = { RINGPORT_PORT: "0" };
  if (code.includes("metrics:")) environment.RINGPORT_METRICS_PORT = "0";
  if (code.includes("restartPath:")) environment.RINGPORT_RESTART_PATH = `${folder}${name}.sock`;
  return environment;
}

async function run(example: Example, runtime: string): Promise<string | undefined> {
  const name = `${example.place.replaceAll(/[^a-z0-9_]+/gi, "_")}_${runtime}`;
  // As deep as the file the example is from.
  const [, ...deeper] = example.place.split("/").slice(0, -1);
  const path = [folder.slice(0, -1), ...deeper, `${name}.ts`].join("/");
  await Bun.write(path, `${example.code}\n`);
  await using child = new Child(runtimes[runtime](path), { environment: environmentOf(name, example) });
  return await faultOf(child, example);
}

const examples = await find();
const queue = examples.flatMap((example) => Object.keys(runtimes).map((runtime) => ({ example, runtime })));
const total = queue.length;
let failed = 0;
await Promise.all(Array.from({ length: atOnce }, async () => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const fault = await run(next.example, next.runtime);
    if (fault === undefined) continue;
    failed += 1;
    console.error(`${next.example.place} on ${next.runtime} ${fault}`);
  }
}));
if (total === 0) console.error("no example was found");
await new Child(["rm", "-rf", folder], {}).end();
console.log(`${total - failed} of ${total} example programs ended as they should`);
process.exit(failed === 0 && total > 0 ? 0 : 1);
