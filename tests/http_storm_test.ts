/** Random clients over sockets: cut requests, mixed handlers, leaving at any point. Seeds repeat. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { HttpHandlers, HttpRequest, HttpResponse } from "../src/http.ts";
import { TestServer } from "./helpers/http.ts";
import { Random } from "./helpers/random.ts";
import { delay, until } from "./helpers/wait.ts";

const SEEDS = 4;
const CLIENTS = 24;

interface Plan {
  text: string;
  /** What the answer's body must be. */
  body: string;
  head: boolean;
}

const letters = (random: Random, length: number) =>
  Array.from({ length }, () => String.fromCharCode(97 + random.between(0, 25))).join("");

/** One request whose answer is known. */
function planOf(random: Random, index: number): Plan {
  const way = ["now", "later", "stream", "text", "onData", "unread", "web"][random.between(0, 6)];
  const path = `/${way}/${index}`;
  const kind = random.between(0, 3);
  if (kind === 0 || way === "now") {
    const head = random.between(0, 5) === 0;
    return { text: `${head ? "HEAD" : "GET"} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`, body: path, head };
  }
  const body = letters(random, random.between(1, random.between(0, 3) === 0 ? 30_000 : 50));
  const echoes = way !== "later" && way !== "stream" && way !== "unread";
  const wanted = echoes ? path + body : path;
  if (kind === 1) {
    const text = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    return { text, body: wanted, head: false };
  }
  let text = `POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
  for (let at = 0; at < body.length;) {
    const length = random.between(1, 5_000);
    const piece = body.slice(at, at + length);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += length;
  }
  text += random.between(0, 1) === 0 ? "0\r\n\r\n" : "0\r\nX-Sum: 1\r\n\r\n";
  return { text, body: wanted, head: false };
}

function handlersOf(random: Random): HttpHandlers {
  const wait = () => delay(random.between(0, 2));
  const ways: Record<string, (request: HttpRequest, response: HttpResponse) => Promise<void>> = {
    async later(request, response) {
      await wait();
      response.send(request.path);
    },
    async stream(request, response) {
      const stream = response.stream();
      for (const character of request.path) {
        stream.write(character);
        if (random.between(0, 3) === 0) await wait();
      }
      stream.end();
    },
    async text(request, response) {
      if (random.between(0, 1) === 0) await wait();
      response.send(request.path + await request.text());
    },
    async onData(request, response) {
      const stream = response.stream();
      stream.write(request.path);
      await request.onData(async (window) => {
        stream.write(window);
        if (random.between(0, 1) === 0) await stream.drained();
        if (random.between(0, 3) === 0) await wait();
      });
      stream.end();
    },
    async unread(request, response) {
      if (random.between(0, 1) === 0) await wait();
      response.send(request.path);
    },
    async web(request, response) {
      const stream = response.stream();
      stream.write(request.path);
      if (request.body === null) return void stream.end();
      await request.body.pipeTo(stream.writable);
    },
  };
  return {
    request(request, response): void | Promise<void> {
      const way = request.path.split("/")[1];
      if (way === "now") return void response.send(request.path);
      return ways[way](request, response);
    },
  };
}

async function careful(server: TestServer, random: Random): Promise<void> {
  const client = await server.connect();
  const plans = Array.from({ length: random.between(1, 20) }, (_, index) => planOf(random, index));
  const text = plans.map((plan) => plan.text).join("");
  const write = async () => {
    for (let at = 0; at < text.length;) {
      const length = random.between(1, random.between(0, 2) === 0 ? 20 : 8_000);
      await client.write(text.slice(at, at + length));
      at += length;
      if (random.between(0, 4) === 0) await delay(0);
    }
  };
  const written = write();
  for (const plan of plans) {
    const answer = await client.answer(plan.head);
    expect([plan.text.slice(0, 60), answer.status]).toEqual([plan.text.slice(0, 60), 200]);
    if (!plan.head) expect(answer.body === plan.body).toBe(true);
  }
  await written;
  client.peer.close();
}

/** Leaves in the middle of something. */
async function rude(server: TestServer, random: Random): Promise<void> {
  const client = await server.connect();
  const plans = Array.from({ length: random.between(1, 6) }, (_, index) => planOf(random, index));
  const text = plans.map((plan) => plan.text).join("");
  await client.write(text.slice(0, random.between(1, text.length))).catch(() => {});
  if (random.between(0, 1) === 0) await delay(random.between(0, 3));
  const ends = random.between(0, 1) === 0;
  if (ends) await client.peer.endWriting().catch(() => {});
  if (ends && random.between(0, 2) === 0) await client.rest();
  client.peer.close();
}

describe("a storm of clients", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`gets every answer whole and in order, although others leave: seed ${seed}`, async () => {
      const random = new Random(seed);
      await using server = new TestServer(handlersOf(random), {
        maxPipeline: random.between(1, 8),
        maxUnreadBodySize: 100_000,
        loop: { development: seed % 2 === 0, segmentCount: 512 },
      });
      await Promise.all(
        Array.from(
          { length: CLIENTS },
          (_, index) => index % 3 === 0 ? rude(server, random) : careful(server, random),
        ),
      );
      await until(() => server.reasons.length === CLIENTS, "all connections are gone");
      const codes = new Set(server.errors.map((error) => (error as { code?: string }).code ?? error.message));
      // Streams of clients that have left fail, and nothing else does.
      for (const code of codes) {
        expect(["ERR_HTTP_BODY_INCOMPLETE", "ERR_STATE", "ECONNRESET", "EPIPE", "ECONNABORTED"]).toContain(
          code,
        );
      }
    });
  }
});
