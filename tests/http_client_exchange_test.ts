/** Requests of the client: what is sent, connections used again, races, aborts, time limits, redirects. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError, RingportError } from "../src/mod.ts";
import { type ClientRequest, httpClient } from "../src/client.ts";
import { type Asked, clientOf, HttpScript, idle, ok } from "./helpers/http_script.ts";
import { Folder } from "./helpers/folder.ts";
import { closedPort } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const encoder = new TextEncoder();

function codeOf(error: unknown): string {
  return error instanceof RingportError ? error.code : String(error);
}

async function* parts(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await Promise.resolve();
    yield encoder.encode(text);
  }
}

/** An answer that says what came. */
const echo = ({ method, target, body }: Asked) => ok(`${method} ${target} ${body}`);

describe("a request", () => {
  it("is sent with Host, User-Agent and the fields given, in their order", async () => {
    await using it = clientOf(ok(""), { headers: { "X-Client": "a", "X-Both": "client" } });
    const headers = { "X-Both": "request", Accept: "*/*", "X-Many": ["1", "2"] };
    await (await it.client.request(`${it.url}a/b?c=d#e`, { headers })).text();
    expect(it.script.asked[0].head).toBe([
      "GET /a/b?c=d HTTP/1.1",
      `Host: 127.0.0.1:${it.script.listener.port}`,
      "X-Both: request",
      "Accept: */*",
      "X-Many: 1",
      "X-Many: 2",
      "X-Client: a",
      "User-Agent: ringport",
    ].join("\r\n"));
    await (await it.client.request({
      url: it.url,
      method: "delete",
      headers: new Headers({ host: "example.org", "user-agent": "me" }),
    })).text();
    expect(it.script.asked[1].head).toBe(
      "DELETE / HTTP/1.1\r\nHost: example.org\r\nuser-agent: me\r\nX-Client: a\r\nX-Both: client",
    );
  });

  it("is sent byte by byte as its fields are, and their values are trimmed", async () => {
    await using it = clientOf((connection, { fields }) =>
      void connection.write(ok("", `X-Back: ${fields.get("x-a")}`))
    );
    const answer = await it.client.request(it.url, { headers: { "x-a": " caf\xe9\t" } });
    // The script reads latin1 and writes UTF-8.
    expect(answer.headers.get("x-back")).toBe("caf\xc3\xa9");
  });

  it("asks for what its URL says, parsed or not", async () => {
    await using it = clientOf(ok(""));
    const { port } = it.script.listener;
    const targets = ["a", "", "a?b=c&d", "a//b", "a/../b", "a/./b", "a/..", "%2e%2e/a", "a%2Eb", ".a", "a.b"];
    targets.push(
      "a b",
      'a"b',
      "a?b#c",
      "a#/b",
      "a?",
      "a?b'c",
      "\u00e4",
      "a\\b",
      "a\tb",
      "a^b|c",
      "a%zz",
      "a?/../b",
    );
    const addresses = targets.map((target) => `http://127.0.0.1:${port}/${target}`);
    for (const rest of ["?a/b", "#a/b", "\\a/b", ""]) addresses.push(`http://127.0.0.1:${port}${rest}`);
    addresses.push(`HTTP://127.0.0.1:${port}/A`, `http://0x7f.1:${port}/a`, ` http://127.0.0.1:${port}/a `);
    // At first the origin is not known.
    for (const address of [...addresses, ...addresses]) {
      const answer = await it.client.request(address);
      await answer.text();
      const { pathname, search, href } = new URL(address);
      expect([it.script.asked.at(-1)!.target, answer.url]).toEqual([pathname + search, href]);
    }
    expect(it.client.stats().pool.created).toBe(1);
  });

  it("sends bytes and text with their length, the rest as chunks or with the length given", async () => {
    await using it = clientOf((connection, asked) => void connection.write(echo(asked)));
    const bodies: [Partial<ClientRequest>, string, string][] = [
      [{ body: "grüße" }, "grüße", "Content-Length: 7"],
      [{ body: encoder.encode("bytes") }, "bytes", "Content-Length: 5"],
      [{ body: encoder.encode("buffer").buffer }, "buffer", "Content-Length: 6"],
      [{ body: "" }, "", "Content-Length: 0"],
      [{}, "", "Content-Length: 0"],
      [{ body: parts("a", "", "bc") }, "abc", "Transfer-Encoding: chunked"],
      [{ body: new Response("stream").body! }, "stream", "Transfer-Encoding: chunked"],
      [{ body: parts("a", "bc"), bodyLength: 3 }, "abc", "Content-Length: 3"],
      [{ body: parts("a", "bc"), headers: { "content-length": "3" } }, "abc", "Content-Length: 3"],
    ];
    for (const [options, body, line] of bodies) {
      const answer = await it.client.request({ url: it.url, method: "POST", ...options });
      expect(await answer.text()).toBe(`POST / ${body}`);
      const { head } = it.script.asked.at(-1)!;
      expect(head).toContain(line);
      expect(head.match(/content-length|transfer-encoding/gi)).toHaveLength(1);
    }
    expect(it.client.stats()).toMatchObject({ requests: 9, responses: 9, active: 0, failures: 0 });
    expect(it.client.stats().pool).toMatchObject({ created: 1, reused: 8 });
  });

  it("is refused at the caller for what cannot be sent", async () => {
    await using client = httpClient();
    const url = "http://127.0.0.1:1/";
    const wrong: [ClientRequest, string][] = [
      [{ url, headers: { a: "b\r\nc: d" } }, "a"],
      [{ url, headers: { a: "b\nc" } }, "a"],
      [{ url, headers: { a: "b\0c" } }, "a"],
      [{ url, headers: { a: "\u0100" } }, "a"],
      [{ url, headers: { "a b": "c" } }, "name"],
      [{ url, headers: { "": "c" } }, "name"],
      [{ url, headers: { "a\r\nb": "c" } }, "name"],
      [{ url, headers: [["host", "a"], ["host", "b"]] }, "host"],
      [{ url, headers: { host: "a, b" } }, "host"],
      [{ url, headers: { "transfer-encoding": "chunked" } }, "transfer-encoding"],
      [{ url, headers: { "content-length": "+1" }, body: parts("a") }, "content-length"],
      [{ url, headers: { connection: "upgrade" } }, "connection"],
      [{ url, headers: { expect: "100-continue" } }, "expect"],
      [{ url, method: "GET /" }, "method"],
      [{ url, method: "" }, "method"],
      [{ url, method: "CONNECT" }, "method"],
      [{ url: "/relative" }, "url"],
      [{ url: "https://127.0.0.1/" }, "url"],
      [{ url: "ftp://127.0.0.1/" }, "url"],
      [{ url: "http://a:b@127.0.0.1/" }, "url"],
      [{ url, body: "abc", bodyLength: 2, method: "POST" }, "bodyLength"],
      [{ url, bodyLength: 2 }, "bodyLength"],
      [{ url, timeout: 5 } as unknown as ClientRequest, "timeout"],
      [{ url, body: 5 } as unknown as ClientRequest, "body"],
      [{ url, timeouts: { head: -1 } }, "timeouts.head"],
    ];
    for (const [request, key] of wrong) {
      const error = await errorOf(() => client.request(request));
      expect(error, JSON.stringify(request)).toBeInstanceOf(OptionError);
      expect((error as OptionError).key, `${error}`).toBe(key);
    }
    expect(String(await errorOf(() => client.request("https://localhost/")))).toContain("TLS");
    expect(client.stats()).toMatchObject({ requests: 0, active: 0 });
    expect(await errorOf(() => httpClient({ unknown: 1 } as object))).toBeInstanceOf(OptionError);
    expect(await errorOf(() => httpClient({ headers: { a: "\n" } }))).toBeInstanceOf(OptionError);
    expect(await errorOf(() => httpClient({ pool: { socket: {} } as object }))).toBeInstanceOf(OptionError);
  });

  it("fails when its body is shorter or longer than was said, or fails itself", async () => {
    await using it = clientOf(ok(""));
    const post = (body: AsyncIterable<Uint8Array>, bodyLength?: number) =>
      errorOf(() => it.client.request({ url: it.url, method: "POST", body, bodyLength }));
    expect(codeOf(await post(parts("abc"), 4))).toBe("ERR_HTTP_REQUEST_LENGTH");
    expect(codeOf(await post(parts("abc", "de"), 4))).toBe("ERR_HTTP_REQUEST_LENGTH");
    const own = new Error("the source has failed");
    const failing = async function* () {
      yield encoder.encode("a");
      await Promise.resolve();
      throw own;
    };
    expect(await post(failing())).toBe(own);
    expect(codeOf(await post(parts2()))).toBe("ERR_OPTION");
    expect(it.client.stats()).toMatchObject({ active: 0, failures: 4 });
    // None of the connections is used again.
    expect(it.client.stats().pool).toMatchObject({ reused: 0, idle: 0 });
  });

  it("goes to a Unix socket", { ignore: system === "windows" && "Wine has no Unix sockets" }, async () => {
    await using folder = await Folder.make();
    const unix = `${folder.path}/http.sock`;
    await using script = new HttpScript((connection, asked) => void connection.write(echo(asked)), { unix });
    await using client = httpClient({ unix });
    for (let round = 0; round < 2; round++) {
      expect(await (await client.request("http://api.test/a")).text()).toBe("GET /a ");
    }
    expect(script.asked[0].fields.get("host")).toBe("api.test");
    expect(client.stats().pool).toMatchObject({ created: 1, reused: 1 });
    await using other = httpClient();
    expect(await (await other.request("http://api.test/b", { unix })).text()).toBe("GET /b ");
  });

  it("fails as connecting does", async () => {
    await using client = httpClient();
    const port = await closedPort();
    expect(codeOf(await errorOf(() => client.request(`http://127.0.0.1:${port}/`)))).toBe("ECONNREFUSED");
    expect(client.stats()).toMatchObject({ failures: 1, active: 0 });
  });
});

