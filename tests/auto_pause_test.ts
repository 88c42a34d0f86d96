/**
 * An accepted connection that is behind with writing stops reading by itself, and a write that is refused is
 * never silent.
 */
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
} from "../src/mod.ts";
import { framed, lengthPrefixed } from "../src/framing.ts";
import { CommandServer } from "./helpers/commands.ts";
import { StreamHash } from "./helpers/hash.ts";
import { connectPeer, type Peer, readText, tryPeer } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = KIBIBYTE * KIBIBYTE;
/** Small, so that little fits into the kernel and the rest shows here. */
const KERNEL_BUFFER = 16 * KIBIBYTE;

/** What a server of one connection saw. */
interface Seen {
  connection: Connection | undefined;
  buffered: number;
  reason: CloseReason | undefined;
}

/** The echo of the README on a loop of its own, with a limit that an unbounded echo would soon reach. */
function echo(options: Partial<ListenOptions> = {}, loopOptions: { development?: boolean } = {}) {
  const loop = createLoop({ connectionSlots: 256, ...loopOptions });
  const seen: Seen = { connection: undefined, buffered: 0, reason: undefined };
  const listener = listen({
    hostname: "127.0.0.1",
    loop,
    sendBuffer: KERNEL_BUFFER,
    receiveBuffer: KERNEL_BUFFER,
    bufferLimit: MEBIBYTE,
    socket: {
      open: (connection) => void (seen.connection = connection),
      data(connection, window) {
        connection.write(window);
        seen.buffered = Math.max(seen.buffered, connection.bufferedBytes);
      },
      close: (_, reason) => void (seen.reason = reason),
    },
    ...options,
  });
  return { loop, listener, seen, [Symbol.asyncDispose]: () => loop.close() };
}

/** Writes random bytes in pieces as fast as the peer takes them. */
async function pour(peer: Peer, total: number, sent: StreamHash): Promise<void> {
  const random = new Random(7);
  while (sent.length < total) {
    const piece = random.bytes(Math.min(random.between(1, 60_000), total - sent.length));
    sent.update(piece);
    await peer.write(piece);
  }
}

async function drainPeer(peer: Peer, total: number): Promise<StreamHash> {
  const received = new StreamHash();
  while (received.length < total) {
    const bytes = await within(peer.read(), `the rest behind ${received.length} of ${total} bytes`);
    if (bytes === null) break;
    received.update(bytes);
  }
  return received;
}

/** Writes all of it with regard to `drain`, and counts what comes back. */
function upload(port: number, total: number, options: Partial<ConnectionOptions> = {}) {
  const random = new Random(3);
  const piece = random.bytes(64 * KIBIBYTE);
  const sent = new StreamHash();
  const received = new StreamHash();
  const more = (connection: Connection) => {
    while (sent.length < total) {
      new DataView(piece.buffer).setUint32(0, sent.length);
      const result = connection.write(piece);
      if (result === "refused") return;
      sent.update(piece);
      if (result === "queued") return;
    }
  };
  const done = connect({
    hostname: "127.0.0.1",
    port,
    ...options,
    socket: {
      open: more,
      drain: more,
      data(connection, window) {
        received.update(window.bytes);
        if (received.length >= total) connection.end();
      },
    },
  }).then(({ closed }) => closed);
  return { done, sent, received };
}

/** What `console.warn` was told meanwhile. */
async function warnings(action: () => Promise<void>): Promise<string[]> {
  const told: string[] = [];
  const { warn } = console;
  console.warn = (...parts: unknown[]) => void told.push(parts.join(" "));
  try {
    await action();
  } finally {
    console.warn = warn;
  }
  return told;
}

