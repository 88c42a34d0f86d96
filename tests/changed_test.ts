/** Which tests `tools/test quick` takes first: those of the area that has changed. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { ALWAYS, TESTS_OF_FOLDERS, testsFor } from "./house/changed.ts";
import { readSources, type Sources } from "./house/files.ts";

const sources = await readSources(["src", "ffi", "tests", "examples"], /\.ts$/);

/** The names of the first tests for a change. */
function first(count: number, path: string, from: Sources = sources): string[] {
  return testsFor([path], from).slice(0, count).map((test) =>
    test.slice("tests/".length, -"_test.ts".length)
  );
}

describe("the tests of a change", () => {
  const areas: [folder: string, tests: string[]][] = [
    ["src/stream/", ["write", "pause", "reset"]],
    ["src/listen/", ["listen", "admission"]],
    ["src/connect/", ["connect", "pool"]],
    ["src/udp/", ["udp", "udp_limits"]],
    ["src/server/", ["server"]],
    ["src/worker/", ["server", "worker_parts"]],
    ["src/framing/", ["framed", "framers"]],
    ["zig/src/loop/", ["boundary", "fake"]],
    ["docs/", ["doc_examples"]],
  ];
  for (const [folder, tests] of areas) {
    it(`in ${folder} begin with those of that area`, () => {
      const path = [...sources.keys()].find((path) => path.startsWith(folder)) ?? `${folder}any.zig`;
      const limit = folder === "src/server/" ? 70 : 25;
      for (const test of tests) expect(first(limit, path), path).toContain(test);
    });
  }

  it("name tests that exist", () => {
    for (const name of [...ALWAYS, ...Object.values(TESTS_OF_FOLDERS).flat()]) {
      expect([...sources.keys()]).toContain(`tests/${name}_test.ts`);
    }
    for (const folder of Object.keys(TESTS_OF_FOLDERS).filter((folder) => folder.startsWith("src/"))) {
      expect([...sources.keys()].some((path) => path.startsWith(folder)), folder).toBe(true);
    }
  });

  it("are found through a page of re-exports, name by name, and through programs they start", () => {
    const small: Sources = new Map([
      ["src/mod.ts", 'export { one } from "./one.ts";\nexport { type Two as Other } from "./two.ts";\n'],
      ["src/one.ts", "export const one = 1;\n"],
      ["src/two.ts", "export interface Two {}\n"],
      ["tests/a_test.ts", 'import { one } from "../src/mod.ts";\n'],
      ["tests/b_test.ts", 'import type { Other } from "../src/mod.ts";\n'],
      ["tests/c_test.ts", 'start("./children/program.ts");\n'],
      ["tests/children/program.ts", 'import { one } from "../../src/mod.ts";\n'],
    ]);
    expect(first(9, "src/one.ts", small)).toEqual(["a", "c"]);
    expect(first(9, "src/two.ts", small)).toEqual(["b"]);
    expect(first(9, "src/mod.ts", small)).toEqual([]);
  });
});