async function* parts2(): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield "text" as unknown as Uint8Array;
}

describe("Expect: 100-continue", () => {
  it("sends the body when the server asks for it, and tells of interim answers", async () => {
    await using it = clientOf((connection, asked) => void connection.write(echo(asked)));
    it.script.onHead = (connection, { fields, body }) => {
      expect([fields.get("expect"), body]).toEqual(["100-continue", ""]);
      connection.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    };
    const interim: [number, string | undefined][] = [];
    const answer = await it.client.request({
      url: it.url,
      method: "PUT",
      body: parts("a", "b"),
      expectContinue: true,
      onInformational: (status, headers) => void interim.push([status, headers.get("link")]),
    });
    expect(await answer.text()).toBe("PUT / ab");
    expect(interim).toEqual([[103, "</a>"], [100, undefined]]);
    await idle(it.client);
    expect(it.client.stats().pool.idle).toBe(1);
  });

  it("sends no body when the server refuses it, and leaves the connection", async () => {
    await using it = clientOf("");
    it.script.onHead = (connection) =>
      void connection.write("HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno");
    let canceled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(encoder.encode("x")),
      cancel: () => void (canceled = true),
    }, { highWaterMark: 0 });
    const answer = await it.client.request({ url: it.url, method: "POST", body, expectContinue: true });
    expect([answer.status, await answer.text()]).toEqual([413, "no"]);
    await until(() => canceled, "the body to be canceled");
    expect(it.client.stats().pool.idle).toBe(0);
  });

  it("sends the body to a server that says nothing", async () => {
    await using it = clientOf((connection, asked) => void connection.write(echo(asked)));
    const answer = await it.client.request({
      url: it.url,
      method: "POST",
      body: "late",
      expectContinue: true,
    });
    expect(await answer.text()).toBe("POST / late");
  });

  it("fails with what the callback for interim answers throws", async () => {
    await using it = clientOf(`HTTP/1.1 103 Early Hints\r\n\r\n${ok("x")}`);
    const own = new Error("mine");
    const error = await errorOf(() =>
      it.client.request(it.url, {
        onInformational: () => {
          throw own;
        },
      })
    );
    expect(error).toBe(own);
    expect(it.client.stats().active).toBe(0);
  });
});

