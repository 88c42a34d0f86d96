/** Elysia, h3 and itty-router run unchanged by `serve`, with the runtimes' own classes and light ones. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { httpClient } from "../src/client.ts";
import { installGlobals, serve } from "../src/fetch.ts";
import { frameworks } from "./applications/frameworks.ts";
import { within } from "./helpers/wait.ts";

type Ask = (path: string, init?: RequestInit) => Promise<Response>;

async function checkAnswers(ask: Ask): Promise<void> {
  const answers: [path: string, status: number, text: string][] = [
    ["/", 200, "hello"],
    ["/users/ab?q=1", 200, '{"id":"ab","q":"1"}'],
    ["/stream", 200, "part 0;part 1;part 2;"],
    ["/throw", 500, "failed: on purpose"],
    ["/missing", 404, "nothing"],
  ];
  for (const [path, status, text] of answers) {
    const answer = await ask(path);
    expect([path, answer.status, await answer.text()]).toEqual([path, status, text]);
  }
  const json = await ask("/users/ab");
  expect(json.headers.get("content-type")).toMatch(/^application\/json/);
  await json.text();
  const redirect = await ask("/redirect");
  expect([redirect.status, redirect.headers.get("location"), await redirect.text()]).toEqual([302, "/", ""]);
  const head = await ask("/headers", { headers: { "X-One": "one" } });
  expect([head.headers.get("x-after"), await head.text()]).toEqual(["1", "one"]);
  const cookies = await ask("/cookies", { headers: { cookie: "a=b" } });
  expect(cookies.headers.getSetCookie().map((cookie) => cookie.split(";")[0])).toEqual(["one=1"]);
  expect(await cookies.text()).toBe("b");
}

async function checkBodies(ask: Ask): Promise<void> {
  const post = (path: string, body: BodyInit, headers: HeadersInit = {}) =>
    ask(path, { method: "POST", body, headers });
  const json = await post("/json", '{"x":[1,"é"]}', { "content-type": "application/json" });
  expect(await json.json()).toEqual({ got: { x: [1, "é"] } });
  const form = new FormData();
  form.set("a", "é");
  expect(await (await post("/form", form)).json()).toEqual({ a: "é" });
  expect(await (await post("/form", new URLSearchParams({ b: "1 2" }))).json()).toEqual({ b: "1 2" });
  const large = "x".repeat(300_000);
  expect(await (await post("/echo", large)).text()).toBe(large);
}

const checks: [name: string, check: (ask: Ask) => Promise<void>][] = [
  ["routes, errors and streams", checkAnswers],
  ["bodies", checkBodies],
];

for (const [framework, made] of Object.entries(frameworks)) {
  for (const globals of ["the runtime's", "light"]) {
    describe(`${framework} with ${globals} globals`, () => {
      for (const [name, check] of checks) {
        it(`has ${name}`, async () => {
          const restore = globals === "light" ? installGlobals() : () => {};
          try {
            await using server = serve({ hostname: "127.0.0.1", port: 0 }, made());
            await using client = httpClient();
            const ask: Ask = (path, init) =>
              client.fetch(`http://127.0.0.1:${server.port}${path}`, { redirect: "manual", ...init });
            await within(check(ask), name);
          } finally {
            restore();
          }
        });
      }
    });
  }
}
