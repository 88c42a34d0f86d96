/** Listening: addresses, families, the errors of binding, stopping, pausing, iterating. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressInUseError, connect, type Connection, listen, RingportError } from "../src/mod.ts";
import { connectLogged, type Log, TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer, type Peer, readAllText, readText } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

/** Nobody listens any more. */
async function expectRefused(port: number): Promise<void> {
  const error = await errorOf(() => connect({ hostname: LOOPBACK, port })) as RingportError;
  expect(error.code).toBe("ECONNREFUSED");
}

describe("listen", () => {
  it("takes a free port when asked for port 0 and tells which", async () => {
    await using one = listen({ hostname: LOOPBACK, port: 0 });
    await using other = listen({ hostname: LOOPBACK, port: 0 });
    expect(one.port).toBeGreaterThan(0);
    expect(one.port).not.toBe(other.port);
    expect(one.hostname).toBe(LOOPBACK);
    expect(one.address).toEqual({ hostname: LOOPBACK, port: one.port, family: "IPv4" });
  });

  it("throws at once when the address is in use", async () => {
    await using listener = listen({ hostname: LOOPBACK, port: 0 });
    const error = await errorOf(() => listen({ hostname: LOOPBACK, port: listener.port })) as RingportError;
    expect(error).toBeInstanceOf(AddressInUseError);
    expect(error.code).toBe("EADDRINUSE");
    expect(error.operation).toBe("listen");
    expect(error.origin).toBe("kernel");
    expect(error.systemName).toBe(system === "windows" ? "WSAEADDRINUSE" : "EADDRINUSE");
    expect(error.systemError).toBeGreaterThan(0);
    expect(error.address).toBe(`${LOOPBACK}:${listener.port}`);
    expect(error.message).toContain(String(listener.port));
  });

  it("throws when a raw listener has the address, and gets it once that is gone", async () => {
    const raw = listenPeer();
    const { port } = raw;
    const error = await errorOf(() => listen({ hostname: LOOPBACK, port })) as RingportError;
    expect(error.code).toBe("EADDRINUSE");
    raw.close();
    await until(() => {
      try {
        listen({ hostname: LOOPBACK, port }).stop();
        return true;
      } catch {
        return false;
      }
    }, "the port was free");
  });

  it("throws for an address this machine does not have", async () => {
    const error = await errorOf(() => listen({ hostname: "192.0.2.1", port: 0 })) as RingportError;
    expect(error.code).toBe("EADDRNOTAVAIL");
  });

  it("takes the same port again right after its connections were closed", async () => {
    const first = new TestServer();
    const { port } = first;
    const { peer, log } = await first.connectPeer();
    log.connection.close();
    expect(await readAllText(peer)).toBe("");
    peer.close();
    await first[Symbol.asyncDispose]();
    await using again = new TestServer({}, { port });
    expect(again.port).toBe(port);
    const second = await again.connectPeer();
    second.peer.close();
    await second.log.closed();
  });

  it("tells both ends' addresses", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    expect(log.connection.localAddress).toEqual({ hostname: LOOPBACK, port: server.port, family: "IPv4" });
    expect(log.connection.remoteAddress).toEqual({
      hostname: LOOPBACK,
      port: peer.localPort,
      family: "IPv4",
    });
    const { localPort } = peer;
    peer.close();
    await log.closed();
    expect(log.connection.remoteAddress.port).toBe(localPort);
  });

  it("counts its connections", async () => {
    await using server = new TestServer();
    expect(server.listener.connectionCount).toBe(0);
    const first = await server.connectPeer();
    const second = await server.connectPeer();
    expect(server.listener.connectionCount).toBe(2);
    first.peer.close();
    await first.log.closed();
    expect(server.listener.connectionCount).toBe(1);
    second.peer.close();
    await second.log.closed();
    expect(server.listener.connectionCount).toBe(0);
  });

  it("sets the options of a connection", async () => {
    const options = {
      noDelay: false,
      keepAlive: { idle: 60_000, interval: 10_000, count: 5 },
      receiveBuffer: 64 * 1024,
      sendBuffer: 64 * 1024,
    };
    await using server = new TestServer({}, options);
    const { peer, log } = await server.connectPeer();
    log.connection.setNoDelay(true);
    log.connection.setNoDelay(false);
    log.connection.setKeepAlive(true, { idle: 30_000, interval: 5_000, count: 3 });
    log.connection.setKeepAlive(false);
    await peer.write("still there");
    await log.gotText("still there");
    peer.close();
  });
});

