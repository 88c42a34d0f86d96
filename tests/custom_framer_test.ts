/** Framers of an application's own: what they find in every cut, and what is caught of their mistakes. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { MessageError, MessageTooLargeError, OptionError } from "../src/mod.ts";
import { defineFramer, type Framer, type FramerRules } from "../src/framing.ts";
import { checkVector, findMessages, randomCuts, show } from "./helpers/cut.ts";
import { echo, FramedServer } from "./helpers/framed.ts";
import { readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { until } from "./helpers/wait.ts";

const COLON = 0x3a;
const COMMA = 0x2c;

/** Netstrings: a length in digits, a colon, the content, a comma. */
const RULES: FramerRules = {
  name: "netstring",
  maxMessage: 1_000,
  overheadMax: 12,
  scan(bytes, from, end, state) {
    let position = from;
    for (; state.phase === 0; position++) {
      if (position === end) return -1;
      const byte = bytes[position];
      if (byte === COLON) state.phase = state.length + position - from + 1;
      else if (byte >= 0x30 && byte <= 0x39 && state.value < 1e8) {
        state.value = state.value * 10 + byte - 0x30;
      } else return "a length must be digits and a colon";
    }
    const after = from - state.length + state.phase + state.value + 1;
    if (after > end) return -1;
    return bytes[after - 1] === COMMA ? after : "a comma must follow";
  },
  front: ({ phase }) => phase,
  back: 1,
  head: (length) => new TextEncoder().encode(`${length}:`),
  tail: Uint8Array.of(COMMA),
};
const netstring = defineFramer(RULES);

/** A framer that is wrong in one way. */
function wrong(rules: Partial<FramerRules>): Framer {
  return defineFramer({ ...RULES, ...rules });
}

describe("a framer of an application's own", () => {
  it("finds its messages in every cut", () => {
    checkVector({
      name: "netstrings",
      framer: netstring,
      stream: "5:hello,0:,3:a,b,1",
      messages: ["hello", "", "a,b"],
      rest: 1,
    });
    checkVector({
      name: "no digit",
      framer: netstring,
      stream: "2:ab,x",
      messages: ["ab"],
      rest: "malformed",
    });
    checkVector({ name: "no comma", framer: netstring, stream: "2:ab;", messages: [], rest: "malformed" });
    checkVector({
      name: "too long",
      framer: wrong({ maxMessage: 3 }),
      stream: "3:abc,4:abcd,",
      messages: ["abc"],
      rest: "too large",
    });
  });

  it("gives back what it encodes", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new Random(seed * 7919);
      const contents = Array.from(
        { length: random.between(1, 20) },
        () => random.bytes(random.between(0, 40)),
      );
      const stream = new Uint8Array(contents.flatMap((content) => [...netstring.encode(content)]));
      const { messages, rest } = findMessages(netstring, stream, randomCuts(random, stream.length, 9));
      expect({ messages: messages.map(show), rest }).toEqual({ messages: contents.map(show), rest: 0 });
    }
  });

  it("serves connections", async () => {
    await using server = new FramedServer(netstring, echo);
    const { peer, log } = await server.connect();
    await peer.write("5:hel");
    await peer.write("lo,2:ab,");
    expect(await readText(peer, "5:hello,2:ab,")).toBe("5:hello,2:ab,");
    await peer.write("x");
    await until(() => log.errors.length > 0, "it was told");
    expect(log.errors[0]).toBeInstanceOf(MessageError);
    expect(log.errors[0].message).toContain("netstring: a length must be digits and a colon");
    peer.close();
  });

  it("never grows beyond its bounds, though it says nothing", async () => {
    const framer = wrong({ scan: () => -1, maxMessage: 20 });
    await using server = new FramedServer(framer, echo);
    const { peer, log } = await server.connect();
    await peer.write("x".repeat(32));
    await peer.write("y");
    await until(() => log.errors.length > 0, "it was told");
    expect(log.errors[0]).toBeInstanceOf(MessageTooLargeError);
    peer.close();
  });

  it("hurts its connection alone when it is wrong", async () => {
    const thrown = new TypeError("a mistake");
    for (
      const [rules, said, cause] of [
        [
          {
            scan: () => {
              throw thrown;
            },
          },
          'the framer "netstring" has thrown',
          thrown,
        ],
        [{ scan: (_bytes, from) => from }, "has answered 0", undefined],
        [{ scan: (_bytes, _from, end) => end + 1 }, "has answered", undefined],
        [{ scan: () => NaN }, "has answered NaN", undefined],
        [{ scan: () => undefined as never }, "has answered undefined", undefined],
        [{ scan: (_bytes, from) => from + 1, front: 3 }, "takes 3 and 1 bytes off 1", undefined],
        [{ front: () => -1 }, "takes -1 and 1", undefined],
        [
          {
            front: () => {
              throw thrown;
            },
          },
          "has thrown",
          thrown,
        ],
      ] as [Partial<FramerRules>, string, unknown][]
    ) {
      await using server = new FramedServer(wrong(rules), echo);
      const { peer, log } = await server.connect();
      await peer.write("2:ab,");
      await until(() => log.errors.length > 0, `it was told that it ${said}`);
      expect(log.errors[0].message).toContain(said);
      expect(log.errors[0]).toMatchObject({ code: "ERR_MESSAGE_MALFORMED", cause });
      peer.close();
    }
  });

  it("refuses what it cannot carry", () => {
    const framer = wrong({ refuses: (content) => content.includes(COMMA) ? "no commas" : undefined });
    expect(() => framer.encode("a,b")).toThrow("no commas");
    expect(show(framer.encode("ab"))).toBe("2:ab,");
    expect(() => wrong({ head: () => "x" as never }).encode("ab")).toThrow(OptionError);
  });

  it("is checked when it is made", () => {
    for (
      const [rules, key] of [
        [{ scan: undefined }, "scan"],
        [{ name: "" }, "name"],
        [{ overheadMax: undefined }, "overheadMax"],
        [{ overheadMax: -1 }, "overheadMax"],
        [{ maxMessage: 0 }, "maxMessage"],
        [{ front: 1.5 }, "front"],
        [{ back: "1" }, "back"],
        [{ tail: "," }, "tail"],
        [{ heads: 1 }, "heads"],
      ] as [object, string][]
    ) {
      const make = () => wrong(rules as Partial<FramerRules>);
      expect(make, key).toThrow(OptionError);
      expect(make, key).toThrow(key);
    }
  });
});
