/** One side of a stream ends while the other goes on. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type Connection, listen } from "../src/mod.ts";
import { hashOf } from "./helpers/hash.ts";
import { connectLogged, TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer, readAll, readAllText, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { delay, until, within } from "./helpers/wait.ts";

/** The peer's end is only noted, nothing is ended in return. */
const KEEP_OPEN = { end: () => {} };

describe("the peer ends its side", () => {
  it("and is still answered", async () => {
    await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true });
    const { peer, log } = await server.connectPeer();
    await peer.write("question");
    await peer.endWriting();
    await log.gotEnd();
    expect(log.text).toBe("question");
    expect(log.connection.state).toBe("read-ended");
    expect(log.connection.write("answer")).toBe("sent");
    expect(await readText(peer, "answer")).toBe("answer");
    await delay(30);
    expect(log.connection.write(" and more")).toBe("sent");
    log.connection.end();
    expect(await readAllText(peer)).toBe(" and more");
    const reason = await log.closed();
    // Who ended first ended the connection.
    expect(reason.by).toBe("peer");
    expect(reason.flushed).toBe(true);
    expect(log.events).toEqual(["open", "data", "end", "close"]);
    peer.close();
  });

  it("and without an end handler is answered by the end of this side", async () => {
    let closes = 0;
    await using listener = listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (connection, bytes) => void connection.write(bytes),
        close: () => void closes++,
      },
    });
    const peer = await connectPeer({ port: listener.port });
    const noise = new Random(9).bytes(300_000);
    const answer = readAll(peer);
    await peer.write(noise);
    await peer.endWriting();
    expect(hashOf(await answer)).toBe(hashOf(noise));
    peer.close();
    while (closes === 0) await delay(5);
    expect(closes).toBe(1);
  });

  it("and with allowHalfOpen, without an end handler, this side stays open", async () => {
    const opened: Connection[] = [];
    await using listener = listen({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: { open: (connection) => void opened.push(connection), data: () => {} },
    });
    const peer = await connectPeer({ port: listener.port });
    await peer.endWriting();
    await until(() => opened[0]?.state === "read-ended", "the peer ended its side");
    await delay(30);
    expect(opened[0].write("still here")).toBe("sent");
    expect(await readText(peer, "still here")).toBe("still here");
    opened[0].end();
    expect(await readAllText(peer)).toBe("");
    peer.close();
  });

  it("while this side is paused: bytes and end come at resume", async () => {
    await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true });
    const { peer, log } = await server.connectPeer();
    log.connection.pause();
    await delay(10);
    await peer.write("kept in the kernel");
    await peer.endWriting();
    await delay(50);
    expect(log.events).toEqual(["open"]);
    expect(log.connection.write("deaf, not dumb")).toBe("sent");
    expect(await readText(peer, "deaf, not dumb")).toBe("deaf, not dumb");
    log.connection.resume();
    await log.gotEnd();
    expect(log.text).toBe("kept in the kernel");
    log.connection.end();
    expect(await readAllText(peer)).toBe("");
    expect((await log.closed()).flushed).toBe(true);
    peer.close();
  });

  for (const way of ["end", "close", "shutdownWrite"] as const) {
    it(`and what is still queued goes out before ${way} takes effect`, async () => {
      await using server = new TestServer(KEEP_OPEN, { allowHalfOpen: true });
      const { peer, log } = await server.connectPeer();
      await peer.endWriting();
      await log.gotEnd();
      const noise = new Random(12).bytes(8 << 20);
      expect(log.connection.write(noise)).toBe("queued");
      log.connection[way]();
      await delay(20);
      expect(hashOf(await readAll(peer))).toBe(hashOf(noise));
      expect(await log.closed()).toMatchObject({ by: "peer", flushed: true, bytesLost: 0 });
      peer.close();
    });
  }

  it("before it has sent anything", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    await peer.endWriting();
    await log.closed();
    expect(log.events).toEqual(["open", "end", "close"]);
    expect(await readAllText(peer)).toBe("");
    peer.close();
  });
});

