/** Framers alone: every vector in every cut, random streams against plain models. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError } from "../src/mod.ts";
import {
  crlfLines,
  delimited,
  dotTerminated,
  fixedSize,
  type Framer,
  type LengthFormat,
  lengthPrefixed,
  lines,
} from "../src/framing.ts";
import {
  checkVector,
  everyCut,
  findMessages,
  randomCuts,
  show,
  toBytes,
  type Vector,
} from "./helpers/cut.ts";
import { Random } from "./helpers/random.ts";

const KIBIBYTE = 1024;

const LENGTH_VECTORS: Vector[] = [
  {
    name: "u8",
    framer: lengthPrefixed("u8"),
    stream: "\x03abc\x00\x01d\x05ef",
    messages: ["abc", "", "d"],
    rest: 3,
  },
  {
    name: "u16le",
    framer: lengthPrefixed("u16le"),
    stream: "\x02\x00ab\x00\x00\x01",
    messages: ["ab", ""],
    rest: 1,
  },
  {
    name: "u16be",
    framer: lengthPrefixed("u16be"),
    stream: `\x01\x02${"x".repeat(258)}\x00\x01y`,
    messages: ["x".repeat(258), "y"],
  },
  {
    name: "u32le",
    framer: lengthPrefixed("u32le"),
    stream: "\x02\0\0\0ab\x01\0\0",
    messages: ["ab"],
    rest: 3,
  },
  { name: "u32be", framer: lengthPrefixed("u32be"), stream: "\0\0\0\x02ab\0\0\0\x00", messages: ["ab", ""] },
  {
    name: "u32 of the highest bit",
    framer: lengthPrefixed("u32be"),
    stream: "\xff\xff\xff\xff",
    messages: [],
    rest: "too large",
  },
  {
    name: "u32le of the highest bit",
    framer: lengthPrefixed("u32le"),
    stream: "\x00\x00\x00\x80",
    messages: [],
    rest: "too large",
  },
  {
    name: "the length counts the prefix",
    framer: lengthPrefixed("u16be", { includesPrefix: true }),
    stream: "\x00\x04ab\x00\x02\x00\x03c",
    messages: ["ab", "", "c"],
  },
  {
    name: "a length smaller than the prefix it counts",
    framer: lengthPrefixed("u16be", { includesPrefix: true }),
    stream: "\x00\x04ab\x00\x01c",
    messages: ["ab"],
    rest: "malformed",
  },
  {
    name: "an adjustment upwards",
    framer: lengthPrefixed("u8", { adjustment: 2 }),
    stream: "\x01abc\x00de",
    messages: ["abc", "de"],
  },
  {
    name: "an adjustment downwards",
    framer: lengthPrefixed("u8", { adjustment: -1 }),
    stream: "\x03ab\x01\x00",
    messages: ["ab", ""],
    rest: "malformed",
  },
  {
    name: "bytes in front of the length",
    framer: lengthPrefixed("u16le", { offset: 2 }),
    stream: "T1\x03\x00abcT2\x00\x00T",
    messages: ["T1\x03\x00abc", "T2\x00\x00"],
    rest: 1,
  },
  {
    name: "bytes in front of a length that counts all",
    framer: lengthPrefixed("u32be", { offset: 1, includesPrefix: true }),
    stream: "!\0\0\0\x07ab?\0\0\0\x05",
    messages: ["!\0\0\0\x07ab", "?\0\0\0\x05"],
  },
  {
    name: "the largest message",
    framer: lengthPrefixed("u8", { maxMessage: 4 }),
    stream: "\x04abcd\x05abcde",
    messages: ["abcd"],
    rest: "too large",
  },
  {
    name: "varint of one and two bytes",
    framer: lengthPrefixed("varint"),
    stream: `\x00\x01a\x7f${"b".repeat(127)}\x80\x01${"c".repeat(128)}\xac\x02${"d".repeat(300)}\x85`,
    messages: ["", "a", "b".repeat(127), "c".repeat(128), "d".repeat(300)],
    rest: 1,
  },
  {
    name: "varint of 32 bits",
    framer: lengthPrefixed("varint"),
    stream: "\xff\xff\xff\xff\x0f",
    messages: [],
    rest: "too large",
  },
  {
    name: "varint of 33 bits",
    framer: lengthPrefixed("varint"),
    stream: "\xff\xff\xff\xff\x1f",
    messages: [],
    rest: "malformed",
  },
  {
    name: "varint of six bytes",
    framer: lengthPrefixed("varint"),
    stream: "\x80\x80\x80\x80\x80\x01",
    messages: [],
    rest: "malformed",
  },
  ...["\x80\x00", "\x81\x00", "\x80\x80\x00", "\xff\xff\xff\xff\x00"].map((stream): Vector => ({
    name: "varint that is longer than it needs",
    framer: lengthPrefixed("varint"),
    stream,
    messages: [],
    rest: "malformed",
  })),
];

const DELIMITER_VECTORS: Vector[] = [
  {
    name: "lines",
    framer: lines(),
    stream: "a\nbc\r\n\n\r\nd\re\r\r\nf",
    messages: ["a", "bc", "", "", "d\re\r"],
    rest: 1,
  },
  {
    name: "the longest line",
    framer: lines({ maxMessage: 3 }),
    stream: "abc\nabc\r\nab\r\r\nabcd\n",
    messages: ["abc", "abc", "ab\r"],
    rest: "too large",
  },
  {
    name: "a long line without end",
    framer: lines({ maxMessage: 3 }),
    stream: "abcd",
    messages: [],
    rest: "too large",
  },
  {
    name: "a long line that may end",
    framer: lines({ maxMessage: 3 }),
    stream: "abc\r",
    messages: [],
    rest: 4,
  },
  {
    name: "a long line that did not end",
    framer: lines({ maxMessage: 3 }),
    stream: "abc\rd",
    messages: [],
    rest: "too large",
  },
  { name: "CRLF", framer: crlfLines(), stream: "a\r\n\r\nbc\r\nd\r", messages: ["a", "", "bc"], rest: 2 },
  { name: "LF alone", framer: crlfLines(), stream: "a\r\nb\n", messages: ["a"], rest: "malformed" },
  { name: "CR alone", framer: crlfLines(), stream: "a\r\nb\rc", messages: ["a"], rest: "malformed" },
  { name: "CR twice", framer: crlfLines(), stream: "b\r\r\n", messages: [], rest: "malformed" },
  {
    name: "a CRLF line that is too long before it breaks the rules",
    framer: crlfLines({ maxMessage: 3 }),
    stream: "abcd\nx",
    messages: [],
    rest: "too large",
  },
  {
    name: "the longest CRLF line",
    framer: crlfLines({ maxMessage: 2 }),
    stream: "ab\r\nabc",
    messages: ["ab"],
    rest: "too large",
  },
  { name: "one byte", framer: delimited("\0"), stream: "a\0\0bc\0d", messages: ["a", "", "bc"], rest: 1 },
  {
    name: "two equal bytes",
    framer: delimited("--"),
    stream: "a--b---c----",
    messages: ["a", "b", "-c", ""],
  },
  {
    name: "a delimiter that overlaps itself",
    framer: delimited("aab"),
    stream: "xaaabaabaaab",
    messages: ["xa", "", "a"],
  },
  {
    name: "another one",
    framer: delimited("abab"),
    stream: "ababab abababab",
    messages: ["", "ab ", ""],
    rest: 0,
  },
  {
    name: "one that nearly came",
    framer: delimited("abac"),
    stream: "abababac1abaabac",
    messages: ["abab", "1aba"],
  },
  {
    name: "bytes that are no text",
    framer: delimited(new Uint8Array([0xff, 0])),
    stream: "a\xff\xff\0b",
    messages: ["a\xff"],
    rest: 1,
  },
  {
    name: "the longest message",
    framer: delimited("::", { maxMessage: 2 }),
    stream: "ab::a:::abc",
    messages: ["ab", "a"],
    rest: "too large",
  },
];

const OTHER_VECTORS: Vector[] = [
  { name: "a mail", framer: dotTerminated(), stream: "one\r\ntwo\r\n.\r\n", messages: ["one\r\ntwo\r\n"] },
  {
    name: "empty mails",
    framer: dotTerminated(),
    stream: ".\r\n\r\n.\r\n.\r\n.",
    messages: ["", "\r\n", ""],
    rest: 1,
  },
  {
    name: "stuffed dots",
    framer: dotTerminated(),
    stream: "..\r\n...a\r\n.b\r\nc.d\r\n..\r\n.\r\nnext\r\n.\r\n",
    messages: [".\r\n..a\r\nb\r\nc.d\r\n.\r\n", "next\r\n"],
  },
  ...["a\nb\r\n.\r\n", "\n.\n", "a\r\n\n.\r\n", "a\r\n.\n\r\n", "a\rb", "\r\r\n", ".\rd", "a\r\n.\r\r\n"].map(
    (stream): Vector => ({
      name: `mail with a CR or an LF alone, ${JSON.stringify(stream)}`,
      framer: dotTerminated(),
      stream,
      messages: [],
      rest: "malformed",
    }),
  ),
  {
    name: "a mail that is too long before it breaks the rules",
    framer: dotTerminated({ maxMessage: 3 }),
    stream: "abcd\nx",
    messages: [],
    rest: "too large",
  },
  {
    name: "the longest mail",
    framer: dotTerminated({ maxMessage: 4 }),
    stream: "ab\r\n.\r\n..b\r\n.\r\nabc\r\n.\r\n",
    messages: ["ab\r\n", ".b\r\n"],
    rest: "too large",
  },
  { name: "a fixed size", framer: fixedSize(3), stream: "abcdefgh", messages: ["abc", "def"], rest: 2 },
  { name: "single bytes", framer: fixedSize(1), stream: "ab", messages: ["a", "b"] },
];

/** Framers with what they can carry, made from noise. */
const CARRIERS: { name: string; framer: Framer; content(random: Random): Uint8Array }[] = [
  ...(["u8", "u16le", "u16be", "u32le", "u32be", "varint"] as LengthFormat[]).map((format) => ({
    name: format,
    framer: lengthPrefixed(format),
    content: (random: Random) => random.bytes(random.between(0, random.oneIn(4) ? 255 : 12)),
  })),
  { name: "lines", framer: lines(), content: (random) => drawn(random, "ab.\t ", 60) },
  { name: "CRLF", framer: crlfLines(), content: (random) => drawn(random, "ab.\t ", 60) },
  { name: "aab", framer: delimited("aab"), content: (random) => drawn(random, "abc", 9) },
  { name: "mail", framer: dotTerminated(), content: (random) => mail(random) },
  { name: "size", framer: fixedSize(7), content: (random) => random.bytes(7) },
];