describe("an echo that ignores what write answers", () => {
  it("loses nothing to a slow reader and stays bounded", { timeout: 120_000 }, async () => {
    await using server = echo();
    const peer = await connectPeer({ port: server.listener.port });
    const total = scaled(24, 8) * MEBIBYTE;
    const sent = new StreamHash();
    const pouring = pour(peer, total, sent);
    // Nothing is read for a while: the server must stop reading too.
    await until(async () => {
      const before = sent.length;
      await delay(200);
      return sent.length === before;
    }, "the peer cannot send any more");
    expect(sent.length).toBeLessThan(total);
    const received = await drainPeer(peer, total);
    await pouring;
    expect(received.digest()).toBe(sent.digest());
    // A receive brings 128 KiB at most, and the mark is as high.
    expect(server.seen.buffered).toBeLessThanOrEqual(256 * KIBIBYTE);
    expect(server.loop.stats().writesRefused).toBe(0);
    await peer.endWriting();
    await until(() => server.seen.reason !== undefined, "the connection closed");
    expect(server.seen.reason).toMatchObject({ by: "peer", bytesLost: 0, flushed: true });
    peer.close();
  });

  it("loses bytes with autoPause off, and says so", { timeout: 120_000 }, async () => {
    const told = await warnings(async () => {
      await using server = echo({ autoPause: false });
      const peer = await connectPeer({ port: server.listener.port });
      const total = 8 * MEBIBYTE;
      await pour(peer, total, new StreamHash());
      await until(() => server.loop.stats().bytesReceived === total, "all was received");
      await peer.endWriting();
      let received = 0;
      for (;;) {
        const bytes = await within(peer.read(), "the end");
        if (bytes === null) break;
        received += bytes.length;
      }
      await until(() => server.seen.reason !== undefined, "the connection closed");
      expect(received).toBeLessThan(total);
      expect(server.seen.reason).toMatchObject({ bytesLost: total - received, flushed: false });
      expect(server.loop.stats().writesRefused).toBeGreaterThan(0);
      peer.close();
    });
    expect(told.length).toBe(1);
    expect(told[0]).toMatch(/bufferLimit.*lost/);
  });

  it(
    "of an upload of 100 MB between connections of the library ends and is exact",
    { timeout: 120_000 },
    async () => {
      await using server = echo({ sendBuffer: undefined, receiveBuffer: undefined, bufferLimit: undefined });
      await using loop = createLoop();
      const total = scaled(100_000_000, 20_000_000);
      const { done, sent, received } = upload(server.listener.port, total, { loop });
      await within(done, "the end of the upload", 100_000);
      expect(received.length).toBe(sent.length);
      expect(received.digest()).toBe(sent.digest());
      expect(server.loop.stats().writesRefused).toBe(0);
    },
  );

  it("in frames answers all of what a slow reader asked", { timeout: 120_000 }, async () => {
    const framer = lengthPrefixed("u16be");
    // Both ways of answering, by turns.
    let asked = 0;
    const handlers = framed(framer, {
      message(connection, window, reply) {
        if (asked++ % 2 === 0) reply.send(window);
        else connection.write(framer.encode(window.bytes));
      },
    });
    await using server = echo({ socket: handlers });
    const peer = await connectPeer({ port: server.listener.port });
    const random = new Random(5);
    const sent = new StreamHash();
    const total = 6 * MEBIBYTE;
    const pouring = (async () => {
      while (sent.length < total) {
        const frame = framer.encode(random.bytes(random.between(1, 9_000)));
        sent.update(frame);
        await peer.write(frame);
      }
    })();
    await delay(300);
    expect(sent.length).toBeLessThan(total);
    const received = await drainPeer(peer, total);
    await pouring;
    while (received.length < sent.length) received.update((await within(peer.read(), "the last frame"))!);
    expect(received.digest()).toBe(sent.digest());
    peer.close();
  });
});

/** A connection with more than the kernel takes written to it, so that it is behind. */
async function behind(options: Partial<ListenOptions> = {}) {
  const texts: string[] = [];
  const server = echo({
    socket: {
      open(connection) {
        server.seen.connection = connection;
        connection.write(new Uint8Array(512 * KIBIBYTE));
      },
      data: (_, window) => void texts.push(window.text()),
      close: (_, reason) => void (server.seen.reason = reason),
    },
    ...options,
  });
  const peer = await connectPeer({ port: server.listener.port });
  await until(() => server.seen.connection !== undefined, "it was accepted");
  const connection = server.seen.connection!;
  return { server, peer, connection, texts, [Symbol.asyncDispose]: () => server.loop.close() };
}

async function readAway(peer: Peer): Promise<void> {
  for (let left = 512 * KIBIBYTE; left > 0;) left -= (await within(peer.read(), "what was written"))!.length;
}

