/** The lists of `tools/mutate`: what they name is there, so that no mistake is left out unseen. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { jobsOf, staleEntries } from "../tools/mutation/jobs.ts";
import { type Mutation, MUTATIONS, type Target, TARGETS } from "../tools/mutation/list.ts";
import { readSource, readSources } from "./house/files.ts";

describe("the lists of mistakes", () => {
  it("name files, texts and tests that are there, and survivors that can be made", async () => {
    const files = await readSources(["src", "ffi", "zig/src", "tests"], /\.(ts|zig)$/);
    expect(staleEntries(MUTATIONS, TARGETS, files).join("\n")).toBe("");
    const keys = jobsOf(MUTATIONS, TARGETS, files).map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const survivors = Object.keys(JSON.parse(await readSource("tools/mutation/survivors.json")));
    expect(survivors.filter((key) => !keys.includes(key)).join("\n")).toBe("");
  });

  it("are an error where something is gone", () => {
    const files = new Map([["src/a.ts", "one two two"], ["tests/a_test.ts", ""]]);
    const stale = (mutation: Partial<Mutation>, target: Partial<Target> = {}) =>
      staleEntries(
        [{ file: "src/a.ts", from: "one", to: "three", tests: ["a"], ...mutation }],
        [{ file: "src/a.ts", tests: ["a"], ...target }],
        files,
      );
    expect(stale({})).toEqual([]);
    expect(stale({ file: "src/b.ts" })).toEqual(["src/b.ts is gone"]);
    expect(stale({ from: "three", to: "" })).toEqual(["src/a.ts has 0 times: three"]);
    expect(stale({ from: "two" })).toEqual(["src/a.ts has 2 times: two"]);
    expect(stale({ to: "one" })).toEqual(["src/a.ts stays as it is: one"]);
    expect(stale({ tests: ["b"] })).toEqual(["tests/b_test.ts is gone, for src/a.ts"]);
    expect(stale({}, { file: "src/b.ts" })).toEqual(["src/b.ts is gone"]);
    expect(() => jobsOf([], [{ file: "src/b.ts", tests: [] }], files)).toThrow("src/b.ts is gone");
  });
});
