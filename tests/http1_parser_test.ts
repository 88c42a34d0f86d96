/**
 * The native parser of HTTP/1.1 through the boundary: every vector whole, cut in two anywhere, a byte at a
 * time, and pipelined. Its unit tests and a fuzzer against a plain second parser are in `zig/src`.
 */
import { expect } from "@std/expect";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { HTTP1_REFUSALS, Http1Outcome, Http1Refusal } from "../ffi/layout.gen.ts";
import { type NativeLoop, openNative } from "../ffi/mod.ts";
import { fieldIds, HeadRecord, Http1Parser } from "../src/http/parser.ts";
import { bytesOf, Feed, type Message, type Refused } from "./http1/feed.ts";
import { type Reading, type Vector, vectorLimits, VECTORS } from "./http1/vectors.ts";

/** Cuts of a long message: beside its ends, one byte in every 97. */
const CUT_ALL_BYTES_MAX = 300;
const CUT_STEP = 97;

let loop: NativeLoop;
let parser: Http1Parser;

beforeAll(() => {
  loop = openNative().openLoop();
  parser = new Http1Parser(loop.http1(), loop.bytes);
});

afterAll(() => loop.close());

interface Outcome {
  messages: Message[];
  refused: Refused | undefined;
  /** Bytes that were fed when it was refused. */
  fed: number;
}

/** Feeds pieces until one is refused. */
function feed(
  vector: Pick<Vector, "kind" | "answers">,
  pieces: Iterable<Uint8Array>,
  place?: number,
): Outcome {
  const connection = new Feed(parser, vectorLimits, vector.kind, vector.answers, place);
  let fed = 0;
  for (const piece of pieces) {
    fed += piece.length;
    if (!connection.push(piece)) break;
  }
  return { messages: connection.messages, refused: connection.refused, fed };
}

/** What is wrong with an outcome; an empty text if nothing is. */
function faultOf(vector: Vector, outcome: Outcome): string {
  const { refused, readings } = vector;
  if (refused !== undefined) {
    const found = outcome.refused?.refusal;
    if (found !== refused.refusal) return `refused as ${found}, not ${refused.refusal}`;
    const { status } = outcome.refused!;
    return vector.kind === "response" || status === refused.status ? "" : `answered ${status}`;
  }
  if (outcome.refused !== undefined) {
    return `refused as ${outcome.refused.refusal} at ${outcome.refused.offset}`;
  }
  if (outcome.messages.length !== readings!.length) return `${outcome.messages.length} messages`;
  for (const [index, message] of outcome.messages.entries()) {
    if (!message.whole) return `message ${index} is not whole`;
    const fault = faultOfMessage(message, readings![index]);
    if (fault !== "") return fault;
  }
  return "";
}

function faultOfMessage(message: Message, reading: Reading): string {
  for (const [name, wanted] of Object.entries(reading)) {
    const found = JSON.stringify(message[name as keyof Message]);
    if (found !== JSON.stringify(wanted)) return `${name} is ${found}, not ${JSON.stringify(wanted)}`;
  }
  return "";
}

function cutsOf(length: number): number[] {
  const cuts: number[] = [];
  for (let cut = 1; cut < length; cut++) {
    const atEnds = cut < CUT_ALL_BYTES_MAX / 2 || cut > length - CUT_ALL_BYTES_MAX / 2;
    if (atEnds || cut % CUT_STEP === 0) cuts.push(cut);
  }
  return cuts;
}

/** The faults of all vectors under one way of feeding, each with its vector's name. */
function faults(check: (vector: Vector, bytes: Uint8Array<ArrayBuffer>) => string): string[] {
  return VECTORS.flatMap((vector) => {
    const fault = check(vector, bytesOf(vector.bytes));
    return fault === "" ? [] : [`RFC ${vector.section}, ${vector.name}: ${fault}`];
  });
}

function oneByOne(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
}

/** How many bytes have to be fed at most: to the end of the line whose byte decided. */
function lineEndBehind(bytes: Uint8Array, offset: number): number {
  const end = bytes.indexOf(10, offset);
  return end < 0 ? bytes.length : end + 1;
}