describe("paused connections", () => {
  it("do not keep the ring to themselves with what they have received", { timeout: 60_000 }, async () => {
    // Several receives a turn, so that most of what comes waits behind the first callback's pause.
    await using loop = createLoop({ segmentSize: 512, segmentCount: 256, connectionSlots: 256 });
    await using far = createLoop();
    const paused: Connection[] = [];
    const received = new Map<number, StreamHash>();
    const listener = listen({
      hostname: "127.0.0.1",
      loop,
      socket: {
        data(connection, window) {
          if (window.text() === "still there?") return void connection.write(window);
          const hash = received.get(connection.id) ?? new StreamHash();
          received.set(connection.id, hash);
          hash.update(window.bytes);
          if (paused.includes(connection)) return;
          connection.pause();
          paused.push(connection);
        },
      },
    });
    const piece = new Random(9).bytes(24 * KIBIBYTE);
    const expected = new StreamHash();
    expected.update(piece);
    for (let count = 0; count < 40; count++) {
      const client = await connect({ hostname: "127.0.0.1", port: listener.port, loop: far });
      client.write(piece);
    }
    await until(() => paused.length === 40, "all have paused");
    const peer = await connectPeer({ port: listener.port });
    for (let round = 0; round < 20; round++) {
      await peer.write("still there?");
      expect(await readText(peer, "still there?")).toBe("still there?");
    }
    expect(loop.stats().segmentsHeld).toBeLessThan(200);
    for (const connection of paused) connection.resume();
    const all = () => [...received.values()];
    await until(() => all().every(({ length }) => length === piece.length), "all of it came");
    expect(all().every((hash) => hash.digest() === expected.digest())).toBe(true);
    expect(loop.stats().memoryHeld).toBe(0);
    peer.close();
  });
});

describe("a connection that is behind", () => {
  it("reads again after drain, and not before, whatever the application resumes", async () => {
    await using it = await behind();
    await it.peer.write("later");
    await delay(50);
    it.connection.pause();
    it.connection.resume();
    await delay(50);
    expect(it.texts).toEqual([]);
    await readAway(it.peer);
    await until(() => it.texts.length > 0, "it reads again");
    expect(it.texts).toEqual(["later"]);
    it.peer.close();
  });

  it("stays paused after drain where the application paused it", async () => {
    await using it = await behind();
    it.connection.pause();
    await it.peer.write("later");
    await readAway(it.peer);
    await until(() => it.connection.bufferedBytes === 0, "it is not behind any more");
    await delay(50);
    expect(it.texts).toEqual([]);
    it.connection.resume();
    await until(() => it.texts.length > 0, "it reads again");
    it.peer.close();
  });

  it("reads on with autoPause off, and by default where connect made it", async () => {
    await using it = await behind({ autoPause: false });
    await it.peer.write("at once");
    await until(() => it.texts.length > 0, "it reads");
    it.peer.close();

    let text = "";
    await using server = echo({
      socket: { open: (connection) => (connection.pause(), void connection.write("spoken")) },
    });
    await using loop = createLoop();
    const client = await connect({
      hostname: "127.0.0.1",
      port: server.listener.port,
      loop,
      socket: { data: (_, window) => void (text += window.text()) },
    });
    while (client.write(new Uint8Array(MEBIBYTE)) === "sent") await delay(0);
    await until(() => text === "spoken", "it reads although it is behind");
    client.abort();
  });

  it("hears of a peer that resets it", async () => {
    await using it = await behind();
    await it.peer.write("unread");
    // Closed with bytes unread: a reset.
    it.peer.close();
    await until(() => it.server.seen.reason !== undefined, "the connection closed");
    expect(it.server.seen.reason!.bytesLost).toBeGreaterThan(0);
  });

  it("is cut by the linger time when it was ended and its peer does nothing", async () => {
    await using it = await behind({ lingerTimeout: 300 });
    it.connection.end();
    await until(() => it.server.seen.reason !== undefined, "the connection closed");
    expect(it.server.seen.reason!.by).toBe("timeout");
    it.peer.close();
  });

  it("is idle when its peer takes nothing", async () => {
    await using it = await behind({ timeouts: { idle: 200 }, lingerTimeout: 300 });
    await until(() => it.server.seen.reason !== undefined, "the connection closed");
    expect(it.server.seen.reason!.error).toMatchObject({ code: "ERR_TIMEOUT_IDLE" });
    it.peer.close();
  });
});

