/**
 * HTTP over the kernel in memory: what is sent comes in pieces, late, or not at all, by seed. Odd seeds do
 * what a healthy network may do, even ones break connections as well. RINGPORT_SEED runs one seed,
 * RINGPORT_SEEDS that number of them.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { HttpClient } from "../src/client.ts";
import { type HttpHandlers, httpStateOf, prepare } from "../src/http.ts";
import type { HttpRequest, HttpResponse } from "../src/http.ts";
import { type Connection, RingportError } from "../src/mod.ts";
import type { StreamConnection } from "../src/stream/connection.ts";
import { fakeLibrary as library, ignoreFake as ignore } from "./helpers/fake.ts";
import { Client, TestServer } from "./helpers/http.ts";
import { LibraryPeer } from "./helpers/library_peer.ts";
import { Random } from "./helpers/random.ts";
import { environment, scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

/** Pipelining connections of one run, and requests of the client. */
const CONNECTIONS = 6;
const CLIENT_REQUESTS = 12;
/** Bytes of the longest body: above the buffer of a connection here. */
const BODY_MAX = 40_000;
const BUFFER = 16_384;
/** Nothing waits longer, and nothing here takes so long. */
const FAR = { head: 600_000, body: 600_000, handler: 600_000, keepAlive: 600_000, writeStall: 600_000 };
/** Limits that strike at any moment, on the kernel's own clock. */
const NEAR = { head: 3, body: 3, handler: 4, keepAlive: 5, writeStall: 4 };

const letters = new TextDecoder().decode(new Random(77).bytes(BODY_MAX).map((byte) => 97 + byte % 26));
const alone = environment("RINGPORT_SEED");
const count = Number(environment("RINGPORT_SEEDS") ?? scaled(50, 12));
/** Fewer of those with near limits. */
const NEAR_SHARE = 3;
const seeds = alone === undefined ? Array.from({ length: count }, (_, index) => index) : [Number(alone)];
const fixed = prepare({ body: "prepared", headers: { "X-Way": "prepared" } });

const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The text that belongs to a request: no other request has it. */
function textOf(id: number, length: number): string {
  const name = `<${id}>`;
  return name + letters.slice(0, Math.max(0, length - name.length));
}

type Way = (
  request: HttpRequest,
  response: HttpResponse,
  text: string,
  random: Random,
) => void | Promise<void>;

/** How requests are answered. Those of `echoes` answer with the body of the request behind their text. */
const ways: Record<string, Way> = {
  now: (_, response, text) => void response.send(text),
  prepared: (_, response) => void response.send(fixed),
  later(_, response, text) {
    response.later();
    setTimeout(() => response.done || response.send(text), 0);
  },
  async late(_, response, text, random) {
    for (let left = random.between(0, 3); left > 0; left--) await moment();
    response.send(text);
  },
  async chunks(_, response, text, random) {
    const stream = response.stream();
    for (let at = 0; at < text.length && !stream.done;) {
      const piece = text.slice(at, at + random.between(1, 5_000));
      const result = stream.write(piece);
      if (result !== "refused") at += piece.length;
      if (result !== "sent" || random.oneIn(4)) await stream.drained();
    }
    if (!stream.done) stream.end();
  },
  async stream(_, response, text) {
    const stream = response.stream({ length: text.length });
    while (!stream.done && stream.write(text) === "refused") await stream.drained();
    if (!stream.done) stream.end();
  },
  async unread(_, response, text, random) {
    if (random.oneIn(2)) await moment();
    response.send(text);
  },
  async text(request, response, text, random) {
    if (random.oneIn(2)) await moment();
    response.send(text + await request.text());
  },
  async parts(request, response, text, random) {
    let all = text;
    await request.onData(async (window) => {
      all += window.text();
      if (random.oneIn(3)) await moment();
    });
    response.send(all);
  },
  async web(request, response, text) {
    const stream = response.stream();
    const writer = stream.writable.getWriter();
    await writer.write(text);
    writer.releaseLock();
    if (request.body === null) stream.end();
    else await request.body.pipeTo(stream.writable);
  },
};
const echoes = new Set(["text", "parts", "web"]);
const names = Object.keys(ways);

interface Plan {
  id: number;
  way: string;
  method: string;
  length: number;
  body: string;
  wanted: string;
}

