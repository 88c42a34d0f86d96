/**
 * The mistakes to make, each with the tests that must notice it.
 *
 * @module
 */
import { Random } from "../../tests/helpers/random.ts";
import type { Mutation, Target } from "./list.ts";
import { mistakesIn } from "./operators.ts";

/** Mistakes at random in each file. Always the same ones, as long as the file stays as it is. */
const MISTAKES_PER_FILE = 5;
const SEED = 8;

/** One mistake that is made. */
export interface Job {
  file: string;
  /** Names it: file and what is written instead. */
  key: string;
  /** The whole file with the mistake in it. */
  text: string;
  tests: string[];
}

/** The files of the checkout, by their paths. */
export type Files = ReadonlyMap<string, string>;

/** What is wrong with the lists, after files were moved or changed. */
export function staleEntries(mutations: Mutation[], targets: Target[], files: Files): string[] {
  const stale: string[] = [];
  for (const { file, tests } of [...mutations, ...targets]) {
    if (!files.has(file)) stale.push(`${file} is gone`);
    const absent = tests.filter((name) => !files.has(`tests/${name}_test.ts`));
    stale.push(...absent.map((name) => `tests/${name}_test.ts is gone, for ${file}`));
  }
  for (const { file, from, to } of mutations) {
    const times = (files.get(file) ?? from).split(from).length - 1;
    if (times !== 1) stale.push(`${file} has ${times} times: ${from}`);
    if (from === to) stale.push(`${file} stays as it is: ${from}`);
  }
  return stale;
}

function explicitJobs(mutations: Mutation[], files: Files): Job[] {
  return mutations.map(({ file, from, to, tests }) => {
    const text = files.get(file)!.split(from).join(to);
    return { file, tests, key: `${file}: ${to}`, text };
  });
}

function randomJobs(targets: Target[], files: Files): Job[] {
  return targets.flatMap((target) => {
    // A sequence for each file, so that a change of one leaves the mistakes in the others as they were.
    const random = new Random(SEED);
    const all = mistakesIn(target, files.get(target.file)!);
    const chosen: Job[] = [];
    while (chosen.length < MISTAKES_PER_FILE && all.length > 0) {
      const [{ file, key, text }] = all.splice(random.between(0, all.length - 1), 1);
      chosen.push({ file, key, text, tests: target.tests });
    }
    return chosen;
  });
}

/** All mistakes. Throws where an entry of the lists is stale. */
export function jobsOf(mutations: Mutation[], targets: Target[], files: Files): Job[] {
  const stale = staleEntries(mutations, targets, files);
  if (stale.length > 0) throw new Error(`tools/mutation/list.ts is stale:\n${stale.join("\n")}`);
  return [...explicitJobs(mutations, files), ...randomJobs(targets, files)];
}