describe("a refused write", () => {
  const fill = (connection: Connection) => {
    while (connection.write(new Uint8Array(64 * KIBIBYTE)) !== "refused");
  };

  it("throws in development mode", async () => {
    const errors: Error[] = [];
    const told = await warnings(async () => {
      await using server = echo(
        { socket: { open: fill, error: (_, error) => void errors.push(error) } },
        { development: true },
      );
      const peer = await tryPeer(server.listener.port);
      await until(() => errors.length > 0, "the handler failed");
      peer?.close();
    });
    expect(errors[0]).toMatchObject({ name: "LimitError", code: "ERR_WRITE_REFUSED", operation: "write" });
    expect(told.length).toBe(1);
  });

  it("is what a drain handler is there for: it neither throws nor is lost after it", async () => {
    const reasons: CloseReason[] = [];
    let drains = 0;
    const told = await warnings(async () => {
      await using server = echo({
        socket: {
          open: fill,
          drain(connection) {
            drains += 1;
            connection.end();
          },
          close: (_, reason) => void reasons.push(reason),
        },
      }, { development: true });
      const peer = await connectPeer({ port: server.listener.port });
      const reading = drainPeer(peer, Infinity);
      await until(() => drains > 0, "drain was called");
      expect(server.loop.stats().writesRefused).toBe(1);
      await reading;
      await peer.endWriting();
      await until(() => reasons.length > 0, "the connection closed");
      peer.close();
    });
    expect(reasons[0]).toMatchObject({ bytesLost: 0, flushed: true });
    expect(told).toEqual([]);
  });

  it("that no drain came after is among the bytes lost", async () => {
    const reasons: CloseReason[] = [];
    await using server = echo({
      socket: {
        open(connection) {
          fill(connection);
          const { bufferedBytes } = connection;
          connection.abort();
          expect(bufferedBytes).toBeGreaterThan(0);
        },
        drain() {},
        close: (_, reason) => void reasons.push(reason),
      },
    });
    const peer = await tryPeer(server.listener.port);
    await until(() => reasons.length > 0, "the connection closed");
    expect(reasons[0].bytesLost).toBeGreaterThan(MEBIBYTE);
    peer?.close();
  });

  it("to a connection that no longer writes is counted apart", async () => {
    await using server = echo({ socket: { open: (connection) => void connection.end() } });
    const peer = await connectPeer({ port: server.listener.port });
    await until(
      () => server.seen.connection === undefined && server.listener.connectionCount === 1,
      "it is there",
    );
    const [connection] = server.listener.connections();
    expect(connection.write("late")).toBe("refused");
    expect(server.loop.stats()).toMatchObject({ writesRefused: 0, writesAfterEnd: 1 });
    peer.close();
  });
});

describe("a server whose application ignores what write answers", () => {
  it("goes on accepting beside 40 peers that do not read", { timeout: 120_000 }, async () => {
    await using fixture = await CommandServer.start({ workers: 1 }, "echo.ts");
    const loop = createLoop();
    const deaf: Connection[] = [];
    const chunk = new Uint8Array(256 * KIBIBYTE);
    for (let count = 0; count < 40; count++) {
      const pour = (connection: Connection) => {
        while (connection.write(chunk) === "sent");
      };
      deaf.push(
        await connect({
          hostname: "127.0.0.1",
          port: fixture.server.port,
          loop,
          socket: { open: pour, drain: pour, data() {} },
        }),
      );
      // Reads nothing of what comes back.
      deaf[count].pause();
    }
    await until(
      async () => {
        const before = loop.stats().bytesSent;
        await delay(300);
        return loop.stats().bytesSent === before;
      },
      "none of them can send any more",
      60_000,
    );
    const peer = await connectPeer({ port: fixture.server.port });
    await peer.write("still there?");
    expect(await readText(peer, "main IPv4\nstill there?")).toBe("main IPv4\nstill there?");
    expect(fixture.server.stats().total.writesRefused).toMatchObject({ buffer: 0 });
    peer.close();
    await loop.close();
  });

  it(
    "logs the first refused write once for all workers and counts the others",
    { timeout: 120_000 },
    async () => {
      await using fixture = await CommandServer.start(
        { workers: 2, autoPause: false, bufferLimit: 128 * KIBIBYTE, sendBuffer: KERNEL_BUFFER },
        "echo.ts",
      );
      const peers: Peer[] = [];
      const refused = () => fixture.server.stats().workers.map(({ writesRefused }) => writesRefused.buffer);
      for (let count = 0; count < 2; count++) {
        const peer = await connectPeer({ port: fixture.server.port });
        peers.push(peer);
        void pour(peer, 64 * MEBIBYTE, new StreamHash()).catch(() => {});
      }
      await until(() => refused().every((count) => count > 0), "both workers refused a write", 60_000);
      await fixture.event("write.refused");
      // The other worker's, were it told, would come as soon.
      await delay(scaled(100, 500));
      const events = fixture.events("write.refused");
      expect(events.length).toBe(1);
      expect(events[0]).toMatchObject({ level: "warn" });
      expect(String(events[0].message)).toMatch(/bufferLimit/);
      for (const peer of peers) peer.close();
    },
  );
});
