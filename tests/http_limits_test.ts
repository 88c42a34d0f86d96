/** Time limits of HTTP, and a server that drains, over sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { http, httpStateOf, httpStatistics } from "../src/http.ts";
import { connect, listen } from "../src/mod.ts";
import { Client, type HttpSetting, TestServer } from "./helpers/http.ts";
import { connectPeer } from "./helpers/peer.ts";
import { delay, until, within } from "./helpers/wait.ts";

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const timeouts = (limits: NonNullable<HttpSetting["listen"]>["timeouts"]): HttpSetting => ({
  listen: { timeouts: limits },
});

describe("a time limit", () => {
  it("of heads is answered with 408", async () => {
    await using server = new TestServer(
      { request: (request, response) => void response.send(request.path) },
      timeouts({ head: 60 }),
    );
    const client = await server.connect();
    await client.write(get("/a") + "GET /b HTTP/1.1\r\nHo");
    expect((await client.answer()).body).toBe("/a");
    const answer = await client.answer();
    expect(answer.status).toBe(408);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
    await until(() => server.reasons.length === 1, "the connection is gone");
    expect(server.reasons[0].by).toBe("timeout");
    expect(server.loop.stats().timeouts.head).toBe(1);
  });

  it("of bodies counts from the last byte, and is answered with 408", async () => {
    let code = "";
    await using server = new TestServer({
      async request(request, response) {
        try {
          response.send(await request.text());
        } catch (error) {
          code = (error as { code: string }).code;
        }
      },
    }, timeouts({ body: 150 }));
    const client = await server.connect();
    await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    for (const byte of "abcdef") {
      await delay(40);
      await client.write(byte);
    }
    expect((await client.answer()).body).toBe("abcdef");
    await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    expect((await client.answer()).status).toBe(408);
    expect(await client.rest()).toBe("");
    client.peer.close();
    await until(() => code !== "", "the read has failed");
    expect(code).toBe("ERR_HTTP_BODY_INCOMPLETE");
  });

  it("of handlers is answered with 503, aborts the signal, and spares answers that have begun", async () => {
    let late = "";
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/stream") {
          const stream = response.stream();
          stream.write("a");
          await delay(150);
          return void stream.end("b");
        }
        await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
        late = response.send("too late");
      },
    }, timeouts({ handler: 60 }));
    const client = await server.connect();
    await client.write(get("/stream"));
    expect((await client.answer()).body).toBe("ab");
    await client.write(get("/wait"));
    expect((await client.answer()).status).toBe(503);
    expect(await client.rest()).toBe("");
    client.peer.close();
    await until(() => late !== "", "the handler has gone on");
    expect(late).toBe("refused");
  });

  it("of keep-alive closes a connection between requests, and is advertised", async () => {
    await using server = new TestServer(
      { request: (request, response) => void response.send(request.path) },
      timeouts({ keepAlive: 2_000 }),
    );
    const client = await server.connect();
    await client.write(get("/a", "Connection: keep-alive\r\n"));
    expect((await client.answer()).headers.get("keep-alive")).toBe("timeout=2");
    await client.write(get("/b"));
    expect((await client.answer()).headers.has("keep-alive")).toBe(false);
    expect(await within(client.rest(), "the end of the connection")).toBe("");
    client.peer.close();
    await until(() => server.reasons.length === 1, "the connection is gone");
    expect(server.reasons[0].by).toBe("timeout");
  });

  it("of keep-alive resets no client whose next request is on its way, and handles none", async () => {
    let handled = 0;
    await using server = new TestServer({
      request(_request, response) {
        handled += 1;
        response.send("x");
      },
    }, { listen: { timeouts: { keepAlive: 60 }, lingerTimeout: 5_000 } });
    let text = "";
    let ended = false;
    const client = await connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        data: (_, window) => void (text += window.text()),
        end: () => void (ended = true),
      },
    });
    client.write(get("/a"));
    await until(() => ended, "the server has ended its side");
    for (let request = 0; request < 3; request++) {
      expect(client.write(get("/late"))).toBe("sent");
      await delay(20);
    }
    client.end();
    expect(await within(client.closed, "the end")).toMatchObject({ by: "peer", error: undefined });
    expect([handled, text.split("HTTP/1.1 ").length]).toEqual([1, 2]);
  });
});

describe("an answer that has begun", () => {
  /** A stream that writes as often as it is told, and what became of it. */
  function streaming(setting: HttpSetting) {
    const seen = { aborted: "", done: 0 };
    const server = new TestServer({
      async request(request, response) {
        request.signal.addEventListener("abort", () => seen.aborted = request.signal.reason.code);
        const [, wait, writes] = request.path.split("/").map(Number);
        const stream = response.stream();
        stream.write("begun");
        for (let write = 0; write < writes && !stream.done; write++) {
          await delay(wait);
          if (!stream.done) stream.write(".");
        }
        seen.done += Number(stream.done);
        if (!stream.done) stream.end();
      },
    }, setting);
    return { seen, server };
  }

  it("is not idle, however silent, while its client is there", async () => {
    const { server } = streaming(timeouts({ idle: 60, keepAlive: 60 }));
    await using _ = server;
    const client = await server.connect();
    await client.write(get("/400/1"));
    expect((await client.answer()).body).toBe("begun.");
    client.peer.close();
  });

  it("is idle while it is silent after its client has ended its side", async () => {
    const { seen, server } = streaming(timeouts({ idle: 80 }));
    await using _ = server;
    const client = await server.connect();
    await client.write(get("/700/1"));
    await client.atLeast(5);
    // Not counted from before the end.
    await delay(200);
    const before = Date.now();
    await client.peer.endWriting();
    const rest = await client.rest();
    expect(Date.now() - before).toBeGreaterThan(70);
    expect([rest.includes("\r\n0\r\n"), seen.aborted]).toEqual([false, "ERR_HTTP_CLIENT_LEFT"]);
    expect(server.reasons[0]).toMatchObject({ by: "timeout", error: { code: "ERR_TIMEOUT_IDLE" } });
    await until(() => seen.done === 1, "the stream to know of it");
    client.peer.close();
  });

  it("goes on for a client that has ended its side, if it is written to often enough", async () => {
    const { seen, server } = streaming(timeouts({ idle: 2_000 }));
    await using _ = server;
    const text = await server.exchange(get("/120/20"));
    expect(text.endsWith("\r\n1\r\n.\r\n0\r\n\r\n")).toBe(true);
    expect(seen).toEqual({ aborted: "", done: 0 });
  });
});

