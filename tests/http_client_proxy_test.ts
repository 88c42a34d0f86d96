/** A reverse proxy of server and client under load: each side leaves when it likes, and nothing is left. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type ClientResponse, HttpClient } from "../src/client.ts";
import { RingportError } from "../src/mod.ts";
import type { HttpRequest, HttpResponse } from "../src/http.ts";
import { hashOf } from "./helpers/hash.ts";
import { TestServer } from "./helpers/http.ts";
import { idle } from "./helpers/http_script.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

const REQUESTS = scaled(300, 80);
const AT_ONCE = 24;
const bytes = new Random(9).bytes(400_000);
const LIMITS = { connectionSlots: 128, segmentCount: 512 };

const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** As `examples/reverse_proxy.ts` does it. */
async function passOn(
  client: HttpClient,
  target: string,
  request: HttpRequest,
  response: HttpResponse,
): Promise<void> {
  const { method, path, body, contentLength: bodyLength, signal } = request;
  let answer: ClientResponse;
  try {
    answer = await client.request({ url: target + path, method, body, bodyLength, signal });
  } catch {
    return void response.status(502).send("no answer");
  }
  response.status(answer.status);
  const stream = response.stream({ length: answer.contentLength });
  try {
    for await (const window of answer.windows) if (stream.write(window) !== "sent") await stream.drained();
    stream.end();
  } catch {
    stream.abort();
  }
}

/** Answers with a part of the bytes, with what it is sent, or not to the end. */
async function answer(request: HttpRequest, response: HttpResponse): Promise<void> {
  const [, way, size] = request.path.split("/");
  if (way === "echo") return void response.send(await request.bytes());
  if (way === "early") return void response.status(403).send("no");
  const part = bytes.subarray(0, Number(size));
  const stream = response.stream(way === "length" ? { length: part.length } : {});
  for (let at = 0; at < part.length && !stream.done; at += 20_000) {
    if (way === "reset" && at > part.length / 2) return stream.abort();
    if (stream.write(part.subarray(at, at + 20_000)) !== "sent") await stream.drained();
    if (at % 80_000 === 0) await moment();
  }
  if (!stream.done) stream.end();
}

/**
 * A request that may not be repeated met a connection that the proxy had just left: the one before it was
 * answered early, and more of its body was left than a server reads for nothing.
 */
const isUnheard = (error: unknown) => error instanceof RingportError && error.code === "ERR_HTTP_NO_RESPONSE";

const ways = ["length", "chunks", "echo", "early", "reset"];

describe("a reverse proxy", () => {
  it(
    "passes bodies on both ways while either side leaves, and keeps nothing",
    { timeout: 300_000 },
    async () => {
      await using origin = new TestServer({ request: answer }, { loop: LIMITS });
      const target = `http://127.0.0.1:${origin.port}`;
      const inner = new HttpClient({ pool: { connectionsPerHost: AT_ONCE * 2 } });
      await using front = new TestServer({
        request: (request, response) => passOn(inner, target, request, response),
      }, { loop: LIMITS });
      const outer = new HttpClient({ pool: { connectionsPerHost: AT_ONCE } });
      const random = new Random(10);
      const seen = { whole: 0, aborted: 0, broken: 0 };
      let asked = 0;
      /** Sends requests, one after the other. */
      const one = async () => {
        while (asked < REQUESTS) {
          const way = ways[asked++ % ways.length];
          const size = random.between(1, bytes.length);
          const sends = way === "echo" || way === "early";
          const abort = random.oneIn(4) ? new AbortController() : undefined;
          const leave = async () => {
            for (let left = random.between(0, 6); left > 0; left--) await moment();
            abort?.abort();
          };
          void leave();
          try {
            const answer = await outer.request({
              url: `http://127.0.0.1:${front.port}/${way}/${size}`,
              method: sends ? "POST" : "GET",
              body: sends ? bytes.subarray(0, size) : undefined,
              signal: abort?.signal,
            });
            const body = await answer.bytes();
            if (answer.status === 403) expect(new TextDecoder().decode(body)).toBe("no");
            else expect([answer.status, hashOf(body)]).toEqual([200, hashOf(bytes.subarray(0, size))]);
            expect(way).not.toBe("reset");
            seen.whole += 1;
          } catch (error) {
            if (abort?.signal.aborted === true && error === abort.signal.reason) seen.aborted += 1;
            else if (way === "reset" || way === "early" || isUnheard(error)) seen.broken += 1;
            else throw error;
          }
        }
      };
      await within(Promise.all(Array.from({ length: AT_ONCE }, one)), "all requests to be over");
      expect(Math.min(seen.whole, seen.aborted, seen.broken)).toBeGreaterThan(0);
      await idle(outer);
      await idle(inner);
      await Promise.all([outer.close(), inner.close()]);
      expect([inner.stats().active, inner.stats().pool.leased]).toEqual([0, 0]);
      for (const { reasons, connections, loop } of [front, origin]) {
        await until(() => reasons.length === connections.length, "all connections to be gone");
        await until(() => loop.stats().segmentsHeld === 0, "all segments to be free");
      }
    },
  );
});
