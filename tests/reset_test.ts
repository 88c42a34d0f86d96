/** The end (FIN) and the reset (RST) of the peer in every state a connection can be in. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type CloseReason, connect, ConnectionResetError, listen, RingportError } from "../src/mod.ts";
import { connectLogged, type Log, TestServer } from "./helpers/log.ts";
import { listenPeer, readAllText, readText } from "./helpers/peer.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

/** A state to bring the server's connection into before the client ends or resets. */
interface State {
  name: string;
  /** Bytes the server is given on the way and does not hand out before it is deaf no more. */
  prepare(near: Log, far: Log): Promise<void> | void;
  /** After the client's blow: what makes a deaf connection listen again. */
  wake?(far: Log): void;
  /** How the server's connection ends after the client's FIN: who ended it. */
  afterEnd: "local" | "peer";
}

const STATES: State[] = [
  { name: "open and idle", prepare: () => {}, afterEnd: "peer" },
  {
    name: "open after some traffic",
    async prepare(near, far) {
      near.connection.write("to");
      await far.gotText("to");
      far.connection.write("fro");
      await near.gotText("fro");
    },
    afterEnd: "peer",
  },
  {
    name: "paused",
    prepare: (_, far) => far.connection.pause(),
    wake: (far) => far.connection.resume(),
    afterEnd: "peer",
  },
  {
    name: "paused with bytes unread",
    async prepare(near, far) {
      far.connection.pause();
      await delay(5);
      near.connection.write("unread");
      await delay(20);
    },
    wake: (far) => far.connection.resume(),
    afterEnd: "peer",
  },
  {
    name: "write-ended",
    async prepare(near, far) {
      far.connection.shutdownWrite();
      await near.gotEnd();
    },
    afterEnd: "local",
  },
  {
    name: "write-ended and paused",
    async prepare(near, far) {
      far.connection.pause();
      far.connection.shutdownWrite();
      await near.gotEnd();
    },
    wake: (far) => far.connection.resume(),
    afterEnd: "local",
  },
  {
    name: "closing by end",
    async prepare(near, far) {
      far.connection.end("last");
      await near.gotEnd();
    },
    afterEnd: "local",
  },
];

/** The client keeps its side open until the test ends or resets it. */
const KEEP_OPEN = { end: () => {} };

describe("the client's FIN reaches a connection that is", () => {
  for (const state of STATES) {
    it(state.name, async () => {
      await using server = new TestServer();
      const { near, far } = await server.connectPair(KEEP_OPEN);
      await state.prepare(near, far);
      near.connection.end();
      if (state.wake !== undefined) {
        await delay(20);
        expect(far.ended).toBe(false);
        state.wake(far);
      }
      const reason = await far.closed();
      expect(reason.error).toBe(undefined);
      expect(reason.by).toBe(state.afterEnd);
      expect(reason.bytesLost).toBe(0);
      expect(far.errors).toEqual([]);
      expect(far.events.at(-1)).toBe("close");
      expect(far.connection.state).toBe("closed");
      expect((await near.closed()).bytesLost).toBe(0);
    });
  }
});

describe("the client's RST reaches a connection that is", () => {
  for (const state of STATES) {
    it(state.name, async () => {
      await using server = new TestServer();
      const { near, far } = await server.connectPair(KEEP_OPEN);
      await state.prepare(near, far);
      near.connection.abort();
      expect((await near.closed()).by).toBe("local");
      if (state.wake !== undefined) {
        await delay(20);
        expect(far.reason).toBe(undefined);
        state.wake(far);
      }
      const reason = await far.closed();
      expect(reason.by).toBe("error");
      expect(reason.error).toBeInstanceOf(ConnectionResetError);
      expect(far.errors.length).toBe(1);
      expect(far.errors[0]).toBe(reason.error);
      expect(far.events.slice(-2)).toEqual(["error", "close"]);
      const error = reason.error as RingportError;
      expect(error.code).toBe("ECONNRESET");
      expect(error.origin).toBe("kernel");
      expect(error.connectionId).toBe(far.connection.id);
      expect(error.systemError).not.toBe(0);
    });
  }
});

