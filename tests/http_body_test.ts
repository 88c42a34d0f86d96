/** Bodies over sockets: by length, in chunks, with limits, backpressure and trailers, both ways. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type HttpHandlers, type HttpRequest, httpStateOf } from "../src/http.ts";
import type { Window } from "../src/mod.ts";
import { TestServer } from "./helpers/http.ts";
import { Random } from "./helpers/random.ts";
import { delay, until } from "./helpers/wait.ts";

const post = (path: string, body: string, more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;
const chunkedHead = (path: string, more = "") =>
  `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${more}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;
const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;

/** Reads a body in the way the path says, and answers with what was read. */
async function readAs(way: string, request: HttpRequest): Promise<string> {
  switch (way) {
    case "/text":
      return await request.text();
    case "/bytes":
      return new TextDecoder().decode(await request.bytes());
    case "/buffer":
      return new TextDecoder().decode(await request.arrayBuffer());
    case "/windows": {
      let text = "";
      await request.onData((window) => void (text += window.text()));
      return text;
    }
    case "/slow": {
      let text = "";
      await request.onData(async (window) => {
        text += window.text();
        await delay(1);
      });
      return text;
    }
    case "/each": {
      let text = "";
      for await (const window of request.windows()) {
        await delay(0);
        text += window.text();
      }
      return text;
    }
    case "/late":
      await delay(5);
      return await request.text();
    default: {
      let text = "";
      for await (const bytes of request.body!) text += new TextDecoder().decode(bytes);
      return text;
    }
  }
}

const echo: HttpHandlers = {
  request: async (request, response) => void response.send(await readAs(request.path, request)),
};

const WAYS = ["/text", "/bytes", "/buffer", "/windows", "/slow", "/each", "/late", "/stream"];

