/** The first value of `connection.data`: one for each connection, where a function makes it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection, createLoop, listen, type SocketHandlers } from "../src/mod.ts";
import { createPool } from "../src/pool.ts";
import { framed, lines } from "../src/framing.ts";
import { connectPeer, readText, tryPeer } from "./helpers/peer.ts";
import { errorOf, until } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

describe("a function as data", () => {
  it("is called for each accepted connection, before open, and gives the handlers their type", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    let made = 0;
    const listener = listen({
      hostname: LOOPBACK,
      loop,
      data: () => ({ number: ++made, lines: [] as string[] }),
      socket: {
        open(connection) {
          connection.write(`${connection.data.number.toFixed(0)}\n`);
        },
        data(connection, window) {
          connection.data.lines.push(window.text());
          connection.write(`${connection.data.lines.join(" ")}\n`);
        },
      },
    });
    expect(made).toBe(0);
    for (const number of [1, 2]) {
      const peer = await connectPeer({ port: listener.port });
      expect(await readText(peer, "1\n")).toBe(`${number}\n`);
      await peer.write("mine");
      expect(await readText(peer, "mine\n")).toBe("mine\n");
      peer.close();
    }
    expect(made).toBe(2);
  });

  it("serves framed handlers, which name its type", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    const listener = listen({
      hostname: LOOPBACK,
      loop,
      data: () => ({ asked: 0 }),
      socket: framed<{ asked: number }>(lines(), {
        message(connection, _window, reply) {
          connection.data.asked += 1;
          reply.send(connection.data.asked.toFixed(0));
        },
      }),
    });
    for (let count = 0; count < 2; count++) {
      const peer = await connectPeer({ port: listener.port });
      await peer.write("a\nb\n");
      expect(await readText(peer, "1\n2\n")).toBe("1\n2\n");
      peer.close();
    }
  });

  it("is called once for a connection behind a proxy, when its header was read", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    let made = 0;
    const listener = listen({
      hostname: LOOPBACK,
      loop,
      proxyProtocol: { trusted: ["127.0.0.0/8"] },
      data: () => ++made,
      socket: { data: (connection) => void connection.write(connection.data.toFixed(0)) },
    });
    const peer = await connectPeer({ port: listener.port });
    await peer.write("PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n?");
    expect(await readText(peer, "1")).toBe("1");
    expect(made).toBe(1);
    peer.close();
  });

  it("is called for connections that are iterated, and for those of connect", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    const listener = listen({ hostname: LOOPBACK, loop, data: () => ({ here: true }) });
    const client = await connect({
      hostname: LOOPBACK,
      port: listener.port,
      loop,
      data: () => ({ text: "" }),
      socket: { data: (connection, window) => void (connection.data.text += window.text()) },
    });
    for await (const connection of listener) {
      expect(connection.data).toEqual({ here: true });
      connection.end("hello");
      break;
    }
    await client.closed;
    expect(client.data.text).toBe("hello");
  });

  it("is called for each lease of a pool", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    const listener = listen({ hostname: LOOPBACK, loop, socket: { data() {} } });
    await using pool = createPool<{ uses: number }>({ loop });
    const target = { hostname: LOOPBACK, port: listener.port, data: () => ({ uses: 0 }) };
    for (let round = 0; round < 2; round++) {
      const lease = await pool.acquire(target);
      expect(++lease.connection.data.uses).toBe(1);
      lease.release();
    }
    const fails = () => {
      throw new Error("no data");
    };
    expect(await errorOf(() => pool.acquire({ ...target, data: fails }))).toMatchObject({
      message: "no data",
    });
  });

  it("that throws fails its connection alone", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    const heard: string[] = [];
    let fail = true;
    const socket: SocketHandlers<number> = {
      open: () => void heard.push("open"),
      error: (_, error) => void heard.push(error.message),
      close: (_, { by }) => void heard.push(by),
    };
    const data = (): number => {
      if (fail) throw new Error("no data");
      return 7;
    };
    const listener = listen({ hostname: LOOPBACK, loop, data, socket });
    const peer = await tryPeer(listener.port);
    await until(() => heard.length === 2, "it failed");
    expect(heard).toEqual(["no data", "error"]);
    peer?.close();
    const failing = () => connect({ hostname: LOOPBACK, port: listener.port, loop, data, socket });
    expect(await errorOf(failing)).toMatchObject({ message: "no data" });
    fail = false;
    const next = await connectPeer({ port: listener.port });
    await until(() => heard.length === 3, "the next one is served");
    expect(heard[2]).toBe("open");
    next.close();
  });
});

describe("any other value as data", () => {
  it("is given to all connections as it is", async () => {
    await using loop = createLoop({ connectionSlots: 16 });
    const all: Connection<{ count: number }>[] = [];
    const data = { count: 0 };
    const listener = listen({
      hostname: LOOPBACK,
      loop,
      data,
      socket: { open: (connection) => void all.push(connection) },
    });
    const peers = [await connectPeer({ port: listener.port }), await connectPeer({ port: listener.port })];
    await until(() => all.length === 2, "both are there");
    expect(all.every((connection) => connection.data === data)).toBe(true);
    for (const peer of peers) peer.close();
  });
});
