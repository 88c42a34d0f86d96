/** What `write` promises: all or nothing, in order, bounded, and a `drain` after each `queued`. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type Connection, createLoop, OptionError } from "../src/mod.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { readAllText, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { collectGarbage, residentBytes } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const DEFAULT_SEGMENT_BYTES = 4 * KIBIBYTE;
/** Bytes the kernel may take for a connection nobody reads from; Linux grows both buffers to some MB. */
const KERNEL_BUFFERS_MAX = 64 * MEBIBYTE;

describe("write", () => {
  it("takes bytes, a buffer, a part of a buffer and text, in order", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    const some = new TextEncoder().encode("0123456789");
    expect(connection.write(some)).toBe("sent");
    expect(connection.write(some.buffer)).toBe("sent");
    expect(connection.write(some.subarray(3, 5))).toBe("sent");
    expect(connection.write("text äöü €")).toBe("sent");
    expect(connection.write("")).toBe("sent");
    expect(connection.write(new Uint8Array(0))).toBe("sent");
    connection.end();
    expect(await readAllText(peer)).toBe("0123456789012345678934text äöü €");
    peer.close();
  });

  it("copies the bytes at once, so that the caller may change them afterwards", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const bytes = new TextEncoder().encode("before");
    log.connection.write(bytes);
    bytes.fill(0x2a);
    expect(await readText(peer, "before")).toBe("before");
    peer.close();
  });

  it("is followed by a drain when it is refused, although all before it were sent", async () => {
    await using server = new TestServer({}, { bufferLimit: 50_000 });
    const { peer, log } = await server.connectPeer();
    expect(log.connection.write(new Uint8Array(45_000))).toBe("sent");
    expect(log.connection.write(new Uint8Array(10_000))).toBe("refused");
    await until(() => log.drains === 1, "the drain");
    expect(log.connection.write(new Uint8Array(10_000))).toBe("sent");
    expect((await readExactly(peer, 55_000)).length).toBe(55_000);
    peer.close();
  });

  it("gathers the writes of a turn into few system calls", async () => {
    await using loop = createLoop();
    await using server = new TestServer({}, { loop });
    const { peer, log } = await server.connectPeer();
    const random = new Random(2);
    const hash = new StreamHash();
    let length = 0;
    const before = loop.stats();
    for (let count = 0; count < 3000; count++) {
      const piece = random.bytes(random.between(1, 40));
      hash.update(piece);
      length += piece.length;
      expect(log.connection.write(piece)).toBe("sent");
    }
    expect(hashOf(await readExactly(peer, length))).toBe(hash.digest());
    const after = loop.stats();
    // Pieces that lie one behind the other are one submission, and all of them one call of the kernel.
    const segments = Math.ceil(length / DEFAULT_SEGMENT_BYTES);
    expect(after.submissions - before.submissions).toBeLessThanOrEqual(segments + 1);
    expect(after.sends - before.sends).toBe(1);
    peer.close();
  });

  it("writes inside handlers and after awaits keep their order", async () => {
    await using server = new TestServer({
      async data(connection) {
        connection.write("1");
        await Promise.resolve();
        connection.write("2");
        await delay(5);
        connection.write("3");
      },
    });
    const { peer } = await server.connectPeer();
    await peer.write("go");
    expect(await readText(peer, "123")).toBe("123");
    peer.close();
  });

  it("is refused, not thrown, when the connection no longer writes", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.shutdownWrite();
    expect(log.connection.write("late")).toBe("refused");
    peer.close();
    await log.closed();
    expect(log.connection.write("later")).toBe("refused");
    expect(log.connection.state).toBe("closed");
  });

  it("refuses what is no bytes", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    for (const wrong of [undefined, null, 7, {}, [1, 2]]) {
      expect(() => log.connection.write(wrong as unknown as string)).toThrow(OptionError);
    }
    peer.close();
  });
});