describe("a client that resets while the body it has sent waits unread", () => {
  it("is noticed at the limit of the handler at the latest", async () => {
    let aborted = "";
    await using server = new TestServer({
      async request(request) {
        await new Promise<void>((resolve) => {
          request.signal.addEventListener("abort", () => {
            aborted = request.signal.reason.code;
            resolve();
          });
        });
      },
    }, timeouts({ handler: 150 }));
    const client = await connect({ hostname: "127.0.0.1", port: server.port, socket: { data() {} } });
    client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await until(() => server.loop.stats().bytesReceived > 40, "the request has come");
    client.abort();
    await until(() => server.reasons.length === 1, "the connection to be gone");
    expect(aborted).toBe("ERR_HTTP_CLIENT_LEFT");
    expect(server.loop.stats().timeouts.handler).toBe(1);
  });
});

describe("a listener that closes", () => {
  it("ends connections between requests", async () => {
    const listener = listen({
      hostname: "127.0.0.1",
      socket: http({ request: (_request, response) => void response.send("x") }),
    });
    const answer = await fetch(`http://127.0.0.1:${listener.port}/`);
    expect(await answer.text()).toBe("x");
    await within(listener.close(), "the listener is closed");
  });
});

describe("the state of a connection", () => {
  it("has a name and numbers at every step", async () => {
    let goOn = () => {};
    let gate = new Promise<void>((resolve) => goOn = resolve);
    await using server = new TestServer({
      async request(request, response) {
        await request.text();
        await gate;
        const stream = response.stream();
        stream.write("abc");
        gate = new Promise<void>((resolve) => goOn = resolve);
        await gate;
        stream.end();
      },
      upgrade: (_request, response) => response.upgrade({ data() {} }, { Upgrade: "x" }),
    });
    const client = await server.connect();
    await until(() => server.connections.length === 1, "the connection is open");
    const state = () => httpStateOf(server.connections[0]);
    const reached = (phase: string) => until(() => state().phase === phase, `the phase ${phase}`);
    expect(state().phase).toBe("idle");
    await client.write("POST / HTTP/1.1\r\nHost: a\r\n");
    await reached("head");
    expect(state().headBytes).toBe(26);
    await client.write("Content-Length: 5\r\n\r\nab");
    await until(() => state().bodyBytes === 2, "a part of the body");
    expect(state()).toMatchObject({ phase: "body", bodyBytesLeft: 3, requestsInWork: 1, headBytes: 0 });
    await client.write("cde");
    await reached("processing");
    goOn();
    await reached("answering");
    goOn();
    expect((await client.answer()).body).toBe("abc");
    await reached("idle");
    await client.write(get("/", "Connection: Upgrade\r\nUpgrade: x\r\n") + "BAD");
    await client.answer();
    await reached("upgraded");
    server.connections[0].abort();
    await reached("closing");
    client.peer.close();
  });

  it("is counted by its table", async () => {
    const table = http({ request: (_request, response) => void response.send("x") });
    const listener = listen({ hostname: "127.0.0.1", socket: table });
    for (const text of [get("/a") + get("/b"), "BAD\r\n\r\n"]) {
      const client = new Client(await connectPeer({ port: listener.port }));
      await client.write(text);
      await client.peer.endWriting();
      await client.rest();
      client.peer.close();
    }
    expect(httpStatistics(table)).toEqual({
      requests: 2,
      requestsTimedOut: 0,
      handlersFailed: 0,
      upgrades: 0,
      refused: { 400: 1 },
    });
    expect(() => httpStatistics({ data() {} })).toThrow();
    await within(listener.close(), "the listener is closed");
  });
});
