/** One loop accepts, another one serves: descriptors on their way, and none of them lost. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { listenRaw } from "../src/listen/bound_source.ts";
import { listenHanded } from "../src/listen/listener.ts";
import { connect, type Connection } from "../src/mod.ts";
import type { AcceptedAddress } from "../src/base/peer_address.ts";
import { discardDescriptor } from "../src/loop/native.ts";
import { hashOf } from "./helpers/hash.ts";
import { connectLogged } from "./helpers/log.ts";
import { connectPeer, readText, tryPeer } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const SMALL = { segmentCount: 256, connectionSlots: 64 };
const LOCAL = { hostname: "127.0.0.1", port: 0 };
/** A number that names no socket on either system. */
const NO_SOCKET = 0x7fff_fff0;

const echo = {
  data: (connection: Connection, bytes: Parameters<Connection["write"]>[0]) => void connection.write(bytes),
};

/** The bytes of an address as the library tells them. */
function bytesOf(...words: number[]): number[] {
  return [...new Uint8Array(new Uint32Array(words).buffer)];
}

/** Two loops of this thread: one accepts, and what it accepts the other one serves. */
function pair(acceptor: EventLoop, server: EventLoop, connections?: number) {
  const log: string[] = [];
  const { listener: adopting, source } = listenHanded({
    loop: server,
    limits: { connections },
    socket: {
      open: () => void log.push("open"),
      ...echo,
      close: (_, reason) => void log.push(`close by ${reason.by}`),
    },
  });
  const raw = listenRaw(acceptor, LOCAL, (descriptor) => void source.adopt(descriptor));
  return { adopting, source, raw, log };
}

describe("connections accepted on one loop", () => {
  it("are served by another one of the same thread as if it had accepted them", async () => {
    await using acceptor = createEventLoop(SMALL);
    await using server = createEventLoop(SMALL);
    const { adopting, raw, log } = pair(acceptor, server);
    const noise = new Random(7).bytes(scaled(1_000_000, 300_000));
    const client = await connectLogged(raw.port);
    client.connection.write(noise);
    await client.gotBytes(noise.length);
    expect(client.hash.digest()).toBe(hashOf(noise));
    expect(adopting.connectionCount).toBe(1);
    client.connection.end();
    await client.closed();
    await until(() => adopting.connectionCount === 0, "the connection was gone");
    expect(log).toEqual(["open", "close by peer"]);

    expect(acceptor.stats()).toMatchObject({ connectionsAccepted: 1, connectionsAdopted: 0, receives: 0 });
    const { receives, receivesServer, receivesClient, ...counts } = server.stats();
    expect(counts).toMatchObject({
      connectionsAccepted: 0,
      connectionsAdopted: 1,
      bytesReceivedServer: noise.length,
      bytesSentServer: noise.length,
      bytesReceivedClient: 0,
      connectionsEndedServer: 1,
      connectionsEndedClient: 0,
    });
    expect(receivesServer).toBe(receives);
    expect(receivesClient).toBe(0);
    await within(Promise.all([raw.close(), adopting.close()]), "both to be closed");
    expect(await errorOf(() => connect({ hostname: "127.0.0.1", port: raw.port }))).toBeInstanceOf(Error);
  });

  it("are served by the loop of a worker", async () => {
    await using acceptor = createEventLoop(SMALL);
    const worker = new Worker(new URL("./children/adopting_worker.ts", import.meta.url), { type: "module" });
    const answer = <T>(what: string) =>
      within(
        new Promise<T>((resolve, reject) => {
          worker.onmessage = (event: MessageEvent<T>) => resolve(event.data);
          worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
        }),
        what,
      );
    await answer("the worker to start");
    const raw = listenRaw(acceptor, LOCAL, (descriptor) => worker.postMessage(descriptor));
    const clients = Array.from({ length: 8 }, async (_, index) => {
      const noise = new Random(index + 1).bytes(40_000);
      const log = await connectLogged(raw.port);
      log.connection.write(noise);
      await log.gotBytes(noise.length);
      log.connection.end();
      await log.closed();
      return log.hash.digest() === hashOf(noise);
    });
    expect(await Promise.all(clients)).toEqual(clients.map(() => true));
    const end = answer("the worker's end");
    worker.postMessage("stop");
    expect(await end).toEqual({ connectionsAdopted: 8, connectionsAccepted: 0, received: true });
    worker.terminate();
    await raw.close();
  });

  it("come with the address of their peer", async () => {
    await using acceptor = createEventLoop(SMALL);
    const seen: { family: number; bytes: number[]; port: number }[] = [];
    const take = (descriptor: number, { familyCode, word0, word1, word2, word3, port }: AcceptedAddress) => {
      seen.push({ family: familyCode, bytes: bytesOf(word0, word1, word2, word3), port });
      acceptor.engine.native.discard(descriptor);
    };
    const rest = new Array(12).fill(0);
    const four = listenRaw(acceptor, LOCAL, take);
    const first = await connectPeer({ port: four.port });
    await until(() => seen.length === 1, "the IPv4 peer was seen");
    expect(seen.pop()).toEqual({ family: 4, bytes: [127, 0, 0, 1, ...rest], port: first.localPort });
    first.close();
    await four.close();

    const both = listenRaw(acceptor, { hostname: "::", port: 0 }, take);
    const second = await connectPeer({ port: both.port });
    await until(() => seen.length === 1, "the IPv4 peer of the IPv6 listener was seen");
    expect(seen.pop()).toEqual({ family: 4, bytes: [127, 0, 0, 1, ...rest], port: second.localPort });
    second.close();
    const six = await connect({ hostname: "::1", port: both.port, loop: acceptor });
    await until(() => seen.length === 1, "the IPv6 peer was seen");
    const { port } = six.localAddress;
    expect(seen.pop()).toEqual({ family: 6, bytes: [...new Array(15).fill(0), 1], port });
    six.abort();
    await both.close();
    expect(acceptor.stats().descriptorsDiscarded).toBe(3);
  });
});

