/** The fetch door over sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { installGlobals, serve, type ServeInfo, type ServeOptions } from "../src/fetch.ts";
import { optionsElsewhere } from "../src/http/fetch/elsewhere.ts";
import { LightHeaders } from "../src/http/fetch/headers.ts";
import { LightResponse } from "../src/http/fetch/response.ts";
import { connect, createLoop, OptionError } from "../src/mod.ts";
import { bunOptions, denoOptions, nodeOptions, sameNames } from "./fetch/other_servers.ts";
import { connectPeer, readAllText } from "./helpers/peer.ts";
import { until, within } from "./helpers/wait.ts";

const local: ServeOptions = { hostname: "127.0.0.1", port: 0 };
const Light = LightResponse as unknown as typeof Response;

/** Sends bytes and reads all of the answer, until the server ends the connection. */
async function talk(port: number, text: string): Promise<string> {
  const peer = await connectPeer({ port });
  try {
    await peer.write(text.replaceAll("\n", "\r\n"));
    return await within(readAllText(peer), "the answer");
  } finally {
    peer.close();
  }
}

const get = (path: string, fields = "") => `GET ${path} HTTP/1.1\nHost: h\nConnection: close\n${fields}\n`;

describe("serve", () => {
  it("answers with light responses and with the runtime's own", async () => {
    for (const Class of [Light, Response]) {
      await using server = serve(local, (request) => {
        const { pathname } = new URL(request.url);
        const headers = { "x-method": request.method };
        if (pathname === "/bytes") return new Class(new Uint8Array([65, 66]), { headers });
        if (pathname === "/none") return new Class(null, { status: 204, statusText: "Nothing" });
        if (pathname === "/plain-json") return Class.json({});
        if (pathname === "/json") {
          const typed = { "content-type": "application/json", ...headers };
          return Class.json({ a: "é" }, { status: 201, headers: typed });
        }
        return new Class(`text ${pathname}`, { headers });
      });
      const text = await talk(server.port, get("/a/b"));
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      expect(text).toMatch(/\r\ncontent-length: 9\r\n/i);
      expect(text).toMatch(/\r\nx-method: GET\r\n/);
      expect(text).toMatch(/\r\n\r\ntext \/a\/b$/);
      expect(await talk(server.port, get("/bytes"))).toMatch(/content-length: 2\r\n[^]*\r\n\r\nAB$/i);
      expect(await talk(server.port, get("/none"))).toMatch(/^HTTP\/1\.1 204 Nothing\r\n[^]*\r\n\r\n$/);
      const json = await talk(server.port, get("/json"));
      expect(json).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
      expect(json).toMatch(/content-type: application\/json[^]*\r\n\r\n\{"a":"é"\}$/i);
      expect(json).toMatch(/\r\nx-method: GET\r\n/);
      const plain = await talk(server.port, get("/plain-json"));
      expect(plain.match(/content-type: application\/json(;|\r\n)/gi)?.length).toBe(1);
      expect(plain).toMatch(/\r\n\r\n\{\}$/);
    }
  });

  it("gives texts and forms their content type", async () => {
    await using server = serve(local, ({ url }) => {
      if (url.endsWith("form")) return new Light(new URLSearchParams({ a: "b" }));
      const response = new Light("x");
      if (url.endsWith("bare")) response.headers.delete("content-type");
      return response;
    });
    expect(await talk(server.port, get("/"))).toMatch(/content-type: text\/plain; ?charset=utf-8\r\n/i);
    expect(await talk(server.port, get("/form"))).toMatch(
      /content-type: application\/x-www-form-urlencoded/i,
    );
    expect(await talk(server.port, get("/bare"))).not.toMatch(/content-type/i);
  });

  it("awaits async handlers and reads bodies in every way", async () => {
    await using server = serve(local, async (request) => {
      switch (new URL(request.url).pathname) {
        case "/json":
          return new Light(JSON.stringify(await request.json()));
        case "/form":
          return new Light(JSON.stringify([...await request.formData()]));
        case "/stream": {
          let length = 0;
          for await (const part of request.body!) length += part.length;
          return new Light(`${length}`);
        }
        case "/clone": {
          const copy = request.clone();
          return new Light(await request.text() + await copy.text());
        }
        case "/echo":
          return new Light(request.body);
        default:
          return new Light((await request.bytes()).join());
      }
    });
    const post = (path: string, body: BodyInit) => fetch(new URL(path, server.url), { method: "POST", body });
    expect(await (await post("/json", '{"a":[1]}')).text()).toBe('{"a":[1]}');
    expect(await (await post("/form", new URLSearchParams({ a: "b c" }))).text()).toBe('[["a","b c"]]');
    const form = new FormData();
    form.set("name", "value");
    expect(await (await post("/form", form)).text()).toBe('[["name","value"]]');
    expect(await (await post("/stream", "x".repeat(300_000))).text()).toBe("300000");
    expect(await (await post("/clone", "ab")).text()).toBe("abab");
    expect((await (await post("/echo", "y".repeat(300_000))).text()).length).toBe(300_000);
    expect(await (await post("/", new Uint8Array([1, 2]))).text()).toBe("1,2");
  });

  it("sends a stream as it comes, and ends it when the client leaves", async () => {
    let cancelled: unknown;
    let pulls = 0;
    let info: ServeInfo | undefined;
    let signal: AbortSignal | undefined;
    await using server = serve(local, (request, given) => {
      info = given;
      signal = request.signal;
      return new Light(
        new ReadableStream({
          async pull(controller) {
            pulls++;
            if (pulls <= 2) controller.enqueue(new TextEncoder().encode(`part ${pulls};`));
            else await new Promise(() => {});
          },
          cancel(reason) {
            cancelled = reason;
          },
        }),
      );
    });
    const client = await connect({ hostname: "127.0.0.1", port: server.port });
    client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let text = "";
    for await (const part of client.readable) {
      text += new TextDecoder().decode(part);
      if (text.includes("part 2;")) break;
    }
    expect(text).toMatch(/transfer-encoding: chunked/i);
    expect(signal!.aborted).toBe(false);
    const completed = info!.completed;
    client.abort();
    await until(() => cancelled !== undefined, "the stream is cancelled");
    expect(signal!.aborted).toBe(true);
    expect(await completed.then(() => "sent", (error) => error.code)).toBe("ERR_HTTP_CLIENT_LEFT");
  });

  it("does not abort the signal of a request that was answered", async () => {
    let signal: AbortSignal | undefined;
    let completed: Promise<void> | undefined;
    await using server = serve(local, async (request, info) => {
      ({ signal } = request);
      ({ completed } = info);
      await Promise.resolve();
      return new Light("x");
    });
    expect(await talk(server.port, get("/"))).toMatch(/x$/);
    await within(completed!, "the answer is complete");
    expect(signal!.aborted).toBe(false);
  });

  it("has an aborted signal for a handler that asks when the client has left", async () => {
    const seen: string[] = [];
    const { promise: left, resolve } = Promise.withResolvers<void>();
    await using server = serve(local, async (request) => {
      seen.push("called");
      await left;
      seen.push(`${request.signal.aborted} ${request.signal.reason?.code}`);
      return new Light("x");
    });
    const client = await connect({ hostname: "127.0.0.1", port: server.port });
    client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await until(() => seen.length === 1, "the handler is called");
    client.abort();
    await until(() => server.connectionCount === 0, "the client has left");
    resolve();
    await until(() => seen.length === 2, "the handler has asked");
    expect(seen[1]).toBe("true ERR_HTTP_CLIENT_LEFT");
  });

  it("does not abort the signal while the client waits, or when it leaves with its answer", async () => {
    for (const ends of ["its own side", "the connection"]) {
      let signal: AbortSignal | undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      await using server = serve(local, async (request) => {
        ({ signal } = request);
        if (ends === "its own side") await promise;
        return new Light("x");
      });
      const client = await connect({ hostname: "127.0.0.1", port: server.port, allowHalfOpen: true });
      client.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await until(() => signal !== undefined, "the handler is called");
      if (ends === "its own side") {
        client.end();
        await new Promise((resolve) => setTimeout(resolve, 50));
        expect([ends, signal!.aborted]).toEqual([ends, false]);
        resolve();
      }
      let text = "";
      for await (const part of client.readable) {
        text += new TextDecoder().decode(part);
        if (text.endsWith("x")) break;
      }
      client.abort();
      await until(() => server.connectionCount === 0, "the client has left");
      expect([ends, signal!.aborted]).toEqual([ends, false]);
    }
  });

  it("answers HEAD without a body, and with its length", async () => {
    await using server = serve(local, ({ url }) => {
      if (url.endsWith("stream")) {
        return new Light(new Blob(["xyz"]).stream(), { headers: { "content-length": "3" } });
      }
      return new Light("four");
    });
    const head = (path: string) => talk(server.port, get(path).replace("GET", "HEAD"));
    expect(await head("/")).toMatch(/content-length: 4\r\n[^]*\r\n\r\n$/i);
    expect(await head("/stream")).toMatch(/content-length: 3\r\n[^]*\r\n\r\n$/i);
  });

  it("does not say that GET has no bytes, where HEAD is answered without a body", async () => {
    await using server = serve(local, () => new Light(null));
    const head = await talk(server.port, get("/").replace("GET", "HEAD"));
    expect(head).not.toMatch(/content-length/i);
    expect(await talk(server.port, get("/"))).toMatch(/content-length: 0\r\n/i);
  });

  it("answers 500 for a body that is used already, and 501 to CONNECT", async () => {
    const errors: string[] = [];
    await using server = serve({
      ...local,
      onError(error) {
        errors.push((error as Error).message);
        return new Light("failed", { status: 500 });
      },
    }, async (request) => {
      const response = new (request.url.endsWith("light") ? Light : Response)("x");
      await response.text();
      return response;
    });
    for (const path of ["/light", "/runtime"]) {
      expect(await talk(server.port, get(path))).toMatch(/^HTTP\/1\.1 500 /);
    }
    const connecting = "CONNECT a:1 HTTP/1.1\nHost: a:1\nConnection: close\n\n";
    expect(await talk(server.port, connecting)).toMatch(/^HTTP\/1\.1 501 /);
  });

  it("lets onError answer, and says 500 without it", async () => {
    const thrower = (request: Request): Response | Promise<Response> => {
      if (request.url.endsWith("late")) return Promise.reject(new Error("late"));
      if (request.url.endsWith("odd")) return "no response" as never;
      throw new Error("now");
    };
    const onError = (error: unknown) => new Light((error as Error).message, { status: 503 });
    for (const option of [{ onError }, { error: onError }]) {
      await using server = serve({ ...local, ...option }, thrower);
      expect(await talk(server.port, get("/"))).toMatch(/^HTTP\/1\.1 503 [^]*now$/);
      expect(await talk(server.port, get("/late"))).toMatch(/^HTTP\/1\.1 503 [^]*late$/);
    }
  });

  it("keeps what is asked of a request after its answer", async () => {
    let kept: Request | undefined;
    await using server = serve(local, (request) => {
      kept = request;
      return new Light("x");
    });
    await talk(server.port, get("/kept?a=b", "X-One: 1\nx-one:  2 \n"));
    await talk(server.port, get("/other").replace("Host: h", "Host: other"));
    const last = kept!;
    expect(last.url).toBe("http://other/other");
    await talk(server.port, get("/kept?a=b", "X-One: 1\nx-one:  2 \n"));
    expect([kept!.method, kept!.url, kept!.headers.get("x-one"), [...kept!.headers.keys()].join()])
      .toEqual(["GET", "http://h/kept?a=b", "1, 2", "connection,host,x-one"]);
    expect([last.headers.get("host"), last.signal.aborted]).toEqual(["other", false]);
  });

  it("has info of both ends, and believes trusted proxies alone", async () => {
    const seen: unknown[] = [];
    const handler = (request: Request, info: ServeInfo) => {
      seen.push([
        request.url,
        info.remoteAddr.hostname,
        info.localAddr.port > 0,
        info.requestIP(request)?.family,
      ]);
      return new Light("x");
    };
    const fields =
      "X-Forwarded-For: 1.2.3.4, 5.6.7.8\nX-Forwarded-Proto: https\nX-Forwarded-Host: site.example\n";
    const standard = 'Forwarded: for=9.9.9.9, for="[2001:db8::1]:47";proto=https;host=a.example\n';
    const quoted = 'Forwarded: for="9.9.9.9;host=\\"a, for=8.8.8.8" ; Proto=HTTPS;host="b.example:81"\n';
    const odd = "X-Forwarded-For: unknown\nX-Forwarded-Proto: ftp\nX-Forwarded-Host: a/b\n";
    for (const trustedProxies of [undefined, ["127.0.0.0/8"], ["10.0.0.0/8"]]) {
      await using server = serve({ ...local, trustedProxies }, handler);
      await talk(server.port, get("/", fields + standard));
      if (trustedProxies?.[0] !== "127.0.0.0/8") continue;
      await talk(server.port, get("/", odd));
      await using other = serve({ ...local, trustedProxies, proxyFields: "forwarded" }, handler);
      for (const sent of [fields + standard, quoted, "", fields]) {
        await talk(other.port, get("/", sent));
      }
    }
    expect(seen).toEqual([
      ["http://h/", "127.0.0.1", true, "IPv4"],
      ["https://site.example/", "5.6.7.8", true, "IPv4"],
      ["http://h/", "127.0.0.1", true, "IPv4"],
      ["https://a.example/", "2001:db8::1", true, "IPv6"],
      ["https://b.example:81/", "127.0.0.1", true, "IPv4"],
      ["http://h/", "127.0.0.1", true, "IPv4"],
      ["http://h/", "127.0.0.1", true, "IPv4"],
      ["http://h/", "127.0.0.1", true, "IPv4"],
    ]);
  });

  it("has a URL for each request, also without a host that URLs can have", async () => {
    await using server = serve(local, (request) => new Light(new URL(request.url).href));
    const last = async (head: string) => (await talk(server.port, `${head}\n\n`)).split("\r\n\r\n")[1];
    expect(await last("GET /a?b HTTP/1.0")).toBe("http://localhost/a?b");
    for (const host of ["999.1.1.1", "[v1.a]", "a%00b", "xn--a"]) {
      const fields = "\nConnection: close";
      expect(await last(`GET /a?b HTTP/1.1\nHost: ${host}${fields}`)).toBe("http://localhost/a?b");
      expect(await last(`GET http://${host}/a?b HTTP/1.1\nHost: h${fields}`)).toBe("http://localhost/a?b");
      expect(await last(`GET http://${host} HTTP/1.1\nHost: h${fields}`)).toBe("http://localhost/");
    }
  });

  it("hands a connection on to another protocol", async () => {
    await using server = serve(local, (_request, info) =>
      info.upgrade({
        data(connection, window) {
          connection.end(window);
        },
      }, { upgrade: "echo" }));
    const answer = await talk(
      server.port,
      "GET / HTTP/1.1\nHost: h\nConnection: upgrade\nUpgrade: echo\n\nhello",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\nhello$/);
  });

  it("lets requests in work finish when it shuts down", async () => {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Response>();
    const server = serve(local, () => {
      asked.resolve();
      return answer.promise;
    });
    const socket = { data() {} };
    await using idle = await connect({ hostname: "127.0.0.1", port: server.port, socket });
    await until(() => server.connectionCount === 1, "the idle connection is there");
    const text = talk(server.port, "GET / HTTP/1.1\nHost: h\n\n");
    await within(asked.promise, "the request");
    const shut = server.shutdown();
    answer.resolve(new Light("finished"));
    expect(await text).toMatch(/finished$/);
    await within(shut, "the end");
    await within(server.finished, "finished");
    expect((await within(idle.closed, "the idle connection")).by).toBe("peer");
  });

  it("shuts down when its signal aborts: also idle connections end", async () => {
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Response>();
    const server = serve({ ...local, signal: controller.signal }, () => {
      asked.resolve();
      return answer.promise;
    });
    const socket = { data() {} };
    await using idle = await connect({ hostname: "127.0.0.1", port: server.port, socket });
    await until(() => server.connectionCount === 1, "the idle connection is there");
    const text = talk(server.port, "GET / HTTP/1.1\nHost: h\n\n");
    await within(asked.promise, "the request");
    controller.abort();
    expect((await within(idle.closed, "the idle connection")).by).toBe("peer");
    answer.resolve(new Light("finished"));
    expect(await text).toMatch(/finished$/);
    await within(server.finished, "finished");
    expect(() => serve({ ...local, signal: controller.signal }, () => new Light())).toThrow(/abort/i);
  });

  it("cuts connections when it is stopped by force", async () => {
    const server = serve(local, () => new Promise<Response>(() => {}));
    const peer = await connectPeer({ port: server.port });
    await peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    await until(() => server.connectionCount === 1, "the connection is there");
    await within(server.stop(true), "the end");
    peer.close();
  });

  it("takes options in every form, and refuses wrong ones", async () => {
    let listening = 0;
    await using server = serve({
      ...local,
      onListen: ({ port }) => listening = port,
      fetch: () => new Light("a"),
    });
    expect([listening, server.url.href]).toEqual([server.port, `http://127.0.0.1:${server.port}/`]);
    const wrong: [options: Record<string, unknown>, message: RegExp][] = [
      [{ idleTimeout: 10 }, /timeouts: \{ idle, keepAlive \}/],
      [{ prot: 1 }, /prot/],
      [{ http: { maxHeader: 1 } }, /maxHeader/],
      [{ maxRequestBodySize: -1 }, /maxRequestBodySize/],
      [{ trustedProxies: ["nowhere"] }, /nowhere/],
      [{ trustedProxies: ["127.0.0.1"], proxyFields: "both" }, /proxyFields.*forwarded/],
      [{ onListen: 1 }, /onListen/],
      [{ onError: 1 }, /onError/],
      [{ onError: () => new Light(), error: () => new Light() }, /one of them/],
      [{ fetch: 5 }, /wants a handler/],
      [{ routes: {} }, /^serve: unknown option "routes": routes are a framework's/],
      [{ cert: "a" }, /TLS is not served/],
      [{ headersTimeout: 1 }, /timeouts: \{ head \}/],
    ];
    for (const [options, message] of wrong) {
      const bare = "fetch" in options || "routes" in options;
      const program = () =>
        bare
          ? serve({ ...local, ...options } as never)
          : serve({ ...local, ...options }, () => new Light("x"));
      expect(program, JSON.stringify(options)).toThrow(OptionError);
      expect(program, JSON.stringify(options)).toThrow(message);
    }
    expect(() => serve(local as never)).toThrow(/handler/);
  });

  it("knows the options of the servers that users come from", () => {
    const names = Object.keys(optionsElsewhere);
    const missing = [...bunOptions, ...denoOptions, ...nodeOptions].filter((name) => !names.includes(name));
    expect(missing.filter((name) => !sameNames.includes(name))).toEqual([]);
    for (const name of names) {
      expect(() => serve({ ...local, [name]: 1 }, () => new Light("x")), name).toThrow(
        optionsElsewhere[name],
      );
    }
  });

  it("runs on a loop of the caller's, which may be in development mode", async () => {
    await using loop = createLoop({ development: true });
    await using server = serve({ ...local, loop }, () => {
      throw new Error("shown to the developer");
    });
    expect(await talk(server.port, get("/"))).toMatch(
      /^HTTP\/1\.1 500 [^]*Error: shown to the developer\n {4}at /,
    );
  });

  it("refuses a body above the limit", async () => {
    await using server = serve(
      { ...local, maxRequestBodySize: 10 },
      async (request) => new Light(await request.text()),
    );
    const post = (body: string) =>
      talk(
        server.port,
        `POST / HTTP/1.1\nHost: h\nConnection: close\nContent-Length: ${body.length}\n\n${body}`,
      );
    expect(await post("ten bytes!")).toMatch(/ten bytes!$/);
    expect(await post("eleven byte")).toMatch(/^HTTP\/1\.1 413 /);
  });

  it("drops the fields of a connection that a handler copies from elsewhere", async () => {
    await using server = serve(local, () =>
      new Light("x", {
        headers: {
          "transfer-encoding": "chunked",
          "keep-alive": "timeout=1",
          "connection": "keep-alive",
          "x": "1",
        },
      }));
    const answer = await talk(server.port, get("/"));
    expect(answer).toMatch(/x: 1\r\n/);
    expect(answer).not.toMatch(/transfer-encoding|timeout=1/i);
  });
});

describe("the globals", () => {
  it("make light responses and take light requests once they are replaced, and can be put back", async () => {
    const before = [Request, Response, Headers, URL, fetch];
    const restore = installGlobals();
    try {
      expect(new Response("x") instanceof LightResponse).toBe(true);
      expect(Response.json({}).constructor).toBe(Response);
      await using server = serve(local, async (request) => {
        const url = new URL(request.url);
        expect(Object.getPrototypeOf(url) === before[3].prototype).toBe(false);
        url.pathname = "/changed";
        expect(new Request(url, request.clone()).url).toBe(new Request(url.href).url);
        if (request.url.endsWith("inner")) return new Response(`${request.method} ${await request.text()}`);
        const copy = new Request(request, { headers: { a: "b" } });
        expect([copy instanceof Request, request instanceof Request, copy.headers.get("a")]).toEqual([
          true,
          true,
          "b",
        ]);
        return await fetch(new URL("/inner", request.url), copy);
      });
      const answer = await fetch(server.url, { method: "POST", body: "through" });
      expect(await answer.text()).toBe("POST through");
      expect(answer.headers instanceof Headers).toBe(true);
      expect(new Headers({ a: "b" }) instanceof LightHeaders).toBe(true);
      expect(installGlobals()).not.toBe(restore);
    } finally {
      restore();
    }
    expect([Request, Response, Headers, URL, fetch].map((one, index) => one === before[index]))
      .toEqual([true, true, true, true, true]);
  });

  it("make URLs of requests that have the parts of the runtime's own", async () => {
    const RuntimeURL = URL;
    const restore = installGlobals();
    const partsOf = ({ href, origin, host, pathname, search, searchParams }: URL) =>
      JSON.stringify([href, origin, host, pathname, search, searchParams.get("a"), searchParams.has("b")]);
    try {
      await using server = serve(local, ({ url }) => {
        const made = new URL(url);
        const isLight = Object.getPrototypeOf(made) !== RuntimeURL.prototype;
        return Response.json([isLight, partsOf(made) === partsOf(new RuntimeURL(url)), url]);
      });
      for (const target of ["/", "/?", "/a/b", "/a?a=1", "/a?a=2&b=%41", "/a/../b?a=1", "/a?a='"]) {
        const answer = await talk(server.port, get(target));
        const isLight = !/\.\.|'/.test(target);
        const { href } = new RuntimeURL(target, "http://h");
        expect(answer.slice(answer.indexOf("\r\n\r\n") + 4)).toBe(JSON.stringify([isLight, true, href]));
      }
    } finally {
      restore();
    }
  });
});
