/** Bytes in and out: what arrives is what was sent, however it is cut. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect } from "../src/mod.ts";
import { StreamHash } from "./helpers/hash.ts";
import { connectLogged, TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer, type Peer, readAllText, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { within } from "./helpers/wait.ts";

const MEBIBYTE = 1 << 20;
/** Bytes each way in the long transfer; Wine copies some ten MB a second. */
const LONG_BYTES = scaled(100 * MEBIBYTE, 32 * MEBIBYTE);

/** Writes noise in pieces of random size until `total` bytes are out; the hash tells what was written. */
async function pump(peer: Peer, total: number, random: Random, pieceMax: number): Promise<string> {
  const hash = new StreamHash();
  const noise = random.bytes(pieceMax * 2);
  while (hash.length < total) {
    const length = Math.min(random.between(1, pieceMax), total - hash.length);
    const start = random.between(0, pieceMax);
    const piece = noise.subarray(start, start + length);
    noise[start] = random.next();
    hash.update(piece);
    await peer.write(piece);
  }
  await peer.endWriting();
  return hash.digest();
}

async function digestOf(peer: Peer): Promise<string> {
  const hash = new StreamHash();
  for (;;) {
    const bytes = await within(peer.read(), "more of the stream");
    if (bytes === null) return hash.digest();
    hash.update(bytes);
  }
}

function echoServer(): TestServer {
  return new TestServer({
    data(connection, bytes) {
      if (connection.write(bytes) !== "sent") connection.pause();
    },
    drain: (connection) => connection.resume(),
  });
}

describe("an echo server", () => {
  it("sends back what it receives", async () => {
    await using server = echoServer();
    const { peer } = await server.connectPeer();
    await peer.write("hello");
    expect(await readText(peer, "hello")).toBe("hello");
    await peer.write("again");
    expect(await readText(peer, "again")).toBe("again");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("");
    peer.close();
  });

  it("returns a long stream in random pieces whole", async () => {
    await using server = echoServer();
    const { peer, log } = await server.connectPeer();
    const sent = pump(peer, LONG_BYTES, new Random(1), 100_000);
    const received = digestOf(peer);
    expect(await received).toBe(await sent);
    expect(log.hash.digest()).toBe(await sent);
    peer.close();
  });

  it("returns many short writes whole, one connection among eight", async () => {
    await using server = echoServer();
    const bytes = scaled(512 * 1024, 64 * 1024);
    const both = Array.from({ length: 8 }, async (_, index) => {
      const peer = await connectPeer({ port: server.port });
      const sent = pump(peer, bytes, new Random(index + 10), 200);
      const received = await digestOf(peer);
      peer.close();
      return [received, await sent];
    });
    for (const [received, sent] of await Promise.all(both)) expect(received).toBe(sent);
  });

  it("returns messages of every length around a segment's", async () => {
    await using server = echoServer();
    const { peer } = await server.connectPeer();
    const random = new Random(3);
    const lengths = [1, 2, 4094, 4095, 4096, 4097, 4098, 8191, 8192, 8193, 65535, 65536, 65537];
    for (const length of lengths) {
      const message = random.bytes(length);
      await peer.write(message);
      expect(new StreamHash().update(await readExactly(peer, length)).digest())
        .toBe(new StreamHash().update(message).digest());
    }
    peer.close();
  });
});

describe("a client", () => {
  it("writes random pieces that a raw server receives in order, and reads what that one writes", async () => {
    const listener = listenPeer();
    const log = await connectLogged(listener.port, {
      drain: (connection) => write(connection),
    });
    const peer = await listener.accept();
    const random = new Random(5);
    const total = scaled(20 * MEBIBYTE, 2 * MEBIBYTE);
    const written = new StreamHash();

    function write(connection: typeof log.connection): void {
      while (written.length < total) {
        const piece = random.bytes(Math.min(random.between(1, 50_000), total - written.length));
        const result = connection.write(piece);
        expect(result).not.toBe("refused");
        written.update(piece);
        if (written.length === total) connection.shutdownWrite();
        if (result === "queued") return;
      }
    }

    const received = digestOf(peer);
    write(log.connection);
    expect(await received).toBe(written.digest());

    const sent = await pump(peer, total, new Random(6), 50_000);
    await log.gotEnd();
    expect(log.hash.digest()).toBe(sent);
    expect((await log.closed()).bytesLost).toBe(0);
    peer.close();
    listener.close();
  });

  it("moves a long stream both ways between two connections of one loop", async () => {
    await using server = echoServer();
    const random = new Random(7);
    const total = scaled(32 * MEBIBYTE, 4 * MEBIBYTE);
    const written = new StreamHash();
    const received = new StreamHash();
    const connection = await connect({
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        data(connection, bytes) {
          received.update(bytes.bytes);
          if (received.length === total) connection.end();
        },
        drain: () => write(),
      },
    });
    function write(): void {
      while (written.length < total) {
        const piece = random.bytes(Math.min(random.between(1, 100_000), total - written.length));
        const result = connection.write(piece);
        expect(result).not.toBe("refused");
        written.update(piece);
        if (result === "queued") return;
      }
    }
    write();
    const reason = await within(connection.closed, "the echo of all bytes", 30_000);
    expect(received.digest()).toBe(written.digest());
    expect(reason.by).toBe("local");
    expect(reason.flushed).toBe(true);
  });
});
