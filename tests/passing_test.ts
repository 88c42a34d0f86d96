/** Sockets given to another process: connections on both systems, listeners on Linux, under load. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { descriptorOf } from "../src/listen/listener.ts";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { listenRaw } from "../src/listen/bound_source.ts";
import {
  dialMeeting,
  discardDescriptor,
  giveDescriptor,
  type Lane,
  makeMeetingFolder,
  openLane,
  takeDescriptor,
} from "../src/loop/native.ts";
import { listen, type Listener, type RingportError } from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { give as giveSocket, OwnLanes, waitForReport } from "./helpers/lanes.ts";
import { connectPeer, type Peer, readAllText, readText } from "./helpers/peer.ts";
import { type Child, runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";
const onlyUnix = { ignore: system === "windows" && "Windows passes sockets without a lane of Unix sockets" };
const onlyLinux = { ignore: system === "windows" && "a listener belongs to its completion port for ever" };

/** A child that takes sockets, and the way to it. */
async function startTaker(loop: EventLoop): Promise<{ child: Child; lane: Lane }> {
  const waiting = waitForReport(loop);
  const child = runScript("./children/taker.ts", import.meta.url, { arguments: [waiting.report] });
  const [, pid] = await child.line(/ready (\d+)/, 60_000);
  return { child, lane: (await waiting.way(Number(pid))).lane };
}

/** Gives a descriptor, and gives its ticket as text. */
async function give(descriptor: number, lane: Lane): Promise<string> {
  return (await giveSocket(descriptor, lane)).toHex();
}

async function ask(peer: Peer, text: string, answer: string): Promise<void> {
  await peer.write(text);
  expect(await readText(peer, answer)).toBe(answer);
}

describe("a connection given to another process", () => {
  it("is served there, and stays open when the giver has closed its copy", async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const { child, lane } = await startTaker(loop);
    await using _ = child;
    const descriptors: number[] = [];
    await using listener = listenRaw(loop, { hostname: LOOPBACK, port: 0 }, (descriptor) => {
      descriptors.push(descriptor);
    });
    for (let round = 0; round < scaled(8, 3); round++) {
      const peer = await connectPeer({ port: listener.port });
      await peer.write("early ");
      await until(() => descriptors.length === 1, "the connection was accepted");
      const descriptor = descriptors.pop()!;
      child.send(`connection ${await give(descriptor, lane)}\n`);
      await until(() => child.output.split("adopted").length === round + 2, "the child has adopted it");
      expect(discardDescriptor(descriptor)).toBe(true);
      expect(await readText(peer, "child: early ")).toBe("child: early ");
      await ask(peer, `round ${round}`, `child: round ${round}`);
      await peer.endWriting();
      expect(await readAllText(peer)).toBe("");
      peer.close();
    }
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });

  it("may come with many others, taken in their order", async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const { child, lane } = await startTaker(loop);
    await using _ = child;
    const descriptors: number[] = [];
    await using listener = listenRaw(loop, { hostname: LOOPBACK, port: 0 }, (descriptor) => {
      descriptors.push(descriptor);
    });
    const count = scaled(40, 4);
    const peers = await Promise.all(
      Array.from({ length: count }, () => connectPeer({ port: listener.port })),
    );
    await until(() => descriptors.length === count, "all were accepted");
    const tickets: string[] = [];
    for (const descriptor of descriptors) tickets.push(await give(descriptor, lane));
    for (const ticket of tickets) child.send(`connection ${ticket}\n`);
    await Promise.all(peers.map((peer, index) => ask(peer, `${index}`, `child: ${index}`)));
    descriptors.forEach((descriptor) => discardDescriptor(descriptor));
    peers.forEach((peer) => peer.close());
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });

  it("is refused under a ticket nobody gave, or a second time", async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const { child, lane } = await startTaker(loop);
    await using _ = child;
    const descriptors: number[] = [];
    await using listener = listenRaw(loop, { hostname: LOOPBACK, port: 0 }, (descriptor) => {
      descriptors.push(descriptor);
    });
    const peer = await connectPeer({ port: listener.port });
    await until(() => descriptors.length === 1, "the connection was accepted");
    child.send("connection 00112233445566778899aabbccddeeff\n");
    await child.line(/refused (ENOENT|ERR_INVALID_ARGUMENT)/);
    child.send("connection 00\n");
    await child.line(/refused ERR_INVALID_ARGUMENT/);
    const ticket = await give(descriptors[0], lane);
    child.send(`connection ${ticket}\n`);
    await child.line(/adopted/);
    discardDescriptor(descriptors[0]);
    await ask(peer, "still", "child: still");
    peer.close();
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });
});