function planOf(random: Random, id: number): Plan {
  const way = names[random.between(0, names.length - 1)];
  const length = random.oneIn(5) ? random.between(1, BODY_MAX) : random.between(1, 200);
  const method = ["GET", "GET", "HEAD", "POST", "PUT"][random.between(0, 4)];
  const hasBody = method.startsWith("P");
  const body = hasBody ? letters.slice(0, random.oneIn(4) ? random.between(1, BODY_MAX) : 60) : "";
  const text = way === "prepared" ? "prepared" : textOf(id, length);
  const wanted = method === "HEAD" ? "" : text + (echoes.has(way) ? body : "");
  return { id, way, method, length, body, wanted };
}

const pathOf = ({ way, id, length }: Plan) => `/${way}/${id}/${length}`;

/** The bytes of a request: its body by length, or in chunks. */
function bytesOf(plan: Plan, random: Random, last: boolean): string {
  const { method, body } = plan;
  const head = `${method} ${pathOf(plan)} HTTP/1.1\r\nHost: a\r\n${last ? "Connection: close\r\n" : ""}`;
  if (!method.startsWith("P")) return `${head}\r\n`;
  if (random.oneIn(2)) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
  let text = `${head}Transfer-Encoding: chunked\r\n\r\n`;
  for (let at = 0; at < body.length;) {
    const piece = body.slice(at, at + random.between(1, 9_000));
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${text}0\r\n${random.oneIn(2) ? "X-Sum: 1\r\n" : ""}\r\n`;
}

/** What became of a run. */
interface Outcome {
  whole: number;
  broken: number;
  timedOut: number;
}

class Run {
  readonly outcome: Outcome = { whole: 0, broken: 0, timedOut: 0 };
  /** How often each request came to the handler. */
  readonly handled = new Map<number, number>();
  readonly random: Random;
  readonly seed: number;
  /** Nothing may break. */
  readonly isHealthy: boolean;
  readonly server: TestServer;
  #ids = 0;

  constructor(seed: number, limits: Partial<typeof FAR>, healthy: boolean) {
    const random = this.random = new Random(seed + 1);
    this.seed = seed;
    this.isHealthy = healthy;
    const handlers: HttpHandlers = {
      request: (request, response) => {
        const [way, id, length] = request.path.slice(1).split("/");
        this.handled.set(Number(id), (this.handled.get(Number(id)) ?? 0) + 1);
        return ways[way](request, response, textOf(Number(id), Number(length)), random);
      },
      close: (_, { by }) => void (this.outcome.timedOut += by === "timeout" ? 1 : 0),
    };
    this.server = new TestServer(handlers, {
      maxPipeline: random.between(1, 9),
      maxUnreadBodySize: BODY_MAX,
      listen: {
        timeouts: limits,
        lingerTimeout: 60_000,
        ...(random.oneIn(2) ? { highWaterMark: 4_096, lowWaterMark: 1_024, bufferLimit: BUFFER } : {}),
      },
      loop: { library, seed, segmentSize: 4_096, sendEntries: 128, development: seed % 3 === 0 },
    });
  }

  /** One connection that pipelines. Resolves when it is over. */
  async pipelines(): Promise<void> {
    const { random, server } = this;
    const plans = Array.from({ length: random.between(1, 12) }, () => planOf(random, this.#ids++));
    const closes = random.oneIn(3);
    const text = plans.map((plan, at) => bytesOf(plan, random, closes && at === plans.length - 1)).join("");
    let answered = 0;
    let peer: LibraryPeer | undefined;
    try {
      peer = await LibraryPeer.connect(server.loop, server.port);
      const client = new Client(peer);
      const written = this.#write(peer, text, !closes && random.oneIn(3));
      written.catch(() => {});
      for (const plan of plans) {
        const answer = await client.answer(plan.method === "HEAD");
        // The server's own answer to a limit is the last one.
        if (!this.isHealthy && (answer.status === 408 || answer.status === 503)) {
          this.outcome.whole += answered;
          expect(answer.headers.get("connection")).toBe("close");
          return void await peer.closeAndWait();
        }
        expect([plan.id, answer.status]).toEqual([plan.id, 200]);
        expect(answer.body === plan.wanted, `body of ${plan.way} ${plan.id}`).toBe(true);
        answered += 1;
      }
      await written;
      // Nothing is answered twice.
      if (closes) expect(await client.rest()).toBe("");
      else expect(peer.unread).toBe(0);
      await peer.closeAndWait();
    } catch (error) {
      // A broken connection is one that shows: anything else is a wrong answer.
      if (this.isHealthy || !showsBreak(error)) throw error;
      this.outcome.broken += 1;
      peer?.reset();
    }
    this.outcome.whole += answered;
  }

  async #write(peer: LibraryPeer, text: string, ends: boolean): Promise<void> {
    const { random } = this;
    const small = random.oneIn(3);
    for (let at = 0; at < text.length;) {
      const piece = text.slice(at, at + random.between(1, small ? 60 : 8_000));
      await peer.write(piece);
      at += piece.length;
      if (random.oneIn(8)) await moment();
    }
    if (ends) await peer.endWriting();
  }

  /** Requests of the library's own client. */
  async client(): Promise<void> {
    const { random, server } = this;
    const client = new HttpClient({
      loop: server.loop,
      timeouts: { connect: 0, head: 0, body: 0 },
      pool: { connectionsPerHost: 3 },
    });
    const one = async () => {
      const plan = planOf(random, this.#ids++);
      const { method } = plan;
      const body = method.startsWith("P") ? plan.body : undefined;
      const url = `http://127.0.0.1:${server.port}${pathOf(plan)}`;
      try {
        const answer = await client.request({ url, method, body });
        const text = await answer.text();
        if (!this.isHealthy && (answer.status === 408 || answer.status === 503)) return;
        expect([plan.id, answer.status]).toEqual([plan.id, 200]);
        expect(text === plan.wanted, `body of ${plan.way} ${plan.id}`).toBe(true);
        this.outcome.whole += 1;
      } catch (error) {
        if (this.isHealthy || !(error instanceof RingportError)) throw error;
        this.outcome.broken += 1;
      }
    };
    await Promise.all(Array.from({ length: CLIENT_REQUESTS }, one));
    const { repeated, active } = client.stats();
    expect(active).toBe(0);
    const twice = [...this.handled.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(twice).toBeLessThanOrEqual(repeated);
    await within(client.close(), "the client to close");
  }

  /** Nothing is left of any connection. */
  async over(): Promise<void> {
    const { server } = this;
    const { connections, reasons, loop, listener } = server;
    listener.stop();
    await until(() => reasons.length === connections.length, "all connections to be gone");
    for (const connection of connections) {
      expect((connection as StreamConnection).memory).toBe(undefined);
      expect(httpStateOf(connection as Connection).phase).toBe("closing");
    }
    await until(() => loop.stats().slotsUsed === 0, "all slots to be free");
    const { segmentsHeld, timersArmed } = loop.stats();
    expect({ segmentsHeld, timersArmed }).toEqual({ segmentsHeld: 0, timersArmed: 0 });
    if (this.isHealthy) {
      expect(server.errors).toEqual([]);
      expect(reasons.filter(({ error, bytesLost }) => error !== undefined || bytesLost > 0)).toEqual([]);
    }
  }
}

