/** No Node in the three layers of the project, and no runtime's name outside its driver. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSources, type Sources } from "./house/files.ts";
import { blankSource } from "./house/blank.ts";

/**
 * The files that may name a runtime: the drivers with their parts, and in `ffi/` what tells the runtimes
 * apart.
 */
const NAMES_A_RUNTIME = /^(ffi\/(bun|deno|host)|src\/host\/(bun|deno))(_[a-z_]+)?\.ts$/;

interface Ban {
  what: string;
  pattern: RegExp;
  strings: "keep strings" | "blank strings";
  files: (path: string) => boolean;
}

const everywhere = () => true;
const BANS: Ban[] = [
  { what: "a node: import", pattern: /["'`]node:/, strings: "keep strings", files: everywhere },
  {
    what: "an API of Node",
    pattern: /(?<![.\w])(process|Buffer|require|__dirname|setImmediate\.call)\s*[.([]/,
    strings: "blank strings",
    files: everywhere,
  },
  {
    what: "a runtime's name",
    pattern: /\b(Deno|Bun)\s*[.[]|globalThis[^\n]*\b(Deno|Bun)\b/,
    strings: "blank strings",
    files: (path) => !NAMES_A_RUNTIME.test(path),
  },
  {
    what: "a runtime's module",
    pattern: /["'`](bun:|npm:|jsr:|https?:)[a-z@]/,
    strings: "keep strings",
    files: (path) => !/^ffi\/bun(_[a-z_]+)?\.ts$/.test(path),
  },
];

function faults(sources: Sources): string[] {
  return [...sources].flatMap(([path, text]) =>
    BANS.filter((ban) => ban.files(path))
      .filter((ban) => ban.pattern.test(blankSource(path, text, ban.strings)))
      .map((ban) => `${path}: ${ban.what}`)
  );
}

describe("Node and the names of the runtimes", () => {
  it("stay out of src, ffi and zig", async () => {
    const sources = await readSources(["src", "ffi", "zig/src"], /\.(ts|zig)$/);
    expect(sources.size).toBeGreaterThan(50);
    expect(faults(sources)).toEqual([]);
  });

  it("are caught where they are not allowed", () => {
    const cases: [path: string, text: string][] = [
      ["ffi/bun.ts", `import { connect } from "node:net";`],
      ["src/base/a.ts", `const net = await import("node:net");`],
      ["src/base/a.ts", `const name = process.env.HOME;`],
      ["src/base/a.ts", `Buffer.from("a")`],
      ["src/base/a.ts", `Deno.exit(1)`],
      ["src/host/mod.ts", `Deno.exit(1)`],
      ["src/server/a.ts", `const { Bun: bun } = globalThis as unknown as Globals; globalThis.Bun`],
      ["ffi/mod.ts", `const files = Bun.file("a");`],
      ["ffi/mod.ts", `import { dlopen } from "bun:ffi";`],
      ["src/base/a.ts", `import "npm:mitata";`],
    ];
    for (const [path, text] of cases) {
      expect(faults(new Map([[path, text]])), text).toHaveLength(1);
    }
  });

  it("are not seen in comments", () => {
    expect(faults(new Map([["src/base/a.ts", `// Deno.exit and "node:net" and process.exit()`]]))).toEqual(
      [],
    );
  });
});