describe("this side ends", () => {
  it("its writing and goes on reading", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.write("last words");
    log.connection.shutdownWrite();
    expect(await readAllText(peer)).toBe("last words");
    expect(log.connection.state).toBe("write-ended");
    await peer.write("heard");
    await log.gotText("heard");
    await delay(30);
    expect(log.reason).toBe(undefined);
    await peer.endWriting();
    expect((await log.closed()).bytesLost).toBe(0);
    expect(log.events).toEqual(["open", "data", "end", "close"]);
    peer.close();
  });

  it("its writing while paused, and reads after resume", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.pause();
    log.connection.shutdownWrite();
    expect(await readAllText(peer)).toBe("");
    await peer.write("waiting");
    await peer.endWriting();
    await delay(50);
    expect(log.text).toBe("");
    log.connection.resume();
    await log.closed();
    expect(log.text).toBe("waiting");
    peer.close();
  });

  it("its writing with much still queued: all of it goes out before the end", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const noise = new Random(11).bytes(8 << 20);
    expect(log.connection.write(noise)).toBe("queued");
    log.connection.shutdownWrite();
    await delay(20);
    expect(hashOf(await readAll(peer))).toBe(hashOf(noise));
    await peer.endWriting();
    expect((await log.closed()).flushed).toBe(true);
    peer.close();
  });

  it("as a client, and a raw server reads to the end and answers", async () => {
    const listener = listenPeer();
    const log = await connectLogged(listener.port);
    const peer = await listener.accept();
    log.connection.write("request");
    log.connection.shutdownWrite();
    expect(await readAllText(peer)).toBe("request");
    await peer.write("response");
    await peer.endWriting();
    expect((await log.closed()).by).toBe("local");
    expect(log.text).toBe("response");
    peer.close();
    listener.close();
  });

  it("twice is one end", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.shutdownWrite();
    log.connection.shutdownWrite();
    log.connection.end();
    log.connection.end();
    expect(await within(readAllText(peer), "the end")).toBe("");
    peer.close();
    await log.closed();
    expect(log.events.filter((event) => event === "close")).toEqual(["close"]);
    log.connection.end();
    log.connection.close();
    log.connection.abort();
  });
});

describe("end with last bytes", () => {
  it("sends them, then the end, and waits for the peer's", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.end("bye");
    expect(await readAllText(peer)).toBe("bye");
    await delay(50);
    expect(log.reason).toBe(undefined);
    await peer.endWriting();
    expect(await log.closed()).toMatchObject({ by: "local", flushed: true, bytesLost: 0 });
    peer.close();
  });

  it("gives up on a peer that never ends after lingerTimeout", async () => {
    await using server = new TestServer({}, { lingerTimeout: 100 });
    const { peer, log } = await server.connectPeer();
    log.connection.end("bye");
    expect(await readAllText(peer)).toBe("bye");
    const start = performance.now();
    const reason = await log.closed();
    expect(performance.now() - start).toBeLessThan(3000);
    expect(reason.by).toBe("timeout");
    peer.close();
  });

  it("leaves to the kernel what it has taken when it gives up", async () => {
    await using server = new TestServer({}, { lingerTimeout: 200, sendBuffer: 1 << 20 });
    const { peer, log } = await server.connectPeer();
    // The peer reads nothing yet, and the two kernels hold all of it.
    log.connection.end("x".repeat(200_000));
    expect(await log.closed()).toMatchObject({ by: "timeout", bytesLost: 0 });
    await delay(50);
    expect((await readAllText(peer)).length).toBe(200_000);
    peer.close();
  });

  it("leaves what is still to go out to the limit for that, where there is one", async () => {
    const timeouts = { writeStall: 60_000 };
    await using server = new TestServer({}, { lingerTimeout: 100, sendBuffer: 4096, timeouts });
    const { peer, log } = await server.connectPeer();
    log.connection.end("x".repeat(2_000_000));
    // As silent as a link that loses the same packet again and again.
    await delay(600);
    expect(log.reason).toBe(undefined);
    expect((await readAllText(peer)).length).toBe(2_000_000);
    peer.close();
    expect(await log.closed()).toMatchObject({ by: "local", bytesLost: 0 });
  });

  it("gives up what is still to go out by the limit for that", async () => {
    const timeouts = { writeStall: 300 };
    await using server = new TestServer({}, { lingerTimeout: 100, sendBuffer: 4096, timeouts });
    const { peer, log } = await server.connectPeer();
    log.connection.end("x".repeat(2_000_000));
    const { by, error, bytesLost } = await log.closed();
    expect(by).toBe("timeout");
    expect(error).toMatchObject({ code: "ERR_TIMEOUT_WRITE_STALL" });
    expect(bytesLost).toBeGreaterThan(0);
    peer.close();
  });
});
