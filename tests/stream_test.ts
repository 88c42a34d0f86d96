/** Connections as web streams, with backpressure both ways, and as resources of a scope. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection, createLoop, listen, type Loop, StateError } from "../src/mod.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { connectPeer, listenPeer, type Peer, readAll, readAllText, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, standsStill, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

/** A raw server's end and the library's end of one connection without handlers. */
async function streamPair(
  use: (connection: Connection, peer: Peer) => Promise<void>,
  loop?: Loop,
): Promise<void> {
  const listener = listenPeer();
  const connection = await connect({ hostname: LOOPBACK, port: listener.port, loop });
  const peer = await listener.accept();
  try {
    await use(connection, peer);
  } finally {
    connection.abort();
    peer.close();
    listener.close();
    await within(connection.closed, "the connection to close");
  }
}

describe("readable", () => {
  it("gives the bytes and then ends", async () => {
    await streamPair(async (connection, peer) => {
      const noise = new Random(1).bytes(scaled(3_000_000, 500_000));
      const writing = peer.write(noise).then(() => peer.endWriting());
      const hash = new StreamHash();
      for await (const bytes of connection.readable) hash.update(bytes);
      await writing;
      expect(hash.digest()).toBe(hashOf(noise));
    });
  });

  it("takes no more than it is asked for", async () => {
    const loop = createLoop({ connectionSlots: 16 });
    const total = scaled(32 << 20, 8 << 20);
    await streamPair(async (connection, peer) => {
      const piece = new Uint8Array(256 * 1024);
      const writing = (async () => {
        for (let written = 0; written < total; written += piece.length) await peer.write(piece);
        await peer.endWriting();
      })();
      const reader = connection.readable.getReader();
      let length = (await within(reader.read(), "the first bytes")).value!.length;
      await delay(200);
      // What nobody asked for stays in the kernel, or with the peer.
      expect(Number(loop.stats().bytesReceived)).toBeLessThan(2 << 20);
      for (;;) {
        const { value, done } = await within(reader.read(), "more bytes");
        if (done) break;
        length += value.length;
      }
      expect(length).toBe(total);
      await writing;
    }, loop);
    await loop.close();
  });

  it("fails when the connection is reset", async () => {
    const listener = listen({
      hostname: LOOPBACK,
      port: 0,
      socket: { data: (connection) => connection.abort() },
    });
    const connection = await connect({ hostname: LOOPBACK, port: listener.port });
    connection.write("x");
    const reader = connection.readable.getReader();
    const error = await errorOf(() => within(reader.read(), "the reset"));
    expect((error as { code: string }).code).toBe("ECONNRESET");
    listener.stop(true);
    await listener.close();
  });

  it("is refused where a data handler takes what comes", async () => {
    await using listener = listen({ hostname: LOOPBACK, port: 0, socket: {} });
    const connection = await connect({
      hostname: LOOPBACK,
      port: listener.port,
      socket: { data: () => {} },
    });
    expect(() => connection.readable).toThrow(StateError);
    connection.abort();
    await connection.closed;
  });

  it("cancelled, the connection is read no more", async () => {
    await streamPair(async (connection, peer) => {
      await connection.readable.cancel();
      connection.write("still writing");
      expect(await readText(peer, "still writing")).toBe("still writing");
    });
  });
});

describe("writable", () => {
  it("sends in order and ends with the end of the stream", async () => {
    await streamPair(async (connection, peer) => {
      const writer = connection.writable.getWriter();
      const random = new Random(2);
      const hash = new StreamHash();
      const reading = readAll(peer);
      while (hash.length < scaled(3_000_000, 500_000)) {
        const piece = random.bytes(random.between(1, 50_000));
        hash.update(piece);
        await writer.write(piece);
      }
      await writer.close();
      expect(hashOf(await reading)).toBe(hash.digest());
    });
  });

  it("makes the writer wait for a peer that does not read", async () => {
    await streamPair(async (connection, peer) => {
      const writer = connection.writable.getWriter();
      const piece = new Uint8Array(256 * 1024);
      let written = 0;
      let stop = false;
      const writing = (async () => {
        while (!stop) {
          await writer.write(piece);
          written += piece.length;
        }
        await writer.close();
      })();
      await standsStill(() => written, "the writer");
      expect(connection.bufferedBytes).toBeLessThanOrEqual(2 * piece.length + connection.highWaterMark);
      stop = true;
      const rest = await readAll(peer);
      await writing;
      expect(rest.length).toBe(written);
    });
  });

  it("waits, and has no write refused, where others have filled the buffer", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    await streamPair(async (connection, peer) => {
      const mebibyte = 1 << 20;
      // Half of what a connection buffers by default.
      while (connection.bufferedBytes < 8 * mebibyte) connection.write(new Uint8Array(mebibyte));
      const writer = connection.writable.getWriter();
      const writing = writer.write(new Uint8Array(12 * mebibyte)).then(() => writer.close());
      await readAll(peer);
      await writing;
      expect(loop.stats().writesRefused).toBe(0);
    }, loop);
  });

  it("aborted, the peer sees a reset and not an end", async () => {
    await streamPair(async (connection, peer) => {
      const writer = connection.writable.getWriter();
      await writer.write(new TextEncoder().encode("half"));
      await readText(peer, "half");
      await writer.abort(new Error("no more"));
      expect(await errorOf(() => within(peer.read(), "the reset"))).toBeInstanceOf(Error);
      expect((await connection.closed).by).toBe("local");
    });
  });

  it("fails when the connection is gone", async () => {
    const listener = listen({ hostname: LOOPBACK, port: 0, socket: { open: (c) => void c } });
    const connection = await connect({ hostname: LOOPBACK, port: listener.port });
    const writer = connection.writable.getWriter();
    connection.abort();
    await connection.closed;
    expect(await errorOf(() => writer.write(new Uint8Array(1)))).toBeInstanceOf(Error);
    listener.stop(true);
    await listener.close();
  });
});

describe("await using", () => {
  it("ends a connection in order at the end of its scope", async () => {
    await using listener = listen({ hostname: LOOPBACK, port: 0 });
    const serving = (async () => {
      for await (const accepted of listener) {
        await using connection = accepted;
        connection.write("all of it");
        break;
      }
    })();
    const peer = await connectPeer({ port: listener.port });
    expect(await readAllText(peer)).toBe("all of it");
    await peer.endWriting();
    await within(serving, "the scope to end");
    peer.close();
  });

  it("closes a listener at the end of its scope", async () => {
    let port = 0;
    {
      await using listener = listen({ hostname: LOOPBACK, port: 0 });
      port = listener.port;
    }
    await using again = listen({ hostname: LOOPBACK, port });
    expect(again.port).toBe(port);
  });
});
