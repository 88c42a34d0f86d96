/**
 * Answers as the client reads them: whole, cut at every byte, wrong ones refused, none that may be smuggled.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { RingportError } from "../src/mod.ts";
import type { ClientResponse } from "../src/client.ts";
import { VECTORS } from "./http1/vectors.ts";
import { bytesOf, clientOf, HttpScript, idle, turn, writeInPieces } from "./helpers/http_script.ts";
import { Random } from "./helpers/random.ts";
import { runtime } from "./helpers/runtime.ts";
import { errorOf, until, within } from "./helpers/wait.ts";
import { httpClient } from "../src/client.ts";

/** What is compared of an answer. */
interface Seen {
  status: number;
  reason: string;
  version: string;
  fields: [string, string][];
  body: string;
  trailers: [string, string][];
}

async function seen(answer: ClientResponse): Promise<Seen> {
  const { status, reason, version, headers } = answer;
  const trailers = answer.trailers;
  const body = await answer.text();
  return { status, reason, version, fields: [...headers], body, trailers: [...await trailers] };
}

/** Good answers: their bytes, whether the server ends behind them, and whether the connection is kept. */
const good: { name: string; text: string; ends?: boolean; keeps: boolean; seen: Partial<Seen> }[] = [
  {
    name: "a length",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello",
    keeps: true,
    seen: {
      status: 200,
      reason: "OK",
      version: "1.1",
      body: "hello",
      fields: [["content-length", "5"], ["x-a", "b"]],
    },
  },
  {
    name: "an empty reason and latin1",
    text: "HTTP/1.1 404 \r\nContent-Length: 0\r\nX: \xe9\xff\r\n\r\n",
    keeps: true,
    seen: { status: 404, reason: "", body: "", fields: [["content-length", "0"], ["x", "\xe9\xff"]] },
  },
  {
    name: "chunks with extensions and trailers",
    text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n" +
      '3\r\nabc\r\n0A;a=b;c="d"\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n',
    keeps: true,
    seen: { body: "abc0123456789", trailers: [["x-sum", "1"], ["x-sum", "2"]] },
  },
  {
    name: "no chunk but the last",
    text: "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    keeps: true,
    seen: { body: "", trailers: [] },
  },
  {
    name: "a body until the end",
    text: "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ends: true,
    keeps: false,
    seen: { body: "until the end", fields: [] },
  },
  {
    name: "HTTP/1.0 until the end",
    text: "HTTP/1.0 200 Fine\r\nServer: old\r\n\r\nold",
    ends: true,
    keeps: false,
    seen: { version: "1.0", reason: "Fine", body: "old" },
  },
  {
    name: "HTTP/1.0 that keeps",
    text: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    keeps: true,
    seen: { version: "1.0", body: "ok" },
  },
  {
    name: "HTTP/1.0 with a length",
    text: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    keeps: false,
    seen: { version: "1.0", body: "ok" },
  },
  {
    name: "Connection: close",
    text: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    keeps: false,
    seen: { body: "ok" },
  },
  {
    name: "interim answers",
    text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
    keeps: true,
    seen: { status: 200, body: "x" },
  },
  {
    name: "204 with fields",
    text: "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    keeps: true,
    seen: { status: 204, body: "", fields: [["x", "y"]] },
  },
  {
    name: "304 with a length",
    text: "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
    keeps: true,
    seen: { status: 304, body: "" },
  },
  {
    name: "repeated fields",
    text: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n",
    keeps: true,
    seen: { fields: [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["content-length", "0"]] },
  },
];

