/** The examples of the documentation are found, and one that does not end by itself is seen. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { runScript } from "./helpers/process.ts";
import { system } from "./helpers/runtime.ts";
import { examplesOf, faultOf } from "./house/doc_examples.ts";

const guide = `# A guide

\`\`\`ts
first();
\`\`\`

\`\`\`sh
not this
\`\`\`

\`\`\`ts serves
second();

last();
\`\`\`

\`\`\`ts
never closed
`;

const source = `/**
 * Does something.
 *
 * @example
 * \`\`\`ts
 * one();
 *
 *   two();
 * \`\`\`
 */
const template = \`
\\\`\\\`\\\`ts
not a docstring
\\\`\\\`\\\`\`;
`;

describe("the examples of the documentation", () => {
  it("are found in guides", () => {
    expect(examplesOf("docs/guide.md", guide)).toEqual([
      { place: "docs/guide.md:4", code: "first();", serves: false },
      { place: "docs/guide.md:12", code: "second();\n\nlast();", serves: true },
    ]);
  });

  it("are found in docstrings", () => {
    expect(examplesOf("src/one.ts", source)).toEqual([
      { place: "src/one.ts:6", code: "one();\n\n  two();", serves: false },
    ]);
  });
});

describe("an example that is run", () => {
  const limit = 15_000;
  const run = async (name: string, serves: boolean, milliseconds = limit) => {
    await using child = runScript("./children/example.ts", import.meta.url, { arguments: [name] });
    return await faultOf(child, { serves }, milliseconds);
  };

  it("is in order when it ends by itself", async () => {
    expect(await run("ends", false)).toBe(undefined);
  });

  it("is not when it goes on, or fails", async () => {
    expect(await run("goes on", false, 1_500)).toContain("does not end by itself");
    expect(await run("fails", false)).toContain("on purpose");
    expect(await run("ends", true)).toContain("does not serve or stop");
  });

  const ignore = system === "windows" && "Windows has no signals to send";
  it("stops when it is told to, if it serves", { ignore }, async () => {
    expect(await run("serves", true)).toBe(undefined);
    expect(await run("serves on", true, 1_500)).toContain("does not serve or stop");
  });
});
