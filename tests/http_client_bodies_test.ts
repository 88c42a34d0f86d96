/** Bodies of the client's requests and answers: streamed with backpressure, hashed, with memory flat. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { Connection, RingportError, WriteResult } from "../src/mod.ts";
import type { ClientResponse } from "../src/client.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { clientOf, idle, type Incoming, ok } from "./helpers/http_script.ts";
import { Random } from "./helpers/random.ts";
import { collectGarbage, residentBytes, scaled } from "./helpers/runtime.ts";
import { errorOf, standsStill, until, within } from "./helpers/wait.ts";

const MEBIBYTE = 1 << 20;
/** Bytes each way in the long transfers; Wine copies some ten MB a second. */
const LONG_BYTES = scaled(100 * MEBIBYTE, 16 * MEBIBYTE);
/** What a transfer may leave in memory: far less than its length, more than the runtimes' own heaps swing. */
const MEMORY_BYTES = 64 * MEBIBYTE;

const noise = new Random(5).bytes(2 * MEBIBYTE);

/** A part of the noise, by its number: parts differ, and nothing is made for them. */
function partAt(index: number): Uint8Array {
  const start = (index * 7919) % MEBIBYTE;
  return noise.subarray(start, start + 65_536);
}

/** Writes noise as fast as it is taken; resolves when all is with the connection. */
async function writeLong(
  connection: Connection<Incoming>,
  total: number,
  frame: (part: Uint8Array) => (string | Uint8Array)[],
): Promise<StreamHash> {
  const hash = new StreamHash();
  for (let index = 0; hash.length < total && connection.state === "open"; index++) {
    const part = partAt(index).subarray(0, total - hash.length);
    hash.update(part);
    let result: WriteResult = "sent";
    for (const piece of frame(part)) result = connection.write(piece);
    if (result !== "sent") await connection.data.room();
  }
  return hash;
}

const asChunk = (part: Uint8Array) => [`${part.length.toString(16)}\r\n`, part, "\r\n"];