/** Answers that must be refused, whatever part of them has come. */
const wrong: { name: string; text: string; ends?: boolean; code?: string }[] = [
  { name: "LF alone", text: "HTTP/1.1 200 OK\nContent-Length: 0\n\n" },
  { name: "LF alone in a field", text: "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n" },
  { name: "CR alone", text: "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n" },
  { name: "NUL in a value", text: "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n" },
  { name: "no version", text: "200 OK\r\nContent-Length: 0\r\n\r\n" },
  { name: "another protocol", text: "SSH-2.0-OpenSSH_9.6\r\n" },
  { name: "HTTP/2", text: "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n" },
  { name: "a status of two digits", text: "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n" },
  { name: "a status of letters", text: "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n" },
  { name: "a folded line", text: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n" },
  { name: "space before a colon", text: "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n" },
  { name: "an empty name", text: "HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n" },
  { name: "two lengths", text: "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy" },
  { name: "a list of lengths", text: "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx" },
  { name: "a signed length", text: "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx" },
  {
    name: "a length beyond numbers",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
  },
  {
    name: "a length and chunks",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  },
  { name: "xchunked", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" },
  { name: "chunked twice", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" },
  { name: "another coding", text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
  { name: "chunks in HTTP/1.0", text: "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
  {
    name: "101 that nobody asked for",
    text: "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  },
  {
    name: "nine interim answers",
    text: "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    code: "ERR_HTTP_RESPONSE_LIMIT",
  },
  {
    name: "too many fields",
    text: `HTTP/1.1 200 OK\r\n${"A: b\r\n".repeat(200)}Content-Length: 0\r\n\r\n`,
    code: "ERR_HTTP_RESPONSE_LIMIT",
  },
  {
    name: "a head too large",
    text: `HTTP/1.1 200 OK\r\nA: ${"b".repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`,
    code: "ERR_HTTP_RESPONSE_LIMIT",
  },
  {
    name: "an end within the head",
    text: "HTTP/1.1 200 OK\r\nConte",
    ends: true,
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
  },
  { name: "an end without a byte", text: "", ends: true, code: "ERR_HTTP_NO_RESPONSE" },
];

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Answers whose head is good and whose body is not. */
const wrongBodies: { name: string; text: string; ends?: boolean; code?: string }[] = [
  { name: "a size that is none", text: `${chunked}x\r\nabc\r\n0\r\n\r\n` },
  { name: "a size with 0x", text: `${chunked}0x3\r\nabc\r\n0\r\n\r\n` },
  { name: "a signed size", text: `${chunked}+3\r\nabc\r\n0\r\n\r\n` },
  { name: "a size with space", text: `${chunked}3 \r\nabc\r\n0\r\n\r\n` },
  { name: "a size beyond numbers", text: `${chunked}ffffffffffffffff1\r\nabc\r\n0\r\n\r\n` },
  { name: "a chunk longer than its size", text: `${chunked}3\r\nabcd\r\n0\r\n\r\n` },
  { name: "a chunk line with LF alone", text: `${chunked}3\nabc\r\n0\r\n\r\n` },
  { name: "a chunk that ends with LF alone", text: `${chunked}3\r\nabc\n0\r\n\r\n` },
  { name: "a trailer that frames", text: `${chunked}0\r\nContent-Length: 5\r\n\r\n` },
  { name: "a trailer with LF alone", text: `${chunked}0\r\nA: b\n\r\n` },
  {
    name: "an end within a chunk",
    text: `${chunked}5\r\nab`,
    ends: true,
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
  },
  {
    name: "an end before the last chunk",
    text: `${chunked}2\r\nab\r\n`,
    ends: true,
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
  },
  {
    name: "an end within the trailers",
    text: `${chunked}0\r\nA: b\r\n`,
    ends: true,
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
  },
  {
    name: "an end before the length is met",
    text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    ends: true,
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
  },
];

/**
 * A client at a server that answers each request with the text the path names, in pieces of the sizes in the
 * query.
 */
function scripted(texts: readonly { text: string; ends?: boolean }[]) {
  return clientOf(async (connection, { target }) => {
    const [path, sizes] = target.slice(1).split("?");
    const { text, ends } = texts[Number(path)];
    await writeInPieces(connection, bytesOf(text), sizes.split(",").map(Number));
    if (ends) connection.end();
  });
}

describe("an answer", () => {
  it("is read whole, cut at every byte, and byte by byte", async () => {
    await using it = scripted(good);
    for (const [index, vector] of good.entries()) {
      const { text, keeps } = vector;
      const cuts = [
        [text.length],
        // Behind one interim answer the next one has begun.
        [11, 40],
        [1],
        ...Array.from({ length: text.length - 1 }, (_, cut) => [cut + 1, text.length]),
      ];
      // All cuts at once: they do not disturb each other.
      await Promise.all(cuts.map(async (sizes) => {
        const answer = await it.client.request(`${it.url}${index}?${sizes}`);
        expect(await seen(answer), `${vector.name}, pieces of ${sizes}`).toMatchObject(vector.seen);
      }));
      await idle(it.client);
      const before = it.client.stats().pool;
      await (await it.client.request(`${it.url}${index}?${text.length}`)).bytes();
      await idle(it.client);
      const { created, reused } = it.client.stats().pool;
      // One more answer has shown whether its own connection stays.
      expect(created + reused, vector.name).toBe(before.created + before.reused + 1);
      const open = it.client.stats().pool.idle;
      expect(open > 0, `${vector.name} keeps the connection`).toBe(keeps);
      if (keeps) continue;
      expect(it.client.stats().pool.idle).toBe(0);
    }
  });

  it("is refused when it is wrong, whole and byte by byte, and ends its connection", async () => {
    await using it = scripted(wrong);
    for (const [index, { name, text, code = "ERR_HTTP_RESPONSE_MALFORMED" }] of wrong.entries()) {
      for (const sizes of [[Math.max(text.length, 1)], text.length > 1_000 ? [777] : [1]]) {
        const url = `${it.url}${index}?${sizes}`;
        const error = await within(errorOf(() => it.client.request({ url, method: "POST" })), name);
        expect((error as RingportError).code, `${name}, pieces of ${sizes}: ${error}`).toBe(code);
        expect(error).toBeInstanceOf(RingportError);
      }
    }
    expect(it.client.stats().pool).toMatchObject({ reused: 0, idle: 0 });
    expect(it.client.stats()).toMatchObject({ active: 0, failures: wrong.length * 2 });
  });

  it("fails in its body when that is wrong, at every cut", async () => {
    await using it = scripted(wrongBodies);
    for (const [index, { name, text, code = "ERR_HTTP_RESPONSE_MALFORMED" }] of wrongBodies.entries()) {
      const head = text.indexOf("\r\n\r\n") + 4;
      const cuts = Array.from({ length: text.length - head }, (_, cut) => [head + cut, text.length]);
      await Promise.all([[head, 1], ...cuts].map(async (sizes) => {
        const answer = await it.client.request(`${it.url}${index}?${sizes}`);
        const trailers = errorOf(() => answer.trailers);
        const error = await within(errorOf(() => answer.bytes()), name);
        expect((error as RingportError).code, `${name}, pieces of ${sizes}: ${error}`).toBe(code);
        expect(await trailers).toBe(error);
      }));
    }
    expect(it.client.stats().pool).toMatchObject({ reused: 0, idle: 0, leased: 0 });
  });

  it("has no body after HEAD, and its length all the same", async () => {
    await using it = clientOf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    for (let round = 0; round < 3; round++) {
      const answer = await it.client.request({ url: it.url, method: "HEAD" });
      expect(answer.contentLength).toBe(5);
      expect(await answer.text()).toBe("");
    }
    expect(it.client.stats().pool).toMatchObject({ created: 1, reused: 2 });
  });

  it("ends a connection that brings more than was asked for", async () => {
    const texts = [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged",
      `${chunked}2\r\nok\r\n0\r\n\r\n\r\n`,
      "HTTP/1.1 204 No Content\r\n\r\nok",
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\nforged",
    ].map((text) => ({ text }));
    await using it = scripted(texts);
    for (const [index, { text }] of texts.entries()) {
      const body = await (await it.client.request(`${it.url}${index}?${text.length}`)).text();
      expect(body).toBe(index < 2 ? "ok" : "");
    }
    const answer = await it.client.request({ url: `${it.url}0?100000`, method: "HEAD" });
    expect(await answer.text()).toBe("");
    await idle(it.client);
    expect(it.client.stats().pool).toMatchObject({ created: 5, reused: 0 });
  });

  it("is none on an idle connection: that one is closed", async () => {
    await using it = clientOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    await (await it.client.request(it.url)).text();
    it.script.connections[0].connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    await until(() => it.client.stats().pool.evicted.unexpectedData === 1, "the connection to be closed");
    expect(await (await it.client.request(it.url)).text()).toBe("ok");
    expect(it.client.stats().pool.created).toBe(2);
  });
});

describe("the vectors of the parser", () => {
  // The client asks for no tunnel and no other protocol.
  const vectors = VECTORS.filter(({ kind, answers, readings }) =>
    kind === "response" && answers !== "CONNECT" && readings?.[0].status !== 101
  );

  it("mean the same over a socket, whole and byte by byte", async () => {
    await using it = scripted(vectors.map(({ bytes, readings }) => ({
      text: bytes,
      ends: readings?.at(-1)?.flags?.includes("untilClose"),
    })));
    expect(vectors.length).toBeGreaterThan(20);
    for (const [index, { name, bytes, answers, readings }] of vectors.entries()) {
      for (const size of [bytes.length, 1]) {
        const request = { url: `${it.url}${index}?${size}`, method: answers ?? "POST" };
        const note = `${name}, pieces of ${size}`;
        if (readings === undefined) {
          const error = await errorOf(async () => await (await it.client.request(request)).bytes());
          expect((error as RingportError).code, note).toBe("ERR_HTTP_RESPONSE_MALFORMED");
          continue;
        }
        const { status, reason, body = "", trailers = [] } = readings.at(-1)!;
        const got = await seen(await it.client.request(request));
        if (reason !== undefined) expect(got.reason, note).toBe(reason);
        if (status !== undefined) expect(got.status, note).toBe(status);
        expect(got.trailers, note).toEqual(trailers.map(([field, value]) => [field.toLowerCase(), value]));
        if (readings.at(-1)!.body !== undefined) expect(got.body, note).toBe(body);
      }
    }
    await idle(it.client);
  });
});

describe("the limits of an answer", () => {
  it("bound head, fields, trailers and body", async () => {
    await using script = new HttpScript((connection, { target }) => {
      const text: Record<string, string> = {
        "/head": `HTTP/1.1 200 OK\r\nA: ${"b".repeat(200)}\r\nContent-Length: 2\r\n\r\nok`,
        "/fields": "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nE: f\r\nContent-Length: 2\r\n\r\nok",
        "/length": `HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n${"x".repeat(100)}`,
        "/chunks": `${chunked}32\r\n${"x".repeat(50)}\r\n32\r\n${"x".repeat(50)}\r\n0\r\n\r\n`,
        "/trailers": `${chunked}0\r\nA: ${"b".repeat(200)}\r\n\r\n`,
        "/close": `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(100)}`,
      };
      connection.write(text[target]);
    });
    await using client = httpClient();
    const limited: [string, Record<string, number>][] = [
      ["/head", { headBytes: 100 }],
      ["/fields", { fields: 3 }],
      ["/length", { bodyBytes: 99 }],
      ["/chunks", { bodyBytes: 99 }],
      ["/close", { bodyBytes: 99 }],
      ["/trailers", { trailerBytes: 100 }],
    ];
    for (const [path, limits] of limited) {
      const error = await errorOf(async () =>
        await (await client.request(script.url(path), { limits })).bytes()
      );
      expect((error as RingportError).code, `${path}: ${error}`).toBe("ERR_HTTP_RESPONSE_LIMIT");
      expect((error as Error).name).toBe("LimitError");
    }
    // At the limit, and by the client's own.
    await using same = httpClient({ limits: { fields: 4, bodyBytes: 100 } });
    expect(await (await same.request(script.url("/fields"))).text()).toBe("ok");
    expect((await (await same.request(script.url("/length"))).bytes()).length).toBe(100);
    expect((await (await same.request(script.url("/chunks"))).bytes()).length).toBe(100);
  });
});

describe("random answers", () => {
  it("mean to the client what they mean to the runtime's own fetch", async () => {
    const random = new Random(71);
    const answers: string[] = [];
    await using script = new HttpScript(async (connection, { target }) => {
      const text = answers[Number(target.slice(1))];
      const sizes = Array.from({ length: 8 }, () => random.between(1, 400));
      await writeInPieces(connection, bytesOf(text), sizes);
      if (!/^(content-length|transfer-encoding):/im.test(text)) connection.end();
    });
    await using client = httpClient();
    for (let round = 0; round < 60; round++) {
      answers.push(randomAnswer(random));
      const url = script.url(`/${round}`);
      const theirs = await fetch(url, { redirect: "manual" });
      const ours = await client.fetch(url, { redirect: "manual" });
      const note = `answer ${round}: ${JSON.stringify(answers[round].slice(0, 200))}`;
      expect(ours.status, note).toBe(theirs.status);
      // Deno gives the usual reason of a status, whatever the server has sent.
      if (runtime === "bun") expect(ours.statusText, note).toBe(theirs.statusText);
      // Some runtimes keep what framed the message from the application.
      const fields = ({ headers }: Response) =>
        [...headers].filter(([name]) => !/^(connection|transfer-encoding|content-length)$/.test(name));
      expect(fields(ours), note).toEqual(fields(theirs));
      expect(new Uint8Array(await ours.arrayBuffer()), note).toEqual(
        new Uint8Array(await theirs.arrayBuffer()),
      );
    }
    await turn();
  });
});

function randomAnswer(random: Random): string {
  const body = Array.from(
    { length: random.between(0, 3_000) },
    () => String.fromCharCode(random.between(0, 255)),
  )
    .join("");
  const status = [200, 201, 206, 404, 500, 418][random.between(0, 5)];
  let head = `HTTP/1.1 ${status} ${["OK", "", "Some Reason"][random.between(0, 2)]}\r\n`;
  for (let field = random.between(0, 8); field > 0; field--) {
    const name = ["X-One", "x-two", "Set-Cookie", "Vary", "ETag", "X-Three"][random.between(0, 5)];
    head += `${name}:${" ".repeat(random.between(0, 2))}${random.next().toString(36)}\r\n`;
  }
  const kind = random.between(0, 2);
  if (kind === 0) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  if (kind === 1) return `${head}Connection: close\r\n\r\n${body}`;
  let text = `${head}Transfer-Encoding: chunked\r\n\r\n`;
  for (let at = 0; at < body.length;) {
    const size = random.between(1, 700);
    const part = body.slice(at, at + size);
    text += `${part.length.toString(16)}\r\n${part}\r\n`;
    at += size;
  }
  return `${text}0\r\n\r\n`;
}
