/**
 * Every known difference between the light classes and the runtime's own, each with a program that shows it.
 * `docs/fetch.md` lists the same ones.
 *
 * @module
 */
import type { Outcome, WebClasses } from "./outcome.ts";

/** A difference. Where the runtimes agree with each other, `deno` and `bun` are the same. */
export interface Difference {
  /** As the document names it. */
  readonly name: string;
  readonly show: (classes: WebClasses) => unknown;
  readonly ours: Outcome;
  /** Left out where this runtime does the same as ours. */
  readonly deno?: Outcome;
  readonly bun?: Outcome;
}

const threw = (error: string): Outcome => ({ error });
const gave = (value: unknown): Outcome => ({ value });

/** All of them. */
export const differences: readonly Difference[] = [
  {
    name: "An enumerable symbol as the name of a header",
    show: ({ Headers }) => new Headers({ [Symbol("x")]: "1" } as never).has("x"),
    ours: threw("TypeError"),
    deno: gave(false),
  },
  {
    name: "A record whose `Symbol.iterator` is undefined",
    show: ({ Headers }) => [...new Headers({ a: "1", [Symbol.iterator]: undefined } as never)].length,
    ours: threw("TypeError"),
    deno: gave(1),
  },
  {
    name: "Several `cookie` fields, joined",
    show: ({ Headers }) => new Headers([["cookie", "a=1"], ["cookie", "b=2"]]).get("cookie"),
    ours: gave("a=1; b=2"),
    deno: gave("a=1, b=2"),
  },
  {
    name: "An empty first value among several, while iterating",
    show: ({ Headers }) => [...new Headers([["a", ""], ["a", "b"]])][0][1],
    ours: gave(", b"),
    deno: gave("b"),
  },
  {
    name: "The position of `set-cookie` while iterating",
    show: ({ Headers }) => [...new Headers([["set-cookie", "1"], ["x", "2"]]).keys()].join(),
    ours: gave("set-cookie,x"),
    bun: gave("x,set-cookie"),
  },
  {
    name: "An iterator at its end, after one more field",
    show: ({ Headers }) => {
      const headers = new Headers();
      const iterator = headers.keys();
      iterator.next();
      headers.append("a", "1");
      return iterator.next().done;
    },
    ours: gave(false),
    bun: gave(true),
  },
  {
    name: "The default content type of a text",
    show: ({ Response }) => new Response("x").headers.get("content-type"),
    ours: gave("text/plain;charset=UTF-8"),
    bun: gave(null),
  },
  {
    name: "A body with a status that allows none",
    show: ({ Response }) => new Response("x", { status: 204 }).status,
    ours: threw("TypeError"),
    bun: gave(204),
  },
  {
    name: "An impossible status text",
    show: ({ Response }) => new Response(null, { statusText: "a\nb" }).status,
    ours: threw("TypeError"),
    bun: gave(200),
  },
  {
    name: "A status above 65,535",
    show: ({ Response }) => new Response(null, { status: 65_736 }).status,
    ours: gave(200),
    bun: threw("RangeError"),
  },
  {
    name: "The content type of `Response.json`",
    show: ({ Response }) => Response.json({}).headers.get("content-type"),
    ours: gave("application/json"),
    bun: gave("application/json;charset=utf-8"),
  },
  {
    name: "`Response.json` without a value",
    show: ({ Response }) => (Response.json as () => Response)().status,
    ours: threw("TypeError"),
    bun: gave(200),
  },
  {
    name: "A number in place of the init",
    show: ({ Response }) => Response.json({}, 404 as never).status,
    ours: threw("TypeError"),
    bun: gave(404),
  },
  {
    name: "`Response.redirect` to a path",
    show: ({ Response }) => Response.redirect("/a b").headers.get("location"),
    ours: gave("/a%20b"),
    deno: threw("TypeError"),
    bun: gave("/a b"),
  },
  {
    name: "The headers of `Response.redirect` and `Response.error`",
    show: ({ Response }) => Response.redirect("http://a/").headers.set("a", "b"),
    ours: threw("TypeError"),
    bun: gave(undefined),
  },
  {
    name: "A byte order mark in a text",
    show: ({ Response }) => new Response("\ufeffa").text(),
    ours: gave("a"),
    deno: gave("\ufeffa"),
    bun: gave("\ufeffa"),
  },
  {
    name: "Half of a surrogate pair in a text",
    show: ({ Response }) => new Response("\ud800").text(),
    ours: gave("\ufffd"),
    deno: gave("\ud800"),
    bun: gave("\ud800"),
  },
  {
    name: "The type of `blob()` of a body that has a type of its own, or of a stream",
    show: async ({ Response }) => {
      const headers = { "content-type": "x/y" };
      return (await new Response(new Blob(["x"], { type: "a/b" }), { headers }).blob()).type;
    },
    ours: gave("x/y"),
    bun: gave("a/b"),
  },
  {
    name: "A body that is not a form, after `formData()` failed",
    show: async ({ Response }) => {
      const response = new Response("x", { headers: { "content-type": "text/plain" } });
      await response.formData().catch(() => {});
      return response.bodyUsed;
    },
    ours: gave(true),
    bun: gave(false),
  },
];
