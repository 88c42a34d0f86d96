/** `connect` with `retry`: what is retried, after which delays, what ends it, and what the error tells. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { connectWith } from "../src/connect/connect.ts";
import { retries, retryDelay } from "../src/connect/retry.ts";
import {
  connect,
  ConnectionRefusedError,
  listen,
  OptionError,
  ResolveError,
  RingportError,
  StateError,
  TimeoutError,
} from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { fakeLibrary, ignoreFake } from "./helpers/fake.ts";
import { closedPort } from "./helpers/peer.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const HERE = "127.0.0.1";
/** Never answers in the fake kernel, see `helpers/fake.ts`. */
const SILENT = "192.0.2.1";

function fakeLoop(): EventLoop {
  return createEventLoop({ library: fakeLibrary, seed: 0, segmentCount: 128, connectionSlots: 64 });
}

function errorsOf(error: unknown): RingportError[] {
  return ((error as RingportError).cause as AggregateError).errors;
}

async function expectEmpty(loop: EventLoop): Promise<void> {
  await until(() => loop.stats().slotsUsed === 0, "the slots to be free");
  await until(() => loop.stats().segmentsHeld === 0, "the segments to be free");
  await until(() => loop.engine.timers.armed === 0, "the timers to be canceled");
}

/** A port that can be listened at. */
async function freePort(): Promise<number> {
  const probe = listen({ hostname: HERE });
  await probe.close();
  return probe.port;
}