/** Answers with a long body, by length or in chunks. */
function longAnswers(sent: StreamHash[], total = LONG_BYTES) {
  return clientOf(async (connection, { target }) => {
    const chunked = target === "/chunks";
    const field = chunked ? "Transfer-Encoding: chunked" : `Content-Length: ${total}`;
    connection.write(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`);
    sent.push(await writeLong(connection, total, chunked ? asChunk : (part) => [part]));
    if (chunked && connection.state === "open") connection.write("0\r\n\r\n");
  });
}

/** Reads a body in one of the ways there are. */
const readers: Record<string, (answer: ClientResponse) => Promise<StreamHash>> = {
  async windows(answer) {
    const hash = new StreamHash();
    for await (const window of answer.windows) hash.update(window.bytes);
    return hash;
  },
  async stream(answer) {
    const hash = new StreamHash();
    for await (const bytes of answer.body) hash.update(bytes);
    return hash;
  },
  async "a reader with its own buffer"(answer) {
    const hash = new StreamHash();
    const reader = answer.body.getReader({ mode: "byob" });
    let buffer = new Uint8Array(40_000);
    for (;;) {
      const { done, value } = await reader.read(buffer);
      if (done) return hash;
      hash.update(value);
      buffer = new Uint8Array(value.buffer);
    }
  },
};

describe("a long body", () => {
  it("comes whole in every way of reading, with memory flat", async () => {
    const sent: StreamHash[] = [];
    await using it = longAnswers(sent);
    for (const [name, read] of Object.entries(readers)) {
      for (const path of ["", "chunks"]) {
        collectGarbage();
        const before = residentBytes();
        const answer = await it.client.request(`${it.url}${path}`);
        const hash = await within(read(answer), `the end of the body by ${name}`);
        collectGarbage();
        const grown = residentBytes() - before;
        await idle(it.client);
        await until(() => sent.length > 0, "the server to know that it has sent all");
        expect(hash.digest(), `${name} ${path}`).toBe(sent.pop()!.digest());
        expect(grown, `${name} ${path}: memory`).toBeLessThan(MEMORY_BYTES);
      }
    }
    expect(it.client.stats().pool).toMatchObject({ created: 1, reused: 5 });
  });

  it("is sent whole, by length and in chunks, with memory flat", async () => {
    await using it = clientOf((connection, { bodyHash }) => void connection.write(ok(bodyHash.digest())));
    for (const bodyLength of [LONG_BYTES, undefined]) {
      const sent = new StreamHash();
      const parts = async function* () {
        for (let index = 0; sent.length < LONG_BYTES; index++) {
          const part = partAt(index).subarray(0, LONG_BYTES - sent.length);
          sent.update(part);
          yield await Promise.resolve(part);
        }
      };
      collectGarbage();
      const before = residentBytes();
      const answer = await it.client.request({ url: it.url, method: "POST", body: parts(), bodyLength });
      expect(await answer.text()).toBe(sent.digest());
      collectGarbage();
      expect(residentBytes() - before).toBeLessThan(MEMORY_BYTES);
    }
    // In one piece, larger than what a connection buffers.
    const body = new Uint8Array(20 * MEBIBYTE);
    for (let at = 0; at < body.length; at += MEBIBYTE) body.set(noise.subarray(at % 7, MEBIBYTE), at);
    const answer = await it.client.request({ url: it.url, method: "PUT", body });
    expect(await answer.text()).toBe(hashOf(body));
    await idle(it.client);
    expect(it.client.stats().pool).toMatchObject({ created: 1, reused: 2, idle: 1 });
  });

  it("streams both ways at once", async () => {
    await using it = clientOf("");
    it.script.onHead = (connection) => {
      connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    };
    const asked: string[] = [];
    it.script.answer = (connection) => void connection.write("0\r\n\r\n");
    const stream = new TransformStream<Uint8Array, Uint8Array>();
    const writer = stream.writable.getWriter();
    const answer = await it.client.request({ url: it.url, method: "POST", body: stream.readable });
    const connection = it.script.connections[0].connection;
    const reader = answer.body.getReader();
    for (const text of ["one", "two", "three"]) {
      await writer.write(new TextEncoder().encode(text));
      await until(() => it.script.heads[0].body.endsWith(text), "the part to come");
      connection.write(`${text.length}\r\n${text}\r\n`);
      asked.push(new TextDecoder().decode((await reader.read()).value));
    }
    await writer.close();
    expect((await reader.read()).done).toBe(true);
    expect(asked).toEqual(["one", "two", "three"]);
    await idle(it.client);
    expect(it.client.stats().pool.idle).toBe(1);
  });
});

describe("backpressure", () => {
  it("holds the server back while nobody reads the body", async () => {
    const sent: StreamHash[] = [];
    await using it = longAnswers(sent, 64 * MEBIBYTE);
    const answer = await it.client.request(it.url);
    const { connection } = it.script.connections[0];
    await standsStill(() => connection.bufferedBytes, "the server");
    // What is on its way lies in the kernel's buffers and in the queue of the body, far from all.
    expect(sent).toHaveLength(0);
    const hash = await readers.windows(answer);
    await until(() => sent.length > 0, "the server to know that it has sent all");
    expect(hash.digest()).toBe(sent[0].digest());
    await idle(it.client);
    expect(it.client.stats().pool.idle).toBe(1);
  });

  it("holds the source of a body back while the server does not read", async () => {
    await using it = clientOf((connection, { bodyHash }) => void connection.write(ok(bodyHash.digest())));
    it.script.onHead = (connection) => connection.pause();
    let pulled = 0;
    const sent = new StreamHash();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        const part = partAt(pulled++);
        sent.update(part);
        controller.enqueue(part);
        if (sent.length >= 64 * MEBIBYTE) controller.close();
      },
    }, { highWaterMark: 0 });
    const answered = it.client.request({ url: it.url, method: "POST", body });
    await standsStill(() => pulled, "the source");
    expect(sent.length).toBeLessThan(48 * MEBIBYTE);
    it.script.connections[0].connection.resume();
    expect(await (await answered).text()).toBe(sent.digest());
  });
});

describe("a body", () => {
  it("is read once", async () => {
    await using it = clientOf(ok('{"a":1}'));
    const ways: ((answer: ClientResponse) => unknown)[] = [
      (answer) => answer.bytes(),
      (answer) => answer.text(),
      (answer) => answer.json(),
      (answer) => answer.arrayBuffer(),
      (answer) => answer.body.getReader().read(),
      (answer) => answer.windows[Symbol.asyncIterator]().next(),
      (answer) => answer.discard(),
    ];
    for (const first of ways) {
      for (const second of ways.slice(0, -1)) {
        const answer = await it.client.request(it.url);
        expect(answer.bodyUsed).toBe(false);
        await first(answer);
        expect(answer.bodyUsed).toBe(true);
        const error = await errorOf(() => second(answer)) as RingportError;
        // The same stream is given again; it has a reader.
        expect(error.code === "ERR_HTTP_RESPONSE_USED" || error instanceof TypeError, `${second}`).toBe(true);
      }
    }
    expect(await (await it.client.request(it.url)).json()).toEqual({ a: 1 });
  });

  it("that nobody wants is read to its end if that is near, or else cut", async () => {
    const sent: StreamHash[] = [];
    await using it = longAnswers(sent, 100_000);
    for (const path of ["", "chunks"]) {
      (await it.client.request(`${it.url}${path}`)).discard();
      await idle(it.client);
      await (await it.client.request(`${it.url}${path}`)).body.cancel();
      await idle(it.client);
      for await (const _ of (await it.client.request(`${it.url}${path}`)).windows) break;
      await idle(it.client);
    }
    expect(it.client.stats().pool).toMatchObject({ created: 1, reused: 5, idle: 1 });
    await using long = longAnswers(sent, 64 * MEBIBYTE);
    for (const path of ["", "chunks"]) {
      (await long.client.request(`${long.url}${path}`)).discard();
      await idle(long.client);
    }
    expect(long.client.stats().pool).toMatchObject({ created: 2, idle: 0 });
    expect(long.client.stats().brokenBodies).toBe(0);
  });

  it("that is discarded fails the one who reads it", async () => {
    await using it = clientOf("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    const answer = await it.client.request(it.url);
    const failed = errorOf(() => answer.text());
    answer.discard();
    expect((await failed as RingportError).code).toBe("ERR_HTTP_RESPONSE_USED");
  });

  it("comes in windows that live until the next one, and longer when they are kept", async () => {
    await using it = clientOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const answer = await it.client.request(it.url);
    const windows = answer.windows[Symbol.asyncIterator]();
    const { connection } = it.script.connections[0];
    connection.write("3\r\none\r\n");
    const first = (await windows.next()).value!;
    expect(first.text()).toBe("one");
    const kept = first.keep();
    connection.write("3\r\ntwo\r\n");
    const second = (await windows.next()).value!;
    expect([kept.text(), second.text()]).toEqual(["one", "two"]);
    kept.release();
    connection.write("0\r\n\r\n");
    expect((await windows.next()).done).toBe(true);
    expect([first.live, second.live]).toEqual([false, false]);
    expect((await windows.next()).done).toBe(true);
  });
});