/** A text of the given characters. */
function drawn(random: Random, characters: string, lengthMax: number): Uint8Array {
  const text = Array.from(
    { length: random.between(0, lengthMax) },
    () => characters[random.next() % characters.length],
  ).join("");
  // A delimiter that would be found early is none of the messages the framer can carry.
  return toBytes(`${text}c`.includes("aab") || /a+$/.test(text) ? "c" : text);
}

function mail(random: Random): Uint8Array {
  const pieces = ["..", ".", "a", "b.", "\r\n", "\r\n.", "\r\n..", "\r\n\r\n"];
  let text = "";
  for (let count = random.between(0, 12); count > 0; count--) text += pieces[random.next() % pieces.length];
  return toBytes(text === "" || text.endsWith("\r\n") ? text : `${text}\r\n`);
}

/** Framers, with noise of the characters that mean something to them, most likely to be taken wrongly. */
const NOISY: { name: string; framer: Framer; characters: string }[] = [
  { name: "lines", framer: lines({ maxMessage: 12 }), characters: "a.\r\n" },
  { name: "CRLF", framer: crlfLines({ maxMessage: 12 }), characters: "a.\r\n" },
  { name: "mail", framer: dotTerminated({ maxMessage: 12 }), characters: "a..\r\r\n\n" },
  { name: "an overlapping delimiter", framer: delimited("abab", { maxMessage: 12 }), characters: "abc" },
  { name: "equal bytes", framer: delimited("--", { maxMessage: 12 }), characters: "-a" },
  { name: "one byte", framer: delimited("\0", { maxMessage: 12 }), characters: "\0a" },
  { name: "u8", framer: lengthPrefixed("u8", { maxMessage: 12 }), characters: "\0\x01\x02\x0d" },
  {
    name: "u16be that counts itself",
    framer: lengthPrefixed("u16be", { includesPrefix: true, maxMessage: 12 }),
    characters: "\0\0\0\x01\x02\x03",
  },
  {
    name: "u16le behind a type",
    framer: lengthPrefixed("u16le", { offset: 1, maxMessage: 12 }),
    characters: "\0\0\0\x01\x02",
  },
  {
    name: "an adjustment",
    framer: lengthPrefixed("u8", { adjustment: -2, maxMessage: 12 }),
    characters: "\x01\x02\x03",
  },
  { name: "varint", framer: lengthPrefixed("varint", { maxMessage: 12 }), characters: "\0\x01\x02\x80" },
  { name: "size", framer: fixedSize(3), characters: "ab" },
];

