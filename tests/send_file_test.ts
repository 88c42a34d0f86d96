/**
 * Files that connections send: whole, in part, in order, to peers of all kinds, and until something goes
 * wrong.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  AccessDeniedError,
  connect,
  type Connection,
  createLoop,
  type FileSend,
  LimitError,
  NotFoundError,
  OptionError,
  RingportError,
  SendableFile,
  StateError,
} from "../src/mod.ts";
import { Disk, diskBytes } from "./helpers/disk.ts";
import { fakeLibrary, ignoreFake } from "./helpers/fake.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { type Peer, readAll } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { collectGarbage, openDescriptors, residentBytes, scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** More than both kernels' buffers take for a peer that does not read. */
const LARGE = 16 * MEBIBYTE;

/** Reads to the end of the stream and keeps only its hash. */
async function hashAll(peer: Peer): Promise<string> {
  const hash = new StreamHash();
  for (;;) {
    const bytes = await within(peer.read(), "the end of the stream");
    if (bytes === null) return hash.digest();
    hash.update(bytes);
  }
}

/**
 * What a promise rejects with; undefined where it resolves. Asked for early, so that nothing rejects
 * unseen.
 */
function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => undefined, (error) => error);
}

/** The hash of the bytes of a file between two positions. */
function hashBetween(from: number, to: number): string {
  const hash = new StreamHash();
  for (let at = from; at < to; at += MEBIBYTE) hash.update(diskBytes(at, Math.min(at + MEBIBYTE, to)));
  return hash.digest();
}

