/** The client at servers that others have written: the runtime's own, and Python's of HTTP/1.0. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { httpClient } from "../src/client.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { freePort } from "./helpers/pool.ts";
import { Child } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { bun, scaled, system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";

/** The runtime's own server on a free port. */
function serveByRuntime(
  answer: (request: Request) => Response | Promise<Response>,
): { url: string } & AsyncDisposable {
  if (bun !== undefined) {
    const server = bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer, maxRequestBodySize: 1 << 30 });
    return {
      url: `http://127.0.0.1:${server.port}`,
      [Symbol.asyncDispose]: () => Promise.resolve(server.stop(true)),
    };
  }
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

describe("the runtime's own server", () => {
  it("answers all kinds of requests over connections that are used again", async () => {
    await using server = serveByRuntime(async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/empty") return new Response(null, { status: 204 });
      if (pathname === "/moved") return Response.redirect(`${new URL(request.url).origin}/plain`, 307);
      if (pathname === "/echo") {
        return new Response(request.body, { headers: { "x-method": request.method } });
      }
      if (pathname === "/text") return new Response(await request.text());
      return new Response("plain", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
    });
    await using client = httpClient({ maxRedirects: 2 });
    const { url } = server;
    const plain = await client.request(`${url}/plain`);
    expect([plain.status, await plain.text()]).toEqual([200, "plain"]);
    expect(plain.headers.getAll("set-cookie")).toEqual(["a=1", "b=2"]);
    expect((await client.request({ url: `${url}/plain`, method: "HEAD" })).contentLength).toBe(5);
    expect((await client.request(`${url}/empty`)).status).toBe(204);
    expect(await (await client.request({ url: `${url}/moved`, method: "PUT", body: "x" })).text()).toBe(
      "plain",
    );
    expect(await (await client.request({ url: `${url}/text`, method: "POST", body: "grüße" })).text()).toBe(
      "grüße",
    );
    const body = new Random(3).bytes(scaled(5_000_000, 500_000));
    const parts = async function* () {
      for (let at = 0; at < body.length; at += 100_000) {
        yield await Promise.resolve(body.subarray(at, at + 100_000));
      }
    };
    for (const bodyLength of [undefined, body.length]) {
      const answer = await client.request({ url: `${url}/echo`, method: "POST", body: parts(), bodyLength });
      const hash = new StreamHash();
      for await (const bytes of answer.body) hash.update(bytes);
      expect([answer.headers.get("x-method"), hash.digest()]).toEqual(["POST", hashOf(body)]);
    }
    const many = Array.from({ length: 100 }, async (_, index) => {
      const answer = await client.fetch(`${url}/text`, { method: "POST", body: `text ${index}` });
      expect(await answer.text()).toBe(`text ${index}`);
    });
    await Promise.all(many);
    expect(client.stats()).toMatchObject({ active: 0, failures: 0, brokenBodies: 0 });
    expect(client.stats().pool.reused).toBeGreaterThan(50);
  });
});

const onlyLinux = { ignore: system === "windows" && "Wine has no Python" };

describe("Python's http.server", () => {
  it("sends its files, and says which it does not have", onlyLinux, async () => {
    const port = await freePort();
    const folder = new URL("../docs/", import.meta.url).pathname;
    await using _ = new Child(
      ["python3", "-m", "http.server", String(port), "-b", "127.0.0.1", "-d", folder],
      {},
    );
    await using client = httpClient();
    const url = `http://127.0.0.1:${port}`;
    await until(async () => {
      const answer = await client.request(`${url}/README.md`).catch(() => undefined);
      answer?.discard();
      return answer !== undefined;
    }, "Python to listen");
    const answer = await client.request(`${url}/http_client.md`);
    expect([answer.version, answer.status]).toEqual(["1.0", 200]);
    expect(await answer.text()).toContain("# HTTP client");
    const missing = await client.request(`${url}/nothing`);
    expect(missing.status).toBe(404);
    missing.discard();
    const refused = await client.request({ url: `${url}/`, method: "POST", body: "x" });
    expect(refused.status).toBe(501);
    expect(String(await errorOf(async () => await (await client.request(url)).json()))).toContain(
      "SyntaxError",
    );
  });
});
