/** Async handlers: the calls of `data` follow each other, and waiting for one's own connection is no work. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  type CloseReason,
  connect,
  type Connection,
  type ConnectionOptions,
  createLoop,
  listen,
  type ListenOptions,
  type LoopOptions,
  pump,
  type SocketHandlers,
} from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { CommandServer } from "./helpers/commands.ts";
import { StreamHash } from "./helpers/hash.ts";
import { connectPeer, type Peer, readAllText, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { deferred, delay, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;

/** A server of these handlers on a loop of its own, and what it saw of its one connection. */
function serve(
  socket: SocketHandlers,
  options: Partial<ListenOptions> = {},
  loopOptions: LoopOptions = { connectionSlots: 64 },
) {
  const loop = createLoop(loopOptions);
  const seen: { connection?: Connection; reason?: CloseReason } = {};
  const listener = listen({
    hostname: "127.0.0.1",
    loop,
    ...options,
    socket: {
      ...socket,
      open(connection) {
        seen.connection = connection;
        return socket.open?.(connection);
      },
      close(connection, reason) {
        seen.reason = reason;
        return socket.close?.(connection, reason);
      },
    },
  });
  return {
    loop,
    listener,
    seen,
    connect: () => connectPeer({ port: listener.port }),
    closed: async () => {
      await until(() => seen.reason !== undefined, `the connection closed (${seen.connection?.state})`);
      return seen.reason!;
    },
    [Symbol.asyncDispose]: () => loop.close(),
  };
}

/** Handlers that count how many of their calls run at once, and hash what comes. */
function counting(wait: () => Promise<unknown>) {
  const hash = new StreamHash();
  const counts = { now: 0, most: 0, calls: 0 };
  const data = async (_: Connection, window: { slice(): Uint8Array }) => {
    counts.calls += 1;
    counts.now += 1;
    counts.most = Math.max(counts.most, counts.now);
    const bytes = window.slice();
    await wait();
    hash.update(bytes);
    counts.now -= 1;
  };
  return { data, counts, hash };
}

describe("async data handlers of one connection", () => {
  for (const segmentSize of [512, 4096]) {
    it(`follow each other, in order, with segments of ${segmentSize}`, { timeout: 60_000 }, async () => {
      const random = new Random(11);
      const { data, counts, hash } = counting(() =>
        random.oneIn(3) ? Promise.resolve() : delay(random.between(0, 2))
      );
      await using server = serve({ data }, {}, { connectionSlots: 16, segmentSize });
      const peer = await server.connect();
      const sent = new StreamHash();
      const total = scaled(2_000_000, 500_000);
      while (sent.length < total) {
        const piece = random.bytes(random.between(1, 40_000));
        sent.update(piece);
        await peer.write(piece);
      }
      await until(() => hash.length === sent.length, "all was handled", 40_000);
      expect(hash.digest()).toBe(sent.digest());
      expect(counts.most).toBe(1);
      expect(server.loop.stats().segmentsHeld).toBe(0);
      peer.close();
    });
  }

  it("overlap where they are to", async () => {
    const gate = deferred();
    const { data, counts } = counting(() => gate.promise);
    await using server = serve({ data }, { concurrent: true });
    const peer = await server.connect();
    for (let round = 1; round <= 3; round++) {
      await peer.write("x");
      await until(() => counts.calls === round, "the next call");
    }
    expect(counts.most).toBe(3);
    gate.resolve();
    peer.close();
  });

  it("of other connections go on meanwhile", async () => {
    const gate = deferred();
    await using server = serve({
      async data(connection, window) {
        const text = window.text();
        if (text === "wait") await gate.promise;
        connection.write(text);
      },
    });
    const slow = await server.connect();
    await slow.write("wait");
    const peer = await server.connect();
    await peer.write("now");
    expect(await readText(peer, "now")).toBe("now");
    gate.resolve();
    expect(await readText(slow, "wait")).toBe("wait");
    slow.close();
    peer.close();
  });

  it("that are done at once cost no submission", async () => {
    const submitted: string[] = [];
    await using server = serve({
      async data(connection, window) {
        const { length } = window;
        await Promise.resolve();
        connection.write("ok".repeat(length));
      },
    });
    server.loop.trace(({ stage, operation }) => {
      if (stage === "submitted") submitted.push(operation);
    });
    const peer = await server.connect();
    for (let round = 0; round < 20; round++) {
      await peer.write("x");
      await readText(peer, "ok");
    }
    expect(submitted.filter((operation) => /pause|resume/i.test(operation))).toEqual([]);
    peer.close();
  });

  it("leave a connection paused that they have paused", async () => {
    const texts: string[] = [];
    await using server = serve({
      async data(connection, window) {
        texts.push(window.text());
        connection.pause();
        await delay(1);
      },
    });
    const peer = await server.connect();
    await peer.write("one");
    await until(() => texts.length === 1, "the first call");
    await peer.write("two");
    await delay(50);
    expect(texts).toEqual(["one"]);
    server.seen.connection!.resume();
    await until(() => texts.length === 2, "the second call");
    peer.close();
  });

  it("get nothing more once one of them has failed", async () => {
    const texts: string[] = [];
    await using server = serve({
      async data(_, window) {
        texts.push(window.text());
        await delay(20);
        throw new Error("boom");
      },
      error() {},
    });
    const peer = await server.connect();
    await peer.write("one");
    await until(() => texts.length === 1, "the first call");
    await peer.write("two").catch(() => {});
    expect((await server.closed()).error?.message).toBe("boom");
    expect(texts).toEqual(["one"]);
    peer.close();
  });

  it("go with a lease to the next one", async () => {
    await using server = serve({ data: (connection, window) => void connection.write(window) });
    await using loop = createLoop({ connectionSlots: 16 });
    await using pool = createPool({ loop });
    const gate = deferred();
    const got: string[] = [];
    const target = { hostname: "127.0.0.1", port: server.listener.port };
    const first = await pool.acquire({
      ...target,
      socket: {
        async data(_: Connection, window: { text(): string }) {
          got.push(window.text());
          first.release();
          await gate.promise;
        },
      },
    });
    first.connection.write("one");
    await until(() => first.released, "the first lease is over");
    const second = await pool.acquire({
      ...target,
      socket: { data: (_: Connection, window: { text(): string }) => void got.push(window.text()) },
    });
    expect(second.reused).toBe(true);
    second.connection.write("two");
    await until(() => got.length === 2, "the answer of the second lease");
    gate.resolve();
    second.release();
  });
});

