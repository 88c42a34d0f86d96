/** The pool of outgoing connections: reuse, limits, the order of those who wait, times, dead connections. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  ConnectionPool,
  ConnectionRefusedError,
  createPool,
  type Lease,
  LimitError,
  OptionError,
  type PoolOptions,
  RingportError,
  StateError,
  TimeoutError,
} from "../src/mod.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { listenPeer } from "./helpers/peer.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

/** An echo server, a pool, and the target between them. */
function setUp(options: PoolOptions = {}) {
  const server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
  const pool = createPool(options);
  const target = { hostname: LOOPBACK, port: server.port };
  return {
    server,
    pool,
    target,
    async [Symbol.asyncDispose]() {
      await within(pool.close(), "the pool to close");
      expect(pool.stats()).toMatchObject({
        open: 0,
        idle: 0,
        leased: 0,
        closing: 0,
        connecting: 0,
        waiting: 0,
      });
      await server[Symbol.asyncDispose]();
    },
  };
}

/** One exchange by stream. */
async function ask(lease: Lease, question: string): Promise<string> {
  const reader = lease.connection.readable.getReader();
  lease.connection.write(question);
  let answer = "";
  while (answer.length < question.length) {
    const { value, done } = await within(reader.read(), `the answer to ${question}`);
    if (done) throw new Error("the stream ended");
    answer += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return answer;
}

/** A port nobody listens on now, and that a server may listen on later. */
async function freePort(): Promise<number> {
  const server = new TestServer();
  await server[Symbol.asyncDispose]();
  return server.port;
}

const openAt = (server: TestServer): Log[] => server.logs.filter((log) => log.reason === undefined);

describe("a pool", () => {
  it("uses one connection for exchanges one after the other", async () => {
    await using it = setUp();
    for (let round = 0; round < 20; round++) {
      await using lease = await it.pool.acquire(it.target);
      expect(lease.reused).toBe(round > 0);
      expect(await ask(lease, `question ${round}`)).toBe(`question ${round}`);
    }
    expect(it.server.logs).toHaveLength(1);
    expect(it.pool.stats()).toMatchObject({ open: 1, idle: 1, leased: 0, created: 1, reused: 19 });
  });

  it("keeps a connection that was leased and not used", async () => {
    await using it = setUp();
    for (let round = 0; round < 5; round++) expect((await it.pool.acquire(it.target)).release()).toBe(true);
    expect(await it.pool.use(it.target, (_, lease) => ask(lease, "after all"))).toBe("after all");
    expect(it.server.logs).toHaveLength(1);
  });

  it("hands what comes to the handlers of each lease, the connection's own table", async () => {
    await using it = setUp();
    for (let round = 0; round < 5; round++) {
      let text = "";
      let events = "";
      const lease = await it.pool.acquire({
        ...it.target,
        handlers: {
          open: () => void (events += "open "),
          data: (_, window) => void (text += window.text()),
          close: () => void (events += "close "),
        },
      });
      lease.connection.write(`round ${round}`);
      await until(() => text.length >= 7, "the answer");
      expect(text).toBe(`round ${round}`);
      const later: string[] = [];
      lease.handlers = { data: (_, window) => void later.push(window.text()) };
      lease.connection.write("again");
      await until(() => later.join("") === "again", "the answer at the other handlers");
      expect(lease.release()).toBe(true);
      expect(lease.release()).toBe(false);
      expect(events).toBe("");
    }
    expect(it.server.logs).toHaveLength(1);
  });

  it("takes the pool's handlers where a lease brings none, and gives each its data", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    await using pool = createPool<string[]>({
      handlers: { data: (connection, window) => void connection.data.push(window.text()) },
    });
    for (let round = 0; round < 3; round++) {
      const data: string[] = [];
      await using lease = await pool.acquire({ hostname: LOOPBACK, port: server.port, data });
      lease.connection.write(`${round}`);
      await until(() => data.length > 0, "the answer");
      expect(data).toEqual([`${round}`]);
    }
    expect(server.logs).toHaveLength(1);
  });

  it("leases the connection used last first", async () => {
    await using it = setUp();
    const leases = await Promise.all([1, 2, 3].map(() => it.pool.acquire(it.target)));
    const ids = leases.map((lease) => lease.connection.id);
    for (const lease of leases) {
      lease.release();
      await until(() => it.pool.stats().leased + it.pool.stats().idle === 3, "the pool to settle");
    }
    await until(() => it.pool.stats().idle === 3, "all to be idle");
    const again = [];
    for (let count = 0; count < 3; count++) again.push(await it.pool.acquire(it.target));
    expect(again.map((lease) => lease.connection.id)).toEqual(ids.reverse());
    for (const lease of again) lease.release();
  });

  it("keeps destinations and options apart", async () => {
    await using it = setUp();
    await using other = new TestServer();
    (await it.pool.acquire(it.target)).release();
    (await it.pool.acquire({ ...it.target, port: other.port })).release();
    (await it.pool.acquire({ ...it.target, noDelay: false })).release();
    (await it.pool.acquire({ noDelay: false, ...it.target })).release();
    await until(() => it.server.logs.length === 2 && other.logs.length === 1, "three connections");
    expect(it.pool.stats()).toMatchObject({ created: 3, reused: 1, destinations: 3 });
  });
});

