/** The house rules that a program can see, over all sources. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSource, readSources } from "./house/files.ts";
import { phraseFaults } from "./house/phrases.ts";
import { type Exceptions, functionsOf, tidyFaults } from "./house/tidy.ts";

const FOLDERS = ["src", "ffi", "zig/src", "tests", "examples", "bench", "tools"];
const sources = await readSources(FOLDERS, /\.(ts|mjs|zig|c|h)$/);
for (const path of [...sources.keys()]) if (path.endsWith(".gen.ts")) sources.delete(path);

/** What is longer than it should be. Entries are lowered and removed, not added. */
const EXCEPTIONS: Exceptions = {};

/** Documents, and the comments and messages of what is shipped. Tests have words of their own. */
const prose = await readSources(["docs", "bench"], /\.md$/);
for (const path of ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]) {
  prose.set(path, await readSource(path));
}
for (const [path, text] of sources) {
  const isShipped = /^(src|ffi|zig\/src)\//.test(path) && !/_test\b|\b(fuzz|tests?)\b|\/fake/.test(path);
  if (isShipped) prose.set(path, text);
}

function faultsOf(path: string, text: string, exceptions: Exceptions = {}): string[] {
  return tidyFaults(new Map([[path, text]]), exceptions);
}

describe("tidy", () => {
  it("holds over all sources", () => {
    expect(sources.size).toBeGreaterThan(100);
    expect(tidyFaults(sources, EXCEPTIONS).join("\n")).toBe("");
  });

  it("sees the functions of both languages", () => {
    const names = (path: string) => functionsOf(path, sources.get(path) ?? "").map(({ name }) => name);
    expect(names("tests/house/tidy.ts")).toEqual([
      "secretsIn",
      "endOfBracket",
      "bodyStart",
      "functionsOf",
      "columnsOf",
      "lineFaults",
      "lengthsOver",
      "tidyFaults",
    ]);
    expect(names("zig/src/layout_hash.zig").length).toBeGreaterThan(0);
    expect(names("src/listen/listener.ts").length).toBeGreaterThan(5);
  });
});

describe("the prose", () => {
  it("has no phrase that an editor would change", () => {
    expect(prose.size).toBeGreaterThan(100);
    expect(phraseFaults(prose).join("\n")).toBe("");
  });
});

describe("the check of the prose", () => {
  const phrasesOf = (path: string, text: string) => phraseFaults(new Map([[path, text]]));

  it("catches phrases in documents, but not in their code", () => {
    const page = "The server is told of it.\n\n```ts\nconst anew = 1;\n```\n`for want of`\n";
    expect(phrasesOf("docs/a.md", page)).toEqual([
      'docs/a.md:1: "is told": write is notified, receives, is called with, is reported',
      'docs/a.md:1: "told of": write describes, reports, lists',
    ]);
  });

  it("catches phrases in comments and strings, but not in names", () => {
    expect(phrasesOf("src/a.ts", "/** Begins anew. */\nconst anew = anew;\n")).toHaveLength(1);
    expect(phrasesOf("src/a.ts", 'throw new Error("waited in vain");\n')).toHaveLength(1);
    expect(phrasesOf("zig/src/a.zig", "//! Whoever calls.\n")).toHaveLength(1);
  });

  it("lets usual English through", () => {
    const usual = "There is no server, it is no longer open, and there are no others.\n";
    expect(phrasesOf("docs/a.md", usual)).toEqual([]);
  });
});

describe("the tidy check", () => {
  const body = "  work();\n".repeat(71);

  it("catches long lines, by language", () => {
    const line = `const a = "${"x".repeat(99)}";`;
    expect(faultsOf("src/a.ts", line)).toEqual(["src/a.ts:1: 112 columns"]);
    expect(faultsOf("zig/src/a.zig", line)).toEqual([]);
  });

  it("catches long functions of every form", () => {
    for (
      const text of [
        `export function long(a: number): void {\n${body}}\n`,
        `class A {\n  async long<T>(a: T): Promise<void> {\n${body}  }\n}\n`,
        `const long = (a: number): number => {\n${body}};\n`,
      ]
    ) {
      expect(faultsOf("src/a.ts", text), text.slice(0, 30)).toEqual(["src/a.ts long: 73 lines"]);
    }
    expect(faultsOf("zig/src/a.zig", `fn long(a: u32) !void {\n${body}}\n`)).toHaveLength(1);
  });

  it("catches long files", () => {
    expect(faultsOf("src/a.ts", "work();\n".repeat(901))).toEqual(["src/a.ts: 901 lines"]);
  });

  it("lets an exception neither grow nor outlive its reason", () => {
    const text = "work();\n".repeat(910);
    expect(faultsOf("src/a.ts", text, { "src/a.ts": 910 })).toEqual([]);
    expect(faultsOf("src/a.ts", text, { "src/a.ts": 905 })).toHaveLength(1);
    expect(faultsOf("src/a.ts", text, { "src/a.ts": 915 })[0]).toContain("lower or remove");
  });

  it("catches leftovers, machine paths and registries", () => {
    for (
      const line of [
        `// TO${"DO"}: later`,
        `const path = "/ro${"ot"}/ringport";`,
        `const path = "/t${"mp"}/a";`,
        `fetch("https://registry.npm${"js."}org")`,
      ]
    ) {
      expect(faultsOf("src/a.ts", line), line).toHaveLength(1);
    }
  });
});