describe("giving", () => {
  it("nothing is refused", async () => {
    await using lanes = await OwnLanes.open();
    expect((await errorOf(() => giveDescriptor(0x7fff_0000, lanes.giver)) as Error).name).toBe(
      "RingportError",
    );
  });

  it("waits for a taker that is behind, and ends with it", onlyUnix, async () => {
    await using lanes = await OwnLanes.open();
    const { giver, taker } = lanes;
    await using listener = listen({ hostname: LOOPBACK });
    const tickets: Uint8Array[] = [];
    for (;;) {
      const ticket = giveDescriptor(descriptorOf(listener), giver);
      if (ticket === "busy") break;
      tickets.push(ticket);
      expect(tickets.length).toBeLessThan(10_000);
    }
    expect(tickets.length).toBeGreaterThan(20);
    // What is skipped is closed.
    discardDescriptor(takeDescriptor(tickets[10], taker) as number);
    for (const ticket of tickets.slice(0, 11)) {
      expect(((await errorOf(() => takeDescriptor(ticket, taker))) as RingportError).code).toBe("ENOENT");
    }
    for (const ticket of tickets.slice(11)) discardDescriptor(takeDescriptor(ticket, taker) as number);
    expect(giveDescriptor(descriptorOf(listener), giver)).not.toBe("busy");
    taker.close();
    taker.close();
    expect((await errorOf(() => giveDescriptor(descriptorOf(listener), giver))) as Error).toBeInstanceOf(
      Error,
    );
    expect((await errorOf(() => takeDescriptor(tickets[0], taker))) as Error).toBeInstanceOf(Error);
    giver.close();
    expect((await errorOf(() => giveDescriptor(descriptorOf(listener), giver))) as Error).toBeInstanceOf(
      Error,
    );
  });

  it("ends with the channel of the taker", onlyUnix, async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const { child, lane } = await startTaker(loop);
    await using listener = listen({ hostname: LOOPBACK });
    expect(giveDescriptor(descriptorOf(listener), lane)).not.toBe("busy");
    await child[Symbol.asyncDispose]();
    await until(
      async () =>
        ((await errorOf(() => giveDescriptor(descriptorOf(listener), lane))) as RingportError) !== undefined,
      "nothing is given any more",
    );
  });
});

describe("where processes meet", () => {
  it(
    "is made in folders that nobody else may change, with paths that a socket can have",
    onlyLinux,
    async () => {
      await using folder = await Folder.make();
      const first = makeMeetingFolder(folder.path);
      const second = makeMeetingFolder(folder.path);
      expect(first).not.toBe(second);
      expect(await folder.look(first.slice(folder.path.length + 1))).toBe("directory 700");
      for (const parent of ["", "relative", `${folder.path}/none`, `/${"x".repeat(100)}`, `/tmp\0x`]) {
        expect((await errorOf(() => makeMeetingFolder(parent))) as RingportError).toBeInstanceOf(Error);
      }
      const nobody = (await errorOf(() => dialMeeting(`${first}/s`))) as RingportError;
      expect(nobody.code).toBe("ENOENT");
      await using listener = listen({ unix: `${first}/s` });
      expect(discardDescriptor(dialMeeting(`${first}/s`))).toBe(true);
      const other = (await errorOf(() => dialMeeting(`${first}/s`, 1))) as RingportError;
      expect(other.name).toBe("AccessDeniedError");
      expect(listener.unix).toBe(`${first}/s`);
    },
  );

  it("lets no lane be opened over anything but a Unix socket", onlyUnix, async () => {
    await using listener = listen({ hostname: LOOPBACK });
    expect((await errorOf(() => openLane(descriptorOf(listener)))) as RingportError).toBeInstanceOf(Error);
  });
});

/** Connects, asks and goes, again and again; who answered, in order. */
class Clients {
  readonly answers: string[] = [];
  readonly failures: unknown[] = [];
  #stopped = false;
  readonly #runs: Promise<void>[];