describe("the body of a request", () => {
  it("arrives whole in every way it can be read, at every cut", async () => {
    await using server = new TestServer(echo);
    for (const way of WAYS) {
      const text = post(way, "hello body") + chunkedHead(way) + chunk("first ") + chunk("second") +
        "0\r\n\r\n" + post(way, "") + post(way, "last");
      for (let cut = 1; cut < text.length; cut += way === "/text" ? 1 : 17) {
        const client = await server.connect();
        await client.write(text.slice(0, cut));
        await delay(0);
        await client.write(text.slice(cut));
        for (const body of ["hello body", "first second", "", "last"]) {
          if (way === "/stream" && body === "") {
            // A request without a body has no stream.
            expect((await client.answer()).status).toBe(500);
          } else expect((await client.answer()).body).toBe(body);
        }
        client.peer.close();
      }
    }
  });

  it("of some size arrives whole", async () => {
    const random = new Random(3);
    const body = Array.from({ length: 300_000 }, () => String.fromCharCode(97 + random.between(0, 25))).join(
      "",
    );
    await using server = new TestServer(echo);
    for (const way of WAYS) {
      const client = await server.connect();
      const pieces = [];
      for (let at = 0; at < body.length;) {
        const length = random.between(1, 40_000);
        pieces.push(chunk(body.slice(at, at + length)));
        at += length;
      }
      void client.write(post(way, body) + chunkedHead(way) + pieces.join("") + "0\r\n\r\n");
      expect((await client.answer()).body === body).toBe(true);
      expect((await client.answer()).body === body).toBe(true);
      client.peer.close();
    }
  });

  it("is JSON, or a form", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/json") return void response.json(await request.json());
        const form = await request.formData();
        response.json([...form]);
      },
    });
    const client = await server.connect();
    await client.write(post("/json", '{"a":[1,2]}'));
    expect((await client.answer()).body).toBe('{"a":[1,2]}');
    await client.write(post("/form", "a=b&c=d%20e", "Content-Type: application/x-www-form-urlencoded\r\n"));
    expect((await client.answer()).body).toBe('[["a","b"],["c","d e"]]');
    await client.write(post("/json", "{"));
    expect((await client.answer()).status).toBe(500);
    client.peer.close();
  });

  it("has trailers, whole or in pieces", async () => {
    await using server = new TestServer({
      async request(request, response) {
        await request.text();
        response.json(await request.trailers);
      },
    });
    const text = chunkedHead("/") + chunk("abc") + "0\r\nX-Sum: 1\r\nx-other: 2\r\n\r\n" + get("/");
    for (let cut = text.indexOf("abc"); cut < text.length; cut++) {
      const client = await server.connect();
      await client.write(text.slice(0, cut));
      await delay(0);
      await client.write(text.slice(cut));
      expect((await client.answer()).body).toBe('[["x-sum","1"],["x-other","2"]]');
      expect((await client.answer()).body).toBe("[]");
      client.peer.close();
    }
  });

  it("can be read once", async () => {
    let code = "";
    await using server = new TestServer({
      async request(request, response) {
        const text = await request.text();
        expect(request.bodyUsed).toBe(true);
        await request.bytes().catch((error) => code = error.code);
        response.send(text);
      },
    });
    const client = await server.connect();
    await client.write(post("/", "once"));
    expect((await client.answer()).body).toBe("once");
    expect(code).toBe("ERR_STATE");
    client.peer.close();
  });

  it("that nobody reads is discarded up to a limit", async () => {
    let handled = 0;
    await using server = new TestServer({
      request(_request, response) {
        handled += 1;
        response.send("no");
      },
    }, { maxUnreadBodySize: 1_000 });
    const client = await server.connect();
    await client.write(
      post("/", "x".repeat(900)) + chunkedHead("/") + chunk("y".repeat(500)) + "0\r\n\r\n" + get("/"),
    );
    for (let index = 0; index < 3; index++) {
      expect((await client.answer()).headers.has("connection")).toBe(false);
    }
    await client.write(post("/", "x".repeat(2_000)));
    expect((await client.answer()).headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
    const other = await server.connect();
    await other.write(chunkedHead("/") + chunk("y".repeat(3_000)));
    await other.answer();
    expect(await other.rest()).toBe("");
    other.peer.close();
    expect(handled).toBe(5);
  });

  it("above the limit is refused with 413: by its length at once, in chunks when it shows", async () => {
    let handled = 0;
    await using server = new TestServer({
      async request(request, response) {
        handled += 1;
        response.send(await request.text());
      },
    }, { maxRequestBodySize: 100 });
    const client = await server.connect();
    await client.write(post("/", "x".repeat(101)) + get("/"));
    const answer = await client.answer();
    expect(answer.status).toBe(413);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    expect(handled).toBe(0);
    client.peer.close();
    const other = await server.connect();
    await other.write(
      chunkedHead("/") + chunk("x".repeat(60)) + chunk("x".repeat(60)) + "0\r\n\r\n" + get("/"),
    );
    const late = await other.answer();
    expect(late.status).toBe(413);
    expect(late.headers.get("connection")).toBe("close");
    expect(await other.rest()).toBe("");
    expect(handled).toBe(1);
    expect(server.errors).toEqual([]);
    other.peer.close();
  });

  it("whose stream is left unread by its handler is discarded as well", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.body !== null) {
          const reader = request.body.getReader();
          await reader.read();
          reader.releaseLock();
        }
        response.send(request.path);
      },
    }, { maxUnreadBodySize: 200_000 });
    const client = await server.connect();
    void client.write(post("/a", "x".repeat(150_000)) + get("/b"));
    expect((await client.answer()).body).toBe("/a");
    expect((await client.answer()).body).toBe("/b");
    client.peer.close();
  });

  it("comes to an async reader one part after the other, also in many small chunks", async () => {
    let now = 0;
    let most = 0;
    let parts = 0;
    await using server = new TestServer({
      async request(request, response) {
        let text = "";
        await request.onData(async (window) => {
          most = Math.max(most, ++now);
          text += window.text();
          parts += 1;
          await delay(0);
          now -= 1;
        });
        response.send(text);
      },
    });
    const client = await server.connect();
    const words = Array.from({ length: 50 }, (_, index) => `word ${index} `);
    await client.write(chunkedHead("/") + words.map(chunk).join("") + "0\r\n\r\n" + get("/"));
    expect((await client.answer()).body).toBe(words.join(""));
    expect((await client.answer()).body).toBe("");
    expect([most, parts]).toEqual([1, 50]);
    client.peer.close();
  });

  it("is read window by window as they are asked for, each valid until the next", async () => {
    let windows = 0;
    let mayGoOn = () => {};
    let gate = new Promise<void>((resolve) => mayGoOn = resolve);
    const live: boolean[] = [];
    await using server = new TestServer({
      async request(request, response) {
        let before: Window | undefined;
        let length = 0;
        for await (const window of request.windows()) {
          windows += 1;
          live.push(window.live, before === window || before?.live !== true);
          await gate;
          length += window.length;
          before = window;
        }
        live.push(before?.live !== true);
        response.send(`${length}`);
      },
    });
    const client = await server.connect();
    const body = "x".repeat(4_000_000);
    const writing = client.write(post("/", body));
    await until(() => windows === 1, "the first window came");
    await delay(50);
    expect(windows).toBe(1);
    const { bytesReceived } = server.loop.stats();
    expect(bytesReceived).toBeLessThan(1_000_000);
    mayGoOn();
    gate = Promise.resolve();
    expect((await client.answer()).body).toBe(`${body.length}`);
    await writing;
    expect(live).not.toContain(false);
    client.peer.close();
  });

  it("that a loop leaves early is thrown away, and the connection serves on", async () => {
    const errors: string[] = [];
    await using server = new TestServer({
      async request(request, response) {
        for await (const window of request.windows()) {
          if (request.path === "/throw") throw new Error("enough");
          if (window.length > 0) break;
        }
        await request.text().catch((error) => errors.push(error.code));
        response.send("left");
      },
    });
    const client = await server.connect();
    await client.write(post("/", "x".repeat(30_000)) + post("/throw", "y".repeat(30_000)) + post("/", "z"));
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await client.answer()).status);
    expect(statuses).toEqual([200, 500, 200]);
    expect(errors).toEqual(["ERR_STATE", "ERR_STATE"]);
    client.peer.close();
  });

  it("that does not come whole fails the window that is waited for", async () => {
    const errors: string[] = [];
    let begun = 0;
    await using server = new TestServer({
      async request(request, response) {
        try {
          for await (const window of request.windows()) begun += window.length;
        } catch (error) {
          errors.push((error as { code: string }).code);
        }
        response.send();
      },
    });
    const client = await server.connect();
    await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await until(() => begun === 3, "the beginning came");
    client.peer.close();
    await until(() => errors.length > 0, "the loop ended");
    expect(errors).toEqual(["ERR_HTTP_BODY_INCOMPLETE"]);
  });

  it("that is malformed gives 400, and ends the connection", async () => {
    await using server = new TestServer(echo);
    for (const bad of ["x\r\nabc\r\n", "3\r\nabcd\r\n", "3\nabc\r\n", "0\r\nContent-Length: 3\r\n\r\n"]) {
      const client = await server.connect();
      await client.write(chunkedHead("/text") + chunk("good") + bad + get("/never"));
      const answer = await client.answer();
      expect(answer.status).toBe(400);
      expect(await client.rest()).toBe("");
      client.peer.close();
    }
    expect(server.errors).toEqual([]);
  });

  it("whose client leaves rejects", async () => {
    const codes: string[] = [];
    await using server = new TestServer({
      async request(request, response) {
        try {
          await request.text();
        } catch (error) {
          codes.push((error as { code: string }).code);
          throw error;
        }
        response.send();
      },
    });
    for (const leave of ["fin", "reset"]) {
      const client = await server.connect();
      await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
      await until(() => server.connections.length > codes.length, "the connection is open");
      await delay(10);
      if (leave === "fin") {
        await client.peer.endWriting();
        expect((await client.answer()).status).toBe(400);
        expect(await client.rest()).toBe("");
      } else {
        server.connections[1].abort();
      }
      await until(() => codes.length === (leave === "fin" ? 1 : 2), "the read has failed");
      client.peer.close();
    }
    expect(codes).toEqual(["ERR_HTTP_BODY_INCOMPLETE", "ERR_HTTP_BODY_INCOMPLETE"]);
  });

  it("whose failure nobody waits for yet harms nothing", async () => {
    let code = "";
    await using server = new TestServer({
      async request(request, response) {
        const reading = [request.json(), request.trailers];
        await until(() => server.reasons.length === 1, "the client is gone");
        await Promise.all(reading).catch((error) => code = error.code);
        response.send();
      },
    });
    const client = await server.connect();
    await client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await until(() => server.connections.length === 1, "the connection is open");
    await until(() => httpStateOf(server.connections[0]).phase === "body", "the body is read");
    server.connections[0].abort();
    await until(() => code !== "", "the handler has seen it");
    expect(code).toBe("ERR_HTTP_BODY_INCOMPLETE");
    client.peer.close();
  });

  it("that is not read makes the client wait", async () => {
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => goOn = resolve);
    await using server = new TestServer({
      async request(request, response) {
        await gate;
        response.send(String((await request.bytes()).length));
      },
    });
    const client = await server.connect();
    const length = 8_000_000;
    void client.write(post("/", "x".repeat(length)));
    await until(() => server.loop.stats().bytesReceived > 0, "the request is here");
    await delay(50);
    expect(server.loop.stats().bytesReceived).toBeLessThan(1_000_000);
    goOn();
    expect((await client.answer()).body).toBe(String(length));
    client.peer.close();
  });
});

