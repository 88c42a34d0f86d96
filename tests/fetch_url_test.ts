/** Light URLs beside the runtime's own. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { offerUrl, WrappingURL } from "../src/http/fetch/light_url.ts";
import { Random } from "./helpers/random.ts";

/** Offers a URL as a request does. */
function offer(url: string): void {
  const pathAt = url.indexOf("/", url.indexOf("//") + 2);
  const mark = url.indexOf("?");
  const queryAt = mark < 0 ? url.length : mark;
  offerUrl(url, url.slice(0, pathAt), url.slice(pathAt, queryAt), url.slice(queryAt));
}

const texts = [
  "http://h/",
  "http://h/?",
  "http://h/?&&x=1",
  "https://example.com:8080/a/b.c?x=1&y=2",
  "http://[::1]:8000/a?&&x&=&=1&y=&x=2&xy=3&x=4",
  "http://h/a/?q=a+b&r=%41%zz&=",
  "http://127.0.0.1:3000//b/:c@d?http://other/?a=/",
  "http://h/a%20b;c=d?a=b=c&d",
];
const names = ["x", "y", "xy", "q", "", "a", "a=b", "x&", "http://other/?a", "%41", "é"];
const values = ["1", "", "2", "b c", "#x", "/p?q", "é"];

/** Everything that a program can see of a URL. */
function look(url: URL): unknown {
  const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = url;
  const parts = [href, origin, protocol, username, password, host, hostname, port, pathname, search, hash];
  return [...parts, `${url}`, JSON.stringify(url), [...url.searchParams], url.searchParams.size];
}

const writable = ["href", "protocol", "host", "port", "pathname", "search", "hash", "username"] as const;
const readable = [
  "href",
  "origin",
  "protocol",
  "host",
  "hostname",
  "port",
  "pathname",
  "search",
  "hash",
] as const;

type Step = [name: string, step: (url: URL) => unknown];

function stepOf(one: <T>(of: readonly T[]) => T): Step {
  const [key, value, name, read, write] = [one(names), one(values), one(names), one(readable), one(writable)];
  const steps: Step[] = [
    [`read ${read}`, (url) => url[read]],
    [`get ${name}`, ({ searchParams }) => searchParams.get(name)],
    [`has ${name}`, ({ searchParams }) => searchParams.has(name)],
    [`has ${name} ${value}`, ({ searchParams }) => searchParams.has(name, value)],
    [`getAll ${name}`, ({ searchParams }) => searchParams.getAll(name)],
    [`get of nothing`, ({ searchParams }) => (searchParams.get as () => unknown)()],
    [`set ${key}`, ({ searchParams }) => searchParams.set(key, value)],
    [`append ${key}`, ({ searchParams }) => searchParams.append(key, value)],
    [`delete ${key}`, ({ searchParams }) => searchParams.delete(key)],
    ["sort", ({ searchParams }) => searchParams.sort()],
    ["the text of the parameters", ({ searchParams }) => `${searchParams}`],
    ["each parameter", ({ searchParams }) => {
      const seen: string[] = [];
      searchParams.forEach((value, name) => seen.push(name, value));
      return seen;
    }],
    [`${write} = ${value}`, (url) => url[write] = value],
    ["look", look],
  ];
  return one(steps);
}

function outcome(program: () => unknown): unknown {
  try {
    return program();
  } catch (error) {
    return (error as Error).name;
  }
}

describe("light URLs", () => {
  it("do in random operations what the runtime's own do", () => {
    for (let seed = 1; seed <= 1_500; seed++) {
      const random = new Random(seed);
      const one = <T>(of: readonly T[]): T => of[random.between(0, of.length - 1)];
      const text = one(texts);
      offer(text);
      const [light, theirs] = [new WrappingURL(text), new URL(text)];
      const done: string[] = [];
      for (let left = random.between(1, 5); left > 0; left--) {
        const [name, step] = stepOf(one);
        done.push(name);
        const label = `seed ${seed}, ${text}: ${done.join(", ")}`;
        const [mine, other] = [light, theirs].map((url) => outcome(() => step(url)));
        expect(mine, label).toEqual(other);
      }
      expect(look(light), `seed ${seed}, ${text}: ${done.join(", ")}`).toEqual(look(theirs));
    }
  });

  it("are made of the text that was offered alone", () => {
    offer("http://h/a?b=c");
    const light = new WrappingURL("http://h/a?b=c");
    expect(Object.getPrototypeOf(light) === URL.prototype).toBe(false);
    expect(light.constructor === URL).toBe(true);
    for (const other of [new WrappingURL("http://h/a"), new WrappingURL("x", "http://h/a?b=c")]) {
      expect(Object.getPrototypeOf(other) === URL.prototype).toBe(true);
    }
  });

  it("pass for the runtime's own", () => {
    offer("http://h/a?b=c");
    const light = new WrappingURL("http://h/a?b=c");
    expect([
      light instanceof URL,
      light instanceof WrappingURL,
      light.searchParams instanceof URLSearchParams,
    ])
      .toEqual([true, true, true]);
    expect([Object.prototype.toString.call(light), Object.prototype.toString.call(light.searchParams)])
      .toEqual(["[object URL]", "[object URLSearchParams]"]);
    expect(light.searchParams === light.searchParams).toBe(true);
    expect(new URL("x", light).href).toBe("http://h/x");
    expect(new URL(light).href).toBe("http://h/a?b=c");
    expect(new Request(light).url).toBe("http://h/a?b=c");
    expect([...new URLSearchParams(light.searchParams)]).toEqual([["b", "c"]]);
  });

  it("come from a class that is that of the runtime in all else", () => {
    class Mine extends WrappingURL {
      get first(): string {
        return this.pathname[1];
      }
    }
    const mine = new Mine("http://h/a?b=c");
    expect([mine.first, mine instanceof URL, mine instanceof Mine]).toEqual(["a", true, true]);
    expect([WrappingURL.canParse("x:y"), WrappingURL.canParse("x"), WrappingURL.name]).toEqual([
      true,
      false,
      "URL",
    ]);
    expect(WrappingURL.parse("http://h/")!.href).toBe("http://h/");
    for (const wrong of [() => new WrappingURL("x"), () => new (WrappingURL as unknown as new () => URL)()]) {
      expect(wrong).toThrow(TypeError);
    }
    expect(() => (WrappingURL as unknown as (url: string) => URL)("http://h/")).toThrow(TypeError);
  });
});
