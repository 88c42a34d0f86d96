/** The walks of the architecture page lead through files that exist. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { readSource, readSources } from "./house/files.ts";
import { walksOf } from "./house/walks.ts";

/** A byte received; a connection accepted, limited, timed out and closed; an option; a worker replaced. */
const walksMin = 5;
/** A walk of fewer steps shows nothing that a folder's name does not. */
const stepsMin = 3;

describe("the walks of the architecture page", () => {
  it("lead through files that exist", async () => {
    const files = await readSources(["src", "ffi", "zig/src"], /\.(ts|zig)$/);
    const walks = walksOf(await readSource("docs/architecture.md"));
    expect(walks.length).toBeGreaterThanOrEqual(walksMin);
    for (const { heading, paths } of walks) {
      expect(paths.length, heading).toBeGreaterThanOrEqual(stepsMin);
      expect(paths.filter((path) => !files.has(path)), heading).toEqual([]);
    }
  });

  it("are read right by this test", () => {
    const page = [
      "## Walk: a byte",
      "1. `src/a.ts` takes it",
      "2. and another one",
      "text with `src/b.ts`",
      "## Other",
      "1. `src/c.ts`",
      "### Walk: an end",
      "1. `src/d.ts`: ends",
    ];
    expect(walksOf(page.join("\n"))).toEqual([
      { heading: "a byte", paths: ["src/a.ts", ""] },
      { heading: "an end", paths: ["src/d.ts"] },
    ]);
  });
});
