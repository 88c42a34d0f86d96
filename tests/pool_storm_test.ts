/**
 * A pool under random faults of its peers: limits hold, every acquire settles, answers fit, nothing leaks.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { Connection } from "../src/mod.ts";
import { createPool, type Lease } from "../src/pool.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { openDescriptors, scaled, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

/**
 * Answers each line by the same line, or misbehaves: ends, resets, adds bytes, answers half, keeps silent.
 */
function faultyServer(random: Random): TestServer {
  const rest = new WeakMap<Log, string>();
  const answer = (connection: Connection<Log>, line: string) => {
    switch (random.between(0, 24)) {
      case 0:
        return connection.abort();
      case 1:
        return connection.end();
      case 2:
        return void connection.end(line);
      case 3:
        return void connection.end(line.slice(0, 3));
      case 4:
        return void connection.write(`${line}unasked`);
      case 5:
        connection.write(line);
        return void setTimeout(() => connection.write("later"), random.between(0, 5));
      case 6:
        connection.write(line);
        return void setTimeout(() => connection.abort(), random.between(0, 5));
      case 7:
        return;
      default:
        return void connection.write(line);
    }
  };
  return new TestServer({
    open(connection) {
      if (random.oneIn(20)) connection.abort();
    },
    data(connection, window) {
      const lines = ((rest.get(connection.data) ?? "") + window.text()).split("\n");
      rest.set(connection.data, lines.pop()!);
      for (const line of lines) answer(connection, `${line}\n`);
    },
    error() {},
  });
}

/** One exchange; resolves with the line that came back, rejects when the connection ends before. */
async function exchange(lease: Lease, question: string, patience: number): Promise<string> {
  const { connection } = lease;
  const reader = connection.readable.getReader();
  const timer = setTimeout(() => connection.abort(), patience);
  try {
    connection.write(`${question}\n`);
    let answer = "";
    while (!answer.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the peer left");
      answer += new TextDecoder().decode(value);
    }
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

async function storm(seed: number): Promise<void> {
  const random = new Random(seed);
  await using server = faultyServer(new Random(seed + 1));
  const limits = { connectionsPerHost: random.between(1, 6), connections: 6, maxUses: random.between(0, 9) };
  const pool = createPool({ ...limits, idleTimeout: random.between(20, 60), closeTimeout: 1_000 });
  let answered = 0;
  let failed = 0;
  let above = 0;
  const client = async (name: number) => {
    for (let round = 0; round < scaled(25, 6); round++) {
      const controller = new AbortController();
      if (random.oneIn(8)) setTimeout(() => controller.abort(), random.between(0, 20));
      const target = { hostname: LOOPBACK, port: server.port, noDelay: random.oneIn(4) ? false : undefined };
      const question = `question ${name}.${round}`;
      try {
        const lease = await within(
          pool.acquire({ ...target, signal: controller.signal }),
          "the acquire to settle",
        );
        const { open, closing, connecting } = pool.stats();
        if (open + closing + connecting > limits.connections) above += 1;
        try {
          const answer = await exchange(lease, question, scaled(100, 1_000));
          // Bytes beyond the answer may come with it, never another one's before.
          expect(answer.startsWith(`${question}\n`)).toBe(true);
          answered += 1;
          if (answer === `${question}\n`) lease.release();
          else lease.discard();
        } finally {
          lease.discard();
        }
      } catch (error) {
        if ((error as Error).message.includes("in vain") || (error as Error).name === "AssertionError") {
          throw error;
        }
        failed += 1;
      }
      if (random.oneIn(5)) await delay(random.between(0, 30));
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, name) => client(name)));
  expect(above).toBe(0);
  expect(answered).toBeGreaterThan(failed / 4);
  const { created, reused } = pool.stats();
  expect(created).toBeGreaterThan(1);
  if (limits.maxUses !== 1) expect(reused).toBeGreaterThan(0);
  await within(pool.close(), "the pool to close");
  const { evicted, ...stats } = pool.stats();
  expect(stats).toMatchObject({ open: 0, closing: 0, connecting: 0, waiting: 0, destinations: 0 });
  // Each connection has left once, for one reason.
  expect(Object.values(evicted).reduce((sum, count) => sum + count, 0)).toBe(created);
}

describe("a pool in a storm", () => {
  for (const seed of [1, 2, 3, 4].slice(0, scaled(4, 2))) {
    it(`keeps its limits and its word (seed ${seed})`, () => storm(seed));
  }

  const untold = system === "windows" ? "Windows does not tell how many there are" : false;
  it("leaves no descriptor behind", { ignore: untold }, async () => {
    const before = (await openDescriptors())!;
    for (const seed of [11, 12]) await storm(seed);
    await until(async () => (await openDescriptors())! <= before + 2, "the descriptors to be closed");
  });
});

describe("a process with a pool", () => {
  for (const what of ["idle", "idle after turns", "closed"]) {
    it(`ends by itself: ${what}`, async () => {
      await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
      await using child = runScript("./children/pool_lifetime.ts", import.meta.url, {
        arguments: [what, String(server.port)],
      });
      const { code, output, errors } = await child.end();
      expect(errors).toBe("");
      expect(code).toBe(0);
      // By itself, long before the pool's idle time of a minute.
      expect(output).toContain("done");
    });
  }

  it("lives as long as a lease", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    await using child = runScript("./children/pool_lifetime.ts", import.meta.url, {
      arguments: ["leased", String(server.port)],
    });
    await child.line(/done/);
    await delay(scaled(300, 1_000));
    const log = await server.opened();
    expect(log.reason).toBe(undefined);
    log.connection.end();
    const { code, output } = await child.end();
    expect(code).toBe(0);
    expect(output).toContain("ended by peer");
  });
});
