/** Requests and answers over sockets: heads, keep-alive, pipelining, order, failures of handlers. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { httpStateOf, prepare } from "../src/http.ts";
import { httpProtocol } from "../src/http/pipeline.ts";
import type { Connection } from "../src/mod.ts";
import type { HttpHandlers, HttpRequest, HttpResponse } from "../src/http.ts";
import { type Client, received, TestServer } from "./helpers/http.ts";
import { Random } from "./helpers/random.ts";
import { delay, until } from "./helpers/wait.ts";

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const answerPath: HttpHandlers = { request: (request, response) => void response.send(request.path) };

describe("a request", () => {
  it("shows its head", async () => {
    const seen: unknown[] = [];
    await using server = new TestServer({
      request(request, response) {
        seen.push(
          request.method,
          request.target,
          request.path,
          request.query,
          request.version,
          request.host,
          request.header("X-One"),
          request.header("x-two"),
          request.header("X-None"),
          request.header("cookie"),
          request.has("range"),
          [...request.headers()],
          request.hasBody,
          request.contentLength,
        );
        response.send();
      },
    });
    await server.exchange(
      "REPORT /a%20b?c=d?e HTTP/1.1\r\nhost: example.org:80\r\nX-One: 1\r\nx-two:  2 \r\nX-TWO: 3\r\n" +
        "Cookie: a=b\r\nCookie: c=d\r\nX-Latin: \xe9\r\n\r\n".replace("\xe9", ""),
    );
    expect(seen).toEqual([
      "REPORT",
      "/a%20b?c=d?e",
      "/a%20b",
      "c=d?e",
      "1.1",
      "example.org:80",
      "1",
      "2, 3",
      undefined,
      "a=b; c=d",
      false,
      [
        ["host", "example.org:80"],
        ["x-one", "1"],
        ["x-two", "2"],
        ["x-two", "3"],
        ["cookie", "a=b"],
        ["cookie", "c=d"],
        ["x-latin", ""],
      ],
      false,
      0,
    ]);
  });

  it("in absolute form has the authority and the path of its target", async () => {
    await using server = new TestServer({
      request: (request, response) => void response.json([request.host, request.path, request.query]),
    });
    const client = await server.connect();
    await client.write("GET http://b:1?x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await client.answer()).body).toBe('["b:1","/","x"]');
    client.peer.close();
  });

  it("that came in pieces is put together", async () => {
    await using server = new TestServer(answerPath);
    const text = get("/one", "X-A: b\r\n") + get("/two") + get("/three");
    for (let cut = 1; cut < text.length; cut += 3) {
      const client = await server.connect();
      await client.write(text.slice(0, cut));
      await delay(1);
      await client.write(text.slice(cut));
      for (const path of ["/one", "/two", "/three"]) expect((await client.answer()).body).toBe(path);
      client.peer.close();
    }
  });

  it("can come a byte a write", async () => {
    await using server = new TestServer(answerPath);
    const client = await server.connect();
    for (const byte of get("/slow")) {
      await client.write(byte);
      await delay(0);
    }
    expect((await client.answer()).body).toBe("/slow");
    client.peer.close();
  });
});

describe("an answer", () => {
  async function answerOf(
    request: (request: HttpRequest, response: HttpResponse) => void | Promise<void>,
    text = get("/"),
    head = false,
  ) {
    await using server = new TestServer({ request });
    const client = await server.connect();
    await client.write(text);
    const answer = await client.answer(head);
    client.peer.close();
    return { answer, errors: server.errors };
  }

  it("has status, date, length and type", async () => {
    const { answer } = await answerOf((_request, response) => void response.send("grüße"));
    expect(answer.status).toBe(200);
    expect(answer.reason).toBe("OK");
    expect(answer.headers.get("content-length")).toBe("7");
    expect(answer.headers.get("content-type")).toBe("text/plain; charset=UTF-8");
    expect(Math.abs(Date.parse(answer.headers.get("date")!) - Date.now())).toBeLessThan(5_000);
    expect([...answer.headers.keys()]).toEqual(["date", "content-type", "content-length"]);
  });

  it("has the fields that were set", async () => {
    const { answer } = await answerOf((_request, response) => {
      response.status(201, "Made").header("X-A", 1).header("x-b", "two").header("X-A", 3);
      response.append("Set-Cookie", "a=b").append("Set-Cookie", "c=d").header("content-type", "text/x");
      response.send(new Uint8Array([0x61, 0x62]));
    });
    expect(answer.status).toBe(201);
    expect(answer.reason).toBe("Made");
    expect(answer.headers.get("x-a")).toBe("3");
    expect(answer.headers.get("x-b")).toBe("two");
    expect(answer.headers.get("set-cookie")).toBe("a=b, c=d");
    expect(answer.headers.get("content-type")).toBe("text/x");
    expect(answer.body).toBe("ab");
  });

  it("of any length arrives whole", async () => {
    for (const length of [0, 1, 64, 65, 4_095, 5_461, 5_462, 16_384, 16_385, 70_000, 20_000_000]) {
      const { answer } = await answerOf((_request, response) => void response.send("x".repeat(length)));
      expect(answer.body.length).toBe(length);
      expect(answer.headers.get("content-length")).toBe(String(length));
    }
  });

  it("larger than the connection's buffer arrives whole", async () => {
    for (const bufferLimit of [300, 1_000]) {
      await using server = new TestServer(
        { request: (_request, response) => void response.send("x".repeat(5_000)) },
        { listen: { bufferLimit } },
      );
      const client = await server.connect();
      await client.write(get("/") + get("/"));
      for (let index = 0; index < 2; index++) expect((await client.answer()).body.length).toBe(5_000);
      client.peer.close();
    }
  });

  it("to HEAD, and with 204 and 304, has no body", async () => {
    const { answer } = await answerOf(
      (_r, response) => void response.send("abc"),
      "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
      true,
    );
    expect(answer.headers.get("content-length")).toBe("3");
    for (const status of [204, 304]) {
      await using server = new TestServer({
        request: (_request, response) => void response.status(status).send("abc"),
      });
      const text = await server.exchange(get("/") + get("/"));
      expect(text).not.toContain("abc");
      expect(text).not.toContain("Content-Length");
      expect(text.split("HTTP/1.1 ").length).toBe(3);
    }
  });

  it("can be prepared", async () => {
    const hello = prepare({ status: 203, headers: { "X-A": "b" }, body: "hello" });
    expect(hello).toMatchObject({ status: 203, length: 5 });
    for (
      const [text, closes] of [[get("/"), undefined], [get("/", "Connection: close\r\n"), "close"]] as const
    ) {
      const { answer } = await answerOf((_request, response) => void response.send(hello), text);
      expect(answer.status).toBe(203);
      expect(answer.headers.get("x-a")).toBe("b");
      expect(answer.headers.has("date")).toBe(true);
      expect(answer.headers.get("connection")).toBe(closes);
      expect(answer.body).toBe("hello");
    }
    const { answer } = await answerOf(
      (_r, response) => void response.send(hello),
      "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
      true,
    );
    expect(answer.headers.get("content-length")).toBe("5");
  });

  it("refuses what would split it", async () => {
    const thrown: string[] = [];
    const { answer } = await answerOf((_request, response) => {
      const attempts = [
        () => response.header("X: y", "a"),
        () => response.header("", "a"),
        () => response.header("X", "a\r\nY: b"),
        () => response.header("X", "a\nb"),
        () => response.append("X", "a\0"),
        () => response.header("X", "\u0100"),
        () => response.status(99),
        () => response.status(1000),
        () => response.status(200, "a\r\n"),
        () => response.header("Transfer-Encoding", "chunked"),
        () => prepare({ headers: { "X": "\r" } }),
        () => prepare({ status: 101 }),
      ];
      for (const attempt of attempts) {
        try {
          attempt();
          thrown.push("nothing");
        } catch (error) {
          thrown.push((error as { code: string }).code);
        }
      }
      response.send("fine");
    });
    expect(new Set(thrown)).toEqual(new Set(["ERR_OPTION"]));
    expect(answer.body).toBe("fine");
    expect(answer.headers.has("x")).toBe(false);
  });

  it("is 500 where the handler throws, rejects, or gives none", async () => {
    const failing = [
      () => {
        throw new Error("a secret");
      },
      () => Promise.reject(new Error("a secret")),
      () => {},
      async () => {},
    ];
    for (const request of failing) {
      const { answer, errors } = await answerOf(request);
      expect(answer.status).toBe(500);
      expect(answer.body).toBe("Internal Server Error\n");
      expect(errors.length).toBe(1);
    }
  });

  it("tells where it failed in development", async () => {
    await using server = new TestServer({
      request() {
        throw new Error("a secret");
      },
    }, { loop: { development: true } });
    expect(await server.exchange(get("/"))).toContain("a secret");
  });

  it("with another length than it says breaks the connection", async () => {
    await using server = new TestServer({
      request: (_request, response) => void response.header("Content-Length", 3).send("ab"),
    });
    expect(await server.exchange(get("/"))).toBe("");
    expect(server.errors.map((error) => (error as { code?: string }).code)).toContain(
      "ERR_HTTP_CONTENT_LENGTH",
    );
  });

  it("can be given once", async () => {
    let code = "";
    const { answer } = await answerOf((_request, response) => {
      response.send("one");
      try {
        response.send("two");
      } catch (error) {
        code = (error as { code: string }).code;
      }
    });
    expect(answer.body).toBe("one");
    expect(code).toBe("ERR_STATE");
  });
});

describe("a connection", () => {
  it("stays open for 1.1, and for 1.0 where that asks for it", async () => {
    await using server = new TestServer(answerPath);
    const client = await server.connect();
    await client.write(get("/a"));
    expect((await client.answer()).headers.has("connection")).toBe(false);
    await client.write("GET /b HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    expect((await client.answer()).headers.get("connection")).toBe("keep-alive");
    await client.write("GET /c HTTP/1.0\r\n\r\nGET /never HTTP/1.0\r\n\r\n");
    expect((await client.answer()).headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("closes where the request or the answer says so, and handles nothing behind", async () => {
    let handled = 0;
    await using server = new TestServer({
      request(request, response) {
        handled += 1;
        if (request.path === "/own") response.header("Connection", "close");
        response.send(request.path);
      },
    });
    for (const first of [get("/", "Connection: close\r\n"), get("/own")]) {
      const client = await server.connect();
      await client.write(first + get("/never"));
      const answer = await client.answer();
      expect(answer.headers.get("connection")).toBe("close");
      expect(await client.rest()).toBe("");
      client.peer.close();
    }
    expect(handled).toBe(2);
  });

  it("ends after its requests are used up", async () => {
    await using server = new TestServer(answerPath, { maxRequests: 3 });
    const client = await server.connect();
    // One with a body counts as well.
    await client.write(get("/1") + get("/2", "Content-Length: 1\r\n") + "x" + get("/3") + get("/4"));
    expect((await client.answer()).headers.has("connection")).toBe(false);
    expect((await client.answer()).headers.has("connection")).toBe(false);
    expect((await client.answer()).headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("gets its answers although its client has ended its side", async () => {
    await using server = new TestServer({
      async request(request, response) {
        await delay(10);
        response.send(request.path);
      },
    });
    const text = await server.exchange(get("/a") + get("/b"));
    expect(text.split("HTTP/1.1 200 OK").length).toBe(3);
    expect(text.endsWith("/b")).toBe(true);
    await until(() => server.reasons.length === 1, "the connection is closed");
    expect(server.reasons[0].error).toBe(undefined);
  });

  it("holds no memory of HTTP between requests", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/async") await delay(1);
        response.send("x");
      },
    });
    const client = await server.connect();
    for (const path of ["/async", "/sync"]) {
      await client.write(get(path));
      await client.answer();
      await until(
        () => (server.connections[0] as unknown as { memory: unknown }).memory === undefined,
        "no memory",
      );
    }
    client.peer.close();
  });

  it("that asked for an answer and is gone aborts the signal of its request", async () => {
    let aborted: Error | undefined;
    let began = false;
    await using server = new TestServer({
      async request(request, response) {
        request.signal.addEventListener("abort", () => aborted = request.signal.reason);
        began = true;
        await until(() => aborted !== undefined, "the signal is aborted");
        response.send("too late");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    await until(() => began, "the request is handled");
    server.connections[0].abort();
    await until(() => aborted !== undefined, "the signal is aborted");
    expect((aborted as Error & { code: string }).code).toBe("ERR_HTTP_CLIENT_LEFT");
    client.peer.close();
  });
});

describe("a response whose handler answers later", () => {
  it("belongs to no other request, although its own is lost, failed or out of time", async () => {
    for (const way of ["lost", "failed", "late"]) {
      const held: HttpResponse[] = [];
      let open = () => {};
      const gate = new Promise<void>((resolve) => open = resolve);
      await using server = new TestServer({
        request(request, response): void | Promise<void> {
          if (request.path === "/later") {
            held.push(response.later());
            if (way === "failed") throw new Error("too bad");
            return;
          }
          return gate.then(() => void response.send(request.path));
        },
      }, way === "late" ? { listen: { timeouts: { handler: 300 } } } : {});
      const first = await server.connect();
      await first.write(get("/later"));
      await until(() => held.length === 1, "the request is handled");
      if (way === "lost") server.connections[0].abort();
      if (way === "failed") expect((await first.answer()).status).toBe(500);
      if (way === "late") expect((await first.answer()).status).toBe(503);
      if (way !== "failed") await until(() => server.reasons.length === 1, "the connection is gone");
      const second = await server.connect();
      await second.write(get("/mine"));
      await until(() => server.connections.length === 2, "the second connection is open");
      await until(() => httpStateOf(server.connections[1]).requestsInWork === 1, "its request is handled");
      expect(held[0].done).toBe(true);
      try {
        expect(held[0].send("of another")).toBe("refused");
      } catch (error) {
        expect([way, (error as { code: string }).code]).toEqual(["failed", "ERR_STATE"]);
      }
      open();
      if (way !== "late") expect((await second.answer()).body).toBe("/mine");
      first.peer.close();
      second.peer.close();
    }
  });
});

describe("pipelining", () => {
  it("keeps the order of answers, whatever order they are given in", async () => {
    const draws = new Random(7);
    const random = () => draws.next();
    await using server = new TestServer({
      request(request, response): void | Promise<void> {
        const kind = random() % 4;
        if (kind === 0) return void response.send(request.path);
        return (async () => {
          await delay(random() % 5);
          if (kind === 1) return void response.send(request.path);
          const stream = response.stream();
          for (const character of request.path) {
            stream.write(character);
            if (kind === 2) await delay(random() % 2);
          }
          stream.end();
        })();
      },
    }, { maxPipeline: 5 });
    for (let round = 0; round < 10; round++) {
      const client = await server.connect();
      const count = 40;
      let text = "";
      for (let index = 0; index < count; index++) text += get(`/${round}/${index}`);
      const cut = random() % text.length;
      await client.write(text.slice(0, cut));
      await delay(random() % 3);
      await client.write(text.slice(cut));
      for (let index = 0; index < count; index++) {
        expect((await client.answer()).body).toBe(`/${round}/${index}`);
      }
      client.peer.close();
    }
  });

  it("sends the answers of one window together", async () => {
    await using server = new TestServer(answerPath);
    const client = await server.connect();
    const before = server.loop.stats();
    let text = "";
    for (let index = 0; index < 16; index++) text += get(`/${index}`);
    await client.write(text);
    for (let index = 0; index < 16; index++) await client.answer();
    const after = server.loop.stats();
    expect(after.sends - before.sends).toBeLessThanOrEqual(after.receives - before.receives);
    client.peer.close();
  });

  it("sends async answers of one turn together, for each connection", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    let waiting = 0;
    await using server = new TestServer({
      async request(request, response) {
        waiting += 1;
        await gate;
        response.send(request.path);
      },
    });
    const clients = await Promise.all([server.connect(), server.connect()]);
    // Request by request on alternating connections, so that their promises settle in turns.
    for (let index = 0; index < 4; index++) {
      for (const client of clients) {
        const before = waiting;
        await client.write(get(`/${index}`));
        await until(() => waiting > before, "the request is handled");
      }
    }
    const { sends } = server.loop.stats();
    open();
    for (const client of clients) {
      for (let index = 0; index < 4; index++) expect((await client.answer()).body).toBe(`/${index}`);
      client.peer.close();
    }
    expect(server.loop.stats().sends - sends).toBe(2);
  });

  it("is drained to the last request received, also of those that wait for their turn", async () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    await using server = new TestServer({
      async request(request, response) {
        await gate;
        response.send(request.path);
      },
    }, { maxPipeline: 1 });
    const client = await server.connect();
    await client.write(get("/1") + get("/2") + get("/3"));
    await until(
      () => server.connections.length === 1 && httpStateOf(server.connections[0]).requestsInWork > 0,
      "it",
    );
    httpProtocol.draining!(server.connections[0] as Connection<unknown>);
    open();
    expect((await client.answer()).headers.has("connection")).toBe(false);
    expect((await client.answer()).headers.has("connection")).toBe(false);
    expect((await client.answer()).headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("has no more requests in work than it may", async () => {
    let most = 0;
    let now = 0;
    await using server = new TestServer({
      async request(request, response) {
        now += 1;
        most = Math.max(most, now);
        await delay(2);
        now -= 1;
        response.send(request.path);
      },
    }, { maxPipeline: 4 });
    const client = await server.connect();
    let text = "";
    for (let index = 0; index < 50; index++) text += get(`/${index}`);
    await client.write(text);
    for (let index = 0; index < 50; index++) expect((await client.answer()).body).toBe(`/${index}`);
    expect(most).toBe(4);
    client.peer.close();
  });

  it("handles no requests whose answers a client does not take", async () => {
    let handled = 0;
    await using server = new TestServer({
      request(_request, response) {
        handled += 1;
        response.send("x".repeat(100_000));
      },
    });
    const client = await server.connect();
    let text = "";
    for (let index = 0; index < 200; index++) text += get("/");
    await client.write(text);
    await until(() => handled > 0, "the first is handled");
    await delay(50);
    expect(handled).toBeLessThan(150);
    for (let index = 0; index < 200; index++) expect((await client.answer()).body.length).toBe(100_000);
    expect(handled).toBe(200);
    client.peer.close();
  });
});

describe("what is no request", () => {
  it("is refused behind the answers that are owed, and nothing behind it is handled", async () => {
    const paths: string[] = [];
    await using server = new TestServer({
      async request(request, response) {
        paths.push(request.path);
        await delay(5);
        response.send(request.path);
      },
    });
    const client = await server.connect();
    await client.write(get("/a") + get("/b") + "BAD\r\n\r\n" + get("/c"));
    expect((await client.answer()).body).toBe("/a");
    expect((await client.answer()).body).toBe("/b");
    const refusal = await client.answer();
    expect(refusal.status).toBe(400);
    expect(refusal.headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    expect(paths).toEqual(["/a", "/b"]);
    client.peer.close();
  });

  it("is refused with the status of its fault", async () => {
    await using server = new TestServer(answerPath, {
      maxHeadSize: 2_000,
      maxTargetSize: 100,
      maxHeaders: 10,
    });
    const cases: [string, number][] = [
      [`GET /${"a".repeat(200)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
      [get("/", `X: ${"a".repeat(3_000)}\r\n`), 431],
      [get("/", "X: a\r\n".repeat(20)), 431],
      ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      [get("/", "Transfer-Encoding: gzip, chunked\r\n"), 501],
      [get("/", "Expect: something\r\n"), 417],
      ["CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501],
      [get("/", "Content-Length: 99999999999\r\n"), 413],
    ];
    for (const [text, status] of cases) {
      const client = await server.connect();
      await client.write(text);
      expect([text.slice(0, 40), (await client.answer()).status]).toEqual([text.slice(0, 40), status]);
      expect(await client.rest()).toBe("");
      client.peer.close();
    }
  });

  it("is a ninth empty line, however the lines come and whatever they follow", async () => {
    await using server = new TestServer(answerPath);
    const lines = async (client: Client, pieces: string[]) => {
      for (const piece of pieces) {
        const before = server.loop.stats().bytesReceived;
        await client.write(piece);
        await received(server, before + piece.length);
      }
    };
    const whole: string[] = Array(8).fill("\r\n");
    const halves = whole.flatMap(() => ["\r", "\n"]);
    const crossed = ["\r", ...Array(7).fill("\n\r"), "\n"];
    for (const pieces of [[whole.join("")], whole, halves, crossed]) {
      const client = await server.connect();
      // A request and its body begin the count again.
      await lines(client, pieces);
      await client.write(get("/a", "Content-Length: 2\r\n") + "ab");
      expect((await client.answer()).body).toBe("/a");
      await lines(client, pieces);
      await client.write(get("/b") + get("/c"));
      expect((await client.answer()).body).toBe("/b");
      expect((await client.answer()).body).toBe("/c");
      await lines(client, pieces);
      expect(httpStateOf(server.connections.at(-1)!).phase).toBe("idle");
      await client.write("\r\n");
      expect((await client.answer()).status).toBe(400);
      expect(await client.rest()).toBe("");
      client.peer.close();
    }
    // Not those of another connection of the same loop.
    const [first, second] = [await server.connect(), await server.connect()];
    await lines(first, whole);
    await lines(second, whole);
    await second.write(get("/d"));
    expect((await second.answer()).body).toBe("/d");
    await first.write(get("/e"));
    expect((await first.answer()).body).toBe("/e");
    const { memory } = server.connections.at(-2) as unknown as { memory: unknown };
    expect(memory).toBe(undefined);
    first.peer.close();
    second.peer.close();
  });

  it("is another host in the target than in Host, where the option says so", async () => {
    const host = "Host: Here:80\r\n\r\n";
    const cases: [string, number][] = [
      [`GET http://there/ HTTP/1.1\r\n${host}`, 400],
      [`GET http://here/ HTTP/1.1\r\n${host}`, 400],
      [`GET http://heRe:80/ HTTP/1.1\r\n${host}`, 200],
      [`GET / HTTP/1.1\r\n${host}`, 200],
      [`GET http://there/ HTTP/1.0\r\n\r\n`, 200],
      [`OPTIONS http://there HTTP/1.1\r\n${host}`, 400],
      [`POST http://there/ HTTP/1.1\r\nContent-Length: 1\r\n${host}x`, 400],
    ];
    for (const requireSameHost of [true, false]) {
      await using server = new TestServer(answerPath, { requireSameHost });
      for (const [text, status] of cases) {
        const answer = await server.exchange(text);
        const wanted = requireSameHost ? status : 200;
        expect([text, answer.slice(9, 12)]).toEqual([text, String(wanted)]);
        expect([text, /Connection: close/.test(answer)]).toEqual([
          text,
          wanted === 400 || text.includes("/1.0"),
        ]);
      }
    }
  });
});