describe("a reset", () => {
  it("while bytes are queued tells how many were lost", async () => {
    await using server = new TestServer();
    const { near, far } = await server.connectPair(KEEP_OPEN);
    near.connection.pause();
    await delay(5);
    const length = 12 << 20;
    expect(far.connection.write(new Uint8Array(length))).toBe("queued");
    await delay(50);
    expect(far.connection.bufferedBytes).toBeGreaterThan(0);
    near.connection.abort();
    const reason = await far.closed();
    expect(reason.by).toBe("error");
    expect(reason.flushed).toBe(false);
    expect(reason.bytesLost).toBeGreaterThan(0);
    expect(reason.bytesLost).toBeLessThanOrEqual(length);
    expect(far.errors.length).toBe(1);
  });

  it("after the peer's end is an error and the last event", async () => {
    await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true });
    const { near, far } = await server.connectPair(KEEP_OPEN);
    near.connection.shutdownWrite();
    await far.gotEnd();
    expect(far.connection.state).toBe("read-ended");
    near.connection.abort();
    await near.closed();
    // Nothing is read any more, so the reset shows at a write.
    await until(() => {
      far.connection.write("anyone there?");
      return far.reason !== undefined;
    }, "the reset was noticed");
    expect(far.reason!.by).toBe("error");
    expect(["ECONNRESET", "EPIPE"]).toContain((far.reason!.error as RingportError).code);
  });

  it("in the open handler of the other side", async () => {
    await using server = new TestServer({ open: (connection) => connection.abort() });
    const near = await connectLogged(server.port).catch((error) => error as Error);
    if (!(near instanceof Error)) {
      const reason = await near.closed();
      expect((reason.error as RingportError).code).toBe("ECONNRESET");
    } else expect((near as RingportError).code).toBe("ECONNRESET");
    expect((await (await server.opened()).closed()).by).toBe("local");
  });
});

describe("a reset while the connection ends", () => {
  const SMALL = 100_000;
  const LARGE = 12 << 20;
  /** Ways to end, and what the peer did before. */
  const endings: {
    name: string;
    peerEnded?: true;
    options?: object;
    end(far: Log, bytes: Uint8Array): void;
  }[] = [
    { name: "by close", end: ({ connection }, bytes) => (connection.write(bytes), connection.close()) },
    { name: "by end", end: ({ connection }, bytes) => void connection.end(bytes) },
    {
      name: "by shutdownWrite",
      end: ({ connection }, bytes) => (connection.write(bytes), connection.shutdownWrite()),
    },
    {
      name: "by end after the peer's end",
      peerEnded: true,
      end: ({ connection }, bytes) => void connection.end(bytes),
    },
    {
      name: "by close after the peer's end",
      peerEnded: true,
      end: ({ connection }, bytes) => (connection.write(bytes), connection.close()),
    },
    {
      name: "by end without lingering",
      options: { lingerTimeout: 0 },
      end: ({ connection }, bytes) => void connection.end(bytes),
    },
    {
      name: "by close without lingering",
      options: { lingerTimeout: 0 },
      end: ({ connection }, bytes) => (connection.write(bytes), connection.close()),
    },
  ];
  for (const { name, peerEnded, options, end } of endings) {
    for (const length of [SMALL, LARGE]) {
      // Once the kernel has everything and nobody waits for the peer, no reset comes through to this side.
      if (length === SMALL && (peerEnded || options !== undefined)) continue;
      it(`${name}, of ${length} bytes, is told, and nothing is called flushed`, async () => {
        await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true, ...options });
        const { near, far } = await server.connectPair(KEEP_OPEN);
        if (peerEnded) {
          near.connection.shutdownWrite();
          await far.gotEnd();
        }
        near.connection.pause();
        await delay(5);
        end(far, new Uint8Array(length));
        await delay(50);
        if (length === LARGE) expect(far.connection.bufferedBytes).toBeGreaterThan(0);
        else expect(far.connection.bufferedBytes).toBe(0);
        near.connection.abort();
        const reason = await far.closed();
        expect(reason.by).toBe("error");
        expect(reason.error).toBeInstanceOf(ConnectionResetError);
        expect(reason.flushed).toBe(false);
        if (length === LARGE) expect(reason.bytesLost).toBeGreaterThan(0);
        else expect(reason.bytesLost).toBe(0);
        // The application that has closed hears of it by the reason alone.
        expect(far.errors.length).toBeLessThanOrEqual(1);
        expect(far.events.at(-1)).toBe("close");
        expect(far.events.filter((event) => event === "close")).toHaveLength(1);
      });
    }
  }

  it("is no news of a connection that ended in order before", async () => {
    await using server = new TestServer(KEEP_OPEN);
    const { near, far } = await server.connectPair(KEEP_OPEN);
    far.connection.write("all of it");
    far.connection.close();
    near.connection.end();
    expect(await far.closed()).toMatchObject({ flushed: true, bytesLost: 0 });
    expect((await far.closed()).error).toBe(undefined);
    await near.closed();
  });
});

