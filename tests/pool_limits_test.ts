/** The pool of outgoing connections: idle ones, limits, the order of those who wait, failures. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { ConnectionRefusedError, LimitError, type RingportError, TimeoutError } from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { listenPeer } from "./helpers/peer.ts";
import { ask, freePort, setUp } from "./helpers/pool.ts";
import { silentPort } from "./helpers/silent.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

const openAt = (server: TestServer): Log[] => server.logs.filter((log) => log.reason === undefined);

describe("an idle connection", () => {
  it("that its peer ends is dropped at once, and another one made", async () => {
    await using it = setUp();
    (await it.pool.acquire(it.target)).release();
    (await it.server.opened()).connection.end();
    await until(() => it.pool.stats().evicted.peerEnded === 1, "the end to be seen");
    const lease = await it.pool.acquire(it.target);
    expect(lease.reused).toBe(false);
    expect(await ask(lease, "new")).toBe("new");
    lease.release();
    await until(() => it.pool.stats().closing === 0, "the old one to be gone");
    expect(it.pool.stats()).toMatchObject({ created: 2, open: 1 });
  });

  it("that its peer resets is dropped", async () => {
    await using it = setUp();
    (await it.pool.acquire(it.target)).release();
    (await it.server.opened()).connection.abort();
    await until(() => it.pool.stats().evicted.failed === 1, "the reset to be seen");
    expect(await it.pool.use(it.target, (_, lease) => ask(lease, "new"))).toBe("new");
  });

  it("that gets bytes nobody asked for is dropped and counted", async () => {
    await using it = setUp();
    (await it.pool.acquire(it.target)).release();
    (await it.server.opened()).connection.write("HTTP/1.1 408 Request Timeout");
    await until(() => it.pool.stats().evicted.unexpectedData === 1, "the bytes to be seen");
    expect(await it.pool.use(it.target, (_, lease) => ask(lease, "new"))).toBe("new");
    expect(it.pool.stats().created).toBe(2);
  });

  it("is not given out when its peer left while this thread was busy", async () => {
    const listener = listenPeer();
    await using pool = createPool();
    const target = { hostname: LOOPBACK, port: listener.port };
    const [lease, peer] = await Promise.all([pool.acquire(target), listener.accept()]);
    lease.release();
    await until(() => pool.stats().idle === 1, "it to be idle");
    const [next] = await Promise.all([
      (async () => {
        await peer.endWriting();
        // The end lies in the kernel; nothing has looked there when the acquire comes.
        const end = performance.now() + 700;
        while (performance.now() < end);
        return await pool.acquire(target);
      })(),
    ]);
    expect(next.reused).toBe(false);
    next.discard();
    peer.close();
    listener.close();
  });

  it("is closed after its time", async () => {
    await using it = setUp({ idleTimeout: 150 });
    const leases = await Promise.all([1, 2, 3].map(() => it.pool.acquire(it.target)));
    for (const lease of leases) lease.release();
    await until(() => it.pool.stats().evicted.idle === 3, "all to be closed");
    await until(() => openAt(it.server).length === 0, "the server to see it");
    await until(() => it.pool.stats().closing === 0, "all to be gone");
    expect(it.pool.stats()).toMatchObject({ open: 0, destinations: 0 });
  });

  it("stays without a time", async () => {
    await using it = setUp({ idleTimeout: 0 });
    (await it.pool.acquire(it.target)).release();
    await delay(300);
    await using lease = await it.pool.acquire(it.target);
    expect(lease.reused).toBe(true);
  });

  it("is not used above its age, nor more often than allowed", async () => {
    await using old = setUp({ lifetime: 100 });
    const lease = await old.pool.acquire(old.target);
    await delay(120);
    expect(lease.release()).toBe(false);
    expect(old.pool.stats().evicted.lifetime).toBe(1);
    (await old.pool.acquire(old.target)).release();
    await until(() => old.pool.stats().evicted.lifetime === 2, "the idle one to grow too old");

    await using used = setUp({ maxUses: 3 });
    for (let round = 0; round < 7; round++) (await used.pool.acquire(used.target)).release();
    expect(used.pool.stats()).toMatchObject({ created: 3, reused: 4 });
    expect(used.pool.stats().evicted.uses).toBe(2);
  });
});

describe("the limits of a pool", () => {
  it("hold per destination, and acquires are served in their order", async () => {
    await using it = setUp({ connectionsPerHost: 2 });
    const held = await Promise.all([it.pool.acquire(it.target), it.pool.acquire(it.target)]);
    const order: number[] = [];
    const all = Array.from({ length: 20 }, async (_, index) => {
      const lease = await it.pool.acquire(it.target);
      order.push(index);
      expect(await ask(lease, `number ${index}`)).toBe(`number ${index}`);
      lease.release();
    });
    await until(() => it.pool.stats().waiting === 20, "all to wait");
    for (const lease of held) lease.release();
    await within(Promise.all(all), "all to be served");
    expect(order).toEqual([...order].sort((left, right) => left - right));
    expect(it.server.logs).toHaveLength(2);
  });

  it("hold over all destinations: idle ones give way, and nobody waits for ever", async () => {
    await using it = setUp({ connections: 2 });
    await using other = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    const elsewhere = { ...it.target, port: other.port };
    const first = await Promise.all([it.pool.acquire(it.target), it.pool.acquire(it.target)]);
    const waiting = it.pool.acquire(elsewhere);
    await until(() => it.pool.stats().waiting === 1, "one to wait");
    first[0].release();
    const lease = await within(waiting, "the place of the idle one");
    expect(await ask(lease, "elsewhere")).toBe("elsewhere");
    expect(it.pool.stats().evicted.room).toBe(1);
    expect(it.pool.stats()).toMatchObject({ open: 2, closing: 0 });
    lease.release();
    first[1].release();
  });

  it("leave a place to a destination that has none, however busy the others are", async () => {
    await using it = setUp({ connections: 2 });
    await using other = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    let busy = true;
    const client = async () => {
      while (busy) await it.pool.use(it.target, (_, lease) => ask(lease, "again"));
    };
    const clients = Array.from({ length: 6 }, client);
    await until(() => it.pool.stats().reused > 20, "the clients to be busy");
    const elsewhere = { ...it.target, port: other.port };
    for (let round = 0; round < 3; round++) {
      expect(await within(it.pool.use(elsewhere, (_, lease) => ask(lease, "rare")), "the rare one")).toBe(
        "rare",
      );
    }
    expect(busy).toBe(true);
    busy = false;
    await within(Promise.all(clients), "the clients to end");
  });

  it("hold for those who wait", async () => {
    await using it = setUp({ connectionsPerHost: 1, maxWaiting: 2 });
    const held = await it.pool.acquire(it.target);
    const waiting = [it.pool.acquire(it.target), it.pool.acquire(it.target)];
    const error = await errorOf(() => it.pool.acquire(it.target)) as RingportError;
    expect(error).toBeInstanceOf(LimitError);
    expect(error.code).toBe("ERR_POOL_WAITING");
    expect(error.message).toContain("maxWaiting");
    held.release();
    for (const promise of waiting) (await within(promise, "the next one")).release();
    expect(it.pool.stats()).toMatchObject({ refused: 1, created: 1 });
  });

  it("of time: an acquire gives up, and the others keep their order", async () => {
    await using it = setUp({ connectionsPerHost: 1, acquireTimeout: 150 });
    const held = await it.pool.acquire(it.target);
    const later = it.pool.acquire({ ...it.target, timeout: 0 });
    const error = await errorOf(() => it.pool.acquire(it.target)) as RingportError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.code).toBe("ETIMEDOUT");
    expect(error.message).toContain("150 ms");
    expect(it.pool.stats()).toMatchObject({ timeouts: 1, waiting: 1 });
    held.release();
    (await within(later, "the one that waits for ever")).release();
  });

  it("a signal gives up waiting, before and after it began", async () => {
    await using it = setUp({ connectionsPerHost: 1 });
    const held = await it.pool.acquire(it.target);
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const waiting = errorOf(() => it.pool.acquire({ ...it.target, signal: controller.signal }));
    await until(() => it.pool.stats().waiting === 1, "one to wait");
    controller.abort(reason);
    expect(await waiting).toBe(reason);
    expect(await errorOf(() => it.pool.acquire({ ...it.target, signal: controller.signal }))).toBe(reason);
    expect(it.pool.stats().waiting).toBe(0);
    held.release();
    await using lease = await it.pool.acquire(it.target);
    expect(lease.reused).toBe(true);
  });

  it("a signal that comes while connecting leaves no connect behind", async () => {
    await using it = setUp();
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const attempt = it.pool.acquire({ ...it.target, signal: controller.signal });
      for (let turn = 0; turn < round % 4; turn++) await delay(0);
      controller.abort();
      const [result] = await Promise.allSettled([within(attempt, "the acquire to settle")]);
      if (result.status === "fulfilled") result.value.discard();
      else expect((result.reason as Error).name).toBe("AbortError");
      expect(it.pool.stats().waiting).toBe(0);
    }
    await until(() => it.pool.stats().connecting === 0, "no connect on its way");
  });
});

describe("a destination that fails", () => {
  it("rejects each acquire with its own error, and is not held against the next", async () => {
    const port = await freePort();
    await using pool = createPool({ connectionsPerHost: 2 });
    const target = { hostname: LOOPBACK, port };
    const errors = await Promise.all([1, 2, 3, 4, 5].map(() => errorOf(() => pool.acquire(target))));
    for (const error of errors) expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(pool.stats()).toMatchObject({ failures: 5, open: 0, connecting: 0, waiting: 0 });
    await using server = new TestServer({}, { port });
    await using lease = await pool.acquire({ hostname: LOOPBACK, port: server.port });
    expect(lease.reused).toBe(false);
  });

  it("is left alone for a while after repeated failures, where asked for", async () => {
    const port = await freePort();
    await using pool = createPool({ maxFailures: 2, backOff: 400 });
    const target = { hostname: LOOPBACK, port };
    for (let round = 0; round < 2; round++) {
      expect(await errorOf(() => pool.acquire(target))).toBeInstanceOf(ConnectionRefusedError);
    }
    const error = await errorOf(() => pool.acquire(target)) as RingportError;
    expect(error.code).toBe("ERR_POOL_BACK_OFF");
    expect(error.cause).toBeInstanceOf(ConnectionRefusedError);
    expect(pool.stats()).toMatchObject({ failures: 2, backedOff: 1 });
    await using _server = new TestServer({}, { port });
    await delay(450);
    (await pool.acquire(target)).release();
    expect(pool.stats()).toMatchObject({ created: 1 });
  });

  it("does not answer: the connect has its own time", async () => {
    const silent = await silentPort();
    await using pool = createPool({ connect: { timeouts: { connect: 150 } }, connectionsPerHost: 1 });
    const target = { hostname: LOOPBACK, port: silent.port };
    const errors = [1, 2].map(() => errorOf(() => pool.acquire(target)) as Promise<RingportError>);
    for (const error of await Promise.all(errors)) {
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.operation).toBe("connect");
    }
    const late = await errorOf(() => pool.acquire({ ...target, timeout: 50 })) as RingportError;
    expect(late.operation).toBe("acquire");
    expect(pool.stats()).toMatchObject({ failures: 2, timeouts: 1, waiting: 0 });
    await until(() => pool.stats().connecting === 0, "its connect to be given up");
    await silent.close();
  });

  it("gives the error of the resolver for a name nobody has", async () => {
    await using pool = createPool();
    const error = await errorOf(() => pool.acquire({ hostname: "no-such-host.invalid", port: 1 }));
    expect((error as RingportError).operation).toBe("resolve");
  });
});