describe("the options of a listener", () => {
  it("data is the first value of each connection's own", async () => {
    const shared = { greeting: "hello" };
    await using listener = listen<{ greeting: string }>({
      hostname: LOOPBACK,
      port: 0,
      data: shared,
      socket: { open: (connection) => void connection.write(connection.data.greeting) },
    });
    const peer = await connectPeer({ port: listener.port });
    expect(await readText(peer, "hello")).toBe("hello");
    peer.close();
  });

  it("connections bounds how many are open at once", async () => {
    await using server = new TestServer({
      data: (connection, bytes) => void connection.write(bytes),
    }, { limits: { connections: 3 } });
    const answers = (peer: Peer) =>
      peer.write("in").then(() => readText(peer, "in")).then((text) => text === "in", () => false);
    const full = [];
    for (let count = 0; count < 3; count++) full.push(await server.connectPeer());
    for (const { peer } of full) expect(await answers(peer)).toBe(true);
    // Who comes now waits in the system's queue, and is served when there is room: none is cut.
    const late = await Promise.all(Array.from({ length: 6 }, () => connectPeer({ port: server.port })));
    const outcomes = late.map(async (peer) => {
      const answered = await answers(peer);
      expect(server.listener.connectionCount).toBeLessThanOrEqual(3);
      peer.close();
      return answered;
    });
    await delay(50);
    expect(server.listener.connectionCount).toBe(3);
    expect(server.logs.length).toBe(3);
    for (const { peer } of full) peer.close();
    expect(await Promise.all(outcomes)).toEqual(late.map(() => true));
    expect(server.listener.refusals.limit).toBe(0);
    await until(() => server.listener.connectionCount === 0, "all are gone");
    const { peer } = await server.connectPeer();
    expect(await answers(peer)).toBe(true);
    peer.close();
  });

  it("reusePort lets two listeners share a port where the system has it", async () => {
    const own = { data: (connection: Connection<Log>) => void connection.write("ok") };
    if (system === "windows") {
      const error = await errorOf(() => listen({ hostname: LOOPBACK, port: 0, reusePort: true }));
      expect(error).toBeInstanceOf(RingportError);
      return;
    }
    await using one = new TestServer(own, { reusePort: true });
    await using other = new TestServer(own, { reusePort: true, port: one.port });
    for (let count = 0; count < 60; count++) {
      const peer = await connectPeer({ port: one.port });
      await peer.write("x");
      expect(await readText(peer, "ok")).toBe("ok");
      peer.close();
    }
    expect(one.logs.length + other.logs.length).toBe(60);
    expect(one.logs.length).toBeGreaterThan(0);
    expect(other.logs.length).toBeGreaterThan(0);
  });
});

describe("IPv6", () => {
  it("alone", async () => {
    await using server = new TestServer({}, { hostname: "::1", ipv6Only: true });
    expect(server.listener.address).toEqual({ hostname: "::1", port: server.port, family: "IPv6" });
    const near = await connectLogged(server.port, {}, { hostname: "::1" });
    const far = await server.opened();
    expect(far.connection.remoteAddress.family).toBe("IPv6");
    expect(far.connection.remoteAddress.hostname).toBe("::1");
    near.connection.end("over six");
    await far.gotText("over six");
    await near.closed();
    const error = await errorOf(() => connect({ hostname: LOOPBACK, port: server.port }));
    expect((error as RingportError).code).toBe("ECONNREFUSED");
  });

  it("and IPv4 on one dual listener", async () => {
    await using server = new TestServer(
      { data: (connection, bytes) => void connection.write(bytes) },
      { hostname: "::" },
    );
    const peers = [];
    for (const hostname of [LOOPBACK, "::1"]) {
      const peer = await connectPeer({ hostname, port: server.port });
      await peer.write(hostname);
      expect(await readText(peer, hostname)).toBe(hostname);
      peers.push(peer);
    }
    const [four, six] = server.logs.map((log) => log.connection.remoteAddress);
    expect(four.hostname.endsWith(LOOPBACK)).toBe(true);
    expect(six.hostname).toBe("::1");
    for (const peer of peers) peer.close();
  });
});