describe("the vectors", () => {
  it("are many, and each has a section and a name of its own", () => {
    expect(VECTORS.length).toBeGreaterThan(300);
    const names = VECTORS.map(({ kind, section, name }) => `${kind} ${section} ${name}`);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(VECTORS.filter(({ section }) => !/^\d{4} \d+(\.\d+)*$/.test(section))).toEqual([]);
  });

  it("hold whole", () => {
    expect(faults((vector, bytes) => faultOf(vector, feed(vector, [bytes])))).toEqual([]);
  });

  it("hold at the end of the ring", () => {
    const check = (vector: Vector, bytes: Uint8Array) =>
      faultOf(vector, feed(vector, [bytes], parser.ring.length - bytes.length));
    expect(faults(check)).toEqual([]);
  });

  it("hold when they are cut in two anywhere", () => {
    const check = (vector: Vector, bytes: Uint8Array) => {
      for (const cut of cutsOf(bytes.length)) {
        const fault = faultOf(vector, feed(vector, [bytes.subarray(0, cut), bytes.subarray(cut)]));
        if (fault !== "") return `cut at ${cut}: ${fault}`;
      }
      return "";
    };
    expect(faults(check)).toEqual([]);
  });

  it("hold a byte at a time, and are refused at the end of the line at the latest", () => {
    const check = (vector: Vector, bytes: Uint8Array) => {
      const outcome = feed(vector, oneByOne(bytes));
      const fault = faultOf(vector, outcome);
      if (fault !== "" || outcome.refused === undefined) return fault;
      const latest = lineEndBehind(bytes, outcome.refused.offset);
      return outcome.fed <= latest ? "" : `refused after ${outcome.fed} bytes, not ${latest}`;
    };
    expect(faults(check)).toEqual([]);
  });

  it("are refused by what is there, without what follows", () => {
    // These are decided by a whole line, or by the end of the head.
    const byLine = /^(host|length|coding|connection|expectation|targetForm|tooManyFields|trailer)/;
    const check = (vector: Vector, bytes: Uint8Array) => {
      const { refused } = feed(vector, [bytes]);
      if (refused === undefined) return "";
      const wholeLine = byLine.test(refused.refusal);
      const enough = wholeLine ? lineEndBehind(bytes, refused.offset) : refused.offset + 1;
      const outcome = feed(vector, [bytes.subarray(0, enough)]);
      const fault = faultOf(vector, outcome);
      return fault === "" ? "" : `${fault} after ${enough} bytes`;
    };
    expect(faults(check)).toEqual([]);
  });

  it("hold one behind the other, refused ones behind accepted ones", () => {
    const single = VECTORS.filter(({ kind, readings, bytes }) =>
      kind === "request" && bytes.length < 1_000 && readings?.length === 1 && readings[0].rest === undefined
    );
    const whole = single.map((vector) => feed(vector, [bytesOf(vector.bytes)]).messages[0]);
    const stream = bytesOf(single.map(({ bytes }) => bytes).join(""));
    for (const step of [stream.length, 4_096, 1_000, 37]) {
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += step) pieces.push(stream.subarray(at, at + step));
      const { messages, refused } = feed({ kind: "request" }, pieces);
      expect(refused).toBe(undefined);
      for (const [index, message] of messages.entries()) {
        const { name } = single[index];
        expect({ name, ...message }).toEqual({ name, ...whole[index] });
      }
      expect(messages.length).toBe(whole.length);
    }
    const check = (vector: Vector) => {
      if (vector.kind !== "request" || vector.refused === undefined) return "";
      const outcome = feed(vector, [bytesOf(`${single[0].bytes}${single[0].bytes}${vector.bytes}`)]);
      const answered = outcome.messages.length >= 2 ? "" : "the requests in front of it are lost";
      return faultOf(vector, outcome) || answered;
    };
    expect(faults(check)).toEqual([]);
  });
});

