/** The client at servers that others have written: the runtime's own, Python's, node's. */
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

/** Echoes bodies by length, and closes each third connection without saying so. */
const python = `
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    count = 0
    def do_GET(self):
        Handler.count += 1
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Count")
        self.end_headers()
        for piece in (b"one ", b"two ", b"three"):
            self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
        self.wfile.write(b"0\\r\\nX-Count: %d\\r\\n\\r\\n" % Handler.count)
        if Handler.count % 3 == 0: self.close_connection = True
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
`;

/** Echoes bodies as chunks with the request's trailers as its own; tells early hints; answers Expect. */
const node = `
const server = require("node:http").createServer((request, response) => {
  if (request.url === "/hints") response.writeEarlyHints({ link: "</a.css>; rel=preload" });
  if (request.url === "/reset") return request.socket.resetAndDestroy();
  if (request.url === "/leaves") {
    response.setHeader("Connection", "close");
    return response.end("bye");
  }
  response.writeHead(200, { Trailer: "X-Sum" });
  request.on("data", (bytes) => response.write(bytes));
  request.on("end", () => {
    response.addTrailers({ "X-Sum": request.trailers["x-sum"] ?? "none" });
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
`;

async function missing(program: string): Promise<false | string> {
  if (system === "windows") return "Wine runs no program of the machine";
  await using child = new Child(["sh", "-c", `command -v ${program}`], {});
  return (await child.end(60_000)).code !== 0 && `${program} is not on this machine`;
}

const noPython = await missing("python3");
const noNode = await missing("node");

async function portOf(child: Child): Promise<string> {
  const [port] = await child.line(/^\d+$/m);
  return `http://127.0.0.1:${port}`;
}

describe("Python's server of HTTP/1.1", () => {
  it(
    "sends chunks and trailers, and leaves without a word",
    { ignore: noPython },
    async () => {
      await using child = new Child(["python3", "-c", python], {});
      const url = await portOf(child);
      await using client = httpClient({ pool: { connectionsPerHost: 1 } });
      for (let count = 1; count <= 12; count++) {
        const answer = await client.request(url);
        expect(await answer.text()).toBe("one two three");
        expect((await answer.trailers).get("x-count")).toBe(String(count));
      }
      expect(client.stats().failures).toBe(0);
      expect(client.stats().pool.created).toBe(4);
      const body = new Random(5).bytes(300_000);
      const asked = { url, method: "POST", body, expectContinue: true };
      expect(hashOf(await (await client.request(asked)).bytes())).toBe(hashOf(body));
    },
  );
});

describe("node's server", () => {
  it("takes and gives trailers, hints, closes and resets", { ignore: noNode }, async () => {
    await using child = new Child(["node", "-e", node], {});
    const url = await portOf(child);
    await using client = httpClient();
    const body = new Random(6).bytes(200_000);
    for (const trailers of [undefined, { "X-Sum": "one" }, () => ({ "X-Sum": "two" })]) {
      const answer = await client.request({ url, method: "POST", body, trailers, expectContinue: true });
      expect(hashOf(await answer.bytes())).toBe(hashOf(body));
      const wanted = typeof trailers === "function" ? "two" : trailers?.["X-Sum"] ?? "none";
      expect((await answer.trailers).get("x-sum")).toBe(wanted);
    }
    const seen: [number, string | undefined][] = [];
    const onInformational = (status: number, headers: { get(name: string): string | undefined }) =>
      void seen.push([status, headers.get("link")]);
    await (await client.request({ url: `${url}/hints`, onInformational })).text();
    expect(seen).toEqual([[103, "</a.css>; rel=preload"]]);
    expect(await (await client.request(`${url}/leaves`)).text()).toBe("bye");
    expect(await errorOf(() => client.request({ url: `${url}/reset`, method: "POST" }))).toMatchObject({
      code: "ERR_HTTP_NO_RESPONSE",
    });
    expect(client.stats()).toMatchObject({ active: 0, failures: 1, brokenBodies: 0, pool: { leased: 0 } });
  });
});