describe("connections", () => {
  it("are used again once the answer was received, and limited by the pool", async () => {
    await using it = clientOf(ok("x".repeat(100)), { pool: { connectionsPerHost: 3 } });
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => it.client.request(it.url)));
      for (const answer of answers) expect((await answer.bytes()).length).toBe(100);
    }
    await idle(it.client);
    expect(it.script.connections.length).toBe(3);
    expect(it.client.stats()).toMatchObject({ requests: 100, responses: 100, active: 0 });
    expect(it.client.stats().pool).toMatchObject({ created: 3, reused: 97, idle: 3 });
  });

  it("are not used again after Connection: close of either side", async () => {
    await using it = clientOf(ok("a", "Connection: close"));
    for (let round = 0; round < 3; round++) await (await it.client.request(it.url)).text();
    it.script.answer = (connection) => void connection.write(ok("b"));
    const headers = { connection: "close" };
    for (let round = 0; round < 3; round++) await (await it.client.request(it.url, { headers })).text();
    await idle(it.client);
    expect(it.client.stats().pool).toMatchObject({ created: 6, reused: 0, idle: 0 });
    // They end in order: a reset would be an error to the server.
    await until(() => it.script.connections.every(({ closed }) => closed), "all connections to end");
    expect(it.script.connections.map(({ ended, error }) => [ended, error])).toEqual(
      Array.from({ length: 6 }, () => [true, undefined]),
    );
  });

  it("that were left by their server are replaced, once and for requests that may be repeated", async () => {
    await using it = clientOf((connection, asked) => {
      if (asked.target === "/lost" && connection.data.number === 0) return connection.abort();
      connection.write(echo(asked));
    });
    const warmUp = async () => await (await it.client.request(it.url)).text();
    await warmUp();
    // Used before, and cut before any byte of an answer.
    const answer = await it.client.request(`${it.url}lost`, { method: "PUT", body: "again" });
    expect(await answer.text()).toBe("PUT /lost again");
    expect(it.client.stats()).toMatchObject({ repeated: 1, failures: 0, requests: 2 });
  });

  it("are not tried again for a request that must not be repeated, or on a fresh one", async () => {
    await using it = clientOf((connection, asked) => {
      if (asked.target === "/cut") connection.abort();
      else if (asked.target === "/begun") connection.end("HTTP/1.1 ");
      else connection.write(echo(asked));
    });
    const warmUp = async () => await (await it.client.request(it.url)).text();
    const lost = (request: Partial<ClientRequest>, path = "cut") =>
      errorOf(() => it.client.request({ url: `${it.url}${path}`, ...request }));
    // A fresh connection has no race to lose.
    expect(codeOf(await lost({}))).toBe("ERR_HTTP_NO_RESPONSE");
    expect(it.client.stats().repeated).toBe(0);
    await warmUp();
    expect(codeOf(await lost({ method: "POST", body: "x" }))).toBe("ERR_HTTP_NO_RESPONSE");
    expect(it.client.stats().repeated).toBe(0);
    await warmUp();
    expect(codeOf(await lost({ method: "PUT", body: parts("x") }))).toBe("ERR_HTTP_NO_RESPONSE");
    expect(it.client.stats().repeated).toBe(0);
    await warmUp();
    expect(codeOf(await lost({}, "begun"))).toBe("ERR_HTTP_RESPONSE_INCOMPLETE");
    expect(it.client.stats().repeated).toBe(0);
    await warmUp();
    // Once more, on a fresh one, and not a third time.
    expect(codeOf(await lost({}))).toBe("ERR_HTTP_NO_RESPONSE");
    expect(it.client.stats().repeated).toBe(1);
    expect(it.script.asked.filter(({ target }) => target === "/cut")).toHaveLength(5);
  });

  it("are fresh for the repetition even while others are idle and the pool is full", async () => {
    let cut = false;
    await using it = clientOf((connection, asked) => {
      if (cut && connection.data.number < 2) return connection.abort();
      connection.write(echo(asked));
    }, { pool: { connectionsPerHost: 2 } });
    await Promise.all(
      (await Promise.all([it.client.request(it.url), it.client.request(it.url)])).map((answer) =>
        answer.text()
      ),
    );
    await idle(it.client);
    expect(it.client.stats().pool).toMatchObject({ created: 2, idle: 2 });
    cut = true;
    expect(await (await it.client.request(it.url)).text()).toBe("GET / ");
    expect(it.client.stats()).toMatchObject({ repeated: 1, failures: 0 });
    expect(it.script.connections.length).toBe(3);
  });

  it("end when an answer comes before the request was sent whole", async () => {
    await using it = clientOf("");
    it.script.onHead = (connection) => void connection.write(ok("early"));
    let canceled: unknown;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => void (canceled = true),
    });
    const answer = await it.client.request({ url: it.url, method: "POST", body });
    expect(await answer.text()).toBe("early");
    await until(() => canceled === true, "the body to be canceled");
    await idle(it.client);
    expect(it.client.stats().pool).toMatchObject({ idle: 0, created: 1 });
  });

  it("take the rest of a request although their server has said that it will leave", async () => {
    await using it = clientOf((connection) => void connection.end("lf"));
    it.script.onHead = (connection) => {
      connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nha");
    };
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const answer = await it.client.request({ url: it.url, method: "POST", body: stream.readable });
    const writer = stream.writable.getWriter();
    await writer.write(encoder.encode("late"));
    await writer.close();
    expect(await answer.text()).toBe("half");
    expect(it.script.asked[0].body).toBe("late");
  });

  it("are closed with the client, which waits for answers that are read", async () => {
    await using script = new HttpScript((connection) =>
      void connection.write("HTTP/1.1 200 OK\r\n\r\nbegun")
    );
    const client = httpClient();
    const answer = await client.request(script.url());
    const closing = client.close();
    expect(codeOf(await errorOf(() => client.request(script.url())))).toBe("ERR_HTTP_CLIENT_CLOSED");
    script.connections[0].connection.end(" and ended");
    expect(await answer.text()).toBe("begun and ended");
    await within(closing, "the client to close");
    await client.close();
  });

  it("are cut when closing takes too long", async () => {
    await using script = new HttpScript((connection) =>
      void connection.write("HTTP/1.1 200 OK\r\n\r\nbegun")
    );
    const client = httpClient({ pool: { closeTimeout: 20 } });
    const answer = await client.request(script.url());
    const failed = errorOf(() => answer.text());
    await within(client.close(), "the client to close");
    expect(codeOf(await failed)).toBe("ERR_HTTP_RESPONSE_INCOMPLETE");
    expect(client.stats()).toMatchObject({ active: 0, brokenBodies: 1 });
  });
});

