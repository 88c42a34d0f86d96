/** Imports point down, in the real module graph of `src/`, `ffi/` and `zig/`. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { directionFaults, DOORS, importsOf, TYPESCRIPT_LAYERS, ZIG_LAYERS } from "./house/direction.ts";
import { readSources } from "./house/files.ts";

const typescript = await readSources(["src", "ffi"], /\.ts$/);
const zig = await readSources(["zig/src"], /\.zig$/);

function graph(files: Record<string, string>): string[] {
  return directionFaults(new Map(Object.entries(files)), TYPESCRIPT_LAYERS);
}

describe("direction of the imports", () => {
  it("points down in src and ffi", () => {
    expect(typescript.size).toBeGreaterThan(30);
    expect(directionFaults(typescript, TYPESCRIPT_LAYERS)).toEqual([]);
  });

  it("points down in zig", () => {
    expect(zig.size).toBeGreaterThan(20);
    expect(directionFaults(zig, ZIG_LAYERS)).toEqual([]);
  });

  it("has no layer and no door that nothing goes through", () => {
    const edges = [...typescript].flatMap(([path, text]) =>
      importsOf(path, text).map((target) => ({ path, target }))
    );
    for (const { from, to } of DOORS) {
      expect(edges.some(({ path, target }) => from.test(path) && to.test(target)), String(from)).toBe(true);
    }
    for (const { name, files } of ZIG_LAYERS) {
      expect([...zig.keys()].some((path) => files.test(path)), name).toBe(true);
    }
  });
});

describe("the check of the direction", () => {
  it("catches an import that points up", () => {
    const faults = graph({ "src/base/a.ts": `import { b } from "../loop/b.ts";`, "src/loop/b.ts": "" });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain("imports point down");
  });

  it("catches imports of types, re-exports and dynamic imports", () => {
    for (const line of [`import type { B } from "`, `export { b } from "`, `await import("`, `import "`]) {
      const faults = graph({ "src/base/a.ts": `${line}../loop/b.ts")`, "src/loop/b.ts": "" });
      expect(faults, line).toHaveLength(1);
    }
  });

  it("catches a way round the doors of ffi", () => {
    const faults = graph({ "src/stream/a.ts": `import "../../ffi/bun.ts";`, "ffi/bun.ts": "" });
    expect(faults[0]).toContain("not open");
  });

  it("catches a file without a layer and an import of nothing", () => {
    expect(graph({ "src/unknown/a.ts": "" })).toEqual(["src/unknown/a.ts stands in no layer"]);
    expect(graph({ "src/base/a.ts": `import "./gone.ts";` })[0]).toContain("no file of this graph");
    expect(graph({ "src/base/a.ts": `import "@std/path";` })[0]).toContain("no file of this graph");
  });

  it("catches an upward import in Zig", () => {
    const files = new Map([
      ["zig/src/pool.zig", `const loop = @import("loop.zig");`],
      ["zig/src/loop.zig", `const pool = @import("pool.zig");`],
    ]);
    expect(directionFaults(files, ZIG_LAYERS)).toHaveLength(1);
  });

  it("does not take comments for imports", () => {
    expect(graph({ "src/base/a.ts": `// import "../loop/b.ts";\n/* from "x" */` })).toEqual([]);
  });
});
