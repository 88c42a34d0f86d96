/** Headers of ours and the runtime's own, side by side: the same random operations have the same effects. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { LightHeaders, receivedHeaders } from "../src/http/fetch/headers.ts";
import { LightResponse } from "../src/http/fetch/response.ts";
import { differences } from "./fetch/differences.ts";
import { type Outcome, outcomeOf, type WebClasses } from "./fetch/outcome.ts";
import { Random } from "./helpers/random.ts";
import { runtime } from "./helpers/runtime.ts";
import { readSource } from "./house/files.ts";

const ours = { Headers: LightHeaders, Response: LightResponse } as unknown as WebClasses;
const theirs: WebClasses = { Headers, Response };

// Left out where a listed difference would show: names behind `set-cookie` on Bun, empty values on Deno.
const behind = runtime === "bun" ? "range" : "x-Test";
const empty = runtime === "bun" ? "" : "0";
const names: unknown[] = ["a", "A", "b", "B", "set-cookie", "Set-Cookie", behind, "content-type", "!#"];
const wrongNames: unknown[] = ["", "a b", "a:", "é", "\u0100", "x\n", "(", Symbol("s")];
const values: unknown[] = ["1", empty, " x ", "\t2\r\n", "a,b", "é", 5, null, undefined, "\x7f", true];
const wrongValues: unknown[] = ["\u0100", "a\nb", "a\0b", "a\rb", Symbol("s")];

class Draws {
  constructor(readonly random: Random) {}
  one<T>(list: readonly T[]): T {
    return list[this.random.between(0, list.length - 1)];
  }
  name(): unknown {
    return this.random.oneIn(12) ? this.one(wrongNames) : this.one(names);
  }
  value(): unknown {
    return this.random.oneIn(12) ? this.one(wrongValues) : this.one(values);
  }
  pairs(): unknown[][] {
    return Array.from({ length: this.random.between(0, 5) }, () => {
      const pair = [this.name(), this.value()];
      if (this.random.oneIn(25)) pair.length = 1;
      if (this.random.oneIn(25)) pair.push("third");
      return pair;
    });
  }
  init(): (headers: typeof Headers) => unknown {
    const pairs = this.pairs();
    switch (this.random.between(0, 9)) {
      case 0:
        return () => undefined;
      case 1:
        return () => this.one([null, 1, "ab", true]);
      case 2:
        return () => new Map(pairs as [string, string][]);
      case 3:
        return (Class) => new Class(pairs as [string, string][]);
      case 4:
        return () => pairs.map((pair) => new Set(pair));
      case 5:
      case 6:
        return () => pairs;
      default:
        return () => Object.fromEntries(pairs.filter(([name]) => typeof name === "string"));
    }
  }
}

type Step = (headers: Headers) => unknown;

function stepOf(draws: Draws): Step {
  const name = draws.name() as string;
  const value = draws.value() as string;
  switch (draws.random.between(0, 13)) {
    case 0:
    case 1:
    case 2:
      return (headers) => headers.append(name, value);
    case 3:
    case 4:
      return (headers) => headers.set(name, value);
    case 5:
      return (headers) => headers.delete(name);
    case 6:
      return (headers) => headers.get(name);
    case 7:
      return (headers) => headers.has(name);
    case 8:
      return (headers) => headers.getSetCookie();
    case 9:
      return (headers) => [[...headers.keys()], [...headers.values()]];
    case 10:
      return (headers) => {
        const seen: unknown[] = [];
        headers.forEach((value, key, parent) => seen.push(value, key, parent === headers));
        return seen;
      };
    case 11:
      return (headers) => {
        const seen: unknown[] = [];
        const iterator = headers.entries();
        headers.append("a", "first");
        seen.push(iterator.next());
        headers.append("b", "while iterating");
        seen.push(iterator.next(), Object.prototype.toString.call(iterator), [...iterator].slice(0, 20));
        return seen;
      };
    case 12:
      return (headers) => (headers.append as (name: string) => void)(name);
    default:
      return (headers) => (headers.forEach as (callback: unknown) => void)(value);
  }
}

async function run(
  Class: typeof Headers,
  init: (headers: typeof Headers) => unknown,
  steps: readonly Step[],
) {
  let headers!: Headers;
  const made = await outcomeOf(() => void (headers = new Class(init(Class) as HeadersInit)));
  if ("error" in made) return [made];
  const outcomes: Outcome[] = [];
  for (const step of steps) {
    outcomes.push(await outcomeOf(() => step(headers)));
    outcomes.push({ value: [...headers] });
  }
  return outcomes;
}

describe("light headers", () => {
  it("do in random operations what the runtime's own do", async () => {
    for (let seed = 1; seed <= 400; seed++) {
      const draws = new Draws(new Random(seed));
      const init = draws.init();
      const steps = Array.from({ length: draws.random.between(1, 12) }, () => stepOf(draws));
      // Drawn within `init`: both must draw the same.
      const fixed = await outcomeOf(() => init(Headers));
      const same = "error" in fixed || fixed.value instanceof Headers ? init : () => fixed.value;
      const [one, other] = [await run(ours.Headers, same, steps), await run(Headers, same, steps)];
      const first = one.findIndex((outcome, index) =>
        JSON.stringify(outcome) !== JSON.stringify(other[index])
      );
      expect([one.length, one[first]], `seed ${seed}, outcome ${first}`).toEqual([
        other.length,
        other[first],
      ]);
    }
  });

  it("are instances of the runtime's class with every member it has", () => {
    const headers = new ours.Headers({ a: "1" });
    expect(headers instanceof Headers).toBe(true);
    expect(Object.prototype.toString.call(headers)).toBe("[object Headers]");
    expect([LightHeaders.name, LightHeaders.length]).toEqual(["Headers", 0]);
    for (const name of Object.getOwnPropertyNames(Headers.prototype)) {
      expect(Object.hasOwn(LightHeaders.prototype, name), name).toBe(true);
    }
    const enumerable = (object: object) => Object.keys(object).sort();
    expect(enumerable(LightHeaders.prototype)).toEqual(enumerable(Headers.prototype));
  });

  it("are taken by the runtime's own classes", () => {
    const headers = new ours.Headers([["a", "1"], ["set-cookie", "x"], ["set-cookie", "y"], ["a", "2"]]);
    const expected = [["a", "1, 2"], ["set-cookie", "x"], ["set-cookie", "y"]];
    expect([...new Headers(headers)]).toEqual(expected);
    expect([...new Response("x", { headers }).headers].slice(0, 1)).toEqual(expected.slice(0, 1));
    expect(new Response(null, { headers }).headers.getSetCookie()).toEqual(["x", "y"]);
    expect([...new Request("http://a/", { headers }).headers]).toEqual(expected);
    expect([...new ours.Headers(new Headers(headers))]).toEqual(expected);
  });

  it("of a request read single fields without a list, and cannot be changed", () => {
    let lists = 0;
    const fields: [string, string][] = [["host", "a"], ["x", "1"], ["x", "2"]];
    const headers = receivedHeaders({
      header: (name) =>
        fields.filter(([key]) => key === name).map(([, value]) => value).join(", ") || undefined,
      headers: () => {
        lists++;
        return fields;
      },
    });
    expect([headers.get("X"), headers.get("y"), headers.has("host")]).toEqual(["1, 2", null, true]);
    expect(lists).toBe(0);
    expect([...headers]).toEqual([["host", "a"], ["x", "1, 2"]]);
    expect([...headers.keys(), headers.get("x")]).toEqual(["host", "x", "1, 2"]);
    expect(lists).toBe(1);
    for (
      const change of [() => headers.set("a", "1"), () => headers.append("a", "1"), () => headers.delete("a")]
    ) {
      expect(change).toThrow(TypeError);
    }
  });
});

describe("the differences between light classes and the runtime's own", () => {
  for (const { name, show, ours: expected, ...others } of differences) {
    it(name, async () => {
      expect(await outcomeOf(() => show(ours)), "ours").toEqual(expected);
      const other = others[runtime] ?? expected;
      expect(await outcomeOf(() => show(theirs)), runtime).toEqual(other);
    });
  }

  it("stand in the document", async () => {
    const document = await readSource("docs/fetch.md");
    expect(differences.filter(({ name }) => !document.includes(`| ${name} |`)).map(({ name }) => name))
      .toEqual([]);
  });
});