describe("an abort", () => {
  const reason = new Error("enough");

  it("ends a request before it begins, while it waits for a connection, and while it connects", async () => {
    await using it = clientOf("", { pool: { connectionsPerHost: 1 } });
    expect(await errorOf(() => it.client.request(it.url, { signal: AbortSignal.abort(reason) }))).toBe(
      reason,
    );
    const first = new AbortController();
    const second = new AbortController();
    const failures = [first, second].map(({ signal }) =>
      errorOf(() => it.client.request(it.url, { signal }))
    );
    first.abort(reason);
    second.abort(reason);
    expect(await Promise.all(failures)).toEqual([reason, reason]);
    expect(it.client.stats()).toMatchObject({ active: 0 });
  });

  it("ends a request that waits for the head, or sends its body", async () => {
    await using it = clientOf(() => {});
    const bodies = [undefined, new ReadableStream<Uint8Array>({ cancel: () => void (canceled = true) })];
    let canceled = false;
    for (const body of bodies) {
      const controller = new AbortController();
      const { signal } = controller;
      const failed = errorOf(() => it.client.request({ url: it.url, method: "POST", body, signal }));
      const count = it.script.heads.length + 1;
      await until(() => it.script.heads.length === count, "the request to come");
      controller.abort(reason);
      expect(await failed).toBe(reason);
      await until(() => it.script.connections.at(-1)!.closed, "the connection to be cut");
    }
    await until(() => canceled, "the body to be canceled");
    expect(it.client.stats()).toMatchObject({ active: 0, failures: 2 });
  });

  it("ends the reading of the body by each kind of reader", async () => {
    await using it = clientOf("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    const readers: ((answer: Awaited<ReturnType<typeof it.client.request>>) => Promise<unknown>)[] = [
      (answer) => answer.bytes(),
      async (answer) => {
        for await (const bytes of answer.body) expect(bytes.length).toBe(3);
      },
      async (answer) => {
        for await (const window of answer.windows) expect(window.length).toBe(3);
      },
      (answer) => answer.trailers,
    ];
    for (const read of readers) {
      const controller = new AbortController();
      const answer = await it.client.request(it.url, { signal: controller.signal });
      const failed = errorOf(() => read(answer));
      controller.abort(reason);
      expect(await failed).toBe(reason);
    }
    // Not read at all: it is found by the one who comes later.
    const controller = new AbortController();
    const answer = await it.client.request(it.url, { signal: controller.signal });
    controller.abort(reason);
    expect(await errorOf(() => answer.text())).toBe(reason);
    await idle(it.client);
    expect(it.client.stats()).toMatchObject({ active: 0, brokenBodies: 5 });
  });

  it("after the answer was received does nothing", async () => {
    await using it = clientOf(ok("all"));
    const controller = new AbortController();
    const answer = await it.client.request(it.url, { signal: controller.signal });
    await idle(it.client);
    controller.abort(reason);
    expect(await answer.text()).toBe("all");
    expect(it.client.stats().pool.idle).toBe(1);
  });
});

