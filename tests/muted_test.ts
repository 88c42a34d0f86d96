/** After `abort`, `listener.stop(true)` and `error` the handlers hear nothing of a connection but `close`. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  connect,
  type Connection,
  createLoop,
  listen,
  type ListenOptions,
  type SocketHandlers,
} from "../src/mod.ts";
import { type UdpHandlers, udpSocket } from "../src/udp.ts";
import { createPool } from "../src/pool.ts";
import { framed, lines, type MessageHandlers } from "../src/framing.ts";
import { logging, TestServer } from "./helpers/log.ts";
import { readAllText } from "./helpers/peer.ts";
import { StillLoop } from "./helpers/still_loop.ts";
import { delay, until } from "./helpers/wait.ts";

const PEERS = 20;

/** Spins, so that all that was sent lies in the kernel when the loop looks again. */
function hold(milliseconds: number): void {
  for (const begin = performance.now(); performance.now() - begin < milliseconds;);
}

/**
 * Connections that all have bytes, or their end too, waiting in the kernel when the first callback runs. What
 * the handlers of `socket` are told after `over` became true for their connection is written down.
 */
async function crowd(
  over: (connection: Connection) => boolean,
  makeSocket: (all: Connection[]) => SocketHandlers,
  options: Partial<ListenOptions> = {},
) {
  const all: Connection[] = [];
  const late: string[] = [];
  let closed = 0;
  const own = makeSocket(all);
  const socket: SocketHandlers = {
    open(connection) {
      all.push(connection);
      return own.open?.(connection);
    },
    close: () => void (closed += 1),
  };
  for (const name of ["data", "drain", "end", "error", "timeout"] as const) {
    const handler = own[name] as ((...parts: unknown[]) => void) | undefined;
    if (handler === undefined) continue;
    (socket as Record<string, unknown>)[name] = (connection: Connection, ...parts: unknown[]) => {
      if (over(connection)) late.push(name);
      return handler.call(own, connection, ...parts);
    };
  }
  await using near = createLoop();
  await using far = createLoop();
  const listener = listen({ hostname: "127.0.0.1", loop: near, ...options, socket });
  const clients: Connection[] = [];
  for (let count = 0; count < PEERS; count++) {
    const socket = { data() {} };
    clients.push(await connect({ hostname: "127.0.0.1", port: listener.port, loop: far, socket }));
  }
  await until(() => all.length === PEERS, "all were accepted");
  for (const client of clients) client.end("hello");
  await delay(0);
  hold(30);
  await until(() => closed === PEERS, `all are closed, not ${closed}`);
  await delay(20);
  return late;
}

const isAborting = (connection: Connection) => connection.state === "aborting";

