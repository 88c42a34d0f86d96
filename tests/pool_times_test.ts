/** Times of one destination of a pool, beside those of the pool. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { OptionError, TimeoutError } from "../src/mod.ts";
import { createPool, type PoolTarget } from "../src/pool.ts";
import { fakeLibrary, ignoreFake } from "./helpers/fake.ts";
import { setUp } from "./helpers/pool.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

/** Never answers in the fake kernel, see `helpers/fake.ts`. */
const SILENT = "192.0.2.1";

describe("the times of a target", () => {
  it("bound its connects and no others", { ignore: ignoreFake }, async () => {
    await using loop = createEventLoop({
      library: fakeLibrary,
      seed: 0,
      segmentCount: 128,
      connectionSlots: 64,
    });
    await using pool = createPool({
      loop,
      connect: { timeouts: { connect: 5_000 } },
      acquireTimeout: 60_000,
    });
    const time = async (target: PoolTarget) => {
      const began = loop.engine.clock.polledAt;
      const error = await errorOf(() => pool.acquire(target));
      expect(error).toBeInstanceOf(TimeoutError);
      return loop.engine.clock.polledAt - began;
    };
    const target = { hostname: SILENT, port: 9 };
    for (
      const [times, least, most] of [
        [{ timeouts: { connect: 300 } }, 300, 4500],
        [{ timeouts: { idle: 400 } }, 5_000, 50_000],
        [{ timeouts: { connect: 200 }, retry: { attempts: 1000, delay: 10, attemptTimeout: 50 } }, 200, 4500],
        [{}, 5_000, 50_000],
      ] as [object, number, number][]
    ) {
      const took = await time({ ...target, ...times });
      expect(took, JSON.stringify(times)).toBeGreaterThanOrEqual(least);
      expect(took, JSON.stringify(times)).toBeLessThan(most);
    }
  });

  it("keep its idle connections longer or shorter", async () => {
    await using it = setUp({ idleTimeout: 10_000 });
    const short = { ...it.target, idleTimeout: 60 };
    const never = { ...it.target, idleTimeout: 0 };
    for (const target of [never, it.target, short]) (await it.pool.acquire(target)).release();
    expect(it.pool.stats()).toMatchObject({ open: 3, destinations: 3 });
    const began = performance.now();
    await until(() => it.pool.stats().evicted.idle === 1, "the impatient one to go");
    expect(performance.now() - began).toBeGreaterThan(40);
    expect(it.pool.stats()).toMatchObject({ open: 2 });
    // It went in its own time, although others that are due later were there before it.
    expect(performance.now() - began).toBeLessThan(5_000);
    await delay(50);
    expect(it.pool.stats()).toMatchObject({ idle: 2, evicted: { idle: 1 } });
  });

  it("outlive those of the pool", async () => {
    await using it = setUp({ idleTimeout: 60 });
    (await it.pool.acquire({ ...it.target, idleTimeout: 10_000 })).release();
    (await it.pool.acquire(it.target)).release();
    await until(() => it.pool.stats().evicted.idle === 1, "the pool's own to go");
    await delay(100);
    expect(it.pool.stats()).toMatchObject({ idle: 1, evicted: { idle: 1 } });
  });

  it("end the use of old connections", async () => {
    await using it = setUp();
    const target = { ...it.target, lifetime: 50 };
    const lease = await it.pool.acquire(target);
    await delay(70);
    expect(lease.release()).toBe(false);
    (await it.pool.acquire(target)).release();
    await until(() => it.pool.stats().evicted.lifetime === 2, "the idle one to grow old");
    (await it.pool.acquire(it.target)).release();
    await delay(70);
    expect((await it.pool.acquire(it.target)).reused).toBe(true);
  });

  it("make it a destination of its own, and share connections where they are the same", async () => {
    await using it = setUp();
    const target = { ...it.target, timeouts: { connect: 500 } };
    (await it.pool.acquire(target)).release();
    expect((await it.pool.acquire({ ...target })).reused).toBe(true);
    expect((await it.pool.acquire(it.target)).reused).toBe(false);
  });

  it("are checked", async () => {
    await using it = setUp();
    const wrong: [object, string][] = [
      [{ timeouts: { connect: -1 } }, "timeouts.connect"],
      [{ idleTimeout: "1" }, "idleTimeout"],
      [{ lifetime: 0.5 }, "lifetime"],
      [{ retry: { attempts: 0 } }, "retry.attempts"],
    ];
    for (const [times, key] of wrong) {
      const error = await errorOf(() => it.pool.acquire({ ...it.target, ...times })) as OptionError;
      expect(error, key).toBeInstanceOf(OptionError);
      expect(error.key).toBe(key);
    }
  });
});