describe("a time limit", () => {
  it("ends a request without an answer, one that stands still, and one that takes too long", async () => {
    await using it = clientOf((connection, { target }) => {
      if (target === "/body") connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      if (target !== "/drip") return;
      connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
      const timer = setInterval(
        () => connection.state === "open" ? connection.write("x") : clearInterval(timer),
        5,
      );
    });
    const late = (path: string, timeouts: ClientRequest["timeouts"]) =>
      errorOf(async () => await (await it.client.request(`${it.url}${path}`, { timeouts })).text());
    expect(codeOf(await late("head", { head: 30 }))).toBe("ERR_TIMEOUT_RESPONSE_HEAD");
    expect(codeOf(await late("body", { body: 30 }))).toBe("ERR_TIMEOUT_RESPONSE_BODY");
    expect(codeOf(await late("drip", { body: 5_000, total: 100 }))).toBe("ERR_TIMEOUT_REQUEST");
    expect(codeOf(await late("head", { total: 30 }))).toBe("ERR_TIMEOUT_REQUEST");
    expect(it.client.stats()).toMatchObject({ timeouts: 4, active: 0, brokenBodies: 2, failures: 2 });
    expect(String(await late("head", { head: 20 }))).toMatch(
      /^TimeoutError: .*within 20 ms \(timeouts\.head\)/,
    );
  });

  it("of connecting counts the wait for the pool", async () => {
    await using it = clientOf(() => {}, { pool: { connectionsPerHost: 1 } });
    const controller = new AbortController();
    const first = errorOf(() => it.client.request(it.url, { signal: controller.signal }));
    const error = await errorOf(() => it.client.request(it.url, { timeouts: { connect: 30 } }));
    expect(codeOf(error)).toBe("ETIMEDOUT");
    const total = await errorOf(() => it.client.request(it.url, { timeouts: { total: 30 } }));
    expect(codeOf(total)).toBe("ERR_TIMEOUT_REQUEST");
    controller.abort();
    await first;
  });

  it("does not count while this side does not read, or has nothing to send yet", async () => {
    const bytes = "x".repeat(1_000_000);
    await using it = clientOf((connection, { body }) => {
      connection.write(
        `HTTP/1.1 200 OK\r\nContent-Length: ${body === "" ? bytes.length : body.length}\r\n\r\n`,
      );
      connection.write(body === "" ? bytes : body);
    });
    const timeouts = { body: 300, head: 300 };
    const answer = await it.client.request(it.url, { timeouts });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await answer.bytes()).length).toBe(bytes.length);
    const slow = async function* () {
      for (const text of ["a", "b", "c"]) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        yield encoder.encode(text);
      }
    };
    const sent = await it.client.request({ url: it.url, method: "POST", body: slow(), timeouts });
    expect(await sent.text()).toBe("abc");
  });
});

