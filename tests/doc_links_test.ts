/** The links of the documents lead to files and headings that exist. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { fileExists, pathOf } from "./helpers/runtime.ts";
import { readSource, readSources } from "./house/files.ts";
import { anchorOf, deadLinks, deadPaths } from "./house/links.ts";

const documents = await readSources(["docs", "bench"], /\.md$/);
for (const path of ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]) {
  documents.set(path, await readSource(path));
}

const exists = (path: string) => fileExists(pathOf(`../${path}`, import.meta.url));

describe("the links of the documents", () => {
  it("lead to files and headings that exist", async () => {
    expect(documents.size).toBeGreaterThan(20);
    expect(await deadLinks(documents, exists)).toEqual([]);
  });

  it("are not the only names of files that must exist", async () => {
    expect(await deadPaths(documents, exists)).toEqual([]);
  });

  it("include every guide in the index", () => {
    const index = documents.get("docs/README.md")!;
    const guides = [...documents.keys()].filter((path) => /^docs\/(?!README)\w+\.md$/.test(path));
    expect(guides.filter((path) => !index.includes(`(${path.slice("docs/".length)})`))).toEqual([]);
  });
});

describe("the check of links", () => {
  it("catches files and headings that do not exist", async () => {
    const pages = new Map([
      ["docs/a.md", "# A `b`, c\n[x](b.md#two) [y](c.md) [z](#a-b-c) [w](https://example.org/)\n"],
      ["docs/b.md", "## One\n```sh\n# two\n```\n[up](../README.md)\n"],
    ]);
    expect(await deadLinks(pages, (path) => Promise.resolve(path === "README.md"))).toEqual([
      "docs/a.md: no heading #two in docs/b.md",
      "docs/a.md: no file docs/c.md",
    ]);
    expect(anchorOf("The `timeout` handler")).toBe("the-timeout-handler");
    const page = new Map([["docs/a.md", "`src/a.ts` and `src/b.ts` in `src/`\n"]]);
    const isThere = (path: string) => Promise.resolve(path === "src/a.ts");
    expect(await deadPaths(page, isThere)).toEqual(["docs/a.md: no file src/b.ts"]);
  });
});
