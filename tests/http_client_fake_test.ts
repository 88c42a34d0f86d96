/**
 * The client over the kernel in memory, at a server that answers in every way HTTP has, well and badly: bytes
 * come in pieces, late, or not at all, by seed. Odd seeds do what a healthy network may do, even ones break
 * connections as well. RINGPORT_SEED runs one seed, RINGPORT_SEEDS that number of them.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { HttpClient } from "../src/client.ts";
import type { ClientResponse, ClientTimeouts } from "../src/client.ts";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { type Connection, RingportError } from "../src/mod.ts";
import { fakeLibrary as library, ignoreFake as ignore } from "./helpers/fake.ts";
import { type Asked, bytesOf, HttpScript, type Incoming } from "./helpers/http_script.ts";
import { Random } from "./helpers/random.ts";
import { environment, scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

const REQUESTS = 40;
/** Requests at a time. */
const AT_ONCE = 8;
/** Bytes of the longest body: above the queue of a body, so that the client holds the server back. */
const BODY_MAX = 150_000;
/** Nothing waits longer. */
const FAR: ClientTimeouts = { connect: 0, head: 0, body: 0 };
/** Limits that strike at any moment, on the kernel's own clock and the host's. */
const NEAR: ClientTimeouts = { connect: 20, head: 4, body: 4, total: 30 };

const letters = new TextDecoder().decode(new Random(78).bytes(BODY_MAX).map((byte) => 97 + byte % 26));
const alone = environment("RINGPORT_SEED");
const count = Number(environment("RINGPORT_SEEDS") ?? scaled(40, 10));
const seeds = alone === undefined ? Array.from({ length: count }, (_, index) => index) : [Number(alone)];
/** Fewer of those with near limits. */
const NEAR_SHARE = 3;

const moment = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** The text that belongs to a request: no other request has it. */
function textOf(id: number, length: number): string {
  const name = `<${id}>`;
  return name + letters.slice(0, Math.max(0, length - name.length));
}

/** Writes as the connection takes it, in pieces; false once it takes no more. */
async function send(connection: Connection<Incoming>, text: string, random: Random): Promise<boolean> {
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length;) {
    if (connection.state !== "open") return false;
    const piece = bytes.slice(at, at + (random.oneIn(3) ? random.between(1, 50) : 9_000));
    const result = connection.write(piece);
    if (result !== "refused") at += piece.length;
    if (result !== "sent") await connection.data.room().catch(() => {});
    else if (random.oneIn(4)) await moment();
  }
  return true;
}

type Way = (it: Answering) => Promise<unknown>;

/** What answers one request. */
interface Answering {
  connection: Connection<Incoming>;
  asked: Asked;
  random: Random;
  id: number;
  text: string;
  send(text: string): Promise<boolean>;
  /** Its connection was asked for nothing else since. */
  isLast(): boolean;
}

const head = (id: number, ...lines: string[]) =>
  `HTTP/1.1 200 OK\r\n${[`X-Id: ${id}`, ...lines].join("\r\n")}\r\n\r\n`;

function chunksOf(text: string, random: Random): string {
  let chunks = "";
  for (let at = 0; at < text.length;) {
    const piece = text.slice(at, at + random.between(1, 9_000));
    chunks += `${piece.length.toString(16)}${random.oneIn(9) ? ";a=b" : ""}\r\n${piece}\r\n`;
    at += piece.length;
  }
  return `${chunks}0\r\n`;
}

const byLength = (it: Answering) => it.send(head(it.id, `Content-Length: ${it.text.length}`) + it.text);
const chunked = (it: Answering, trailers = "") =>
  it.send(`${head(it.id, "Transfer-Encoding: chunked")}${chunksOf(it.text, it.random)}${trailers}\r\n`);

/** Answers that are whole. */
const goodWays: Record<string, Way> = {
  length: byLength,
  chunked,
  trailers: (it) => chunked(it, `X-Sum: ${it.id}\r\n`),
  async untilClose(it) {
    await it.send(head(it.id) + it.text);
    it.connection.end();
  },
  async interim(it) {
    for (let left = it.random.between(1, 3); left > 0; left--) {
      await it.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    }
    await byLength(it);
  },
  async closes(it) {
    await it.send(head(it.id, "Connection: close", `Content-Length: ${it.text.length}`) + it.text);
    it.connection.end();
  },
  /** Keeps the connection, as it seems, and leaves at any moment after, unless it is asked once more. */
  async leaves(it) {
    await byLength(it);
    for (let left = it.random.between(0, 3); left > 0; left--) await moment();
    if (it.isLast()) it.connection.end();
  },
};