describe("sendFile", () => {
  it("sends files of all sizes", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    for (const length of [0, 1, 100, 64 * KIBIBYTE, 64 * KIBIBYTE + 1, 3 * MEBIBYTE + 17]) {
      await using file = SendableFile.open(disk.write(`${length}`, length));
      expect(file.size).toBe(length);
      const { peer, log } = await server.connectPeer();
      const { result, done } = log.connection.sendFile(file);
      expect(result).toBe(length <= log.connection.highWaterMark ? "sent" : "queued");
      log.connection.end();
      expect(await hashAll(peer)).toBe(hashBetween(0, length));
      expect(await within(done, "the file to be sent")).toBe(length);
      peer.close();
      expect(await log.closed()).toEqual({ by: "local", bytesLost: 0, flushed: true });
    }
  });

  it("sends a part of a file", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("parts", 300_000));
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const parts: [offset: number, length: number | undefined][] = [[0, 10], [299_999, 1], [1000, 200_000], [
      300_000,
      0,
    ]];
    parts.push([150_000, undefined]);
    for (const [offset, length] of parts) log.connection.sendFile(file, { offset, length });
    log.connection.end();
    const expected = parts.map(([from, length]) =>
      diskBytes(from, length === undefined ? 300_000 : from + length)
    );
    const hash = new StreamHash();
    for (const bytes of expected) hash.update(bytes);
    expect(await hashAll(peer)).toBe(hash.digest());
    peer.close();
  });

  it("reaches behind 4 GiB", async () => {
    await using disk = await Disk.make();
    const far = 2 ** 32 + 12_345;
    await using file = SendableFile.open(disk.write("far", far + 5000, far));
    expect(file.size).toBe(far + 5000);
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.sendFile(file, { offset: far });
    log.connection.end();
    expect(hashOf(await readAll(peer))).toBe(hashBetween(far, far + 5000));
    peer.close();
  });

  it("keeps files and writes in order, however many", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("order", 200_000));
    await using server = new TestServer({}, { limits: undefined, bufferLimit: 512 * MEBIBYTE });
    const { peer, log } = await server.connectPeer();
    const random = new Random(7);
    const hash = new StreamHash();
    let length = 0;
    const add = (bytes: Uint8Array) => (hash.update(bytes), length += bytes.length);
    for (let round = 0; round < scaled(300, 60); round++) {
      const bytes = random.bytes(random.between(1, random.oneIn(10) ? 20_000 : 200));
      log.connection.write(bytes);
      add(bytes);
      const from = random.between(0, 199_999);
      const part = random.between(1, random.oneIn(4) ? 200_000 - from : Math.min(2000, 200_000 - from));
      log.connection.sendFile(file, { offset: from, length: part });
      add(diskBytes(from, from + part));
      if (random.oneIn(20)) await delay(0);
    }
    log.connection.end();
    expect(await hashAll(peer)).toBe(hash.digest());
    peer.close();
    const reason = await log.closed();
    expect(reason.bytesLost).toBe(0);
    expect(length).toBeGreaterThan(1_000_000 / scaled(1, 5));
  });

  it("keeps their order while neither segments nor send entries are free", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("tight", 300_000));
    await using loop = createLoop({ segmentCount: 64, sendEntries: 8 });
    await using server = new TestServer({}, { loop, bufferLimit: 512 * MEBIBYTE });
    const { peer, log } = await server.connectPeer();
    const random = new Random(11);
    const hash = new StreamHash();
    const { connection } = log;
    const sends: FileSend[] = [];
    // The peer does not read yet: the kernel's buffers fill, then the ring, and the rest waits in TypeScript.
    for (let round = 0; round < 100; round++) {
      for (let count = random.between(0, 3); count > 0; count--) {
        const bytes = random.bytes(random.between(1, 30_000));
        connection.write(bytes);
        hash.update(bytes);
      }
      for (let count = random.between(0, 3); count > 0; count--) {
        const offset = random.between(0, 99_999);
        const length = random.between(1, 200_000);
        sends.push(connection.sendFile(file, { offset, length }));
        hash.update(diskBytes(offset, offset + length));
      }
      if (round % 10 === 0) await delay(0);
    }
    connection.end();
    expect(await hashAll(peer)).toBe(hash.digest());
    for (const { done, bytesSent } of sends) expect(await done).toBe(bytesSent);
    expect(connection.bufferedBytes).toBe(0);
    peer.close();
    expect((await log.closed()).bytesLost).toBe(0);
  });

  it("sends 100 MB in flat memory", async () => {
    await using disk = await Disk.make();
    const length = scaled(100 * MEBIBYTE, 20 * MEBIBYTE);
    await using file = SendableFile.open(disk.write("large", length));
    await using loop = createLoop();
    await using server = new TestServer({}, { loop });
    const hash = new StreamHash();
    const connection: Connection = await connect({
      hostname: "127.0.0.1",
      port: server.port,
      loop,
      socket: { data: (_, window) => void hash.update(window.bytes), end: (one) => void one.end() },
    });
    const { connection: sender } = await server.opened();
    await sender.sendFile(file, { length: MEBIBYTE }).done;
    await until(() => hash.length === MEBIBYTE, "the first part came");
    collectGarbage();
    const before = residentBytes();
    const statistics = loop.stats();
    const { done } = sender.sendFile(file, { offset: MEBIBYTE });
    expect(sender.bufferedBytes).toBeLessThanOrEqual(sender.highWaterMark + 1);
    sender.end();
    expect(await within(done, "the file to be sent")).toBe(length - MEBIBYTE);
    await within(connection.closed, "the end");
    collectGarbage();
    const after = residentBytes();
    expect(hash.digest()).toBe(hashBetween(0, length));
    expect(loop.stats().filesSent).toBe(statistics.filesSent + 1);
    expect(loop.stats().bytesSent).toBe(statistics.bytesSent + length - MEBIBYTE);
    expect(after - before).toBeLessThan(48 * MEBIBYTE);
  });

  it("waits for a slow reader, and calls drain when the file has gone", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("slow", LARGE));
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const sending = log.connection.sendFile(file);
    expect(sending.result).toBe("queued");
    expect(log.connection.write("behind")).toBe("queued");
    let settled = false;
    const done = sending.done.then((bytes) => (settled = true, bytes));
    await until(() => sending.bytesSent > 0, "the kernel took some");
    expect(log.drains).toBe(0);
    expect(settled).toBe(false);
    expect(sending.bytesSent).toBeLessThan(LARGE);
    const hash = new StreamHash();
    while (hash.length < LARGE) {
      hash.update((await within(peer.read(), "more of the file"))!.subarray(0, LARGE - hash.length));
    }
    expect(hash.digest()).toBe(hashBetween(0, LARGE));
    expect(await within(done, "the file to be sent")).toBe(LARGE);
    await until(() => log.drains === 1, "drain was called");
    expect(log.connection.bufferedBytes).toBe(0);
    peer.close();
  });

  it("serves 500 connections with one file", async () => {
    await using disk = await Disk.make();
    const length = 100_000;
    await using file = SendableFile.open(disk.write("shared", length));
    await using server = new TestServer({
      open(connection) {
        connection.sendFile(file);
        connection.end();
      },
    });
    const expected = hashBetween(0, length);
    const count = scaled(500, 60);
    const read = async () => {
      const hash = new StreamHash();
      const connection: Connection = await connect({
        hostname: "127.0.0.1",
        port: server.port,
        socket: { data: (_, window) => void hash.update(window.bytes) },
      });
      await within(connection.closed, "the file to come");
      return hash.digest();
    };
    const hashes = await Promise.all(Array.from({ length: count }, read));
    expect(new Set(hashes)).toEqual(new Set([expected]));
  });

  it("goes on when the application closes the file, and closes it at the end", async () => {
    await using disk = await Disk.make();
    const path = disk.write("closed", LARGE);
    const before = await openDescriptors();
    const file = SendableFile.open(path);
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const { done } = log.connection.sendFile(file);
    file.close();
    expect(file.closed).toBe(true);
    file.close();
    expect(() => log.connection.sendFile(file)).toThrow(StateError);
    expect(() => log.connection.sendFile(file)).toThrow("is closed");
    log.connection.end();
    expect(await hashAll(peer)).toBe(hashBetween(0, LARGE));
    expect(await done).toBe(LARGE);
    peer.close();
    await log.closed();
    await server.listener.close();
    if (before !== undefined) {
      await until(async () => await openDescriptors() as number <= before + 2, "no descriptor was left");
    }
  });
});

