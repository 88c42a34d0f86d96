/** Addresses as words and networks in CIDR notation. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { parseAddressWords } from "../src/base/address_words.ts";
import { formatNetwork, inNetwork, NetworkList, parseNetwork } from "../src/base/networks.ts";
import { OptionError } from "../src/base/errors.ts";
import { Random } from "./helpers/random.ts";

describe("an address as words", () => {
  it("is written as it was read", () => {
    for (
      const text of [
        "0.0.0.0",
        "192.0.2.1",
        "255.255.255.255",
        "::",
        "::1",
        "2001:db8::8:800:200c:417a",
        "fe80::1",
      ]
    ) {
      expect(`${parseAddressWords(text)}`).toBe(text);
    }
    expect(parseAddressWords("192.0.2.1")!.w0 >>> 0).toBe(0xc0000201);
    expect(parseAddressWords("no address")).toBeUndefined();
  });

  it("is IPv4 where it was mapped into IPv6", () => {
    const mapped = parseAddressWords("::ffff:192.0.2.1")!;
    expect(mapped.family).toBe(4);
    expect(`${mapped}`).toBe("192.0.2.1");
    expect(parseAddressWords("::fffe:192.0.2.1")!.family).toBe(6);
    expect(parseAddressWords("1::ffff:192.0.2.1")!.family).toBe(6);
  });
});

describe("a network", () => {
  it("holds exactly the addresses with its prefix, at every length", () => {
    const random = new Random(3);
    const flip = (text: string[], bits: number, from: number, to: number) => {
      const bit = random.between(from, to - 1);
      const wide = bits / text.length;
      const copy = [...text];
      const base = wide === 8 ? 10 : 16;
      copy[Math.floor(bit / wide)] =
        (parseInt(copy[Math.floor(bit / wide)], base) ^ (1 << (wide - 1 - bit % wide))).toString(base);
      return copy;
    };
    for (const [bits, groups, joint] of [[32, 4, "."], [128, 8, ":"]] as const) {
      for (let prefix = 0; prefix <= bits; prefix++) {
        const wide = bits / groups;
        const values = Array.from({ length: groups }, () => random.next() % 2 ** wide);
        const zeroed = values.map((value, index) => {
          const kept = Math.max(0, Math.min(wide, prefix - index * wide));
          return Math.floor(value / 2 ** (wide - kept)) * 2 ** (wide - kept);
        });
        const base = wide === 8 ? 10 : 16;
        const start = zeroed.map((value) => value.toString(base));
        const network = parseNetwork(`${start.join(joint)}/${prefix}`);
        if (typeof network === "string") throw new Error(network);
        const holds = (text: string[]) => inNetwork(network, parseAddressWords(text.join(joint))!);
        expect(holds(start)).toBe(true);
        if (prefix < bits) expect(holds(flip(start, bits, prefix, bits)), `${prefix}`).toBe(true);
        if (prefix > 0) expect(holds(flip(start, bits, 0, prefix)), `${prefix}`).toBe(false);
      }
    }
  });

  it("maps IPv4 down and keeps the families apart", () => {
    const list = new NetworkList("test", "trusted", [
      "::ffff:10.0.0.0/104",
      "2001:db8::/32",
      "::1",
      "192.0.2.7",
    ]);
    const has = (text: string) => list.includes(parseAddressWords(text)!);
    expect(["10.200.3.4", "::ffff:10.1.1.1", "2001:db8:1::", "::1", "192.0.2.7"].map(has)).toEqual(
      Array(5).fill(true),
    );
    expect(["11.0.0.0", "2001:db9::", "::2", "192.0.2.6", "a00::"].map(has)).toEqual(Array(5).fill(false));
    expect(formatNetwork(parseNetwork("::ffff:10.0.0.0/104") as never)).toBe("10.0.0.0/8");
    expect(formatNetwork(parseNetwork("::1") as never)).toBe("::1");
  });

  it("is refused by name where it is none", () => {
    const broken: [string, string][] = [
      ["10.0.0.1/8", 'write "10.0.0.0/8"'],
      ["2001:db8::1/32", 'write "2001:db8::/32"'],
      ["10.0.0.0/33", "from 0 to 32"],
      ["::/129", "from 0 to 128"],
      ["10.0.0.0/", "from 0 to 32"],
      ["10.0.0.0/08", "from 0 to 32"],
      ["10.0.0.0/-1", "from 0 to 32"],
      ["10.0.0/8", "neither"],
      ["localhost", "neither"],
      ["fe80::1%2", "neither"],
      ["::ffff:0:0/90", "under 96"],
      ["", "neither"],
    ];
    for (const [text, fault] of broken) {
      const make = () => new NetworkList("listen", "trusted", ["10.0.0.0/8", text]);
      expect(make, text).toThrow(OptionError);
      expect(make, text).toThrow(fault);
      expect(make, text).toThrow(JSON.stringify(text));
    }
    expect(() => new NetworkList("listen", "trusted", [7 as never])).toThrow("is not a string");
  });
});