/** What encode takes, or undefined where it refuses. */
function encodedOrRefused(framer: Framer, content: Uint8Array): Uint8Array | undefined {
  try {
    return framer.encode(content);
  } catch (error) {
    if (error instanceof OptionError) return undefined;
    throw error;
  }
}

/** Mail ends with a line's end, which is put there where it is missing; nothing else is ever changed. */
function asReceived(name: string, content: string): string {
  return name === "mail" && content !== "" && !content.endsWith("\r\n") ? `${content}\r\n` : content;
}

/** The plain way to cut at a delimiter. */
function splitPlainly(stream: string, delimiter: string): { messages: string[]; rest: number } {
  const messages = stream.split(delimiter);
  const rest = messages.pop()!.length;
  return { messages, rest };
}

describe("framers find their messages in every cut", () => {
  for (const vectors of [LENGTH_VECTORS, DELIMITER_VECTORS, OTHER_VECTORS]) {
    for (const vector of vectors) it(vector.name, () => checkVector(vector));
  }

  it("and the check sees a message that is missing", () => {
    const vector = { name: "wrong", framer: lines(), stream: "a\nb\n", messages: ["a"] };
    expect(() => checkVector(vector)).toThrow("wrong, cut at");
  });
});

describe("framers and random streams", () => {
  for (const { name, framer, content } of CARRIERS) {
    it(`what ${name} encodes comes back, whatever the cuts`, () => {
      for (let seed = 1; seed <= 60; seed++) {
        const random = new Random(seed * 7919);
        const contents = Array.from({ length: random.between(1, 20) }, () => content(random));
        const stream = new Uint8Array(contents.flatMap((message) => [...framer.encode(message)]));
        const cuts = randomCuts(random, stream.length, random.between(1, 40));
        const { messages, rest } = findMessages(framer, stream, cuts);
        expect(messages.map(show), `seed ${seed}`).toEqual(contents.map(show));
        expect(rest, `seed ${seed}`).toBe(0);
      }
    });
  }

  for (const { name, framer, characters } of NOISY) {
    const noise = (random: Random, lengthMax: number) =>
      Array.from(
        { length: random.between(0, lengthMax) },
        () => characters[random.next() % characters.length],
      )
        .join("");

    it(`whatever ${name} accepts to encode comes back as it was, and the message behind it`, () => {
      let accepted = 0;
      for (let seed = 1; seed <= 400; seed++) {
        const content = noise(new Random(seed * 7919), 8);
        const frame = encodedOrRefused(framer, toBytes(content));
        if (frame === undefined) continue;
        accepted += 1;
        const twice = new Uint8Array([...frame, ...frame]);
        for (const cuts of everyCut(twice.length)) {
          const { messages, rest } = findMessages(framer, twice, cuts);
          const wanted = asReceived(name, content);
          expect({ messages: messages.map(show), rest }, JSON.stringify(content))
            .toEqual({ messages: [wanted, wanted], rest: 0 });
        }
      }
      expect(accepted).toBeGreaterThan(10);
    });

    it(`noise is the same to ${name} in every cut, and what is found in it can be sent`, () => {
      for (let seed = 1; seed <= 300; seed++) {
        const stream = toBytes(noise(new Random(seed * 104729), 24));
        const whole = findMessages(framer, stream, []);
        for (const cuts of everyCut(stream.length)) {
          expect(findMessages(framer, stream, cuts), `${JSON.stringify(show(stream))} cut at ${cuts}`)
            .toEqual(whole);
        }
        for (const message of whole.messages) {
          // Lines are received more leniently than they are sent: the CR before a CR LF stays.
          const lenient = name === "lines" && show(message).endsWith("\r");
          expect(encodedOrRefused(framer, message) === undefined, show(message)).toBe(lenient);
        }
      }
    });
  }

  it("delimiters are found where a plain search finds them", () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Random(seed * 104729);
      const draw = (length: number) => Array.from({ length }, () => "ab"[random.next() % 2]).join("");
      const delimiter = draw(random.between(1, 6));
      const stream = draw(random.between(0, 200));
      const cuts = randomCuts(random, stream.length, random.between(1, 20));
      const { messages, rest } = findMessages(delimited(delimiter), toBytes(stream), cuts);
      expect({ messages: messages.map(show), rest }, `seed ${seed}, "${delimiter}"`)
        .toEqual(splitPlainly(stream, delimiter));
    }
  });

  it("long messages are searched as short ones are", () => {
    const line = "x".repeat(10 * KIBIBYTE);
    const found = findMessages(lines(), toBytes(`${line}\r\n${line}\n`), [5000, 10_241]);
    expect(found.messages.map((message) => message.length)).toEqual([line.length, line.length]);
  });
});
