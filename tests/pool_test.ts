/** The pool of outgoing connections: reuse, leases, options, its end. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, createLoop, listen, OptionError, pump, RingportError, StateError } from "../src/mod.ts";
import { ConnectionPool, createPool, type Lease, type PoolOptions } from "../src/pool.ts";
import { TestServer } from "./helpers/log.ts";
import { ask, setUp } from "./helpers/pool.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

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
        socket: {
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
      socket: { data: (connection, window) => void connection.data.push(window.text()) },
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

  it("makes a fresh connection where one is wanted, and lets an idle one give way for it", async () => {
    await using it = setUp({ connectionsPerHost: 1 });
    (await it.pool.acquire(it.target)).release();
    const fresh = await it.pool.acquire({ ...it.target, fresh: true });
    expect(fresh.reused).toBe(false);
    // Waits for the one in use: it must not get it when it is released.
    const waiting = it.pool.acquire({ ...it.target, fresh: true });
    const plain = it.pool.acquire(it.target);
    await until(() => it.pool.stats().waiting === 2, "both to wait");
    fresh.release();
    const second = await plain;
    expect(second.reused).toBe(true);
    second.release();
    expect((await within(waiting, "the fresh one")).reused).toBe(false);
    expect(it.pool.stats().evicted.room).toBe(2);
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

  it("leaves nothing of its reads and of other handlers to the next one", async () => {
    await using set = setUp();
    const { pool, target } = set;
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const first = await pool.acquire(target);
    first.connection.write("by reading");
    expect(text(await first.connection.readExactly(10))).toBe("by reading");
    expect(first.release()).toBe(true);

    const second = await pool.acquire(target);
    const got: string[] = [];
    const closes: string[] = [];
    second.connection.reload({
      socket: {
        data: (_connection, window) => void got.push(window.text()),
        close: () => void closes.push("second"),
      },
    });
    second.connection.write("by handlers");
    await until(() => got.join("") === "by handlers", "the answer came");
    expect(second.release()).toBe(true);

    const third = await pool.acquire(target);
    expect(third.reused).toBe(true);
    third.connection.write("once more");
    expect(text(await third.connection.readExactly(9))).toBe("once more");
    // What was read ahead and not asked for belongs to nobody.
    third.connection.write("unread");
    await third.connection.readExactly(1);
    expect(third.release()).toBe(false);
    expect([got.join(""), closes, set.server.logs.length]).toEqual(["by handlers", [], 1]);
  });

  it("is put together with another connection, and is gone then", async () => {
    await using set = setUp();
    const { pool, target } = set;
    const proxy = listen({
      hostname: "127.0.0.1",
      socket: {
        async open(client) {
          client.pause();
          await using lease = await pool.acquire(target);
          const { forward, backward } = await pump(client, lease.connection);
          expect([forward, backward]).toEqual([5, 5]);
        },
      },
    });
    const client = await connect({ hostname: "127.0.0.1", port: proxy.port });
    client.write("hello");
    await client.readExactly(5);
    client.end();
    await client.closed;
    await proxy.close();
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

  it("whose handler fails after it is over does no harm to the next one", async () => {
    await using it = setUp();
    const fails = Promise.withResolvers<void>();
    let heard = 0;
    const first = await it.pool.acquire({
      ...it.target,
      socket: {
        data() {
          heard += 1;
          return fails.promise;
        },
      },
    });
    first.connection.write("x");
    await until(() => heard > 0, "the answer");
    expect(first.release()).toBe(true);
    const next = await it.pool.acquire(it.target);
    expect(next.reused).toBe(true);
    const { error } = console;
    const printed: unknown[] = [];
    console.error = (...what: unknown[]) => void printed.push(what);
    try {
      fails.reject(new Error("too late"));
      await delay(0);
    } finally {
      console.error = error;
    }
    expect(printed).toHaveLength(1);
    expect(await ask(next, "unharmed")).toBe("unharmed");
    next.release();
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
    const other = await pool.acquire({ hostname: LOOPBACK, port: server.port, socket: handlers });
    await until(() => text === "hello", "the greeting at a handler");
    lease.discard();
    other.discard();
  });
});

describe("a pool on a loop of its own", () => {
  it("ends with it", async () => {
    const loop = createLoop({ connectionSlots: 16 });
    await using it = setUp({ loop, connectionsPerHost: 2 });
    const [lease, other] = await Promise.all([it.pool.acquire(it.target), it.pool.acquire(it.target)]);
    other.release();
    await until(() => it.pool.stats().idle === 1, "one to be idle");
    await within(loop.close(), "the loop to close");
    expect(lease.release()).toBe(false);
    expect(await errorOf(() => it.pool.acquire(it.target))).toBeInstanceOf(StateError);
  });

  it("refuses those who wait when the loop closes", async () => {
    const loop = createLoop({ connectionSlots: 16 });
    await using it = setUp({ loop, connectionsPerHost: 1 });
    const lease = await it.pool.acquire(it.target);
    const waiting = errorOf(() => it.pool.acquire(it.target));
    await until(() => it.pool.stats().waiting === 1, "one to wait");
    await within(loop.close(), "the loop to close");
    expect(await within(waiting, "the one who waits")).toBeInstanceOf(StateError);
    expect(lease.release()).toBe(false);
  });

  it("says when the loop is full, and goes on when it is not", async () => {
    await using loop = createLoop({ connectionSlots: 2 });
    await using it = setUp({ loop });
    const held = await Promise.all([it.pool.acquire(it.target), it.pool.acquire(it.target)]);
    expect(await errorOf(() => it.pool.acquire(it.target))).toBeInstanceOf(RingportError);
    held[0].release();
    expect(await it.pool.use(it.target, (_, lease) => ask(lease, "room"))).toBe("room");
    held[1].release();
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
      [{ socket: { data: 1 } }, "data"],
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
      [{ hostname: LOOPBACK, port: 1, handlers: {} }, "handlers"],
      [{ hostname: LOOPBACK, port: 1, timeout: -1 }, "timeout"],
      [{ hostname: LOOPBACK, port: 1, socket: { message() {} } }, "message"],
      [{ hostname: LOOPBACK, port: 1, colour: "red" }, "colour"],
    ];
    for (const [target, key] of targets) {
      const error = await errorOf(() => pool.acquire(target as { hostname: string; port: number }));
      expect((error as OptionError).key).toBe(key);
    }
    expect(pool.stats()).toMatchObject({ destinations: 0, failures: 0 });
  });
});