describe("a lease", () => {
  it("leaves nothing of its streams to the next one", async () => {
    await using it = setUp();
    const first = await it.pool.acquire(it.target);
    const { connection } = first;
    const reader = connection.readable.getReader();
    const writer = connection.writable.getWriter();
    await writer.write("first");
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("first");
    const pending = reader.read();
    expect(first.release()).toBe(true);
    expect((await within(pending, "the old stream to end")).done).toBe(true);
    expect(await errorOf(() => writer.write("late"))).toBeInstanceOf(Error);
    writer.closed.catch(() => {});
    expect(await errorOf(() => first.connection)).toBeInstanceOf(StateError);
    const second = await it.pool.acquire(it.target);
    expect(await ask(second, "second")).toBe("second");
    second.release();
    expect((await it.server.opened()).text).toBe("firstsecond");
  });

  it("is closed at its release when it is not clean", async () => {
    await using it = setUp({ connectionsPerHost: 1 });
    const unclean: [string, (lease: Lease) => Promise<unknown> | void][] = [
      ["ended", (lease) => void lease.connection.end()],
      ["ended", (lease) => {
        lease.connection.abort();
        return lease.connection.closed;
      }],
      ["buffered", (lease) => void lease.connection.write(new Uint8Array(1 << 22))],
      ["unread", async (lease) => {
        const stream = lease.connection.readable;
        lease.connection.write("not read");
        await delay(0);
        await until(() => it.server.logs.some((log) => log.text.includes("not read")), "the question came");
        await delay(50);
        void stream;
      }],
      ["unread", (lease) => lease.connection.readable.cancel()],
      ["unread", (lease) => {
        lease.handlers = { data() {} };
        lease.connection.pause();
      }],
      ["discarded", (lease) => lease.discard()],
    ];
    for (const [reason, action] of unclean) {
      const before = it.pool.stats().evicted[reason as "ended"];
      const lease = await within(it.pool.acquire(it.target), `a connection (${reason})`);
      await action(lease);
      expect(lease.release()).toBe(false);
      expect(it.pool.stats().evicted[reason as "ended"]).toBe(before + 1);
    }
    expect(it.pool.stats().created).toBe(unclean.length);
    // What was written before the release goes out all the same.
    await until(() => it.server.logs.some((log) => log.length === 1 << 22), "all of what was written");
  });

  it("of a `use` that throws is closed, and the error passed on", async () => {
    await using it = setUp();
    const thrown = new Error("mine");
    expect(await errorOf(() => it.pool.use(it.target, () => Promise.reject(thrown)))).toBe(thrown);
    expect(await it.pool.use(it.target, (_, lease) => ask(lease, "next"))).toBe("next");
    expect(it.pool.stats()).toMatchObject({ created: 2, reused: 0 });
    expect(it.pool.stats().evicted.discarded).toBe(1);
  });

  it("takes no handlers once its stream is read", async () => {
    await using it = setUp();
    const lease = await it.pool.acquire(it.target);
    void lease.connection.readable;
    expect(await errorOf(() => void (lease.handlers = { data() {} }))).toBeInstanceOf(StateError);
    lease.discard();
  });

  it("reads what the server says first", async () => {
    await using server = new TestServer({ open: (connection) => void connection.write("hello") });
    await using pool = createPool();
    const lease = await pool.acquire({ hostname: LOOPBACK, port: server.port });
    const reader = lease.connection.readable.getReader();
    const first = await within(reader.read(), "the greeting");
    expect(new TextDecoder().decode(first.value)).toBe("hello");
    let text = "";
    const handlers = { data: (_: unknown, window: { text(): string }) => void (text += window.text()) };
    const other = await pool.acquire({ hostname: LOOPBACK, port: server.port, handlers });
    await until(() => text === "hello", "the greeting at a handler");
    lease.discard();
    other.discard();
  });
});

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

    await using used = setUp({ usesMax: 3 });
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

  it("hold for those who wait", async () => {
    await using it = setUp({ connectionsPerHost: 1, waitingMax: 2 });
    const held = await it.pool.acquire(it.target);
    const waiting = [it.pool.acquire(it.target), it.pool.acquire(it.target)];
    const error = await errorOf(() => it.pool.acquire(it.target)) as RingportError;
    expect(error).toBeInstanceOf(LimitError);
    expect(error.code).toBe("ERR_POOL_WAITING");
    expect(error.message).toContain("waitingMax");
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
    await using pool = createPool({ failuresMax: 2, backOff: 400 });
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

  it("gives the error of the resolver for a name nobody has", async () => {
    await using pool = createPool();
    const error = await errorOf(() => pool.acquire({ hostname: "no-such-host.invalid", port: 1 }));
    expect((error as RingportError).operation).toBe("resolve");
  });
});