describe("nothing but close is heard", () => {
  it("after abort in the first data callback", async () => {
    const late = await crowd(isAborting, (all) => ({
      data() {
        for (const connection of all) connection.abort();
      },
      end() {},
    }));
    expect(late).toEqual([]);
  });

  it("after listener.stop(true)", async () => {
    const log: string[] = [];
    await using server = new TestServer({
      data() {
        log.push("data");
        server.listener.stop(true);
      },
      end: () => void log.push("end"),
      close: () => void log.push("close"),
    });
    const peers = [];
    for (let count = 0; count < 5; count++) peers.push((await server.connectPeer()).peer);
    for (const peer of peers) {
      await peer.write("hello");
      await peer.endWriting();
    }
    hold(20);
    await until(() => log.filter((event) => event === "close").length === 5, "all are closed");
    expect(log.filter((event) => event !== "close")).toEqual(["data"]);
    for (const peer of peers) peer.close();
  });

  it("after error, where the error handler has ended the connection in its own way", async () => {
    const failed = new Set<Connection>();
    const late = await crowd((connection) => failed.has(connection), () => ({
      data() {
        throw new Error("boom");
      },
      drain() {},
      end() {},
      timeout: () => "keep",
      error(connection) {
        failed.add(connection);
        connection.end(new Uint8Array(200_000));
      },
    }), { highWaterMark: 1024, lowWaterMark: 512 });
    expect(late).toEqual([]);
    expect(failed.size).toBe(PEERS);
  });

  it("after error, although another handler of the connection fails later", async () => {
    const heard: string[] = [];
    await using server = new TestServer({
      async open() {
        await delay(30);
        throw new Error("late");
      },
      data() {
        throw new Error("first");
      },
      error: (_, error) => void heard.push(error.message),
      close: () => void heard.push("close"),
    });
    const { peer } = await server.connectPeer();
    await peer.write("x");
    await until(() => heard.includes("close"), "the connection closed");
    await delay(60);
    expect(heard).toEqual(["first", "close"]);
    expect(server.logs[0].events.at(-1)).toBe("close");
    peer.close();
  });

  it("after error, of an answer that was sent with it", async () => {
    await using server = new TestServer({
      data() {
        throw new Error("boom");
      },
      error: (connection) => void connection.end("500\n"),
    });
    const { peer, log } = await server.connectPeer();
    await peer.write("x");
    await until(() => log.errors.length > 0, "it failed");
    await peer.write("more");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("500\n");
    await log.closed();
    expect(log.events).toEqual(["open", "data", "error", "close"]);
    peer.close();
  });

  it("by framed handlers", async () => {
    const heard: string[] = [];
    const all: Connection[] = [];
    const handlers: MessageHandlers = {
      open: (connection) => void all.push(connection),
      async message(_connection, window, reply) {
        const text = window.text();
        heard.push(text);
        if (text === "cut") {
          for (const connection of all) connection.abort();
          await delay(5);
          throw new Error("later");
        }
        await delay(5);
        reply.send("late");
      },
      errorReply: () => (heard.push("errorReply"), "sorry"),
      drain: () => void heard.push("drain"),
      end: () => void heard.push("end"),
      error: () => void heard.push("error"),
      close: () => void heard.push("close"),
    };
    const loop = createLoop();
    const listener = listen({ hostname: "127.0.0.1", loop, socket: framed(lines(), handlers) });
    await using far = createLoop();
    const socket = { data() {} };
    const one = await connect({ hostname: "127.0.0.1", port: listener.port, loop: far, socket });
    await until(() => all.length === 1, "it is there");
    one.end("before\ncut\nafter\n");
    await until(() => heard.includes("close"), "the connection closed");
    await delay(40);
    expect(heard).toEqual(["before", "cut", "close"]);
    await loop.close();
  });

  it("by the timeout handler of a connection that is cut", () => {
    const loop = new StillLoop();
    const kinds: string[] = [];
    const connection = loop.open(3, {
      timeouts: { writeStall: 100, idle: 100 },
      socket: { timeout: (_, kind) => void kinds.push(kind) },
    });
    loop.write(connection, 10);
    connection.abort();
    loop.pass(1_000);
    expect(kinds).toEqual([]);
    expect(loop.timeouts.writeStall).toBe(0);
  });

  it("by the handlers of a lease after abort", async () => {
    const heard: string[] = [];
    await using server = new TestServer({
      data: (connection, window) => void connection.write(window),
    });
    await using loop = createLoop();
    await using pool = createPool({ loop });
    const target = {
      hostname: "127.0.0.1",
      port: server.port,
      socket: {
        data(connection: Connection) {
          heard.push(`data ${connection.state}`);
          connection.abort();
        },
        drain: () => void heard.push("drain"),
        end: () => void heard.push("end"),
        error: () => void heard.push("error"),
        close: () => void heard.push("close"),
      },
    };
    const lease = await pool.acquire(target);
    lease.connection.write("hello");
    await until(() => heard.includes("close"), "it is gone");
    expect(heard).toEqual(["data open", "close"]);
    lease.release();
  });

  it("of a UDP socket after close", async () => {
    const heard: string[] = [];
    const loop = createLoop();
    const handlers: UdpHandlers = {
      data(socket) {
        heard.push("data");
        // To a port where nobody listens, so that the network answers with an error.
        for (let count = 0; count < 50; count++) socket.send(new Uint8Array(1000), sender.port, "127.0.0.1");
        socket.close();
        throw new Error("late");
      },
      drain: () => void heard.push("drain"),
      error: () => void heard.push("error"),
    };
    const socket = await udpSocket({
      hostname: "127.0.0.1",
      loop,
      highWaterMark: 2_000,
      lowWaterMark: 0,
      socket: handlers,
    });
    const sender = await udpSocket({ hostname: "127.0.0.1" });
    for (let count = 0; count < 10; count++) sender.send(`${count}`, socket.port, "127.0.0.1");
    await until(() => heard.length > 0, "a datagram came");
    await socket.closed;
    await delay(30);
    expect(heard).toEqual(["data"]);
    sender.close();
    await loop.close();
  });
});

describe("a connection that was closed by what had waited while it was paused", () => {
  it("sees its peer's end at once", async () => {
    const logs: TestServer["logs"] = [];
    // With small segments one turn receives several times: a pause in the first callback leaves the rest.
    const loop = createLoop({ segmentSize: 512 });
    let calls = 0;
    const listener = listen({
      hostname: "127.0.0.1",
      loop,
      // Should it not see the end, it waits for longer than this test.
      lingerTimeout: 600_000,
      socket: logging(logs, {
        data(connection) {
          calls += 1;
          if (calls === 1) connection.pause();
          else connection.close();
        },
      }),
    });
    await using far = createLoop();
    const client = await connect({ hostname: "127.0.0.1", port: listener.port, loop: far });
    client.write(new Uint8Array(24 * 1024));
    await until(() => calls === 1, "the first part came");
    await delay(20);
    logs[0].connection.resume();
    await until(() => calls === 2, "the next part came");
    for await (const _ of client.readable);
    client.end();
    expect((await logs[0].closed()).by).not.toBe("timeout");
    await loop.close();
  });
});