describe("while an async data handler waits", () => {
  it("the peer's end waits behind it, so that its answer still goes out", async () => {
    const events: string[] = [];
    await using server = serve({
      async data(connection, window) {
        const text = window.text();
        await delay(50);
        events.push(`answered ${connection.write(`re: ${text}`)}`);
      },
    });
    const peer = await server.connect();
    await peer.write("question");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("re: question");
    expect(events).toEqual(["answered sent"]);
    expect(await server.closed()).toMatchObject({ by: "peer", flushed: true });
    peer.close();
  });

  it("a reset is told at once", async () => {
    const gate = deferred();
    await using server = serve({ data: () => gate.promise });
    await using far = createLoop({ connectionSlots: 16 });
    const client = await connect({ hostname: "127.0.0.1", port: server.listener.port, loop: far });
    client.write("x");
    await until(() => server.loop.stats().handlersWaiting === 1, "the handler waits");
    client.abort();
    expect((await server.closed()).by).toBe("error");
    gate.resolve();
  });

  it("drain comes, also to one that waits for it", async () => {
    let drained = deferred();
    let bytes = 0;
    await using server = serve({
      async data(connection, window) {
        bytes += window.length;
        if (connection.write(new Uint8Array(512 * KIBIBYTE)) === "sent") return;
        drained = deferred();
        await drained.promise;
      },
      drain: () => drained.resolve(),
    }, { sendBuffer: 16 * KIBIBYTE });
    const peer = await server.connect();
    for (let round = 1; round <= 3; round++) {
      await peer.write("x");
      for (let left = 512 * KIBIBYTE; left > 0;) {
        left -= (await within(peer.read(), "what was written"))!.length;
      }
      await until(() => bytes === round, "the next call");
    }
    peer.close();
  });

  it("its own end comes, where this side ended first", async () => {
    const events: string[] = [];
    await using server = serve({
      async data(connection) {
        connection.end("bye");
        await connection.closed;
        events.push("gone");
      },
    });
    const peer = await server.connect();
    await peer.write("x");
    expect(await readAllText(peer)).toBe("bye");
    await peer.endWriting();
    await server.closed();
    await until(() => events.length === 1, "the handler went on");
    peer.close();
  });

  it("for the end of its connection, further bytes and the peer's end come", async () => {
    const texts: string[] = [];
    let gone = 0;
    await using server = serve({
      async data(connection, window) {
        texts.push(window.text());
        if (window.text() !== "subscribe") return;
        await connection.closed;
        gone += 1;
      },
    });
    const peer = await server.connect();
    await peer.write("subscribe");
    await until(() => texts.length === 1, "the first call");
    await peer.write("ping");
    await until(() => texts.length === 2, "the second call");
    expect(server.loop.stats().handlersWaiting).toBe(0);
    await peer.endWriting();
    await server.closed();
    await until(() => gone === 1, "the first handler went on");
    peer.close();
  });

  it("for the end only later, the peer's end comes", async () => {
    let gone = 0;
    await using server = serve({
      async data(connection) {
        await delay(5);
        await connection.closed;
        gone += 1;
      },
    });
    const peer = await server.connect();
    await peer.write("x");
    await delay(30);
    await peer.endWriting();
    await server.closed();
    await until(() => gone === 1, "the handler went on");
    peer.close();
  });
});

