/** The figures of the README are those that were measured last. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { withFigures } from "../bench/echo/readme.ts";
import { readSource } from "./house/files.ts";

describe("the README", () => {
  it("has the figures of docs/figures/echo.json (bun bench/echo/readme.ts)", async () => {
    const readme = await readSource("README.md");
    const results = JSON.parse(await readSource("docs/figures/echo.json"));
    expect(withFigures(readme, results)).toBe(readme);
    results.cells[0].rate *= 2;
    expect(withFigures(readme, results)).not.toBe(readme);
  });
});