/** The other side sees that something is missing. */
function showsBreak(error: unknown): boolean {
  if (error instanceof RingportError) return true;
  return error instanceof Error && error.message.startsWith("the connection ended");
}

async function run(seed: number, limits = FAR): Promise<Outcome> {
  const healthy = limits === FAR && (seed === 0 || seed % 2 === 1);
  const run = new Run(seed, limits, healthy);
  await using _ = run.server;
  const all = [...Array.from({ length: CONNECTIONS }, () => run.pipelines()), run.client()];
  await within(Promise.all(all), "the clients to be over");
  await run.over();
  return run.outcome;
}

/** Runs all seeds, and says which one failed. */
async function runAll(limits: typeof FAR, chosen = seeds): Promise<Outcome> {
  const total: Outcome = { whole: 0, broken: 0, timedOut: 0 };
  for (const seed of chosen) {
    try {
      const { whole, broken, timedOut } = await run(seed, limits);
      total.whole += whole;
      total.broken += broken;
      total.timedOut += timedOut;
    } catch (error) {
      throw new Error(`seed ${seed} (RINGPORT_SEED=${seed} runs it alone): ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return total;
}

describe("HTTP over the fake kernel", () => {
  it("answers each request whole and in order, or breaks visibly", { ignore, timeout: 600_000 }, async () => {
    const { whole, broken, timedOut } = await runAll(FAR);
    expect(timedOut).toBe(0);
    if (alone !== undefined) return;
    // Were there none, nothing would have been tested here.
    expect(whole).toBeGreaterThan(seeds.length * CONNECTIONS);
    expect(broken).toBeGreaterThan(0);
  });

  it("stays true where limits strike at any moment", { ignore, timeout: 600_000 }, async () => {
    const { timedOut } = await runAll(
      NEAR,
      seeds.filter((seed) => alone !== undefined || seed % NEAR_SHARE === 1),
    );
    if (alone === undefined) expect(timedOut).toBeGreaterThan(0);
  });
});