/** What a handler may wait for on its own connection. */
const waits: [string, (connection: Connection) => Promise<unknown>][] = [
  ["a read of its stream", async ({ readable }) => {
    for await (const _ of readable);
  }],
  ["bytes it has asked for", (connection) => connection.readExactly(5)],
  ["its end", ({ closed }) => closed],
  ["room for its writes", async ({ writable }) => {
    const writer = writable.getWriter();
    for (;;) await writer.write(new Uint8Array(64 * KIBIBYTE));
  }],
];

describe("a handler that waits for", () => {
  for (const [name, wait] of waits) {
    it(`${name} is no task, and its connection may be idle`, async () => {
      const idle = scaled(150, 1_500);
      const options: Partial<ConnectionOptions> = { timeouts: { idle }, lingerTimeout: 200 };
      let opened = 0;
      await using server = serve(
        {
          async open(connection) {
            opened += 1;
            await wait(connection).catch(() => {});
          },
          error() {},
        },
        { ...options, sendBuffer: 16 * KIBIBYTE },
        { connectionSlots: 64, tasks: 2 },
      );
      const peers: Peer[] = [];
      for (let count = 0; count < 6; count++) peers.push(await server.connect());
      await until(() => opened === 6, "all were accepted");
      await until(() => server.loop.stats().handlersWaiting === 0, "none of them is a task");
      expect((await server.closed()).error).toMatchObject({ code: "ERR_TIMEOUT_IDLE" });
      for (const peer of peers) peer.close();
    });
  }

  it("something else is a task, also after it has read", async () => {
    const gate = deferred();
    await using server = serve({
      async open({ readable }) {
        for await (const _ of readable) await gate.promise;
      },
    }, { timeouts: { idle: 150 } });
    const peer = await server.connect();
    await peer.write("x");
    await until(() => server.loop.stats().handlersWaiting === 1, "the handler works");
    await delay(400);
    expect(server.seen.reason).toBe(undefined);
    gate.resolve();
    await until(() => server.loop.stats().handlersWaiting === 0, "the handler reads again");
    expect((await server.closed()).error).toMatchObject({ code: "ERR_TIMEOUT_IDLE" });
    peer.close();
  });
});

describe("an async open that reads its stream to the end", () => {
  it("may take its time for the answer", async () => {
    await using server = serve({
      async open(connection) {
        let text = "";
        for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
        await delay(50);
        connection.write(`re: ${text}`);
      },
    });
    const peer = await server.connect();
    await peer.write("question");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("re: question");
    await server.closed();
    peer.close();
  });

  it("does not wait for the end of a connection that waits for it", async () => {
    await using server = serve({
      async open(connection) {
        for await (const _ of connection.readable);
        await connection.closed;
      },
    });
    const peer = await server.connect();
    await peer.endWriting();
    await server.closed();
    peer.close();
  });
});

describe("a worker whose clients say nothing", () => {
  it("goes on serving although each has a handler that reads", { timeout: 60_000 }, async () => {
    await using fixture = await CommandServer.start(
      { workers: 1, limits: { tasks: 16 }, timeouts: { idle: 2_000, firstByte: 0 } },
      "reader.ts",
    );
    const silent: Peer[] = [];
    for (let count = 0; count < 64; count++) silent.push(await connectPeer({ port: fixture.server.port }));
    await until(() => fixture.server.stats().total.connections.open === 64, "all are served");
    expect(fixture.server.stats().workers[0].queues.tasks).toBe(0);
    const peer = await connectPeer({ port: fixture.server.port });
    await peer.write("still there?");
    expect(await readText(peer, "still there?")).toBe("still there?");
    await until(() => fixture.server.stats().total.timeouts.idle >= 64, "the silent ones were idle");
    for (const one of silent) one.close();
    peer.close();
  });
});

describe("a handler that waits for pump", () => {
  it("is no task, be it open or data, and what comes goes through", async () => {
    await using target = serve({ data: (connection, window) => void connection.write(window) });
    for (const inOpen of [true, false]) {
      const join = async (client: Connection) => {
        client.pause();
        const { port } = target.listener;
        const upstream = await connect({ hostname: "127.0.0.1", port, loop: proxy.loop });
        if (!inOpen) upstream.write("first ");
        await pump(client, upstream);
      };
      const proxy = serve(inOpen ? { open: join } : { data: join });
      await using _ = proxy;
      const peer = await proxy.connect();
      await peer.write("hello");
      if (!inOpen) {
        expect(await readText(peer, "first ")).toBe("first ");
        await peer.write("hello");
      }
      expect(await readText(peer, "hello")).toBe("hello");
      expect(proxy.loop.stats().handlersWaiting).toBe(0);
      await peer.endWriting();
      expect(await readAllText(peer)).toBe("");
      await proxy.closed();
      peer.close();
    }
  });
});
