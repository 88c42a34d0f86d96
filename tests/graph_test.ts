/** The graph of the modules as a whole: no circles, no dead files, no name exported for nobody or twice. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSource, readSources, type Sources } from "./house/files.ts";
import { circlesOf, deadFiles, doubleExports, exportsOf, unusedExports } from "./house/graph.ts";

const sources = await readSources(["src", "ffi"], /\.ts$/);
const users = await readSources(["src", "ffi", "tests", "bench", "tools", "examples"], /\.ts$/);
const manifest = JSON.parse(await readSource("deno.json")) as { exports: Record<string, string> };
/** What users import. */
const pages = Object.values(manifest.exports).map((path) => path.replace(/^\.\//, ""));
const written = new Map([...sources].filter(([path]) => !path.includes(".gen.")));

function files(texts: Record<string, string>): Sources {
  return new Map(Object.entries(texts));
}

describe("the modules", () => {
  it("have no circle, imports of types included", () => {
    expect(sources.size).toBeGreaterThan(100);
    expect(circlesOf(sources)).toEqual([]);
  });

  it("are all reached from what users import", () => {
    // Made for packages alone.
    const dead = deadFiles(sources, pages).filter((path) => path !== "ffi/shipped_modules.ts");
    expect(dead).toEqual([]);
  });

  it("export nothing that nobody imports", () => {
    expect(unusedExports(written, users, pages)).toEqual([]);
  });

  it("export no name twice", () => {
    // Both drivers export the same names, and a wrapper in src/ keeps the name of its function in ffi/.
    const drivers = /^(ffi|src\/host)\/(bun|deno)\.ts$/;
    for (const side of ["src/", "ffi/"]) {
      const own = [...written].filter(([path]) => path.startsWith(side) && !pages.includes(path));
      expect(doubleExports(new Map(own.filter(([path]) => !drivers.test(path)))), side).toEqual([]);
    }
  });
});

describe("the check of the graph", () => {
  it("finds circles of two and of three, of types too, and none where there is none", () => {
    const two = files({
      "src/a.ts": `import { b } from "./b.ts";`,
      "src/b.ts": `import type { a } from "./a.ts";`,
    });
    expect(circlesOf(two)).toEqual([["src/a.ts", "src/b.ts"]]);
    const three = files({
      "src/a.ts": `import "./b.ts";`,
      "src/b.ts": `export { c } from "./c.ts";`,
      "src/c.ts": `const a = await import("./a.ts");`,
      "src/d.ts": `import "./a.ts";`,
    });
    expect(circlesOf(three)).toEqual([["src/a.ts", "src/b.ts", "src/c.ts"]]);
    expect(
      circlesOf(
        files({
          "src/a.ts": `import "./b.ts"; import "./c.ts";`,
          "src/b.ts": `import "./c.ts";`,
          "src/c.ts": "",
        }),
      ),
    )
      .toEqual([]);
  });

  it("finds a file that nothing reaches, and sees one that is opened by its URL", () => {
    const texts = files({
      "src/mod.ts": `import "./a.ts"; const url = new URL("./entry.ts", import.meta.url);`,
      "src/a.ts": "",
      "src/entry.ts": "",
      "src/dead.ts": `import "./a.ts";`,
    });
    expect(deadFiles(texts, ["src/mod.ts"])).toEqual(["src/dead.ts"]);
  });

  it("finds names that nobody imports", () => {
    const texts = files({
      "src/mod.ts": `export { used } from "./a.ts"; export const forUsers = 1;`,
      "src/a.ts":
        "export const used = 1;\nexport function unused() {}\nconst own = 1;\nexport { own as listed };",
      "src/b.ts": "export type Taken = 1;",
      "src/c.ts": `import type * as b from "./b.ts";`,
    });
    expect(unusedExports(texts, texts, ["src/mod.ts"])).toEqual(["src/a.ts: unused", "src/a.ts: listed"]);
  });

  it("finds names that are exported twice, and counts overloads once", () => {
    const overloaded = "export function one(): void;\nexport function one(a?: 1): void {}";
    expect(exportsOf("src/a.ts", overloaded)).toEqual(["one"]);
    const texts = files({ "src/a.ts": "export class Channel {}", "src/b.ts": "export interface Channel {}" });
    expect(doubleExports(texts)).toEqual(["Channel: src/a.ts, src/b.ts"]);
    expect(doubleExports(files({ "src/a.ts": overloaded }))).toEqual([]);
    const passedOn = `import { Channel } from "./a.ts";\nexport { Channel };`;
    expect(doubleExports(files({ "src/a.ts": "export class Channel {}", "src/b.ts": passedOn }))).toEqual([]);
  });
});