describe("a rationed listener", () => {
  it("accepts what it is allowed and no more, although all come at once", async () => {
    await using acceptor = createEventLoop(SMALL);
    let taken = 0;
    const raw = listenRaw(acceptor, LOCAL, (descriptor) => {
      taken += 1;
      acceptor.engine.native.discard(descriptor);
    }, { rationed: true, paused: true });
    raw.allow(5);
    raw.resume();
    const peers = await Promise.all(Array.from({ length: 20 }, () => tryPeer(raw.port)));
    await until(() => taken === 5, "those that are allowed");
    await delay(50);
    expect([taken, raw.allowed]).toEqual([5, 0]);
    raw.allow(4);
    raw.allow(2);
    await until(() => taken === 7, "two more");
    await delay(50);
    expect([taken, raw.allowed]).toEqual([7, 0]);
    raw.allow(100);
    await until(() => taken === 20, "all of them");
    expect(raw.allowed).toBe(87);
    for (const peer of peers) peer?.close();
    await raw.close();
  });
});

describe("a descriptor nobody can serve", () => {
  it("beyond the limit is closed and counted, and the next one is served", async () => {
    await using acceptor = createEventLoop(SMALL);
    await using server = createEventLoop(SMALL);
    const { adopting, source, raw } = pair(acceptor, server, 1);
    const first = await connectPeer({ port: raw.port });
    await until(() => adopting.connectionCount === 1, "the first was adopted");
    const second = await connectPeer({ port: raw.port });
    expect(await within(second.read().catch(() => null), "the second to be closed")).toBe(null);
    second.close();
    expect(source.discarded).toBe(1);
    expect(server.stats().descriptorsDiscarded).toBe(1);
    first.close();
    await until(() => adopting.connectionCount === 0, "the first was gone");
    const third = await connectPeer({ port: raw.port });
    await third.write("third");
    expect(await readText(third, "third")).toBe("third");
    third.close();
    await raw.close();
  });

  it("is closed when the slots are used up, the listener has stopped or the loop is closed", async () => {
    await using acceptor = createEventLoop(SMALL);
    const server = createEventLoop({ ...SMALL, connectionSlots: 1 });
    const { adopting, source, raw } = pair(acceptor, server);
    const served = await connectPeer({ port: raw.port });
    await until(() => adopting.connectionCount === 1, "the first was adopted");
    const surplus = await connectPeer({ port: raw.port });
    expect(await within(surplus.read().catch(() => null), "the surplus one to be closed")).toBe(null);
    await until(() => source.discarded === 1, "the refusal was told");
    surplus.close();

    await within(adopting.stop(), "the listener to be closed");
    const late = await connectPeer({ port: raw.port });
    expect(await within(late.read().catch(() => null), "the late one to be closed")).toBe(null);
    late.close();
    // The connection stays until its loop goes.
    await served.write("still here");
    expect(await readText(served, "still here")).toBe("still here");
    expect(server.stats().descriptorsDiscarded).toBe(2);
    await server.close();
    served.close();
    const last = await connectPeer({ port: raw.port });
    expect(await within(last.read().catch(() => null), "the last one to be closed")).toBe(null);
    last.close();
    expect(source.discarded).toBe(3);
    await raw.close();
  });

  it("and names no socket is refused without harm", async () => {
    await using server = createEventLoop(SMALL);
    const { listener: adopting, source } = listenHanded({ loop: server, socket: echo });
    expect(source.adopt(NO_SOCKET)).toBe(true);
    await until(() => source.discarded === 1, "the refusal was told");
    expect(source.pending).toBe(0);
    expect(server.stats().descriptorsDiscarded).toBe(0);
    expect(discardDescriptor(NO_SOCKET)).toBe(false);
    await adopting.close();
  });

  it("is closed when the taker throws or its loop ends before it was given on", async () => {
    const acceptor = createEventLoop(SMALL);
    const { error } = console;
    console.error = () => {};
    try {
      const raw = listenRaw(acceptor, LOCAL, () => {
        throw new Error("no");
      });
      const peer = await connectPeer({ port: raw.port });
      expect(await within(peer.read().catch(() => null), "the peer to be closed")).toBe(null);
      peer.close();
      expect(acceptor.stats().descriptorsDiscarded).toBe(1);
      await acceptor.close();
    } finally {
      console.error = error;
    }
  });
});

describe("a wake", () => {
  it("from another thread is told to the loop's owner", async () => {
    await using loop = createEventLoop(SMALL);
    let woken = 0;
    loop.engine.whenWoken = () => void woken++;
    loop.ref();
    loop.wake();
    await until(() => woken === 1, "the wake was told");
  });
});