describe("the parser", () => {
  const limits = { ...vectorLimits };
  const small = bytesOf("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");

  it("stops at its number of heads and continues behind them", () => {
    const bytes = bytesOf("GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
    parser.ring.set(bytes, 0);
    parser.headsMax = 2;
    expect(parser.parse(0, bytes.length, limits)).toBe(Http1Outcome.full);
    expect([parser.count, parser.consumed]).toEqual([2, 2 * small.length]);
    parser.headsMax = 0;
    expect(parser.parse(parser.consumed, bytes.length - parser.consumed, limits)).toBe(Http1Outcome.done);
    expect(parser.count).toBe(3);
  });

  it("says that its records are full, and takes the rest in further calls", () => {
    const count = 4_000;
    const bytes = bytesOf("GET /a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(count));
    parser.ring.set(bytes, 0);
    let at = 0;
    let heads = 0;
    let calls = 0;
    let outcome: number = Http1Outcome.full;
    while (outcome === Http1Outcome.full) {
      outcome = parser.parse(at, bytes.length - at, limits);
      at += parser.consumed;
      heads += parser.count;
      calls += 1;
    }
    expect(outcome).toBe(Http1Outcome.done);
    expect([heads, at]).toEqual([count, bytes.length]);
    expect(calls).toBeGreaterThan(2);
  });

  it("refuses a range that is not in the ring or the join area", () => {
    const end = parser.ring.length;
    for (const [position, length] of [[end, 1], [end - 1, 2], [0, end + 1], [0xffff_ffff, 0xffff_ffff]]) {
      expect(() => parser.parse(position, length, limits)).toThrow();
      expect(() => parser.chunks(new Uint32Array(4), 0, position, length, limits)).toThrow();
    }
    expect(() => parser.parseJoined(parser.join.length + 1, limits, 0)).toThrow();
    expect(parser.parse(end, 0, limits)).toBe(Http1Outcome.done);
  });

  it("does not believe numbers that TypeScript should not write", () => {
    parser.ring.set(small, 0);
    const odd = 0xffff_ffff;
    const all = { headBytesMax: odd, targetBytesMax: odd, fieldsMax: odd, trailerBytesMax: odd };
    expect(parser.parse(0, small.length, { ...limits, ...all })).toBe(Http1Outcome.done);
    expect(parser.parse(0, small.length, { ...limits, headBytesMax: 0 })).toBe(Http1Outcome.refused);
    expect(parser.parse(0, small.length, { ...limits, fieldsMax: 0 })).toBe(Http1Outcome.refused);
    expect(parser.parse(0, small.length, limits, odd)).toBe(Http1Outcome.incomplete);
    for (const state of [[odd, 0, 0, 0], [16, odd, odd, 0], [0x1_1100, 0, 0, 0]]) {
      const words = Uint32Array.from(state);
      expect(parser.chunks(words, 0, 0, small.length, limits)).toBe(Http1Outcome.refused);
    }
  });

  it("finds known fields by id, each of several lines", () => {
    const bytes = bytesOf("GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\nX: c\r\nCOOKIE: d\r\n\r\n");
    parser.ring.set(bytes, 50);
    parser.parse(50, bytes.length, limits);
    const head = new HeadRecord(parser.words, parser.ring);
    head.pointTo(parser.firstRecord, parser.ring);
    const cookie = fieldIds.get("cookie")!;
    expect(head.find(cookie)).toBe(1);
    expect(head.find(cookie, 2)).toBe(3);
    expect(head.find(cookie, 4)).toBe(-1);
    expect(head.find(fieldIds.get("sec-websocket-key")!)).toBe(-1);
    expect(head.fieldId(2)).toBe(0);
  });

  it("names each field as HTTP does", () => {
    for (const name of ["host", "content-length", "if-none-match", "sec-websocket-key", "x-forwarded-for"]) {
      expect(fieldIds.has(name)).toBe(true);
    }
    const bytes = bytesOf(
      `GET / HTTP/1.0\r\n${
        [...fieldIds.keys()].filter((name) => name !== "transfer-encoding").map((name) =>
          `${name}: ${valueOf(name)}\r\n`
        ).join("")
      }\r\n`,
    );
    parser.ring.set(bytes, 0);
    expect(parser.parse(0, bytes.length, limits)).toBe(Http1Outcome.done);
    const head = new HeadRecord(parser.words, parser.ring);
    head.pointTo(parser.firstRecord, parser.ring);
    expect([...fieldIds.values()].filter((id) => !head.has(id))).toEqual([Http1FieldTransferEncoding]);
  });

  it("knows a name in capitals, and none that differs in a byte", () => {
    const idOf = (name: string) => {
      // Names are compared by blocks where enough bytes follow them.
      const field = `${name}: ${valueOf(name.toLowerCase())}\r\nX: ${"y".repeat(40)}`;
      const bytes = bytesOf(`GET / HTTP/1.0\r\n${field}\r\n\r\n`);
      parser.ring.set(bytes, 0);
      if (parser.parse(0, bytes.length, limits) === Http1Outcome.refused) return -1;
      const head = new HeadRecord(parser.words, parser.ring);
      head.pointTo(parser.firstRecord, parser.ring);
      return head.fieldId(0);
    };
    for (const [name, id] of fieldIds) {
      if (id === Http1FieldTransferEncoding) continue;
      expect([name, idOf(name.toUpperCase())]).toEqual([name, id]);
      for (let at = 0; at < name.length; at++) {
        // The bit of the case, where it is none, and the nearest byte.
        for (const change of [0x20, 1]) {
          const byte = name.charCodeAt(at) ^ change;
          const other = `${name.slice(0, at)}${String.fromCharCode(byte)}${name.slice(at + 1)}`;
          const wanted = fieldIds.get(other.toLowerCase()) ?? 0;
          expect([other, Math.max(0, idOf(other))]).toEqual([other, wanted]);
        }
      }
    }
  });

  it("gives lengths beyond 32 bits whole", () => {
    const length = 2 ** 32 * 5 + 7;
    for (const kind of ["request", "response"] as const) {
      const line = kind === "request" ? "POST / HTTP/1.1\r\nHost: a" : "HTTP/1.1 200 OK";
      const bytes = bytesOf(`${line}\r\nContent-Length: ${length}\r\n\r\n`);
      parser.ring.set(bytes, 0);
      if (kind === "request") parser.parse(0, bytes.length, limits);
      else parser.parseResponses(0, bytes.length, limits, 0);
      const head = new HeadRecord(parser.words, parser.ring);
      head.pointTo(parser.firstRecord, parser.ring);
      expect([kind, parser.count, head.length]).toEqual([kind, 1, length]);
    }
  });

  it("says which byte decided, counted from the first one of its call", () => {
    const good = bytesOf("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const long = `GET / HTTP/1.1\r\nA: ${"b".repeat(300)}`;
    for (const [text, at] of [["GET /\0 HTTP/1.1", 5], [long, 100]] as const) {
      const bytes = Uint8Array.from([...good, ...bytesOf(text)]);
      parser.ring.set(bytes, 77);
      const small = { ...limits, headBytesMax: 100 };
      expect(parser.parse(77, bytes.length, small)).toBe(Http1Outcome.refused);
      expect([parser.count, parser.consumed, parser.refusalOffset]).toEqual([
        1,
        good.length,
        good.length + at,
      ]);
    }
  });

  it("has an answer for each refusal", () => {
    const numbers = Object.values(Http1Refusal);
    expect(HTTP1_REFUSALS.length).toBe(numbers.length);
    for (const number of numbers.slice(1)) {
      expect([400, 408, 411, 413, 414, 417, 431, 501, 505]).toContain(HTTP1_REFUSALS[number].status);
      expect(HTTP1_REFUSALS[number].reason).not.toBe("");
    }
  });
});

/** It excludes Content-Length and HTTP/1.0, so that it is left out. */
const Http1FieldTransferEncoding = fieldIds.get("transfer-encoding")!;

function valueOf(name: string): string {
  return name === "content-length" ? "0" : "a";
}
