/** Two connections put together: both ways, at the pace of the slower one, to every kind of end. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  connect,
  type Connection,
  ConnectionResetError,
  createLoop,
  listen,
  OptionError,
  pump,
  type Pumped,
  StateError,
} from "../src/mod.ts";
import { hashOf } from "./helpers/hash.ts";
import { Log, TestServer } from "./helpers/log.ts";
import { connectPeer, listenPeer, type Peer, readAll, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

/** A proxy in front of a raw peer: a client, its connection at the target, and what became of the pump. */
interface Proxied {
  client: Peer;
  target: Peer;
  pumped: Promise<Pumped>;
  /** The proxy's own ends. */
  ends: Connection<unknown>[];
  closes: number;
}

async function proxied(
  work: (it: Proxied) => Promise<void>,
  before?: (client: Connection<unknown>) => Promise<void>,
): Promise<void> {
  const goal = listenPeer();
  const pumped = Promise.withResolvers<Pumped>();
  const ends: Connection<unknown>[] = [];
  const it: Proxied = { pumped: pumped.promise, ends, closes: 0 } as unknown as Proxied;
  await using loop = createLoop({ segmentCount: 256, connectionSlots: 16, development: true });
  const listener = listen<unknown>({
    hostname: "127.0.0.1",
    loop,
    socket: {
      async open(client) {
        if (before === undefined) client.pause();
        await before?.(client);
        const upstream = await connect<unknown>({ hostname: "127.0.0.1", port: goal.port, loop });
        ends.push(client, upstream);
        pump(client, upstream).then(pumped.resolve, pumped.reject);
      },
      close: () => void (it.closes += 1),
    },
  });
  try {
    it.client = await connectPeer({ port: listener.port });
    if (before !== undefined) {
      await it.client.write("header and body");
      await it.client.endWriting();
    }
    it.target = await within(goal.accept(), "the target to be reached");
    await within(work(it), "the work", 30_000);
    await within(it.pumped, "the pump to end");
    expect(it.closes).toBe(1);
  } finally {
    for (const peer of [it.client, it.target]) peer?.close();
    goal.close();
    listener.stop(true);
    await listener.close();
  }
  expect(loop.stats().segmentsHeld).toBe(0);
}

