/** The reader of PROXY headers: every vector whole, cut at each place, and byte by byte. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { SocketAddress } from "../src/base/address.ts";
import { ProxyParser } from "../src/listen/proxy/proxy_protocol.ts";
import { binaryHeader, lineHeader } from "./helpers/proxy.ts";
import { Random } from "./helpers/random.ts";

const behind = new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n");

function told(end: SocketAddress | undefined): string {
  if (end === undefined) return "";
  return end.path !== undefined ? end.path : `${end.hostname} ${end.port}`;
}

/** What a parser makes of pieces: the header or the fault as text, and the bytes it left. */
function read(pieces: Uint8Array[]): { result: string; left: number[] } {
  const parser = new ProxyParser();
  const left: number[] = [];
  for (const piece of pieces) {
    const settled = parser.header !== undefined || parser.fault !== undefined;
    const taken = settled ? 0 : parser.take(piece);
    left.push(...piece.subarray(taken));
  }
  const { header, fault } = parser;
  if (header === undefined) return { result: fault ?? "more", left };
  const { version, command, transport, source, destination } = header;
  const extensions = header.extensions().map(({ type, value }) => `${type}=${value.join(",")}`);
  const result = [version, command, transport, told(source), told(destination), ...extensions].join("|");
  return { result, left };
}

/** Reads a header with bytes behind it whole, at every cut, at pairs of cuts, and byte by byte. */
function everyWay(header: Uint8Array, expected: string): void {
  const bytes = new Uint8Array([...header, ...behind]);
  const wanted = { result: expected, left: [...behind] };
  expect(read([bytes])).toEqual(wanted);
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(wanted);
  }
  expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(wanted);
  for (let length = 0; length < header.length; length++) {
    expect(read([header.subarray(0, length)]).result, `${length} bytes`).toBe("more");
  }
}

/** A header that is refused is so whatever way it comes. */
function everyWayRefused(header: Uint8Array, fault: string): void {
  expect(read([header]).result).toContain(fault);
  for (let cut = 0; cut <= header.length; cut++) {
    expect(read([header.subarray(0, cut), header.subarray(cut)]).result, `cut at ${cut}`).toContain(fault);
  }
  expect(read([...header].map((byte) => Uint8Array.of(byte))).result).toContain(fault);
}

const longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

describe("a PROXY line", () => {
  const vectors: [line: string, expected: string][] = [
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324 443", "1|proxy|stream|192.0.2.1 56324|198.51.100.7 443"],
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
      "1|proxy|stream|255.255.255.255 65535|255.255.255.255 65535",
    ],
    ["PROXY TCP4 0.0.0.0 0.0.0.0 0 0", "1|proxy|stream|0.0.0.0 0|0.0.0.0 0"],
    ["PROXY TCP6 2001:db8::1 2001:DB8::2 1 2", "1|proxy|stream|2001:db8::1 1|2001:db8::2 2"],
    [`PROXY TCP6 ${longest} ${longest} 65535 65535`, `1|proxy|stream|${longest} 65535|${longest} 65535`],
    ["PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2", "1|proxy|stream|192.0.2.1 1|::1 2"],
    ["PROXY UNKNOWN", "1|proxy|unknown||"],
    [`PROXY UNKNOWN ${longest} ${longest} 65535 65535`, "1|proxy|unknown||"],
    ["PROXY UNKNOWN what\rever\nit is", "1|proxy|unknown||"],
  ];
  for (const [line, expected] of vectors) {
    it(`reads ${JSON.stringify(line)}`, () => everyWay(lineHeader(line), expected));
  }

  const broken: [line: string, fault: string][] = [
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324", "two addresses"],
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 ", "two addresses"],
    ["PROXY TCP4  192.0.2.1 198.51.100.7 56324 443", "two addresses"],
    ["PROXY  TCP4 192.0.2.1 198.51.100.7 56324 443", "names no protocol"],
    ["PROXY TCP5 192.0.2.1 198.51.100.7 56324 443", "names no protocol"],
    ["PROXY tcp4 192.0.2.1 198.51.100.7 56324 443", "names no protocol"],
    ["PROXY ", "names no protocol"],
    ["PROXY TCP4 192.0.2.01 198.51.100.7 56324 443", "source that is not an IPv4"],
    ["PROXY TCP4 192.0.2.256 198.51.100.7 56324 443", "source that is not an IPv4"],
    ["PROXY TCP4 192.0.2.1 ::1 56324 443", "destination that is not an IPv4"],
    ["PROXY TCP6 192.0.2.1 ::1 56324 443", "source that is not an IPv6"],
    ["PROXY TCP6 fe80::1%1 ::1 56324 443", "source that is not an IPv6"],
    ["PROXY TCP4 192.0.2.1 198.51.100.7 056 443", "source port"],
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324 65536", "destination port"],
    ["PROXY TCP4 192.0.2.1 198.51.100.7 -1 443", "source port"],
    ["PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n", "destination port"],
  ];
  for (const [line, fault] of broken) {
    it(`refuses ${JSON.stringify(line)}`, () => everyWayRefused(lineHeader(line), fault));
  }

  it("refuses other beginnings at their first wrong byte", () => {
    for (const text of ["GET / HTTP/1.1", "PROX", "proxy", "PROXYTCP4", "\x16\x03\x01", " PROXY", "\0"]) {
      const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
      if (text === "PROX") expect(read([bytes]).result).toBe("more");
      else everyWayRefused(bytes, "begins with neither");
    }
  });

  it("is 107 bytes at most", () => {
    everyWay(lineHeader(`PROXY UNKNOWN ${"x".repeat(91)}`), "1|proxy|unknown||");
    everyWayRefused(lineHeader(`PROXY UNKNOWN ${"x".repeat(92)}`), "no CRLF in its first 107");
  });
});