  constructor(count: number, to: { port: number; unix?: string }) {
    this.#runs = Array.from({ length: count }, () => this.#run(to));
  }

  async #run(to: { port: number; unix?: string }): Promise<void> {
    while (!this.#stopped) {
      try {
        const peer = await connectPeer(to);
        await peer.write("x");
        await peer.endWriting();
        this.answers.push(await readAllText(peer));
        peer.close();
      } catch (error) {
        this.failures.push(error);
      }
    }
  }

  /** Waits for so many further answers. */
  async further(count: number): Promise<void> {
    const wanted = this.answers.length + count;
    await until(() => this.answers.length >= wanted || this.failures.length > 0, `${count} further answers`);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await within(Promise.all(this.#runs), "the clients to end");
  }
}

async function handOver(
  loop: EventLoop,
  listener: Listener,
  to: { port: number; unix?: string },
): Promise<void> {
  const { child, lane } = await startTaker(loop);
  await using _ = child;
  const before = await connectPeer(to);
  await ask(before, "before", "parent: before");
  const clients = new Clients(4, to);
  await clients.further(20);
  const what = to.unix === undefined ? "tcp" : "unix";
  child.send(`${what} ${await give(descriptorOf(listener), lane)}\n`);
  await child.line(/listening at/);
  // Both accept from one queue.
  await clients.further(20);
  await listener.handOn();
  const place = clients.answers.length;
  await clients.further(40);
  await ask(before, "after", "parent: after");
  before.close();
  await clients.stop();
  expect(clients.failures).toEqual([]);
  expect(new Set(clients.answers)).toEqual(new Set(["parent: x", "child: x"]));
  // Those of before the end of the hand-over may still have been under way.
  expect(new Set(clients.answers.slice(place + 4))).toEqual(new Set(["child: x"]));
  child.send("stop\n");
  expect((await child.end()).code).toBe(0);
}

const parent = {
  data(connection: { write(text: string): unknown }, window: { text(): string }) {
    connection.write(`parent: ${window.text()}`);
  },
};

describe("a listener given to another process", () => {
  it("goes on there without a single failed attempt: TCP", onlyLinux, async () => {
    await using loop = createEventLoop({ segmentCount: 256 });
    const listener = listen({ hostname: LOOPBACK, loop, socket: parent }) as Listener;
    await handOver(loop, listener, { port: listener.port });
  });

  it(
    "goes on there without a single failed attempt: a Unix socket, whose path stays",
    onlyLinux,
    async () => {
      await using folder = await Folder.make();
      await using loop = createEventLoop({ segmentCount: 256 });
      const unix = folder.file("a");
      const listener = listen({ unix, loop, socket: parent }) as Listener;
      await handOver(loop, listener, { port: 0, unix });
      // The successor was told to remove it.
      expect(await folder.look("a")).toBe("");
    },
  );

  it("serves who was in the queue when the giver left", onlyLinux, async () => {
    await using loop = createEventLoop({ segmentCount: 256 });
    const { child, lane } = await startTaker(loop);
    await using _ = child;
    const listener = listen({ hostname: LOOPBACK, loop, socket: parent });
    listener.pause();
    const { port } = listener;
    const peers = await Promise.all(Array.from({ length: 5 }, () => connectPeer({ port })));
    const ticket = await give(descriptorOf(listener), lane);
    await listener.handOn();
    child.send(`tcp ${ticket}\n`);
    await Promise.all(peers.map((peer) => ask(peer, "waited", "child: waited")));
    peers.forEach((peer) => peer.close());
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });
});

describe("a listener that hands its connections on", () => {
  it("can be given to another process as well", onlyLinux, async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const { child, lane } = await startTaker(loop);
    await using _ = child;
    await using folder = await Folder.make();
    const unix = folder.file("a");
    const listener = listenRaw(loop, { unix }, (descriptor) => void discardDescriptor(descriptor));
    listener.pause();
    expect(listener.backlog()).toBe(undefined);
    const waiting = await connectPeer({ port: 0, unix });
    child.send(`unix ${await give(listener.descriptor, lane)}\n`);
    await listener.handOn();
    await ask(waiting, "waited", "child: waited");
    const fresh = await connectPeer({ port: 0, unix });
    await ask(fresh, "new", "child: new");
    for (const peer of [waiting, fresh]) peer.close();
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });
});
