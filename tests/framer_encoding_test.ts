/** Framers alone: what they put around messages, what they refuse, and their options. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError } from "../src/mod.ts";
import {
  crlfLines,
  delimited,
  dotTerminated,
  fixedSize,
  type Framer,
  lengthPrefixed,
  lines,
} from "../src/framing.ts";
import { show, toBytes } from "./helpers/cut.ts";

describe("framers put around messages what frames them", () => {
  const encoded = (framer: Framer, message: string) => show(framer.encode(toBytes(message)));

  it("each in its way", () => {
    expect(encoded(lengthPrefixed("u8"), "ab")).toBe("\x02ab");
    expect(encoded(lengthPrefixed("u16le"), "ab")).toBe("\x02\0ab");
    expect(encoded(lengthPrefixed("u32be"), "ab")).toBe("\0\0\0\x02ab");
    expect(encoded(lengthPrefixed("varint"), "x".repeat(300))).toBe(`\xac\x02${"x".repeat(300)}`);
    expect(encoded(lengthPrefixed("u16be", { includesPrefix: true }), "ab")).toBe("\0\x04ab");
    expect(encoded(lengthPrefixed("u8", { adjustment: 2 }), "abc")).toBe("\x01abc");
    expect(encoded(lengthPrefixed("u8", { offset: 1 }), "T\x01a")).toBe("T\x01a");
    expect(encoded(lines(), "ab")).toBe("ab\n");
    expect(encoded(crlfLines(), "ab")).toBe("ab\r\n");
    expect(encoded(delimited("::"), "ab")).toBe("ab::");
    expect(encoded(dotTerminated(), "a\r\n.b\r\n..\r\n")).toBe("a\r\n..b\r\n...\r\n.\r\n");
    expect(encoded(dotTerminated(), ".")).toBe("..\r\n.\r\n");
    expect(encoded(dotTerminated(), "")).toBe(".\r\n");
    expect(encoded(fixedSize(2), "ab")).toBe("ab");
    expect(show(lengthPrefixed("u8").encode("é"))).toBe("\x02\xc3\xa9");
  });

  it("and refuse what they cannot carry", () => {
    for (
      const [framer, message] of [
        [lengthPrefixed("u8"), "x".repeat(256)],
        [lengthPrefixed("u16be"), "x".repeat(65_536)],
        [lengthPrefixed("u8", { includesPrefix: true }), "x".repeat(255)],
        [lengthPrefixed("u8", { adjustment: 2 }), "a"],
        [lengthPrefixed("varint", { adjustment: 1 }), ""],
        [lengthPrefixed("u8", { offset: 1 }), "T\x02a"],
        [lengthPrefixed("u8", { offset: 1 }), "T"],
        [lines(), "a\nb"],
        [lines(), "a\r"],
        [lines(), "\r"],
        [lines(), "b\r\r"],
        [dotTerminated(), "a\n.\nb"],
        [dotTerminated(), "a\r.\rb"],
        [dotTerminated(), "a\n.\r\nb"],
        [dotTerminated(), "a\r"],
        [dotTerminated(), "a\r\r\n"],
        [dotTerminated(), "\n"],
        [dotTerminated(), "a\r\n\r"],
        [crlfLines(), "a\rb"],
        [crlfLines(), "a\nb"],
        [delimited("--"), "a--b"],
        [delimited("--"), "a-"],
        [fixedSize(2), "a"],
      ] as [Framer, string][]
    ) {
      expect(() => framer.encode(message), message.slice(0, 10)).toThrow(OptionError);
    }
  });
});

describe("the options of framers", () => {
  it("are refused by name", () => {
    const wrong = (value: unknown) => value as never;
    for (
      const [make, key] of [
        [() => lengthPrefixed(wrong("u64")), "u8, u16le"],
        [() => lengthPrefixed("u8", { maxMessage: 0 }), "maxMessage"],
        [() => lengthPrefixed("u8", { offset: -1 }), "offset"],
        [() => lengthPrefixed("u8", wrong({ max: 1 })), "max"],
        [() => lengthPrefixed("varint", { includesPrefix: true }), "includesPrefix"],
        [() => lengthPrefixed("varint", { offset: 1 }), "offset"],
        [() => lines({ maxMessage: 1.5 }), "maxMessage"],
        [() => crlfLines(wrong(7)), "options"],
        [() => delimited(""), "delimiter"],
        [() => delimited("x".repeat(256)), "delimiter"],
        [() => delimited(wrong(10)), "delimiter"],
        [() => dotTerminated(wrong({ size: 1 })), "size"],
        [() => fixedSize(0), "size"],
      ] as [() => unknown, string][]
    ) {
      expect(make).toThrow(OptionError);
      expect(make).toThrow(key);
    }
  });
});
