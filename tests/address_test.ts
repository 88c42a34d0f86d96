/** Addresses as text and bytes, against the forms of RFC 4291 and RFC 5952. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { formatAddress, formatHostAndPort, isWildcard, parseAddress } from "../src/base/address.ts";
import { Random } from "./helpers/random.ts";

describe("a wildcard", () => {
  it("is the address of a listener that stands for every address of the machine", () => {
    const family = "IPv4";
    expect(isWildcard({ hostname: "0.0.0.0", port: 1, family })).toBe(true);
    expect(isWildcard({ hostname: "::", port: 1, family: "IPv6" })).toBe(true);
    expect(isWildcard({ hostname: "127.0.0.1", port: 1, family })).toBe(false);
    expect(isWildcard({ hostname: "::1", port: 1, family: "IPv6" })).toBe(false);
    expect(isWildcard({ hostname: "::", port: 0, family: "Unix", path: "/run/a" })).toBe(false);
  });
});

describe("an IPv4 address", () => {
  it("is read and printed", () => {
    for (const text of ["0.0.0.0", "127.0.0.1", "255.255.255.255", "10.20.30.40"]) {
      const address = parseAddress(text);
      expect(address?.family).toBe(4);
      expect([...address!.bytes].join(".")).toBe(text);
      expect(formatAddress(address!)).toBe(text);
    }
  });

  for (
    const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "1.2.3.-4",
      "1.2.3.4 ",
      "a.b.c.d",
      "1..2.3",
    ]
  ) {
    it(`is not ${JSON.stringify(text)}`, () => expect(parseAddress(text)).toBe(undefined));
  }
});

describe("an IPv6 address", () => {
  const forms: [text: string, printed: string][] = [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
    ["FF01:0:0:0:0:0:0:101", "ff01::101"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:129.144.52.38", "::ffff:129.144.52.38"],
    ["::ffff:8190:3426", "::ffff:129.144.52.38"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["fe80::1%3", "fe80::1%3"],
  ];
  for (const [text, printed] of forms) {
    it(`${text} is printed as ${printed}`, () => {
      const address = parseAddress(text);
      expect(address?.family).toBe(6);
      expect(formatAddress(address!)).toBe(printed);
    });
  }

  const wrong = [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "::1.2.3",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "fe80::1%",
    "fe80::1%eth0",
    "fe80::1%4294967296",
    "[::1]",
  ];
  for (const text of wrong) {
    it(`is not ${JSON.stringify(text)}`, () => expect(parseAddress(text)).toBe(undefined));
  }

  it("comes back the same, whatever its bytes", () => {
    const random = new Random(6);
    for (let round = 0; round < 500; round++) {
      const bytes = random.bytes(16);
      // Runs of zeros are what the short form is about.
      const start = random.between(0, 15);
      bytes.fill(0, start, random.between(start, 16));
      const printed = formatAddress({ family: 6, bytes, scope: 0 });
      expect([...parseAddress(printed)!.bytes]).toEqual([...bytes]);
    }
  });
});

describe("an address with its port", () => {
  it("is bracketed only where it has colons", () => {
    expect(formatHostAndPort("127.0.0.1", 80)).toBe("127.0.0.1:80");
    expect(formatHostAndPort("::1", 80)).toBe("[::1]:80");
  });
});