/** Answers that break off, or are none. */
const badWays: Record<string, Way> = {
  reset: (it) => Promise.resolve(it.connection.abort()),
  async short(it) {
    await it.send(head(it.id, `Content-Length: ${it.text.length + 1}`) + it.text);
    it.connection.end();
  },
  async shortChunks(it) {
    await it.send(`${head(it.id, "Transfer-Encoding: chunked")}${chunksOf(it.text, it.random).slice(0, -1)}`);
    it.connection.end();
  },
  async cut(it) {
    await it.send(head(it.id, `Content-Length: ${it.text.length + 1}`) + it.text);
    it.connection.abort();
  },
  async halfHead(it) {
    await it.send(head(it.id).slice(0, it.random.between(1, 20)));
    it.connection.end();
  },
  none: (it) => Promise.resolve(it.connection.end()),
  noHttp: (it) => it.send("SSH-2.0-OpenSSH_9\r\n"),
  wrongChunk: (it) => it.send(`${head(it.id, "Transfer-Encoding: chunked")}5\r\nabcdefg\r\n`),
};
const goodNames = Object.keys(goodWays);
const badNames = Object.keys(badWays);

/** How an answer is read; resolves with all of its text. */
const reads: ((answer: ClientResponse, random: Random) => Promise<string>)[] = [
  (answer) => answer.text(),
  async (answer) => new TextDecoder().decode(await answer.bytes()),
  async (answer, random) => {
    let text = "";
    for await (const window of answer.windows) {
      if (random.oneIn(3)) await moment();
      text += window.text();
    }
    return text;
  },
  async (answer, random) => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const bytes of answer.body) {
      text += decoder.decode(bytes);
      if (random.oneIn(3)) await moment();
    }
    return text;
  },
  async (answer, random) => {
    for (let left = random.between(0, 4); left > 0; left--) await moment();
    return await answer.text();
  },
];

/** Requests that came to their end, and how. */
interface Outcome {
  whole: number;
  broken: number;
  aborted: number;
  repeated: number;
}

class Run {
  readonly outcome: Outcome = { whole: 0, broken: 0, aborted: 0, repeated: 0 };
  readonly random: Random;
  readonly isHealthy: boolean;
  readonly loop: EventLoop;
  readonly script: HttpScript;
  readonly client: HttpClient;
  /** How often each request has come. */
  readonly came = new Map<number, number>();
  readonly #reason = new Error("enough");
  #ids = 0;

  constructor(seed: number, timeouts: ClientTimeouts, healthy: boolean) {
    this.random = new Random(seed + 1);
    this.isHealthy = healthy;
    this.loop = createEventLoop({
      library,
      seed,
      segmentSize: 4_096,
      segmentCount: 256,
      connectionSlots: 64,
      sendEntries: 128,
      development: seed % 3 === 0,
    });
    this.script = new HttpScript((connection, asked) => this.#answer(connection, asked), { loop: this.loop });
    this.client = new HttpClient({ loop: this.loop, timeouts, pool: { connectionsPerHost: AT_ONCE - 2 } });
  }

  async #answer(connection: Connection<Incoming>, asked: Asked): Promise<void> {
    const { random } = this;
    const [way, name, length] = asked.target.slice(1).split("/");
    const id = Number(name);
    this.came.set(id, (this.came.get(id) ?? 0) + 1);
    if (asked.fields.has("x-body")) expect(asked.bodyHash.length).toBe(Number(asked.fields.get("x-body")));
    if (random.oneIn(2)) await moment();
    const text = textOf(id, Number(length));
    const send_ = (text: string) => send(connection, text, random);
    const { heads } = this.script;
    const isLast = () => heads.findLast((one) => one.connection === asked.connection) === asked;
    await (goodWays[way] ?? badWays[way])({ connection, asked, random, id, text, send: send_, isLast });
  }