describe("a file on its way", () => {
  const start = async (disk: Disk, server: TestServer, length = LARGE) => {
    const file = SendableFile.open(disk.write("file", length));
    const { peer, log } = await server.connectPeer();
    const sending = log.connection.sendFile(file);
    const failure = failureOf(sending.done);
    file.close();
    return { peer, log, sending, failure };
  };

  it("is given up when the peer resets", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    const { near, far } = await server.connectPair({}, {});
    await using file = SendableFile.open(disk.write("reset", LARGE));
    near.connection.pause();
    const sending = far.connection.sendFile(file);
    const failure = failureOf(sending.done);
    await until(() => sending.bytesSent > 0, "the kernel took some");
    near.connection.abort();
    const error = await within(failure, "the send to fail") as RingportError;
    expect(error).toBeInstanceOf(RingportError);
    const reason = await far.closed();
    expect(reason.error).toBe(error);
    expect(reason.bytesLost).toBe(LARGE - sending.bytesSent);
    expect(sending.bytesSent).toBeLessThan(LARGE);
  });

  it("is lost with an abort, and counted", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    const { peer, log, sending, failure } = await start(disk, server);
    await until(() => sending.bytesSent > 0, "the kernel took some");
    log.connection.abort();
    const reason = await log.closed();
    expect(await failure).toBeInstanceOf(StateError);
    expect(reason.by).toBe("local");
    expect(reason.bytesLost).toBe(LARGE - sending.bytesSent);
    peer.close();
  });

  it("holds up a close until it has gone", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    const { peer, log, sending } = await start(disk, server);
    const closed = log.connection.close();
    expect(await hashAll(peer)).toBe(hashBetween(0, LARGE));
    peer.close();
    expect((await within(closed, "the close")).bytesLost).toBe(0);
    expect(await sending.done).toBe(LARGE);
  });

  it("fails the connection when the file was cut off", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    const { peer, log, sending, failure } = await start(disk, server);
    log.connection.write("behind");
    await until(() => sending.bytesSent > 0, "the kernel took some");
    disk.cut(disk.path("file"), LARGE - MEBIBYTE);
    const hash = new StreamHash();
    // The peer must not take what it got for the whole: it is told by a reset, or misses the end.
    try {
      for (let bytes = await peer.read(); bytes !== null; bytes = await peer.read()) hash.update(bytes);
    } catch {
      // A reset.
    }
    const reason = await log.closed();
    expect((reason.error as RingportError).code).toBe("ERR_FILE_TOO_SHORT");
    expect((reason.error as RingportError).operation).toBe("sendFile");
    expect(await failure).toBe(reason.error);
    expect(log.errors).toEqual([reason.error]);
    expect(hash.length).toBeLessThanOrEqual(LARGE - MEBIBYTE);
    expect(reason.bytesLost).toBeGreaterThanOrEqual(MEBIBYTE);
    peer.close();
  });

  it("sends no more than was promised when the file grows", async () => {
    await using disk = await Disk.make();
    await using server = new TestServer();
    const { peer, log, sending } = await start(disk, server);
    await until(() => sending.bytesSent > 0, "the kernel took some");
    disk.append(disk.path("file"), LARGE, LARGE + MEBIBYTE);
    log.connection.end();
    expect(await hashAll(peer)).toBe(hashBetween(0, LARGE));
    peer.close();
  });

  it("counts in the buffer, and is refused when that is full", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("many", LARGE));
    await using server = new TestServer({ drain() {} }, {
      highWaterMark: 1000,
      lowWaterMark: 0,
      bufferLimit: 10_000,
    });
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    expect(connection.sendFile(file, { length: 1000 }).result).toBe("sent");
    expect(connection.bufferedBytes).toBe(1000);
    expect(connection.sendFile(file).result).toBe("queued");
    expect(connection.bufferedBytes).toBe(2001);
    const results = Array.from({ length: 8 }, () => connection.sendFile(file));
    expect(results.filter(({ result }) => result === "queued")).toHaveLength(7);
    const refused = results[7];
    expect(refused.result).toBe("refused");
    expect(await failureOf(refused.done)).toBeInstanceOf(LimitError);
    expect(connection.write(new Uint8Array(2000))).toBe("refused");
    connection.abort();
    await log.closed();
    expect(connection.sendFile(file).result).toBe("refused");
    expect(await failureOf(connection.sendFile(file).done)).toBeInstanceOf(StateError);
    peer.close();
  });

  it("ends by writeStall only when the peer takes nothing", async () => {
    await using disk = await Disk.make();
    const length = 64 * LARGE;
    await using file = SendableFile.open(disk.write("stall", length, length - 1));
    await using server = new TestServer({}, { timeouts: { writeStall: 1500 } });
    const { peer, log } = await server.connectPeer();
    const sending = log.connection.sendFile(file);
    const failure = failureOf(sending.done);
    // Longer than the limit, but never without progress for as long.
    const end = performance.now() + 3000;
    while (performance.now() < end) {
      for (let step = 0; step < 4; step++) await within(peer.read(), "more of the file");
      await delay(100);
    }
    expect(log.reason).toBeUndefined();
    const reason = await log.closed();
    expect(reason.by).toBe("timeout");
    expect(await failure).toBe(reason.error);
    peer.close();
  });

  it("is judged by sendRate with the bytes of the file", async () => {
    await using disk = await Disk.make();
    const length = 64 * LARGE;
    await using file = SendableFile.open(disk.write("rate", length, length - 1));
    const limits = { sendRate: 64 * KIBIBYTE, rateGrace: 1000 };
    await using server = new TestServer({}, { limits });
    const { peer, log } = await server.connectPeer();
    const failure = failureOf(log.connection.sendFile(file).done);
    const end = performance.now() + 3000;
    let read = 0;
    while (performance.now() < end) {
      for (let step = 0; step < 4; step++) read += (await within(peer.read(), "more of the file"))!.length;
      await delay(100);
    }
    expect(read).toBeGreaterThan(3 * 64 * KIBIBYTE);
    expect(log.reason).toBeUndefined();
    // The peer reads no more.
    const reason = await log.closed();
    expect(reason.by).toBe("timeout");
    expect(await failure).toBe(reason.error);
    peer.close();
  });
});