describe("a reset that is first seen by the end of this side", () => {
  for (const how of ["end", "shutdownWrite", "close"] as const) {
    it(`is a reset all the same, by ${how}`, async () => {
      await using server = new TestServer(KEEP_OPEN);
      for (let round = 0; round < 5; round++) {
        const { near, far } = await server.connectPair(KEEP_OPEN);
        // While paused it does not see the reset.
        far.connection.pause();
        await delay(5);
        near.connection.abort();
        await near.closed();
        await delay(20);
        expect(far.reason).toBe(undefined);
        far.connection[how]();
        const reason = await far.closed();
        expect(reason.by).toBe("error");
        expect(reason.error).toBeInstanceOf(ConnectionResetError);
        expect(["ECONNRESET", "EPIPE"]).toContain((reason.error as RingportError).code);
        expect(reason.flushed).toBe(false);
      }
    });
  }

  it("is a reset after the peer's end as well", async () => {
    await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true });
    const { near, far } = await server.connectPair(KEEP_OPEN);
    near.connection.shutdownWrite();
    await far.gotEnd();
    near.connection.abort();
    await near.closed();
    await delay(20);
    // Some bytes, so that the end has something to wait for.
    far.connection.end("too late");
    const reason = await far.closed();
    expect([reason.by, reason.flushed]).toEqual(["error", false]);
    expect(reason.error).toBeInstanceOf(ConnectionResetError);
  });
});

describe("abort", () => {
  it("is seen by a raw peer as a reset", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    await peer.write("hello");
    await log.gotText("hello");
    log.connection.abort();
    const error = await errorOf(() => within(peer.read(), "the reset"));
    expect(String(error)).toMatch(/reset/i);
    expect(await log.closed()).toMatchObject({ by: "local", bytesLost: 0 });
    peer.close();
  });

  it("destroys what is queued and says how much", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    expect(log.connection.write(new Uint8Array(15 << 20))).toBe("queued");
    await delay(30);
    const queued = log.connection.bufferedBytes;
    expect(queued).toBeGreaterThan(0);
    log.connection.abort();
    expect(log.connection.state).toBe("aborting");
    const reason = await log.closed();
    expect(reason.flushed).toBe(false);
    expect(reason.bytesLost).toBeGreaterThan(0);
    expect(reason.bytesLost).toBeLessThanOrEqual(queued);
    peer.close();
  });

  it("after a write in the same turn is a reset all the same", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.write("never sent");
    log.connection.abort();
    const error = await errorOf(() => within(readAllText(peer), "the reset"));
    expect(String(error)).toMatch(/reset/i);
    const reason = await log.closed();
    expect(reason.by).toBe("local");
    // The kernel may have had the bytes before the reset destroyed them; the account must be one or the
    // other.
    expect([0, 10]).toContain(reason.bytesLost);
    expect(reason.flushed).toBe(reason.bytesLost === 0);
    peer.close();
  });
});

describe("close", () => {
  it("flushes first and does not wait for the peer's end", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.write("all of this");
    log.connection.close();
    expect(["closing", "closed"]).toContain(log.connection.state);
    expect(await readAllText(peer)).toBe("all of this");
    expect(await log.closed()).toMatchObject({ by: "local", flushed: true, bytesLost: 0 });
    peer.close();
  });

  it("does not destroy flushed bytes by a reset while the peer is still sending", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    await peer.write("request with a body nobody reads");
    await log.gotBytes(1);
    log.connection.pause();
    await peer.write(new Uint8Array(200_000));
    const answer = "x".repeat(100_000);
    log.connection.write(answer);
    log.connection.close();
    await delay(30);
    expect(await readText(peer, answer)).toBe(answer);
    peer.close();
    await log.closed();
  });

  it("of a client is seen by a raw server as the end", async () => {
    const listener = listenPeer();
    const log = await connectLogged(listener.port);
    const peer = await listener.accept();
    log.connection.write("all");
    log.connection.close();
    expect(await readAllText(peer)).toBe("all");
    peer.close();
    await log.closed();
    listener.close();
  });

  it("resolves when the connection is gone, and so does disposal", async () => {
    for (const way of ["close", "disposal"]) {
      await using server = new TestServer();
      const { peer, log } = await server.connectPeer();
      const { connection } = log;
      const gone: Promise<unknown> = way === "close" ? connection.close() : connection[Symbol.asyncDispose]();
      expect(connection.state, way).toBe("closing");
      expect(await readAllText(peer)).toBe("");
      peer.close();
      const reason = await within(gone, `the end by ${way}`);
      expect(connection.state, way).toBe("closed");
      if (way === "close") expect(reason).toMatchObject({ by: "local", flushed: true });
    }
  });

  it("can be awaited by the handler whose connection it ends", async () => {
    const closed = Promise.withResolvers<CloseReason>();
    await using listener = listen({
      hostname: "127.0.0.1",
      socket: { data: async (connection) => closed.resolve(await connection.close()) },
    });
    await using client = await connect({
      hostname: "127.0.0.1",
      port: listener.port,
      socket: { data() {} },
    });
    client.write("go");
    expect(await within(closed.promise, "the end")).toMatchObject({ by: "local" });
  });
});
