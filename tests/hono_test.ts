/** Hono runs unchanged, by `serve` and in the workers of a server. */
import { expect } from "@std/expect";
import { afterAll, describe, it } from "@std/testing/bdd";
import { serve } from "../src/fetch.ts";
import { httpClient } from "../src/client.ts";
import { connect, Server } from "../src/mod.ts";
import app, { restoreGlobals } from "./applications/hono.ts";
import { until, within } from "./helpers/wait.ts";

afterAll(restoreGlobals);

const module = new URL("./applications/hono.ts", import.meta.url).href;

interface Door extends AsyncDisposable {
  readonly port: number;
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

function doorAt(port: number): Door {
  const client = httpClient();
  return {
    port,
    fetch: (path, init) => client.fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual", ...init }),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

async function textOf(response: Response): Promise<string> {
  return `${response.status} ${response.headers.get("content-type")} ${await response.text()}`;
}

const routes: [path: string, answer: RegExp][] = [
  ["/", /^200 text\/plain; ?charset=utf-8 hello$/i],
  ["/json", /^201 application\/json \{"a":\[1,"é"\]\}$/],
  ["/html", /^200 text\/html; charset=UTF-8 <p>é<\/p>$/],
  ["/users/a%20b?q=1%2B1", /\{"id":"a b","q":"1\+1"\}$/],
  ["/nothing", /^204 null $/],
  ["/bytes", /^200 null ABC$/],
  ["/plain", /^200 text\/plain; ?charset=utf-8 plain$/i],
  ["/sub/x", /^200 .* sub$/],
  ["/mounted/y", /^200 .* mounted \/y$/],
  ["/throw", /^500 .* failed: on purpose$/],
  ["/teapot", /^418 .* a teapot$/],
  ["/missing", /^404 .* nothing at \/missing$/],
  ["/client", /^200 .* 127\.0\.0\.1$/],
  ["/stream", /^200 .*part 0;part 1;part 2;$/],
  ["/text", /^200 text\/plain.*line 0\nline 1\nline 2\n$/s],
  ["/events", /^200 text\/event-stream event: tick\ndata: event 0\nid: 0\n\n.*id: 2\n\n$/s],
];

async function checkRoutes({ fetch }: Door): Promise<void> {
  for (const [path, answer] of routes) expect(await textOf(await fetch(path)), path).toMatch(answer);
  const redirect = await fetch("/redirect");
  expect([redirect.status, redirect.headers.get("location"), await redirect.text()]).toEqual([
    302,
    "/json",
    "",
  ]);
  const headers = await (await fetch("/headers", { headers: { "X-One": "1", cookie: "a=b" } })).json();
  expect([headers["x-one"], headers.cookie]).toEqual(["1", "a=b"]);
  const head = await fetch("/", { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, null, ""]);
}

async function checkMiddleware({ fetch }: Door): Promise<void> {
  const middle = await fetch("/middleware/inner");
  expect([middle.headers.get("x-before"), middle.headers.get("x-after"), await middle.text()])
    .toEqual(["1", "200", "inner"]);
  expect((await fetch("/cors/x")).headers.get("access-control-allow-origin")).toBe("*");
  const preflight = await fetch("/cors/x", {
    method: "OPTIONS",
    headers: { "access-control-request-method": "PUT" },
  });
  expect([preflight.status, await preflight.text()]).toEqual([204, ""]);
  const first = await fetch("/etag/x");
  const again = await fetch("/etag/x", { headers: { "if-none-match": first.headers.get("etag")! } });
  expect([await first.text(), again.status, await again.text()]).toEqual(["etag", 304, ""]);
  const cookies = await fetch("/cookies", { headers: { cookie: "a=1; b=2" } });
  expect(cookies.headers.getSetCookie()).toEqual(["one=1; Path=/; HttpOnly", "two=2; Path=/"]);
  expect(await cookies.json()).toEqual({ a: "1", b: "2" });
}

async function checkBodies({ fetch }: Door): Promise<void> {
  const post = (path: string, body: BodyInit, init: RequestInit = {}) =>
    fetch(path, { method: "POST", body, ...init });
  expect(await (await post("/json", '{"x":1}')).json()).toEqual({ got: { x: 1 } });
  const form = new FormData();
  form.set("a", "é");
  form.set("file", new File(["content"], "name.txt"));
  expect((await (await post("/form", form)).json()).a).toBe("é");
  expect(await (await post("/form", new URLSearchParams({ b: "1 2" }))).json()).toEqual({ b: "1 2" });
  expect(await textOf(await post("/limited", "ten bytes!"))).toMatch(/^200 .* ten bytes!$/);
  expect((await post("/limited", "eleven byte")).status).toBe(413);
  // In chunks, where the limit counts as the body is read.
  const chunks = () => new Blob(["0123456789ab"]).stream();
  expect((await post("/limited", chunks(), { duplex: "half" } as RequestInit)).status).toBe(413);
  const large = "x".repeat(500_000);
  expect(await (await post("/echo", large)).text()).toBe(large);
}

async function checkAbort({ fetch, port }: Door): Promise<void> {
  const before = Number(await (await fetch("/aborted")).text());
  const client = await connect({ hostname: "127.0.0.1", port });
  client.write("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
  for await (const part of client.readable) if (new TextDecoder().decode(part).includes("begun")) break;
  client.abort();
  await until(
    async () => Number(await (await fetch("/aborted")).text()) === before + 1,
    "the stream was aborted",
  );
}

const checks: [name: string, check: (door: Door) => Promise<void>][] = [
  ["routes, errors and streams", checkRoutes],
  ["middleware, cookies and caching", checkMiddleware],
  ["bodies and their limits", checkBodies],
];

describe("Hono by serve", () => {
  for (const [name, check] of [...checks, ["streams whose client leaves", checkAbort] as const]) {
    it(`has ${name}`, async () => {
      await using server = serve({ hostname: "127.0.0.1", port: 0 }, app.fetch);
      await using door = doorAt(server.port);
      await within(check(door), name);
    });
  }
});

describe("Hono in workers", () => {
  for (const [name, check] of checks) {
    it(`has ${name}`, async () => {
      const options = { hostname: "127.0.0.1", port: 0, workers: 2, log: () => {} };
      await using server = await Server.start(module, options);
      await using door = doorAt(server.port);
      await within(check(door), name);
    });
  }
});