describe("SendableFile.open", () => {
  it("tells what it opened", async () => {
    await using disk = await Disk.make();
    const before = Date.now();
    const path = disk.write("ä ü €.txt", 1234);
    await using file = SendableFile.open(path);
    expect([file.path, file.size, file.closed]).toEqual([path, 1234, false]);
    expect(Math.abs(file.modified - before)).toBeLessThan(60_000);
  });

  it("refuses what cannot be sent, with an error of its own each", async () => {
    await using disk = await Disk.make();
    const missing = await errorOf(() => SendableFile.open(disk.path("missing"))) as NotFoundError;
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing.address).toBe(disk.path("missing"));
    const folder = await errorOf(() => SendableFile.open(disk.makeFolder("folder"))) as RingportError;
    expect(folder.code).toBe("ERR_NOT_A_FILE");
    const device = await errorOf(() =>
      SendableFile.open(system === "windows" ? "NUL" : "/dev/null")
    ) as RingportError;
    expect(device.code).toBe("ERR_NOT_A_FILE");
    for (const path of ["", "a\0b", "x".repeat(5000), 7 as unknown as string]) {
      expect(await errorOf(() => SendableFile.open(path))).toBeInstanceOf(OptionError);
    }
    expect(await errorOf(() => SendableFile.open("x", { wrong: 1 } as object))).toBeInstanceOf(OptionError);
  });

  it("refuses a file that this user may not read", async () => {
    await using disk = await Disk.make();
    const path = disk.write("secret", 10);
    disk.forbid(path);
    let error: unknown = undefined;
    try {
      SendableFile.open(path).close();
    } catch (thrown) {
      error = thrown;
    }
    // The superuser may read everything, and Windows has no such mode.
    if (error !== undefined) expect(error).toBeInstanceOf(AccessDeniedError);
  });

  it("refuses wrong ranges and values", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("range", 100));
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const ranges = [{ offset: 101 }, { offset: 50, length: 51 }, { offset: -1 }, { length: 1.5 }, {
      size: 1,
    }];
    for (const range of ranges) {
      expect(() => log.connection.sendFile(file, range as object)).toThrow(OptionError);
    }
    for (const value of [undefined, null, "path", {}, 7]) {
      expect(() => log.connection.sendFile(value as unknown as SendableFile)).toThrow(OptionError);
    }
    peer.close();
  });
});