describe("a binary PROXY header", () => {
  const four = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];
  const six = [0x20, 1, 0xd, 0xb8, ...new Array(11).fill(0), 1, ...new Array(15).fill(0), 1, 0, 80, 1, 0];
  const path = (text: string) => Array.from({ length: 108 }, (_, index) => text.charCodeAt(index) || 0);
  const unix = [...path("/run/client"), ...path("y".repeat(108))];
  const fourRead = "192.0.2.1 56324|198.51.100.7 443";

  it("reads every family and transport", () => {
    everyWay(binaryHeader(0x21, 0x11, four), `2|proxy|stream|${fourRead}`);
    everyWay(binaryHeader(0x21, 0x12, four), `2|proxy|datagram|${fourRead}`);
    everyWay(binaryHeader(0x21, 0x21, six), "2|proxy|stream|2001:db8::1 80|::1 256");
    everyWay(binaryHeader(0x21, 0x31, unix), `2|proxy|stream|/run/client|${"y".repeat(108)}`);
    // A client that has not bound its socket has no path.
    everyWay(binaryHeader(0x21, 0x31, [...path(""), ...path("/run/server")]), "2|proxy|stream||/run/server");
    everyWay(binaryHeader(0x21, 0x00, []), "2|proxy|unknown||");
  });

  it("reads LOCAL and ignores what follows it", () => {
    everyWay(binaryHeader(0x20, 0x00, []), "2|local|unknown||");
    everyWay(binaryHeader(0x20, 0x11, four), "2|local|unknown||");
    everyWay(binaryHeader(0x20, 0xff, [1, 2, 3]), "2|local|unknown||");
  });

  it("gives the extensions when asked", () => {
    const extensions = [2, 0, 3, 97, 98, 99, 4, 0, 0, 0xee, 0, 1, 7];
    everyWay(
      binaryHeader(0x21, 0x11, [...four, ...extensions]),
      `2|proxy|stream|${fourRead}|2=97,98,99|4=|238=7`,
    );
    everyWay(binaryHeader(0x21, 0x00, extensions), "2|proxy|unknown|||2=97,98,99|4=|238=7");
    const long = [5, 1, 0, ...new Array(256).fill(9)];
    everyWay(binaryHeader(0x21, 0x11, [...four, ...long]), `2|proxy|stream|${fourRead}|5=${long.slice(3)}`);
  });

  it("refuses what the specification does not know", () => {
    everyWayRefused(binaryHeader(0x11, 0x11, four), "version 1");
    everyWayRefused(binaryHeader(0x31, 0x11, four), "version 3");
    everyWayRefused(binaryHeader(0x22, 0x11, four), "command 2");
    everyWayRefused(binaryHeader(0x21, 0x41, four), "family 4");
    everyWayRefused(binaryHeader(0x21, 0x13, four), "transport 3");
    everyWayRefused(binaryHeader(0x21, 0x11, four.slice(1)), "11 bytes where its addresses take 12");
    everyWayRefused(binaryHeader(0x21, 0x21, four), "12 bytes where its addresses take 36");
    everyWayRefused(binaryHeader(0x21, 0x31, six), "36 bytes where its addresses take 216");
    everyWayRefused(binaryHeader(0x21, 0x11, [...four, 2, 0]), "extensions that reach over");
    everyWayRefused(binaryHeader(0x21, 0x11, [...four, 2, 0, 4, 1, 2, 3]), "extensions that reach over");
  });

  it("refuses a wrong signature at each of its bytes", () => {
    for (let index = 0; index < 12; index++) {
      const bytes = binaryHeader(0x21, 0x11, four);
      bytes[index] ^= 1;
      everyWayRefused(bytes, "begins with neither");
    }
  });

  it("is 4,096 bytes at most", () => {
    const filler = (length: number) => [...four, 4, length >> 8, length & 0xff, ...new Array(length).fill(0)];
    const fits = read([binaryHeader(0x21, 0x11, filler(4096 - 16 - 12 - 3))]);
    expect(fits.result).toContain(`2|proxy|stream|${fourRead}|4=0,0`);
    expect(read([binaryHeader(0x21, 0x11, filler(4096 - 16 - 12 - 2))]).result).toContain(
      "4097 bytes, more than 4096",
    );
  });

  it("never fails on noise in another way than by a fault", () => {
    const random = new Random(7);
    for (let round = 0; round < 3000; round++) {
      const body = [...random.bytes(random.between(0, 60))];
      const bytes = binaryHeader(random.next() & 0xff, random.next() & 0x3f, body);
      if (random.oneIn(4)) bytes[random.between(0, bytes.length - 1)] ^= random.next();
      const cut = random.between(0, bytes.length);
      const one = read([bytes]);
      expect(read([bytes.subarray(0, cut), bytes.subarray(cut)]).result).toBe(one.result);
    }
  });
});