describe("100 Continue", () => {
  const waiting = "Expect: 100-continue\r\n";

  it("is sent when the body is read", async () => {
    await using server = new TestServer(echo);
    const client = await server.connect();
    for (const way of WAYS) {
      await client.write(`POST ${way} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n${waiting}\r\n`);
      expect((await client.answer()).status).toBe(100);
      await client.write("body");
      expect((await client.answer()).body).toBe("body");
    }
    client.peer.close();
  });

  it("is not sent where the body is here, to 1.0, or behind the answer", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/no") return void response.status(403).send();
        response.send(await request.text());
      },
    });
    const client = await server.connect();
    await client.write(post("/", "here", waiting));
    expect((await client.answer()).body).toBe("here");
    await client.write(
      "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n" + waiting + "\r\n",
    );
    await delay(5);
    await client.write("ab");
    expect((await client.answer()).body).toBe("ab");
    await client.write(`POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n${waiting}\r\n`);
    const answer = await client.answer();
    expect(answer.status).toBe(403);
    expect(answer.headers.get("connection")).toBe("close");
    expect(await client.rest()).toBe("");
    client.peer.close();
  });

  it("waits for earlier answers", async () => {
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/first") await delay(20);
        response.send(request.path + await request.text());
      },
    });
    const client = await server.connect();
    await client.write(get("/first") + `POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n${waiting}\r\n`);
    expect((await client.answer()).body).toBe("/first");
    expect((await client.answer()).status).toBe(100);
    await client.write("x");
    expect((await client.answer()).body).toBe("/bx");
    client.peer.close();
  });
});