describe("the delay between attempts", () => {
  it("grows by the factor up to the longest one", () => {
    const delays = (options: object) => [1, 2, 3, 4, 5, 9, 500].map((n) => retryDelay(options, n, 0));
    expect(delays({ delay: 10, maxDelay: 100 })).toEqual([10, 20, 40, 80, 100, 100, 100]);
    expect(delays({ delay: 10, factor: 1 })).toEqual([10, 10, 10, 10, 10, 10, 10]);
    expect(delays({})).toEqual([100, 200, 400, 800, 1600, 5000, 5000]);
    expect(delays({ maxDelay: 50 })).toEqual([50, 50, 50, 50, 50, 50, 50]);
    expect(delays({ delay: 60_000 })).toEqual([60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    expect(delays({ delay: 0 })).toEqual([1, 1, 1, 1, 1, 1, 1]);
  });

  it("leaves a part to chance", () => {
    expect([0, 0.5, 1].map((random) => retryDelay({ delay: 100 }, 1, random))).toEqual([100, 75, 50]);
    expect([0, 0.5, 1].map((random) => retryDelay({ delay: 100, jitter: 0 }, 1, random))).toEqual([
      100,
      100,
      100,
    ]);
    expect([0, 0.5, 1].map((random) => retryDelay({ delay: 100, jitter: 1 }, 1, random))).toEqual([
      100,
      50,
      1,
    ]);
  });
});

describe("what is retried", () => {
  const error = (code: string) => new RingportError(code, { code, operation: "connect" });
  it("is what may pass", () => {
    for (
      const code of [
        "ECONNREFUSED",
        "ECONNRESET",
        "ECONNABORTED",
        "ETIMEDOUT",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "ENETDOWN",
        "ENOTFOUND",
        "ENOENT",
      ]
    ) expect(retries({}, 1, error(code)), code).toBe(true);
    for (const code of ["EACCES", "EADDRNOTAVAIL", "EADDRINUSE", "EAFNOSUPPORT", "ERR_OPTION", "ERR_STATE"]) {
      expect(retries({}, 1, error(code)), code).toBe(false);
    }
    expect(retries({}, 1, new Error("a stranger"))).toBe(false);
  });

  it("ends with the attempts, or as `when` says", () => {
    expect(retries({}, 4, error("ECONNREFUSED"))).toBe(true);
    expect(retries({}, 5, error("ECONNREFUSED"))).toBe(false);
    expect(retries({ attempts: 1 }, 1, error("ECONNREFUSED"))).toBe(false);
    expect(retries({ when: () => false }, 1, error("ECONNREFUSED"))).toBe(false);
    expect(retries({ when: ({ code }) => code === "EACCES" }, 1, error("EACCES"))).toBe(true);
    expect(retries({ attempts: 2, when: () => true }, 2, error("EACCES"))).toBe(false);
    const asynchronous = (() => Promise.resolve(false)) as unknown as () => boolean;
    expect(retries({ when: asynchronous }, 1, error("EACCES"))).toBe(false);
  });

  it("refuses options it does not know or cannot follow", async () => {
    const wrong = [
      { tries: 3 },
      { attempts: 0 },
      { attempts: 1.5 },
      { delay: -1 },
      { factor: 0.5 },
      { factor: NaN },
      { jitter: 2 },
      { when: true },
      { delay: 10, maxDelay: 5 },
      { attemptTimeout: 0 },
    ];
    for (const retry of wrong) {
      const options = { hostname: HERE, port: 1, retry: retry as object };
      expect(await errorOf(() => connect(options)), JSON.stringify(retry)).toBeInstanceOf(OptionError);
    }
    const options = { hostname: HERE, port: 1, retry: 3 as unknown as object };
    expect(await errorOf(() => connect(options))).toBeInstanceOf(OptionError);
  });
});

describe("connect with retries", () => {
  it("reaches a service that starts late", async () => {
    await using loop = createEventLoop();
    const port = await freePort();
    const retry = { attempts: 1000, delay: 10, maxDelay: 20 };
    const pending = connect({ hostname: HERE, port, loop, retry, socket: { data() {} } });
    await delay(60);
    await using listener = listen({ hostname: HERE, port, socket: { data() {} } });
    const connection = await within(pending, "the connection");
    expect(connection.remoteAddress.port).toBe(listener.port);
    connection.abort();
    await connection.closed;
    await expectEmpty(loop);
  });

  it("tells every attempt's error, in order, when the last one has failed", async () => {
    await using loop = createEventLoop();
    const port = await closedPort();
    const retry = { attempts: 3, delay: 5 };
    const error = await errorOf(() => connect({ hostname: HERE, port, loop, retry })) as RingportError;
    expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(error.code).toBe("ECONNREFUSED");
    expect(errorsOf(error).map(({ code }) => code)).toEqual(["ECONNREFUSED", "ECONNREFUSED", "ECONNREFUSED"]);
    // Of a name, each attempt has the error of each address.
    const named = await errorOf(() => connect({ hostname: "localhost", port, loop, retry }));
    expect(errorsOf(named)).toHaveLength(3);
    expect(errorsOf(errorsOf(named)[2]).map(({ address }) => address)).toEqual([
      `${HERE}:${port}`,
      `[::1]:${port}`,
    ]);
    await expectEmpty(loop);
  });

  it("waits longer and longer", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const times: number[] = [];
    const when = () => {
      times.push(loop.engine.clock.polledAt);
      return true;
    };
    const retry = { attempts: 5, delay: 100, jitter: 0, maxDelay: 400, when };
    await errorOf(() => connect({ hostname: HERE, port: 9, loop, retry, timeouts: { connect: 60_000 } }));
    const gaps = times.slice(1).map((time, index) => time - times[index]);
    // The fifth failure ends it before `when` is asked.
    expect(gaps).toHaveLength(3);
    for (const [index, least] of [100, 200, 400].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(least);
    }
    await expectEmpty(loop);
    await loop.close();
  });

  it("asks the resolver again, and retries a name that has no address yet", async () => {
    await using loop = createEventLoop();
    await using listener = listen({ hostname: HERE, socket: { data() {} } });
    let asked = 0;
    const resolver = () => ++asked < 3 ? Promise.reject(new Error("not yet")) : Promise.resolve([HERE]);
    const options = { hostname: "late.invalid", port: listener.port, loop, retry: { delay: 5 } };
    const connection = await within(connectWith(options, resolver), "the connection");
    expect(asked).toBe(3);
    connection.abort();
    await connection.closed;
    const never = { ...options, retry: { attempts: 2, delay: 5 } };
    const error = await errorOf(() => connectWith(never, () => Promise.resolve([])));
    expect(error).toBeInstanceOf(ResolveError);
    expect(errorsOf(error)).toHaveLength(2);
    await expectEmpty(loop);
  });

  it("does not retry what will not pass", async () => {
    let asked = 0;
    const options = { hostname: "name.invalid", port: 1, localAddress: "192.0.2.77", retry: { delay: 5 } };
    const error = await errorOf(() => connectWith(options, () => (asked += 1, Promise.resolve([HERE]))));
    expect((error as RingportError).code).toBe("EADDRNOTAVAIL");
    expect(asked).toBe(1);
  });

  it("is bounded by the timeout as a whole", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const began = loop.engine.clock.polledAt;
    const retry = { attempts: 1000, delay: 100, jitter: 0, factor: 1 };
    const error = await errorOf(() =>
      connect({ hostname: HERE, port: 9, loop, retry, timeouts: { connect: 450 } })
    );
    expect(error).toBeInstanceOf(TimeoutError);
    expect(errorsOf(error).map(({ code }) => code).slice(0, 3)).toEqual(Array(3).fill("ECONNREFUSED"));
    // A thousand attempts would take more than a minute and a half.
    expect(loop.engine.clock.polledAt - began).toBeLessThan(20_000);
    expect(loop.stats().timeouts.connect).toBe(1);
    await expectEmpty(loop);
    await loop.close();
  });

  it("gives each attempt its time", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const retry = { attempts: 3, delay: 10, attemptTimeout: 200 };
    const error = await errorOf(() => connect({ hostname: SILENT, port: 9, loop, retry })) as RingportError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(errorsOf(error).map(({ code }) => code)).toEqual(["ETIMEDOUT", "ETIMEDOUT", "ETIMEDOUT"]);
    await expectEmpty(loop);
    // A resolver that never answers is cut off as well, and its late answer does no harm.
    let late: ((addresses: string[]) => void) | undefined;
    const resolver = () => new Promise<string[]>((resolve) => late = resolve);
    const unresolved = { hostname: "slow.invalid", port: 9, loop, retry: { ...retry, attempts: 2 } };
    expect(await errorOf(() => connectWith(unresolved, resolver))).toBeInstanceOf(TimeoutError);
    late!([HERE]);
    await expectEmpty(loop);
    await loop.close();
  });

  it("is given up by a signal, in an attempt and between two", { ignore: ignoreFake }, async () => {
    for (const hostname of [SILENT, HERE]) {
      const loop = fakeLoop();
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const retry = { attempts: 1000, delay: 60_000, maxDelay: 60_000 };
      const options = {
        hostname,
        port: 9,
        loop,
        retry,
        signal: controller.signal,
        timeouts: { connect: 1_000_000 },
      };
      const pending = errorOf(() => connect(options));
      // The timeout of the whole, and the delay where the attempt has failed.
      if (hostname === HERE) await until(() => loop.engine.timers.armed === 2, "the delay");
      else await until(() => loop.stats().slotsUsed === 1, "the attempt");
      controller.abort(reason);
      expect(await pending).toBe(reason);
      await expectEmpty(loop);
      await loop.close();
    }
  });

  it("is given up when the loop is closed between two attempts", { ignore: ignoreFake }, async () => {
    const loop = fakeLoop();
    const options = {
      hostname: HERE,
      port: 9,
      loop,
      retry: { delay: 60_000 },
      timeouts: { connect: 1_000_000 },
    };
    const pending = errorOf(() => connect(options));
    await until(() => loop.engine.timers.armed === 2, "the delay");
    await within(loop.close(), "the loop to close");
    expect(await pending).toBeInstanceOf(StateError);
  });

  it("rejects with what `when` throws", async () => {
    const thrown = new Error("from when");
    const retry = {
      when() {
        throw thrown;
      },
    };
    const port = await closedPort();
    expect(await errorOf(() => connect({ hostname: HERE, port, retry }))).toBe(thrown);
  });

  it("keeps the connects of a pool going", async () => {
    await using loop = createEventLoop();
    const port = await freePort();
    await using pool = createPool({ loop, connect: { retry: { attempts: 1000, delay: 10, maxDelay: 20 } } });
    const pending = pool.acquire({ hostname: HERE, port });
    await delay(60);
    await using _listener = listen({ hostname: HERE, port, socket: { data() {} } });
    const lease = await within(pending, "the lease");
    lease.discard();
  });
});