  async requests(): Promise<void> {
    const one = async () => {
      while (this.#ids < REQUESTS) await this.#request(this.#ids++);
    };
    await within(Promise.all(Array.from({ length: AT_ONCE }, one)), "all requests to be over");
    const { repeated, active, requests } = this.client.stats();
    expect(active).toBe(0);
    // Those that were aborted before they began do not count.
    expect(requests).toBeLessThanOrEqual(REQUESTS);
    this.outcome.repeated = repeated;
  }

  async #request(id: number): Promise<void> {
    const { random, outcome } = this;
    const isBad = random.oneIn(6);
    const way = isBad
      ? badNames[random.between(0, badNames.length - 1)]
      : goodNames[random.between(0, goodNames.length - 1)];
    const length = random.oneIn(4) ? random.between(1, BODY_MAX) : random.between(1, 300);
    const isPost = random.oneIn(3);
    const size = isPost ? random.between(1, random.oneIn(3) ? BODY_MAX : 100) : 0;
    const url = this.script.url(`/${way}/${id}/${length}`);
    const body = isPost ? letters.slice(0, size) : undefined;
    const given = random.oneIn(2) || body === undefined ? body : new Response(body).body;
    const abort = random.oneIn(8) ? new AbortController() : undefined;
    const read = reads[random.between(0, reads.length - 1)];
    void this.#abortSoon(abort);
    try {
      const answer = await this.client.request({
        url,
        method: isPost ? "POST" : "GET",
        body: given,
        headers: isPost ? { "X-Body": String(size) } : undefined,
        signal: abort?.signal,
      });
      expect([answer.status, answer.headers.get("x-id")]).toEqual([200, String(id)]);
      const text = await read(answer, random);
      // A body without a length that a broken connection ends early looks like a shorter one.
      const wanted = textOf(id, way === "untilClose" && !this.isHealthy ? text.length : length);
      expect(text === wanted, `the body of ${way} ${id}`).toBe(true);
      expect(isBad && way !== "wrongChunk", `${way} ${id} was taken for an answer`).toBe(false);
      if (way === "trailers") expect((await answer.trailers).get("x-sum")).toBe(String(id));
      outcome.whole += 1;
    } catch (error) {
      if (error === this.#reason && abort !== undefined) outcome.aborted += 1;
      else if (error instanceof RingportError && (isBad || this.#mayBreak(error, isPost))) {
        outcome.broken += 1;
      } else throw new Error(`${way} ${id}`, { cause: error });
    }
    const times = this.came.get(id) ?? 0;
    expect(times, `how often ${way} ${id} came`).toBeLessThanOrEqual(isPost ? 1 : 2);
  }

  /** Whether a good answer may be missing: the network breaks, or its server had just left. */
  #mayBreak({ code }: RingportError, isPost: boolean): boolean {
    return !this.isHealthy || (isPost && code === "ERR_HTTP_NO_RESPONSE");
  }

  async #abortSoon(abort: AbortController | undefined): Promise<void> {
    if (abort === undefined) return;
    for (let left = this.random.between(0, 12); left > 0; left--) await moment();
    abort.abort(this.#reason);
  }

  /** Nothing is left of the client or of a connection. */
  async over(): Promise<void> {
    const { client, loop, script } = this;
    await within(client.close(), "the client to close");
    expect(client.stats().pool).toMatchObject({ open: 0, leased: 0, closing: 0, connecting: 0, waiting: 0 });
    script.listener.stop();
    for (const { connection } of script.connections) connection.abort();
    await until(() => loop.stats().slotsUsed === 0, "all slots to be free");
    const { segmentsHeld, timersArmed } = loop.stats();
    expect({ segmentsHeld, timersArmed }).toEqual({ segmentsHeld: 0, timersArmed: 0 });
  }
}

async function run(seed: number, timeouts: ClientTimeouts): Promise<Outcome> {
  const run = new Run(seed, timeouts, timeouts === FAR && (seed === 0 || seed % 2 === 1));
  await using _ = run.loop;
  await run.requests();
  await run.over();
  return run.outcome;
}

/** Runs all seeds, and says which one failed. */
async function runAll(timeouts: ClientTimeouts, chosen = seeds): Promise<Outcome> {
  const total: Outcome = { whole: 0, broken: 0, aborted: 0, repeated: 0 };
  for (const seed of chosen) {
    try {
      const outcome = await run(seed, timeouts);
      for (const key of Object.keys(total) as (keyof Outcome)[]) total[key] += outcome[key];
    } catch (error) {
      throw new Error(`seed ${seed} (RINGPORT_SEED=${seed} runs it alone): ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return total;
}

describe("the client over the fake kernel", () => {
  it("gives each request its own answer, or breaks visibly", { ignore, timeout: 600_000 }, async () => {
    const { whole, broken, aborted, repeated } = await runAll(FAR);
    if (alone !== undefined) return;
    // Were there none, nothing would have been tested here.
    expect(whole).toBeGreaterThan(seeds.length * REQUESTS / 2);
    expect(Math.min(broken, aborted, repeated)).toBeGreaterThan(0);
  });

  it("stays true where time limits strike at any moment", { ignore, timeout: 600_000 }, async () => {
    const chosen = seeds.filter((seed) => alone !== undefined || seed % NEAR_SHARE === 1);
    const { broken } = await runAll(NEAR, chosen);
    if (alone === undefined) expect(broken).toBeGreaterThan(chosen.length);
  });
});
