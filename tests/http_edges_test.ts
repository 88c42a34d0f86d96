/** Limits of HTTP at their last byte, counters, and ends that cross: what other tests let pass by one. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  http,
  type HttpHandlers,
  type HttpResponse,
  httpStateOf,
  httpStatistics,
  prepare,
} from "../src/http.ts";
import { createLoop, listen, OptionError } from "../src/mod.ts";
import { httpProtocol } from "../src/http/pipeline.ts";
import { Client, received, TestServer } from "./helpers/http.ts";
import { connectPeer } from "./helpers/peer.ts";
import { delay, until, within } from "./helpers/wait.ts";

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (path: string, body: string, more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
const chunked = (path: string, ...parts: string[]) =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n` +
  parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("");
const end = "0\r\n\r\n";
const answerPath: HttpHandlers = { request: (request, response) => void response.send(request.path) };

describe("the counters of a table", () => {
  it("count what a handler has failed at, what came too late, and what left HTTP", async () => {
    const loop = createLoop();
    const table = http({
      async request(request) {
        if (request.path === "/throws") throw new Error("on purpose");
        await new Promise(() => {});
      },
      upgrade: (_request, response) => response.upgrade({ data() {} }, { Upgrade: "x" }),
      error() {},
    });
    const listener = listen({ hostname: "127.0.0.1", loop, socket: table, timeouts: { handler: 50 } });
    for (const text of [get("/throws"), get("/slow"), get("/", "Connection: upgrade\r\nUpgrade: x\r\n")]) {
      const client = new Client(await connectPeer({ port: listener.port }));
      await client.write(text);
      await client.answer();
      client.peer.close();
    }
    expect(httpStatistics(table)).toEqual({
      requests: 3,
      requestsTimedOut: 1,
      handlersFailed: 1,
      upgrades: 1,
      refused: {},
    });
    expect(loop.stats().handlerErrors).toBe(1);
    listener.stop(true);
    await within(listener.close(), "the listener to be gone");
    await loop.close();
  });
});

describe("a limit", () => {
  it("of requests counts those with a body", async () => {
    await using server = new TestServer(answerPath, { maxRequests: 2 });
    const client = await server.connect();
    await client.write(post("/1", "a") + post("/2", "b") + post("/3", "c"));
    expect((await client.answer()).headers.has("connection")).toBe(false);
    expect((await client.answer()).headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("of unread bodies is met by its last byte, and counts from where a handler stopped", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/part") {
          for await (const _ of request.windows()) break;
        }
        response.send(request.path);
      },
    }, { maxUnreadBodySize: 1_000 });
    const goesOn = async (bytes: string) => {
      const client = await server.connect();
      await client.write(bytes + get("/next", "Connection: close\r\n"));
      const { status } = await client.answer();
      const rest = await client.rest();
      client.peer.close();
      return [status, rest.includes("/next")];
    };
    expect(await goesOn(post("/", "x".repeat(1_000)))).toEqual([200, true]);
    expect(await goesOn(post("/", "x".repeat(1_001)))).toEqual([200, false]);
    expect(await goesOn(chunked("/", "x".repeat(1_000)) + end)).toEqual([200, true]);
    // Of these the end has not come.
    expect(await goesOn(`${chunked("/", "x".repeat(1_001))}1;`)).toEqual([200, false]);
    const other = await server.connect();
    await other.write(chunked("/", "x".repeat(1_000)));
    await other.answer();
    await other.write(end + get("/next"));
    expect((await other.answer()).body).toBe("/next");
    other.peer.close();
    const client = await server.connect();
    await client.write(chunked("/part", "x".repeat(5_000)));
    await delay(20);
    await client.write(chunked("", "y".repeat(900)).split("\r\n\r\n")[1]);
    expect((await client.answer()).body).toBe("/part");
    await delay(20);
    await client.write(end + get("/after"));
    expect((await client.answer()).body).toBe("/after");
    client.peer.close();
  });

  it("of bodies is met by its last byte", async () => {
    await using server = new TestServer({
      request: async (request, response) => void response.send(`${(await request.bytes()).length}`),
    }, { maxRequestBodySize: 100 });
    const status = async (bytes: string) => {
      const client = await server.connect();
      await client.write(bytes);
      const answer = await client.answer();
      client.peer.close();
      return answer.status;
    };
    expect(await status(post("/", "x".repeat(100)))).toBe(200);
    expect(await status(post("/", "x".repeat(101)))).toBe(413);
    expect(await status(chunked("/", "x".repeat(60), "x".repeat(40)) + end)).toBe(200);
    expect(await status(chunked("/", "x".repeat(60), "x".repeat(41)) + end)).toBe(413);
  });

  it("of keep-alive is advertised in whole seconds that are not too many", async () => {
    await using server = new TestServer(answerPath, { listen: { timeouts: { keepAlive: 1_999 } } });
    const client = await server.connect();
    await client.write(get("/", "Connection: keep-alive\r\n"));
    expect((await client.answer()).headers.get("keep-alive")).toBe("timeout=1");
    client.peer.close();
  });

  it("of keep-alive spares an answer that its client takes slowly", async () => {
    const length = 8_000_000;
    await using server = new TestServer({
      request: (_request, response) => void response.send("x".repeat(length)),
    }, { listen: { timeouts: { keepAlive: 100, idle: 100 } } });
    const client = await server.connect();
    await client.write(get("/"));
    await delay(400);
    expect(httpStateOf(server.connections[0]).phase).toBe("answering");
    expect((await client.answer()).body.length).toBe(length);
    client.peer.close();
  });

  it("of handlers counts for each request from the answer before it", async () => {
    let number = 0;
    await using server = new TestServer({
      async request(_request, response) {
        await delay(900 * ++number);
        response.send("in time");
      },
    }, { listen: { timeouts: { handler: 1_600 } } });
    const client = await server.connect();
    await client.write(get("/1") + get("/2"));
    expect([(await client.answer()).status, (await client.answer()).status]).toEqual([200, 200]);
    client.peer.close();
  });

  it("of the rate at which a body comes is answered with 408", async () => {
    await using server = new TestServer({
      request: async (request, response) => void response.send(await request.text()),
    }, { listen: { limits: { receiveRate: 10_000, rateGrace: 150 } } });
    const client = await server.connect();
    await client.write(post("/", "x".repeat(100)).slice(0, -50));
    expect((await client.answer()).status).toBe(408);
    client.peer.close();
  });
});

describe("the last answer", () => {
  it("of async ones drops those behind it", async () => {
    const asked: Record<string, PromiseWithResolvers<HttpResponse>> = {
      "/1": Promise.withResolvers(),
      "/2": Promise.withResolvers(),
    };
    await using server = new TestServer({
      request: (request, response) => asked[request.path].resolve(response.later()),
    });
    const client = await server.connect();
    await client.write(get("/1") + get("/2"));
    const [first, second] = await Promise.all([asked["/1"].promise, asked["/2"].promise]);
    first.header("Connection", "close").send("first");
    expect((await client.answer()).body).toBe("first");
    expect(second.done).toBe(true);
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("before a shutdown is that of the last request received", async () => {
    let goOn = () => {};
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/held") await new Promise<void>((resolve) => goOn = resolve);
        response.send(request.path);
      },
    });
    const client = await server.connect();
    await client.write(get("/held"));
    await until(() => server.connections.length === 1, "the connection is there");
    const [connection] = server.connections;
    await until(() => httpStateOf(connection).phase === "processing", "the request is in work");
    httpProtocol.draining!(connection);
    const both = get("/b") + get("/c");
    await client.write(both);
    await received(server, get("/held").length + both.length);
    await until(() => httpStateOf(connection).requestsInWork === 3, "all are handled");
    goOn();
    const answers = [await client.answer(), await client.answer(), await client.answer()];
    expect(answers.map(({ body }) => body)).toEqual(["/held", "/b", "/c"]);
    expect(answers.map(({ headers }) => headers.get("connection"))).toEqual([undefined, undefined, "close"]);
    client.peer.close();
  });
});

describe("a stream", () => {
  it("is not ended by an empty piece", async () => {
    await using server = new TestServer({
      request(_request, response) {
        const stream = response.stream();
        for (const piece of ["a", "", "b"]) stream.write(piece);
        stream.write(new Uint8Array(0));
        stream.end("c");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect((await client.answer()).body).toBe("abc");
    client.peer.close();
  });

  it("may begin before a long body is read, and the connection stays", async () => {
    await using server = new TestServer({
      async request(request, response) {
        const stream = response.stream();
        if (request.hasBody) stream.write(String((await request.bytes()).length));
        stream.end();
      },
    }, { maxUnreadBodySize: 10 });
    const client = await server.connect();
    await client.write(post("/", "x".repeat(100)) + get("/"));
    const answer = await client.answer();
    expect([answer.body, answer.headers.has("connection")]).toEqual(["100", false]);
    expect((await client.answer()).status).toBe(200);
    client.peer.close();
  });

  it("refuses wrong options and trailers, and the request can still be answered", async () => {
    const wrong: [options: unknown, message: RegExp][] = [
      [{ length: "3" }, /"length" must be a whole number of bytes/],
      [{ length: -1 }, /"length" must be/],
      [{ length: NaN }, /"length" must be/],
      [{ length: 1.5 }, /"length" must be/],
      [{ lenght: 3 }, /unknown option "lenght"/],
      [{ trailers: ["a b"] }, /"a b" is not the name/],
      [{ trailers: "ab" }, /"trailers" must be a list/],
    ];
    await using server = new TestServer({
      request(_request, response) {
        for (const [options, message] of wrong) {
          expect(() => response.stream(options as never)).toThrow(OptionError);
          expect(() => response.stream(options as never)).toThrow(message);
        }
        response.header("Content-Length", 3);
        expect(() => response.stream({ length: 4 })).toThrow(/Content-Length says 3/);
        response.stream({ length: 3 }).end("abc");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect((await client.answer()).body).toBe("abc");
    client.peer.close();
    expect(server.errors).toEqual([]);
  });

  it("sends no field as a trailer that frames a message", async () => {
    await using server = new TestServer({
      request(_request, response) {
        const stream = response.stream();
        for (const name of ["Host", "content-length", "Trailer", "Connection", "Transfer-Encoding"]) {
          expect(() => stream.end("", { "X-A": "1", [name]: name === "Connection" ? "close" : "5" }), name)
            .toThrow(OptionError);
        }
        stream.end("x", { "X-Sum": "1" });
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    const { body, trailers } = await client.answer();
    expect([body, [...trailers]]).toEqual(["x", [["x-sum", "1"]]]);
    client.peer.close();
    expect(server.errors).toEqual([]);
  });

  it("of a received body makes the client wait once enough of it waits", async () => {
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    const done = Promise.withResolvers<void>();
    await using server = new TestServer({
      async request(request, response) {
        reader = request.body!.getReader();
        await reader.read();
        await done.promise;
        let length = 0;
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
          length += part.value.length;
        }
        response.send(length > 3_000_000 ? "all" : String(length));
      },
    });
    const client = await server.connect();
    const sent = client.write(post("/", "x".repeat(4_000_000)));
    await until(() => reader !== undefined, "the body is being read");
    const bodyBytes = () => httpStateOf(server.connections[0]).bodyBytes;
    for (let before = -1; before !== bodyBytes(); await delay(100)) before = bodyBytes();
    // A body that has come whole counts for nothing any more.
    expect(bodyBytes()).toBeGreaterThan(0);
    expect(bodyBytes()).toBeLessThan(1_000_000);
    done.resolve();
    expect((await client.answer()).body).toBe("all");
    await sent;
    client.peer.close();
  });

  it("that nobody reads on is thrown away, however long it is", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/stream") {
          const reader = request.body!.getReader();
          await reader.read();
          reader.releaseLock();
        } else if (request.path === "/windows") {
          for await (const _ of request.windows()) break;
        }
        response.send(request.path);
      },
    }, { maxUnreadBodySize: 4_000_000 });
    for (const path of ["/stream", "/windows"]) {
      const client = await server.connect();
      void client.write(post(path, "x".repeat(2_000_000)) + get("/next"));
      expect((await client.answer()).body).toBe(path);
      expect((await client.answer()).body).toBe("/next");
      client.peer.close();
    }
  });

  it("tells a reader with a buffer of its own that the body has ended", async () => {
    await using server = new TestServer({
      async request(request, response) {
        const reader = request.body!.getReader({ mode: "byob" });
        let text = "";
        for (;;) {
          const { done, value } = await reader.read(new Uint8Array(3));
          if (value !== undefined) text += new TextDecoder().decode(value);
          if (done) break;
        }
        response.send(text);
      },
    });
    const client = await server.connect();
    await client.write(chunked("/", "hello"));
    await delay(20);
    await client.write(end);
    expect((await client.answer()).body).toBe("hello");
    client.peer.close();
  });
});

describe("a prepared answer", () => {
  it("may be the last one of its connection", async () => {
    const bye = prepare({ body: "bye", headers: { Connection: "close" } });
    await using server = new TestServer({ request: (_request, response) => void response.send(bye) });
    const client = await server.connect();
    await client.write(get("/1") + get("/2"));
    const answer = await client.answer();
    expect([answer.body, answer.headers.get("connection")]).toEqual(["bye", "close"]);
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("to HEAD has no body, and the length of what GET is answered", async () => {
    const hello = prepare({ body: "hello" });
    await using server = new TestServer({ request: (_request, response) => void response.send(hello) });
    const client = await server.connect();
    await client.write(get("/").replace("GET", "HEAD") + get("/"));
    expect((await client.answer(true)).headers.get("content-length")).toBe("5");
    expect((await client.answer()).body).toBe("hello");
    client.peer.close();
  });
});

describe("the head of an answer", () => {
  it("has no field and no status that is the server's business, or none", async () => {
    const wrong: ((response: HttpResponse) => unknown)[] = [
      (response) => response.header("Keep-Alive", "timeout=5"),
      (response) => response.header("keep-alive", "timeout=5"),
      (response) => response.append("Transfer-Encoding", "chunked"),
      (response) => response.header("Content-Length", "1e1"),
      (response) => response.header("Content-Length", "-1"),
      (response) => response.header("Content-Length", ""),
      (response) => response.header("Connection", "upgrade"),
      (response) => response.header("Connection", "close, x"),
      (response) => response.status(200.5),
      (response) => response.status(199),
      (response) => response.status(1_000),
    ];
    await using server = new TestServer({
      request(_request, response) {
        for (const call of wrong) expect(() => call(response), String(call)).toThrow(OptionError);
        response.send("fine");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    const answer = await client.answer();
    expect([answer.status, answer.body, [...answer.headers.keys()].sort().join()])
      .toEqual([200, "fine", "content-length,content-type,date"]);
    client.peer.close();
    expect(server.errors).toEqual([]);
  });

  it("says the length that bytes have, or the connection is cut", async () => {
    const bodies: Record<string, string | Uint8Array> = {
      "/shorter": new Uint8Array(3),
      "/longer": new Uint8Array(5),
      "/short-text": "abc",
      "/long-text": "abcde",
      "/nothing": "",
      "/large": new Uint8Array(100_000),
    };
    const codes: unknown[] = [];
    await using server = new TestServer({
      request(request, response) {
        response.header("Content-Length", 4);
        try {
          response.send(bodies[request.path]);
        } catch (error) {
          codes.push((error as { code?: string }).code);
        }
      },
    });
    for (const path of Object.keys(bodies)) {
      expect([path, await server.exchange(get(path))]).toEqual([path, ""]);
    }
    expect(codes).toEqual(Object.keys(bodies).map(() => "ERR_HTTP_CONTENT_LENGTH"));
  });

  it("to HEAD and with 304 may say the length of what GET is answered", async () => {
    await using server = new TestServer({
      request(request, response) {
        if (request.path === "/304") response.status(304);
        response.header("Content-Length", 12_345).send();
      },
    });
    const client = await server.connect();
    await client.write(get("/").replace("GET", "HEAD") + get("/304"));
    expect((await client.answer(true)).headers.get("content-length")).toBe("12345");
    expect((await client.answer(true)).status).toBe(304);
    client.peer.close();
  });

  it("that the server gives in place of a handler has nothing of the handler's", async () => {
    await using server = new TestServer({
      async request(_request, response) {
        response.status(201, "Mine").header("X-Mine", "1").header("Content-Length", 999);
        await new Promise(() => {});
      },
    }, { listen: { timeouts: { handler: 50 } } });
    const client = await server.connect();
    await client.write(get("/"));
    const answer = await client.answer();
    expect([answer.status, answer.reason, answer.headers.has("x-mine"), answer.headers.get("connection")])
      .toEqual([503, "Service Unavailable", false, "close"]);
    client.peer.close();
  });

  it("advertises the idle limit where there is none of keep-alive", async () => {
    await using server = new TestServer(answerPath, { listen: { timeouts: { keepAlive: 0, idle: 5_000 } } });
    const client = await server.connect();
    await client.write(get("/", "Connection: keep-alive\r\n"));
    expect((await client.answer()).headers.get("keep-alive")).toBe("timeout=5");
    client.peer.close();
  });

  it("advertises the limit of its own server, where another one on its loop has another", async () => {
    await using server = new TestServer(answerPath, { listen: { timeouts: { keepAlive: 5_000 } } });
    await using longer = listen({
      hostname: "127.0.0.1",
      port: 0,
      loop: server.loop,
      timeouts: { keepAlive: 70_000 },
      socket: http(answerPath),
    });
    const client = await server.connect();
    const other = new Client(await connectPeer({ port: longer.port }));
    const asks = async (from: Client, request: string) => {
      await from.write(request);
      const { headers, body } = await from.answer();
      return [headers.get("keep-alive"), headers.get("connection"), body];
    };
    const keep = "Connection: keep-alive\r\n";
    for (let round = 0; round < 2; round++) {
      expect(await asks(client, get("/a", keep))).toEqual(["timeout=5", undefined, "/a"]);
      expect(await asks(client, get("/b"))).toEqual([undefined, undefined, "/b"]);
      expect(await asks(other, get("/c", keep))).toEqual(["timeout=70", undefined, "/c"]);
      expect(await asks(client, "GET /d HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        .toEqual(["timeout=5", "keep-alive", "/d"]);
    }
    expect(await asks(client, get("/e", "Connection: close\r\n"))).toEqual([undefined, "close", "/e"]);
    expect(await asks(other, get("/f", keep))).toEqual(["timeout=70", undefined, "/f"]);
    client.peer.close();
    other.peer.close();
  });

  it("of an interim answer waits for earlier answers, also in a callback that answers at once", async () => {
    let goOn = () => {};
    await using server = new TestServer({
      request(request, response) {
        if (request.path === "/1") {
          response.later();
          goOn = () => void response.send("1");
          return;
        }
        response.informational(103, { Link: "</a>" });
        response.send("2");
        goOn();
      },
    });
    const client = await server.connect();
    await client.write(get("/1") + get("/2"));
    const seen = [await client.answer(), await client.answer(), await client.answer()];
    expect(seen.map(({ status, body }) => `${status} ${body}`)).toEqual(["200 1", "103 ", "200 2"]);
    client.peer.close();
  });
});

describe("a client that has left", () => {
  it("fails the end of a stream that is written to", async () => {
    const outcome = Promise.withResolvers<unknown>();
    await using server = new TestServer({
      async request(_request, response) {
        const stream = response.stream();
        const writer = stream.writable.getWriter();
        await writer.write("a");
        await until(() => stream.done, "the client is seen to be gone");
        outcome.resolve(await writer.close().then(() => "closed", (error) => error.code));
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    await client.atLeast(1);
    await until(() => server.connections.length === 1, "the connection is there");
    server.connections[0].abort();
    expect(await within(outcome.promise, "the end of the stream")).toBe("ERR_STATE");
    client.peer.close();
  });
});
