/** Many requests at once to a server that errs in every way: each gets its own answer, none stays behind. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type Connection, createLoop, RingportError } from "../src/mod.ts";
import { type ClientResponse, HttpClient } from "../src/client.ts";
import { HttpScript, idle, type Incoming, turn } from "./helpers/http_script.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

const REQUESTS = scaled(3_000, 400);
const CONCURRENT = 40;

/** What the server does with a request; the name stands in its path. */
const deeds: Record<string, (connection: Connection<Incoming>, body: string) => void | Promise<void>> = {
  length: (it, body) => void it.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  chunks: (it, body) => void it.write(chunked(body)),
  async pieces(it, body) {
    for (const part of chunked(body).match(/[^]{1,400}/g)!) {
      it.write(part);
      await turn();
    }
  },
  close: (it, body) => void it.end(`HTTP/1.1 200 OK\r\n\r\n${body}`),
  interim: (it, body) => void it.write(`HTTP/1.1 103 Early Hints\r\n\r\n${chunked(body)}`),
  lastly: (it, body) =>
    void it.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  more: (it, body) => void it.write(`${chunked(body)}${chunked("forged ".repeat(20))}`),
  cut: (it) => void it.abort(),
  leave: (it) => void it.end(),
  half: (it, body) => void it.end(chunked(body).slice(0, 60)),
  wrong: (it) => void it.write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
  silent() {},
};

/** Answers that must come whole, unless this side gives up. */
const whole = new Set(["length", "chunks", "pieces", "close", "interim", "lastly", "more"]);

function chunked(body: string): string {
  const half = body.length >> 1;
  const chunks = [body.slice(0, half), body.slice(half)].map((part) =>
    `${part.length.toString(16)}\r\n${part}\r\n`
  );
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks.join("")}0\r\n\r\n`;
}

/** The body of the answer to a request: nobody else's. */
function bodyOf(id: number): string {
  return `<${id}>`.repeat(100 + (id % 400));
}

async function read(answer: ClientResponse, way: number): Promise<string | undefined> {
  let text = "";
  if (way === 0) return await answer.text();
  if (way === 1) { for await (const bytes of answer.body) text += new TextDecoder().decode(bytes); }
  if (way === 2) { for await (const window of answer.windows) text += window.text(); }
  if (way < 3) return text;
  if (way === 3) answer.discard();
  else await answer.body.cancel();
  return undefined;
}

describe("a storm of requests", () => {
  it("brings each its own answer or an error, and leaves nothing behind", async () => {
    const random = new Random(4711);
    const loop = createLoop({ segmentCount: 256 });
    await using script = new HttpScript((connection, { target }) => {
      const [deed, id] = target.slice(1).split("/");
      return deeds[deed](connection, bodyOf(Number(id)));
    });
    const client = new HttpClient({ loop, pool: { connectionsPerHost: 8, closeTimeout: 1_000 } });
    const names = Object.keys(deeds);
    const counts = { whole: 0, failed: 0, aborted: 0, dropped: 0 };
    let next = 0;
    const one = async () => {
      const id = next++;
      const deed = names[random.between(0, names.length - 1)];
      const way = random.between(0, 4);
      const controller = new AbortController();
      const gone = new Error("gave up");
      const aborts = deed === "silent" || random.oneIn(8);
      if (aborts) setTimeout(() => controller.abort(gone), random.between(0, 15));
      const method = ["GET", "POST", "PUT"][random.between(0, 2)];
      const body = method === "GET" ? undefined : "x".repeat(random.between(0, 2_000));
      try {
        const { signal } = controller;
        const answer = await client.request({ url: script.url(`/${deed}/${id}`), method, body, signal });
        const text = await read(answer, way);
        if (text === undefined) return void (counts.dropped += 1);
        expect(text === bodyOf(id), `${deed} ${id}: ${text.slice(0, 40)}`).toBe(true);
        expect(whole.has(deed), deed).toBe(true);
        counts.whole += 1;
      } catch (error) {
        if (error === gone) return void (counts.aborted += 1);
        expect(error, `${deed} ${id}`).toBeInstanceOf(RingportError);
        expect(whole.has(deed), `${deed} ${id}: ${error}`).toBe(false);
        counts.failed += 1;
      }
    };
    const worker = async () => {
      while (next < REQUESTS) await within(one(), "a request to end");
    };
    await Promise.all(Array.from({ length: CONCURRENT }, worker));
    await idle(client);
    for (const [name, count] of Object.entries(counts)) expect(count, name).toBeGreaterThan(REQUESTS / 100);
    expect(client.stats()).toMatchObject({ active: 0, requests: next });
    expect(client.stats().pool).toMatchObject({ leased: 0, waiting: 0, connecting: 0 });
    expect(client.stats().pool.reused).toBeGreaterThan(0);
    await within(client.close(), "the client to close");
    await until(() => loop.stats().segmentsHeld === 0, "all segments to be free");
    expect(loop.stats().connections).toBe(0);
    await loop.close();
  });
});