describe("pump", () => {
  it("passes everything on, both ways at once, and both ends", () =>
    proxied(async ({ client, target, pumped }) => {
      const sizes = [scaled(3_000_000, 200_000), scaled(5_000_000, 300_000)];
      const [asked, answered] = sizes.map((size, index) => new Random(index + 1).bytes(size));
      const writing = [client.write(asked), target.write(answered)];
      const [atTarget, atClient] = await Promise.all([
        readExactly(target, asked.length),
        readExactly(client, answered.length),
      ]);
      await Promise.all(writing);
      expect([hashOf(atTarget), hashOf(atClient)]).toEqual([hashOf(asked), hashOf(answered)]);
      await client.endWriting();
      expect(await readAll(target)).toHaveLength(0);
      // The other way still goes on.
      await target.write("after the end");
      expect(await readText(client, "after the end")).toBe("after the end");
      await target.endWriting();
      expect(await readAll(client)).toHaveLength(0);
      const { forward, backward, from, to } = await pumped;
      expect([forward, backward]).toEqual([asked.length, answered.length + 13]);
      for (const reason of [from, to]) expect(reason).toMatchObject({ bytesLost: 0, error: undefined });
    }));

  it("reads no faster than the other side takes", () =>
    proxied(async ({ client, target, ends, pumped }) => {
      const total = scaled(24 << 20, 4 << 20);
      const bytes = new Random(3).bytes(total);
      const writing = client.write(bytes);
      await delay(scaled(300, 1_000));
      for (const end of ends) expect(end.bufferedBytes).toBeLessThan(1 << 20);
      // The other way is not held up.
      await target.write("meanwhile");
      expect(await readText(client, "meanwhile")).toBe("meanwhile");
      expect(hashOf(await readExactly(target, total))).toBe(hashOf(bytes));
      await writing;
      client.close();
      target.close();
      expect((await pumped).forward).toBe(total);
    }));

  it("closes the other side where this side gives one up", () =>
    proxied(async ({ client, target, ends, pumped }) => {
      await client.write("x");
      await readText(target, "x");
      ends[0].abort();
      const { from, to } = await pumped;
      expect(from.by).toBe("local");
      expect(to.error).toBe(undefined);
      expect(await within(target.read().catch(() => null), "the target's end")).toBe(null);
    }));

  it("takes along what was read ahead, and the end behind it", () =>
    proxied(async ({ client, target, pumped }) => {
      expect(await readText(target, " and body")).toBe(" and body");
      expect(await readAll(target)).toHaveLength(0);
      await target.endWriting();
      expect(await readAll(client)).toHaveLength(0);
      expect((await pumped).forward).toBe(9);
    }, async (client) => {
      expect(new TextDecoder().decode(await client.readExactly(6))).toBe("header");
      await until(() => client.state === "read-ended", "the client has ended");
    }));

  it("cuts the other side where one fails", async () => {
    await using server = new TestServer();
    const one = await connect<Log>({ hostname: "127.0.0.1", port: server.port, socket: {}, data: undefined });
    const far = await server.opened(0);
    const other = await connect<Log>({ hostname: "127.0.0.1", port: server.port, socket: {} });
    const farOther = await server.opened(1);
    const pumped = pump(one, other);
    far.connection.abort();
    const { from, to } = await within(pumped, "the pump");
    expect(from.error).toBeInstanceOf(ConnectionResetError);
    expect(to.by).toBe("local");
    expect((await farOther.closed()).error).toBeInstanceOf(ConnectionResetError);
  });

  it("carries 100 MB through two pumps in a row", async () => {
    const total = scaled(100, 4) * 1_000_000;
    await using server = new TestServer({ data: (it, window) => void it.write(window) });
    const hops = [server.port];
    const listeners = [];
    for (let hop = 0; hop < 2; hop++) {
      const port = hops.at(-1)!;
      const listener = listen({
        hostname: "127.0.0.1",
        socket: {
          async open(client) {
            client.pause();
            await pump(client, await connect({ hostname: "127.0.0.1", port }));
          },
        },
      });
      listeners.push(listener);
      hops.push(listener.port);
    }
    let received = 0;
    let sent = 0;
    const piece = new Uint8Array(65_536);
    const client = await connect<undefined>({
      hostname: "127.0.0.1",
      port: hops.at(-1)!,
      socket: {
        open: (connection) => fill(connection),
        drain: (connection) => fill(connection),
        data(connection, window) {
          received += window.length;
          if (received === total) connection.end();
        },
      },
    });
    function fill(connection: Connection): void {
      while (sent < total) {
        const bytes = piece.subarray(0, Math.min(piece.length, total - sent));
        const result = connection.write(bytes);
        if (result !== "refused") sent += bytes.length;
        if (result !== "sent") return;
      }
    }
    await within(client.closed, "all to come back", 60_000);
    expect(received).toBe(total);
    for (const listener of listeners) await listener.close();
  });

  it("refuses what it cannot put together", async () => {
    await using server = new TestServer();
    const one = await connect({ hostname: "127.0.0.1", port: server.port });
    const other = await connect({ hostname: "127.0.0.1", port: server.port });
    expect(() => pump(one, one)).toThrow(OptionError);
    expect(() => pump(one, {} as Connection)).toThrow(OptionError);
    other.readable;
    expect(await errorOf(() => pump(one, other))).toBeInstanceOf(StateError);
    const ended = await connect({ hostname: "127.0.0.1", port: server.port });
    ended.shutdownWrite();
    expect(await errorOf(() => pump(one, ended))).toBeInstanceOf(StateError);
    for (const it of [one, other, ended]) it.abort();
    await Promise.all([one.closed, other.closed, ended.closed]);
    expect(await errorOf(() => pump(one, other))).toBeInstanceOf(StateError);
  });
});