describe("redirects", () => {
  it("are answers like any other by default", async () => {
    await using it = clientOf("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 4\r\n\r\nmove");
    const answer = await it.client.request(it.url);
    expect([answer.status, answer.redirects, await answer.text()]).toEqual([302, 0, "move"]);
  });

  it("are followed with the method and body that they ask for", async () => {
    await using it = clientOf((connection, asked) => {
      const [, status] = asked.target.match(/^\/(\d+)$/) ?? [];
      if (status === undefined) return void connection.write(echo(asked));
      connection.write(`HTTP/1.1 ${status} Moved\r\nLocation: /to?x=1\r\nContent-Length: 4\r\n\r\nmove`);
    }, { maxRedirects: 3 });
    const cases: [number, string, string][] = [
      [301, "POST", "GET /to?x=1 "],
      [302, "POST", "GET /to?x=1 "],
      [303, "POST", "GET /to?x=1 "],
      [303, "PUT", "GET /to?x=1 "],
      [301, "PUT", "PUT /to?x=1 body"],
      [307, "POST", "POST /to?x=1 body"],
      [308, "PUT", "PUT /to?x=1 body"],
    ];
    for (const [status, method, expected] of cases) {
      const headers = { "content-type": "text/x", authorization: "secret" };
      const answer = await it.client.request({
        url: `${it.url}${status}#part`,
        method,
        headers,
        body: "body",
      });
      expect([status, method, await answer.text()]).toEqual([status, method, expected]);
      expect([answer.url, answer.redirects]).toEqual([`${it.url}to?x=1#part`, 1]);
      const { fields } = it.script.asked.at(-1)!;
      expect(fields.get("content-type")).toBe(expected.startsWith("GET") ? undefined : "text/x");
      // The same origin may know.
      expect(fields.get("authorization")).toBe("secret");
    }
    const head = await it.client.request({ url: `${it.url}303`, method: "HEAD" });
    expect([head.status, it.script.asked.at(-1)!.method]).toEqual([200, "HEAD"]);
    expect(it.client.stats().redirects).toBe(8);
    const stream = { url: `${it.url}307`, method: "POST", body: parts("x") };
    expect(codeOf(await errorOf(() => it.client.request(stream)))).toBe("ERR_HTTP_REDIRECT");
    const once = { url: `${it.url}303`, method: "POST", body: parts("x") };
    expect(await (await it.client.request(once)).text()).toBe("GET /to?x=1 ");
  });

  it("to another origin leave what is secret behind", async () => {
    await using there = new HttpScript((connection, asked) => void connection.write(echo(asked)));
    await using it = clientOf((connection) => {
      connection.write(`HTTP/1.1 307 Go\r\nLocation: ${there.url("/x")}\r\nContent-Length: 0\r\n\r\n`);
    }, { maxRedirects: 1, headers: { cookie: "a=b" } });
    const headers = { Authorization: "secret", Host: "me.test", "X-Plain": "y", "Proxy-Authorization": "z" };
    await (await it.client.request(it.url, { headers })).text();
    const { fields } = there.asked[0];
    expect([fields.get("authorization"), fields.get("cookie"), fields.get("proxy-authorization")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect([fields.get("x-plain"), fields.get("host")]).toEqual(["y", `127.0.0.1:${there.listener.port}`]);
  });

  it("end after their number, and where they lead nowhere", async () => {
    const locations: Record<string, string> = {
      "/loop": "/loop",
      "/https": "https://127.0.0.1/",
      "/file": "file:///etc/passwd",
      "/name": "http://a:b@127.0.0.1/",
      "/bad": "http://[",
      "/relative": "there",
      "/there": "/end",
    };
    await using it = clientOf((connection, asked) => {
      const location = locations[asked.target];
      if (location === undefined) return void connection.write(echo(asked));
      connection.write(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
    }, { maxRedirects: 5 });
    for (const path of ["loop", "https", "file", "name", "bad"]) {
      expect([path, codeOf(await errorOf(() => it.client.request(`${it.url}${path}`)))]).toEqual([
        path,
        "ERR_HTTP_REDIRECT",
      ]);
    }
    expect(it.script.asked.filter(({ target }) => target === "/loop")).toHaveLength(6);
    const answer = await it.client.request(`${it.url}relative`);
    expect([await answer.text(), answer.redirects]).toEqual(["GET /end ", 2]);
    expect(it.client.stats().pool.created).toBe(1);
  });
});

describe("client.fetch", () => {
  it("takes what fetch takes and gives a Response of the runtime", async () => {
    await using it = clientOf((connection, asked) => void connection.write(echo(asked)));
    const calls: [Parameters<typeof fetch>, string][] = [
      [[`${it.url}a`], "GET /a "],
      [[new URL(`${it.url}b`), { method: "post", body: "text" }], "POST /b text"],
      [[new Request(`${it.url}c`, { method: "PUT", body: encoder.encode("bytes") })], "PUT /c bytes"],
      [
        [new Request(`${it.url}d`), { method: "POST", body: new URLSearchParams({ a: "b c" }) }],
        "POST /d a=b+c",
      ],
      [[`${it.url}e`, { method: "POST", body: new Blob(["blob"]) }], "POST /e blob"],
    ];
    for (const [[input, init], expected] of calls) {
      const response = await it.client.fetch(input as string, init);
      expect(response).toBeInstanceOf(Response);
      expect([response.status, response.ok, response.redirected]).toEqual([200, true, false]);
      expect(await response.text()).toBe(expected);
    }
    const [first, second, , form, blob] = it.script.asked;
    expect(first.fields.get("accept")).toBe("*/*");
    expect(second.fields.get("content-type")).toBe("text/plain;charset=UTF-8");
    expect(form.fields.get("content-type")).toContain("application/x-www-form-urlencoded");
    expect(form.fields.get("content-length")).toBe("5");
    expect(blob.fields.get("content-length")).toBe("4");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(encoder.encode("streamed"));
        controller.close();
      },
    });
    const init = { method: "POST", body, duplex: "half" } as RequestInit;
    expect(await (await it.client.fetch(it.url, init)).text()).toBe("POST / streamed");
    expect(it.script.asked.at(-1)!.fields.get("transfer-encoding")).toBe("chunked");
  });

  it("follows redirects as told, and knows where it has come to", async () => {
    await using it = clientOf((connection, asked) => {
      if (asked.target === "/end") return void connection.write(echo(asked));
      connection.write("HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 0\r\n\r\n");
    });
    const followed = await it.client.fetch(`${it.url}from#part`);
    expect([followed.url, followed.redirected, await followed.text()]).toEqual([
      `${it.url}end`,
      true,
      "GET /end ",
    ]);
    const manual = await it.client.fetch(it.url, { redirect: "manual" });
    expect([manual.status, manual.headers.get("location"), manual.redirected]).toEqual([302, "/end", false]);
    const error = await errorOf(() => it.client.fetch(it.url, { redirect: "error" }));
    expect(error).toBeInstanceOf(TypeError);
  });

  it("fails with a TypeError and the cause, or with the signal's reason", async () => {
    await using it = clientOf((connection, { target }) => {
      if (target === "/body") connection.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      else if (target === "/999") connection.write("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n");
      else if (target === "/204") connection.write("HTTP/1.1 204 No Content\r\n\r\n");
      else if (target !== "/wait") connection.end("no HTTP at all\r\n\r\n");
    });
    const wrong = await errorOf(() => it.client.fetch(it.url)) as TypeError;
    expect(wrong).toBeInstanceOf(TypeError);
    expect(codeOf(wrong.cause)).toBe("ERR_HTTP_RESPONSE_MALFORMED");
    const response = await it.client.fetch(`${it.url}body`);
    const broken = await errorOf(() => response.text()) as TypeError;
    expect(broken).toBeInstanceOf(TypeError);
    expect(codeOf(broken.cause)).toBe("ERR_HTTP_RESPONSE_INCOMPLETE");
    expect(await errorOf(() => it.client.fetch(`${it.url}999`))).toBeInstanceOf(TypeError);
    expect((await it.client.fetch(`${it.url}204`)).body).toBe(null);
    expect(await errorOf(() => it.client.fetch("https://localhost/"))).toBeInstanceOf(TypeError);
    expect(await errorOf(() => it.client.fetch("no url"))).toBeInstanceOf(TypeError);
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = errorOf(() => it.client.fetch(`${it.url}wait`, { signal }));
    await until(() => it.script.asked.at(-1)?.target === "/wait", "the request to come");
    controller.abort();
    expect((await aborted as Error).name).toBe("AbortError");
    expect(it.client.stats().active).toBe(0);
  });
});
