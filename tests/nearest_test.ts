/** The nearest known word, and words in lines. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { distanceBetween, nearestOf } from "../src/base/nearest.ts";
import { helpEntry, wrapWords } from "../src/base/wrap.ts";

describe("the nearest word", () => {
  it("counts what has to change", () => {
    const cases: [string, string, number][] = [
      ["", "", 0],
      ["a", "", 1],
      ["port", "prot", 1],
      ["port", "port", 0],
      ["port", "ports", 1],
      ["port", "part", 1],
      ["kitten", "sitting", 3],
      ["run", "rnu", 1],
    ];
    for (const [first, second, distance] of cases) {
      expect(distanceBetween(first, second), `${first} ${second}`).toBe(distance);
      expect(distanceBetween(second, first), `${second} ${first}`).toBe(distance);
    }
  });

  it("is near, or none", () => {
    const known = ["port", "hostname", "timeouts.idle", "run"];
    expect(nearestOf("prot", known)).toBe("port");
    expect(nearestOf("HOSTNAME", known)).toBe("hostname");
    expect(nearestOf("timeout.idel", known)).toBe("timeouts.idle");
    expect(nearestOf("rnu", known)).toBe("run");
    expect(nearestOf("xyz", known)).toBe(undefined);
    expect(nearestOf("", known)).toBe(undefined);
    expect(nearestOf("x".repeat(10_000), known)).toBe(undefined);
  });
});

describe("words in lines", () => {
  it("stay within the width, but for a longer word", () => {
    expect(wrapWords("a bb ccc dddd", 4)).toEqual(["a bb", "ccc", "dddd"]);
    expect(wrapWords("aaaaaa b", 4)).toEqual(["aaaaaa", "b"]);
    expect(wrapWords("", 4)).toEqual([""]);
  });

  it("stand beside a short name and below a long one", () => {
    expect(helpEntry("--a", "text")).toBe("  --a                         text");
    expect(helpEntry(`--${"a".repeat(30)}`, "text").split("\n")).toHaveLength(2);
  });
});