describe("a streamed answer", () => {
  it("goes in chunks, by length, or until the connection ends", async () => {
    await using server = new TestServer({
      async request(request, response) {
        const length = request.path === "/length" ? 9 : undefined;
        const stream = response.header("X-A", "b").stream({ length });
        stream.write("one");
        await delay(1);
        stream.write("two");
        stream.end("abc");
        expect(stream.done).toBe(true);
        expect(response.done).toBe(true);
      },
    });
    const client = await server.connect();
    await client.write(get("/") + get("/length"));
    const chunked = await client.answer();
    expect(chunked.headers.get("transfer-encoding")).toBe("chunked");
    expect(chunked.headers.has("content-length")).toBe(false);
    expect(chunked.body).toBe("onetwoabc");
    const byLength = await client.answer();
    expect(byLength.headers.get("content-length")).toBe("9");
    expect(byLength.body).toBe("onetwoabc");
    await client.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    const old = await client.answer();
    expect(old.headers.get("connection")).toBe("close");
    expect(old.body).toBe("onetwoabc");
    await client.rest();
    client.peer.close();
  });

  it("sends trailers", async () => {
    await using server = new TestServer({
      request(_request, response) {
        const stream = response.stream({ trailers: ["X-Sum"] });
        stream.write("abc");
        stream.end(undefined, { "X-Sum": 7 });
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    const answer = await client.answer();
    expect(answer.headers.get("trailer")).toBe("X-Sum");
    expect(answer.trailers.get("x-sum")).toBe("7");
    client.peer.close();
  });

  it("of a wrong length throws, and breaks the connection", async () => {
    for (const text of ["ab", "abcd"]) {
      let code = "";
      await using server = new TestServer({
        request(_request, response) {
          const stream = response.stream({ length: 3 });
          try {
            stream.end(text);
          } catch (error) {
            code = (error as { code: string }).code;
          }
        },
      });
      const client = await server.connect();
      await client.write(get("/"));
      await client.rest();
      expect(code).toBe("ERR_HTTP_CONTENT_LENGTH");
      expect(server.reasons.length === 1 || (await until(() => server.reasons.length === 1, "closed"), true))
        .toBe(true);
      client.peer.close();
    }
  });

  it("to HEAD sends no body", async () => {
    await using server = new TestServer({
      request(_request, response) {
        const stream = response.stream({ length: 3 });
        stream.write("abc");
        stream.end();
      },
    });
    const client = await server.connect();
    await client.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));
    expect((await client.answer(true)).headers.get("content-length")).toBe("3");
    expect((await client.answer()).body).toBe("abc");
    client.peer.close();
  });

  it("waits for its reader, with little memory", async () => {
    let most = 0;
    const total = 30_000_000;
    const piece = new Uint8Array(100_000).fill(97);
    await using server = new TestServer({
      async request(request, response) {
        const stream = response.stream();
        if (request.path === "/web") {
          const writer = stream.writable.getWriter();
          for (let sent = 0; sent < total; sent += piece.length) await writer.write(piece);
          return await writer.close();
        }
        for (let sent = 0; sent < total; sent += piece.length) {
          expect(stream.write(piece)).not.toBe("refused");
          most = Math.max(most, stream.bufferedBytes);
          await stream.drained();
        }
        stream.end();
      },
    });
    for (const path of ["/", "/web"]) {
      const client = await server.connect();
      await client.write(get(path));
      await delay(20);
      expect((await client.answer()).body.length).toBe(total);
      client.peer.close();
    }
    expect(most).toBeLessThan(1_000_000);
  });

  it("finds room although earlier and later answers fill the buffer", async () => {
    const given: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    const piece = "p".repeat(5_000);
    await using server = new TestServer({
      async request(request, response) {
        given.push(request.path);
        if (request.path === "/whole") return void response.send("w".repeat(40_000));
        if (request.path === "/first") await gate;
        const stream = response.stream();
        for (let left = 10; left > 0 && !stream.done;) {
          if (stream.write(piece) === "refused") await stream.drained();
          else left -= 1;
        }
        stream.end();
      },
    }, { listen: { highWaterMark: 8_000, lowWaterMark: 1_000, bufferLimit: 20_000 } });
    const client = await server.connect();
    const paths = ["/first", "/second", "/whole", "/third"];
    await client.write(paths.map((path) => get(path)).join(""));
    await until(() => given.length === paths.length, "all requests are handled");
    open();
    for (const path of paths) {
      const { body } = await client.answer();
      expect(body === (path === "/whole" ? "w".repeat(40_000) : piece.repeat(10)), path).toBe(true);
    }
    client.peer.close();
  });

  it("is done once its connection is ending, and not only when that has ended", async () => {
    let told = "";
    await using server = new TestServer({
      async request(request, response) {
        const stream = response.stream();
        stream.write("x");
        await delay(1);
        request.connection.end();
        told = `${stream.write("y")} ${stream.done}`;
        await stream.drained();
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    await until(() => told !== "", "the handler has seen it");
    expect(told).toBe("refused true");
    client.peer.close();
  });

  it("whose client leaves is done, and writes are refused", async () => {
    let result = "";
    let began = false;
    await using server = new TestServer({
      async request(request, response) {
        const stream = response.stream();
        stream.write("x");
        began = true;
        await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
        result = `${stream.write("y")} ${stream.done}`;
        await stream.drained();
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    await until(() => began, "the answer has begun");
    server.connections[0].abort();
    await until(() => result !== "", "the handler has seen it");
    expect(result).toBe("refused true");
    client.peer.close();
  });

  it("that fails breaks the connection", async () => {
    await using server = new TestServer({
      async request(_request, response) {
        response.stream().write("x");
        await delay(1);
        throw new Error("too bad");
      },
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect(await client.rest()).not.toContain("0\r\n\r\n");
    expect(server.errors[0].message).toBe("too bad");
    client.peer.close();
  });

  it("echoes a body while it comes", async () => {
    await using server = new TestServer({
      async request(request, response) {
        const stream = response.stream();
        await request.onData(async (window) => {
          stream.write(window);
          await stream.drained();
        });
        stream.end();
      },
    });
    const client = await server.connect();
    const body = "abcdefghij".repeat(200_000);
    void client.write(post("/", body));
    expect((await client.answer()).body === body).toBe(true);
    client.peer.close();
  });
});

describe("interim answers", () => {
  it("come before the answer, in their turn, and not to 1.0", async () => {
    await using server = new TestServer({
      async request(_request, response) {
        response.informational(103, { Link: "</a>; rel=preload" });
        await delay(1);
        response.send("done");
      },
    });
    const client = await server.connect();
    await client.write(get("/") + get("/"));
    for (let index = 0; index < 2; index++) {
      const hints = await client.answer();
      expect(hints.status).toBe(103);
      expect(hints.headers.get("link")).toBe("</a>; rel=preload");
      expect((await client.answer()).body).toBe("done");
    }
    await client.write("GET / HTTP/1.0\r\n\r\n");
    expect((await client.answer()).status).toBe(200);
    client.peer.close();
  });
});

describe("another protocol", () => {
  const wanting = "Connection: Upgrade\r\nUpgrade: echo\r\n";
  const echoing = (serverSeen: string[]): HttpHandlers => ({
    async request(request, response) {
      await delay(5);
      response.send(request.path);
    },
    upgrade(request, response): void | Promise<void> {
      serverSeen.push(request.path);
      if (request.path === "/no") return void response.status(403).send("no");
      const take = () =>
        response.upgrade(
          { data: (connection, window) => void connection.write(`<${window.text()}>`) },
          { Upgrade: "echo" },
        );
      if (request.path === "/later") return delay(5).then(take);
      take();
    },
  });

  it("takes the connection over, with the bytes behind the request, behind owed answers", async () => {
    for (const path of ["/now", "/later"]) {
      for (const before of ["", get("/owed")]) {
        const seen: string[] = [];
        await using server = new TestServer(echoing(seen));
        const client = await server.connect();
        await client.write(before + get(path, wanting) + "early");
        if (before !== "") expect((await client.answer()).body).toBe("/owed");
        const answer = await client.answer();
        expect(answer.status).toBe(101);
        expect(answer.headers.get("upgrade")).toBe("echo");
        expect(answer.headers.get("connection")).toBe("Upgrade");
        await client.write("late");
        const text = await client.atLeast("<early><late>".length - 2);
        expect(text.replaceAll("><", "")).toBe("<earlylate>");
        client.peer.close();
      }
    }
  });

  it("does not abort the signal of the request", async () => {
    let aborted = false;
    await using server = new TestServer({
      request: (_request, response) => void response.send(),
      upgrade(request, response) {
        request.signal.addEventListener("abort", () => aborted = true);
        response.upgrade({ data: (connection, window) => void connection.write(window) }, {
          Upgrade: "echo",
        });
      },
    });
    const client = await server.connect();
    await client.write(get("/", wanting) + "abc");
    expect((await client.answer()).status).toBe(101);
    expect(await client.atLeast(3)).toBe("abc");
    client.peer.close();
    await until(() => server.reasons.length === 1, "the connection is gone");
    expect(aborted).toBe(false);
  });

  it("may be refused, and the connection serves on", async () => {
    const seen: string[] = [];
    await using server = new TestServer(echoing(seen));
    const client = await server.connect();
    await client.write(get("/no", wanting) + get("/a"));
    expect((await client.answer()).status).toBe(403);
    expect((await client.answer()).body).toBe("/a");
    expect(seen).toEqual(["/no"]);
    client.peer.close();
  });

  it("is an ordinary request without its handler", async () => {
    await using server = new TestServer({ request: (request, response) => void response.send(request.path) });
    const client = await server.connect();
    await client.write(get("/a", wanting) + get("/b"));
    expect((await client.answer()).body).toBe("/a");
    expect((await client.answer()).body).toBe("/b");
    client.peer.close();
  });

  it("follows CONNECT", async () => {
    await using server = new TestServer(echoing([]));
    const client = await server.connect();
    await client.write("CONNECT host:1 HTTP/1.1\r\nHost: host:1\r\n\r\nabc");
    let text = "";
    while (!text.endsWith("<abc>")) text += await client.atLeast(1);
    expect(text.startsWith("HTTP/1.1 200")).toBe(true);
    expect(text).not.toContain("Content-Length");
    client.peer.close();
  });
});
