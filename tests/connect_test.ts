/** Connecting: success, refusal, time-out, cancelling at every moment. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  connect,
  ConnectionRefusedError,
  createLoop,
  listen,
  type RingportError,
  TimeoutError,
} from "../src/mod.ts";
import { connectLogged, TestServer } from "./helpers/log.ts";
import { closedPort, listenPeer, readText } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { silentPort } from "./helpers/silent.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

describe("connect", () => {
  it("resolves with an open connection after its open handler", async () => {
    const listener = listenPeer();
    const log = await connectLogged(listener.port);
    const peer = await listener.accept();
    expect(log.events).toEqual(["open"]);
    expect(log.connection.state).toBe("open");
    expect(log.connection.remoteAddress).toEqual({ hostname: LOOPBACK, port: listener.port, family: "IPv4" });
    expect(log.connection.localAddress.hostname).toBe(LOOPBACK);
    expect(log.connection.localAddress.port).toBeGreaterThan(0);
    log.connection.write("hello");
    expect(await readText(peer, "hello")).toBe("hello");
    peer.close();
    await log.closed();
    listener.close();
  });

  it("finds localhost by name", async () => {
    await using server = new TestServer({}, { hostname: "localhost" });
    const log = await connectLogged(server.port, {}, { hostname: "localhost" });
    log.connection.end("by name");
    await (await server.opened()).gotText("by name");
    await log.closed();
  });

  it("from a local address and port of choice", async () => {
    await using server = new TestServer();
    const probe = listen({ hostname: LOOPBACK, port: 0 });
    const localPort = probe.port;
    await probe.close();
    const log = await connectLogged(server.port, {}, { localAddress: "127.0.0.2", localPort });
    const far = await server.opened();
    expect(far.connection.remoteAddress).toEqual({ hostname: "127.0.0.2", port: localPort, family: "IPv4" });
    log.connection.abort();
    await log.closed();
  });

  it("is refused with the system's own reason", async () => {
    const port = await closedPort();
    const error = await errorOf(() => connect({ hostname: LOOPBACK, port })) as RingportError;
    expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(error).toBeInstanceOf(Error);
    expect(error.code).toBe("ECONNREFUSED");
    expect(error.operation).toBe("connect");
    expect(error.origin).toBe("kernel");
    expect(error.systemName).toBe(system === "windows" ? "WSAECONNREFUSED" : "ECONNREFUSED");
    expect(error.systemError).toBe(system === "windows" ? error.systemError : 111);
    expect(error.systemError).toBeGreaterThan(0);
    expect(error.address).toContain(String(port));
    expect(error.message).toContain(String(port));
  });

  it("a hundred refusals leave nothing behind", async () => {
    await using loop = createLoop({ connectionSlots: 8 });
    const port = await closedPort();
    for (let count = 0; count < 100; count++) {
      const error = await errorOf(() => connect({ hostname: LOOPBACK, port, loop })) as RingportError;
      expect(error.code).toBe("ECONNREFUSED");
    }
    expect(Number(loop.stats().connectionsConnected)).toBe(0);
  });

  it("fails for a name nobody has", async () => {
    const error = await errorOf(() => connect({ hostname: "no-such-host.invalid", port: 1 }));
    expect(error).toBeInstanceOf(Error);
    expect((error as RingportError).operation).toBe("resolve");
  });
});

describe("connect to a host that does not answer", () => {
  it("times out after `timeouts.connect`", async () => {
    const loop = createLoop();
    const silent = await silentPort();
    const start = performance.now();
    const options = { hostname: LOOPBACK, port: silent.port, loop, timeouts: { connect: 150 } };
    const error = await errorOf(() => connect(options)) as RingportError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.code).toBe("ETIMEDOUT");
    expect(error.operation).toBe("connect");
    expect(error.origin).toBe("framework");
    const took = performance.now() - start;
    expect(took).toBeGreaterThan(140);
    expect(took).toBeLessThan(60_000);
    expect(loop.stats().timeouts.connect).toBe(1);
    await loop.close();
    await silent.close();
  });

  it("is given up by a signal", async () => {
    const silent = await silentPort();
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    setTimeout(() => controller.abort(reason), 50);
    const options = { hostname: LOOPBACK, port: silent.port, signal: controller.signal };
    expect(await errorOf(() => connect(options))).toBe(reason);
    await silent.close();
  });
});

describe("a signal", () => {
  it("aborted before connect refuses at once", async () => {
    const reason = new Error("too late");
    const options = { hostname: LOOPBACK, port: await closedPort(), signal: AbortSignal.abort(reason) };
    expect(await errorOf(() => connect(options))).toBe(reason);
  });

  it("aborted right after connect either gives up or gives a connection, never both", async () => {
    await using server = new TestServer();
    let given = 0;
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      const controller = new AbortController();
      const options = { hostname: LOOPBACK, port: server.port, signal: controller.signal };
      const attempt = connect(options);
      // Turns of the host loop until the signal: the race is lost, won and run head to head.
      const turns = round % 6;
      const abort = async () => {
        for (let turn = 0; turn < turns; turn++) await delay(0);
        controller.abort();
      };
      const [result] = await Promise.allSettled([within(attempt, "connect to settle"), abort()]);
      if (result.status === "fulfilled") {
        given += 1;
        result.value.abort();
        await within(result.value.closed, "the connection to close");
      } else {
        refused += 1;
        expect((result.reason as Error).name).toBe("AbortError");
      }
    }
    expect(given + refused).toBe(60);
    expect(refused).toBeGreaterThan(0);
    await until(() => server.logs.every((log) => log.reason !== undefined), "all accepted ones closed");
    expect(server.listener.connectionCount).toBe(0);
  });

  it("aborted later leaves the connection alone that it let through", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    const controller = new AbortController();
    const log = await connectLogged(server.port, {}, { signal: controller.signal });
    controller.abort();
    log.connection.write("still here");
    await log.gotText("still here");
    log.connection.abort();
    await log.closed();
  });
});