(ignoreFake === false ? describe : describe.skip)("files over the kernel in memory", () => {
  it("arrive whole or the connection fails, whatever goes wrong", async () => {
    await using disk = await Disk.make();
    const path = disk.write("fake", 300_000);
    let failed = 0;
    for (let seed = 1; seed <= 30; seed++) {
      await using loop = createLoop(
        { library: fakeLibrary, seed, segmentCount: 64, sendEntries: 16 } as object,
      );
      await using file = SendableFile.open(path, { library: fakeLibrary });
      const expected = new StreamHash();
      const logs: Log[] = [];
      await using server = new TestServer({
        open(connection) {
          logs.push(connection.data);
          const random = new Random(seed);
          for (let round = 0; round < 10; round++) {
            const bytes = random.bytes(random.between(1, 3000));
            connection.write(bytes);
            const offset = random.between(0, 200_000);
            const length = random.between(1, 100_000);
            connection.sendFile(file, { offset, length });
            expected.update(bytes).update(diskBytes(offset, offset + length));
          }
          connection.end();
        },
      }, { loop, bufferLimit: 64 * MEBIBYTE });
      const hash = new StreamHash();
      let reset = false;
      try {
        const connection = await connect({
          hostname: "127.0.0.1",
          port: server.port,
          loop,
          socket: { data: (_, window) => void hash.update(window.bytes), end: (one) => void one.end() },
        });
        reset = (await within(connection.closed, "the end")).error !== undefined;
      } catch (error) {
        expect(error).toBeInstanceOf(RingportError);
        reset = true;
      }
      for (const log of logs) reset ||= (await log.closed()).error !== undefined;
      failed += Number(reset);
      if (!reset) expect(hash.digest()).toBe(expected.digest());
      else expect(seed % 2).toBe(0);
    }
    expect(failed).toBeGreaterThan(0);
  });
});