describe("a peer that never reads", () => {
  it("fills a bounded buffer, is refused whole messages, and drains when it reads at last", async () => {
    const bufferLimit = 1 * MEBIBYTE;
    await using server = new TestServer({}, { bufferLimit });
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    const random = new Random(4);
    const message = random.bytes(48 * KIBIBYTE);
    const hash = new StreamHash();
    let queued = 0;
    // Some turns pass between the writes, so the kernel takes what it can before the buffer fills.
    for (let turn = 0;; turn++) {
      // No two messages are alike, so that their order shows.
      new DataView(message.buffer).setUint32(random.between(0, message.length - 4), turn);
      let result = connection.write(message);
      if (result === "refused") {
        await delay(20);
        result = connection.write(message);
        if (result === "refused") break;
      }
      if (result === "queued") queued += 1;
      hash.update(message);
      expect(hash.length).toBeLessThan(KERNEL_BUFFERS_MAX);
      expect(connection.bufferedBytes).toBeLessThanOrEqual(bufferLimit);
      if (turn % 8 === 0) await delay(1);
    }
    expect(queued).toBeGreaterThan(0);
    expect(connection.bufferedBytes).toBeGreaterThan(bufferLimit - message.length);
    const drains = log.drains;

    const received = new StreamHash();
    while (received.length < hash.length) {
      received.update((await within(peer.read(), "the queued bytes"))!);
    }
    expect(received.digest()).toBe(hash.digest());
    await until(() => log.drains > drains, "drain was called");
    expect(connection.bufferedBytes).toBe(0);
    expect(connection.write("on it goes")).toBe("sent");
    expect(await readText(peer, "on it goes")).toBe("on it goes");
    peer.close();
  });

  it("does not hold up the others", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    const deaf = await server.connectPeer();
    while (deaf.log.connection.write(new Uint8Array(MEBIBYTE)) !== "refused") await delay(0);
    const { peer } = await server.connectPeer();
    for (let round = 0; round < 50; round++) {
      await peer.write(`round ${round}`);
      expect(await readText(peer, `round ${round}`)).toBe(`round ${round}`);
    }
    peer.close();
    deaf.peer.close();
  });

  it("costs no more memory than the limit says", async () => {
    const bufferLimit = 4 * MEBIBYTE;
    await using server = new TestServer({}, { bufferLimit });
    const { peer, log } = await server.connectPeer();
    const message = new Uint8Array(64 * KIBIBYTE);
    while (log.connection.write(message) !== "refused") await delay(0);
    collectGarbage();
    const before = residentBytes();
    let refused = 0;
    for (let count = 0; count < 2000; count++) {
      // The kernel may find room for some more meanwhile.
      if (log.connection.write(message) === "refused") refused += 1;
      expect(log.connection.bufferedBytes).toBeLessThanOrEqual(bufferLimit);
      if (count % 100 === 0) await delay(0);
    }
    collectGarbage();
    expect(refused).toBeGreaterThan(1000);
    // 1,000 refused messages are 62 MiB; were they kept anywhere, it would show.
    expect(residentBytes() - before).toBeLessThan(48 * MEBIBYTE);
    peer.close();
  });
});

describe("the marks", () => {
  it("say queued above the high mark, and drain comes once below the low mark", async () => {
    const marks = { highWaterMark: 8 * KIBIBYTE, lowWaterMark: 2 * KIBIBYTE };
    await using server = new TestServer({}, marks);
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    expect(connection.highWaterMark).toBe(marks.highWaterMark);
    expect(connection.lowWaterMark).toBe(marks.lowWaterMark);
    expect(connection.write(new Uint8Array(4 * KIBIBYTE))).toBe("sent");
    expect(connection.bufferedBytes).toBe(4 * KIBIBYTE);
    expect(connection.write(new Uint8Array(4 * KIBIBYTE))).toBe("sent");
    expect(connection.write(new Uint8Array(1))).toBe("queued");
    expect(connection.bufferedBytes).toBe(8 * KIBIBYTE + 1);
    await readExactly(peer, 8 * KIBIBYTE + 1);
    await until(() => log.drains === 1, "drain was called");
    await delay(20);
    expect(log.drains).toBe(1);
    expect(connection.bufferedBytes).toBe(0);
    peer.close();
  });

  it("drain does not come before the buffer is down at the low mark", async () => {
    const buffered: number[] = [];
    const own = { drain: (connection: Connection<Log>) => void buffered.push(connection.bufferedBytes) };
    await using server = new TestServer(own, {
      highWaterMark: 256 * KIBIBYTE,
      lowWaterMark: 64 * KIBIBYTE,
      sendBuffer: 64 * KIBIBYTE,
    });
    const { peer, log } = await server.connectPeer();
    const total = 12 * MEBIBYTE;
    expect(log.connection.write(new Uint8Array(total))).toBe("queued");
    let received = 0;
    while (received < total) {
      received += (await within(peer.read(), "the queued bytes"))!.length;
      if (received < total / 2) expect(buffered).toEqual([]);
    }
    await until(() => buffered.length > 0, "drain was called");
    expect(buffered.length).toBe(1);
    expect(buffered[0]).toBeLessThanOrEqual(64 * KIBIBYTE);
    peer.close();
  });

  it("a write larger than the limit is refused even when nothing is buffered", async () => {
    await using server = new TestServer({}, { bufferLimit: 64 * KIBIBYTE, highWaterMark: 16 * KIBIBYTE });
    const { peer, log } = await server.connectPeer();
    expect(log.connection.write(new Uint8Array(64 * KIBIBYTE + 1))).toBe("refused");
    expect(log.connection.bufferedBytes).toBe(0);
    expect(log.connection.write(new Uint8Array(64 * KIBIBYTE))).toBe("queued");
    await readExactly(peer, 64 * KIBIBYTE);
    peer.close();
  });

  it("no drain comes when no write was queued", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    for (let round = 0; round < 20; round++) {
      expect(log.connection.write("little")).toBe("sent");
      await readText(peer, "little");
    }
    expect(log.drains).toBe(0);
    peer.close();
  });
});