describe("closing a pool", () => {
  it("refuses those who wait, closes the idle, waits for the leased", async () => {
    await using it = setUp({ connectionsPerHost: 2 });
    const [lease, idle] = await Promise.all([it.pool.acquire(it.target), it.pool.acquire(it.target)]);
    const waiting = errorOf(() => it.pool.acquire(it.target));
    const closing = it.pool.close();
    expect((await waiting as RingportError).code).toBe("ERR_POOL_CLOSED");
    expect((await errorOf(() => it.pool.acquire(it.target)) as RingportError).code).toBe("ERR_POOL_CLOSED");
    expect(idle.release()).toBe(false);
    expect(await ask(lease, "still here")).toBe("still here");
    expect(it.pool.stats().leased).toBe(1);
    expect(lease.release()).toBe(false);
    await within(closing, "the pool to close");
    expect(it.pool.close()).toBe(it.pool.close());
  });

  it("aborts what is leased after its time", async () => {
    await using it = setUp({ closeTimeout: 100 });
    const lease = await it.pool.acquire(it.target);
    const { closed } = lease.connection;
    await within(it.pool.close(), "the pool to close");
    expect((await closed).by).toBe("local");
    expect(lease.release()).toBe(false);
  });

  it("gives up connects", async () => {
    await using it = setUp();
    const attempt = errorOf(() => it.pool.acquire(it.target));
    await within(it.pool.close(), "the pool to close");
    expect((await attempt as RingportError).code).toBe("ERR_POOL_CLOSED");
  });

  it("of a pool never used is done at once", async () => {
    await within(new ConnectionPool().close(), "the pool to close");
  });
});

describe("the options of a pool", () => {
  it("are checked by name", async () => {
    const cases: [unknown, string][] = [
      [{ size: 3 }, "size"],
      [{ connections: 0 }, "connections"],
      [{ idleTimeout: "1s" }, "idleTimeout"],
      [{ handlers: { data: 1 } }, "data"],
      [{ connect: { signal: 1 } }, "signal"],
    ];
    for (const [options, key] of cases) {
      const error = await errorOf(() => createPool(options as PoolOptions)) as OptionError;
      expect(error).toBeInstanceOf(OptionError);
      expect(error.key).toBe(key);
    }
    await using pool = createPool();
    const targets: [unknown, string][] = [
      [undefined, "target"],
      [{ port: 1 }, "hostname"],
      [{ hostname: LOOPBACK, port: 1, socket: {} }, "socket"],
      [{ hostname: LOOPBACK, port: 1, timeout: -1 }, "timeout"],
      [{ hostname: LOOPBACK, port: 1, handlers: { message() {} } }, "message"],
      [{ hostname: LOOPBACK, port: 1, colour: "red" }, "colour"],
    ];
    for (const [target, key] of targets) {
      const error = await errorOf(() => pool.acquire(target as { hostname: string; port: number }));
      expect((error as OptionError).key).toBe(key);
    }
    expect(pool.stats()).toMatchObject({ destinations: 0, failures: 0 });
  });
});