describe("stopping", () => {
  it("stop() ends accepting and leaves the connections", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    const { peer, log } = await server.connectPeer();
    await within(server.listener.stop(), "the address to be free");
    await expectRefused(server.port);
    expect(server.listener.state).toBe("closing");
    await peer.write("still served");
    expect(await readText(peer, "still served")).toBe("still served");
    peer.close();
    await log.closed();
    await within(server.listener.closed, "the listener to be gone");
    expect(server.listener.state).toBe("closed");
  });

  it("stop(true) closes the connections too", async () => {
    await using server = new TestServer();
    const pairs = [await server.connectPeer(), await server.connectPeer()];
    server.listener.stop(true);
    for (const { peer, log } of pairs) {
      expect((await log.closed()).by).toBe("local");
      await within(peer.read().catch(() => null), "the end at the peer");
      peer.close();
    }
  });

  it("close() sends what is buffered, ends the connections and waits for them", async () => {
    const server = new TestServer();
    const pairs = [await server.connectPeer(), await server.connectPeer()];
    const [{ peer, log }] = pairs;
    log.connection.write("goodbye");
    let isClosed = false;
    const closing = server.listener.close().then(() => isClosed = true);
    await expectRefused(server.port);
    expect(await readAllText(peer)).toBe("goodbye");
    expect(isClosed).toBe(false);
    for (const { peer } of pairs) peer.close();
    for (const { log } of pairs) expect(await log.closed()).toMatchObject({ by: "local", flushed: true });
    await within(closing, "the listener to be gone");
    expect([server.listener.connectionCount, server.listener.state]).toEqual([0, "closed"]);
  });

  it("stop(true) ends what close() waits for, and disposal is close()", async () => {
    const server = new TestServer({}, { lingerTimeout: 60_000 });
    const { peer, log } = await server.connectPeer();
    const closing = server.listener[Symbol.asyncDispose]();
    expect(log.connection.state).toBe("closing");
    server.listener.stop(true);
    await within(closing, "the listener to be gone");
    expect((await log.closed()).by).toBe("local");
    peer.close();
  });

  it("a signal ends the listener", async () => {
    const controller = new AbortController();
    await using server = new TestServer({}, { signal: controller.signal });
    const { peer } = await server.connectPeer();
    controller.abort();
    await within(server.listener.stop(), "the address to be free");
    await expectRefused(server.port);
    peer.close();
  });

  it("a signal aborted before refuses to listen", async () => {
    const reason = new Error("not today");
    const options = { hostname: LOOPBACK, port: 0, signal: AbortSignal.abort(reason) };
    expect(await errorOf(() => listen(options))).toBe(reason);
  });

  it("twice is harmless", async () => {
    const listener = listen({ hostname: LOOPBACK, port: 0 });
    listener.stop();
    listener.stop(true);
    await within(Promise.all([listener.close(), listener.close()]), "the listener to be gone");
    await listener[Symbol.asyncDispose]();
  });
});

describe("a paused listener", () => {
  it("accepts nobody until it is resumed", async () => {
    await using server = new TestServer();
    server.listener.pause();
    await delay(20);
    // The kernel completes the handshake; on a completion port some accepts were posted beforehand.
    const peers = await Promise.all(Array.from({ length: 3 }, () => connectPeer({ port: server.port })));
    await delay(50);
    if (system === "linux") expect(server.logs.length).toBe(0);
    server.listener.resume();
    await server.opened(2);
    for (const peer of peers) peer.close();
  });
});

describe("reload", () => {
  it("gives new handlers to the open connections and to later ones", async () => {
    await using listener = listen({
      hostname: LOOPBACK,
      port: 0,
      socket: { data: (connection) => void connection.write("old") },
    });
    const early = await connectPeer({ port: listener.port });
    await early.write("x");
    expect(await readText(early, "old")).toBe("old");
    listener.reload({ socket: { data: (connection) => void connection.write("new") } });
    const late = await connectPeer({ port: listener.port });
    for (const peer of [early, late]) {
      await peer.write("x");
      expect(await readText(peer, "new")).toBe("new");
      peer.close();
    }
  });
});

describe("a full queue", () => {
  it("a burst of more clients than the backlog is served in the end", async () => {
    await using server = new TestServer(
      { data: (connection, bytes) => void connection.write(bytes) },
      { backlog: 4 },
    );
    const burst = Array.from({ length: 12 }, async (_, index) => {
      const peer = await connectPeer({ port: server.port });
      await peer.write(`client ${index}`);
      const answer = await readText(peer, `client ${index}`);
      peer.close();
      return answer;
    });
    const answers = await within(Promise.all(burst), "all of the burst");
    expect(answers).toEqual(answers.map((_, index) => `client ${index}`));
  });
});

describe("for await over a listener", () => {
  it("gives each connection, and break leaves the listener open", async () => {
    await using listener = listen({ hostname: LOOPBACK, port: 0 });
    const peers = await Promise.all([1, 2, 3].map(() => connectPeer({ port: listener.port })));
    const taken: Connection[] = [];
    for await (const connection of listener) {
      taken.push(connection);
      connection.write(`number ${taken.length}`);
      if (taken.length === 3) break;
    }
    const texts = await Promise.all(peers.map((peer) => readText(peer, "number n")));
    expect(texts.sort()).toEqual(["number 1", "number 2", "number 3"]);
    expect(listener.state).toBe("listening");
    for (const connection of taken) connection.abort();
    await Promise.all(taken.map((connection) => connection.closed));
    for (const peer of peers) peer.close();
  });

  it("ends when the listener is closed", async () => {
    const listener = listen({ hostname: LOOPBACK, port: 0 });
    setTimeout(() => listener.stop(true), 30);
    let count = 0;
    const loop = async () => {
      for await (const _ of listener) count += 1;
    };
    await within(loop(), "the iteration to end");
    expect(count).toBe(0);
  });

  it("serves streams: an echo in one line", async () => {
    const listener = listen({ hostname: LOOPBACK, port: 0 });
    const serving = (async () => {
      for await (const connection of listener) {
        connection.readable.pipeTo(connection.writable).catch(() => {});
      }
    })();
    const peer = await connectPeer({ port: listener.port });
    await peer.write("through two streams");
    expect(await readText(peer, "through two streams")).toBe("through two streams");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("");
    peer.close();
    listener.stop(true);
    await within(serving, "the iteration to end");
  });
});
