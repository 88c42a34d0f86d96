/** Sockets given to another process: connections on both systems, listeners on Linux, under load. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { listenRaw } from "../src/connection/raw_listener.ts";
import { discardDescriptor, giveDescriptor, openInbox, processId, type Taker } from "../src/loop/open.ts";
import { createLoop, listen, type Listener, type RingportError } from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { connectPeer, type Peer, readAllText, readText } from "./helpers/peer.ts";
import { type Child, runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";
const onlyLinux = { ignore: system === "windows" && "a listener belongs to its completion port for ever" };

/** A child that takes sockets, and where it takes them. */
async function startTaker(): Promise<{ child: Child; taker: Taker }> {
  const token = crypto.randomUUID();
  const child = runScript("./children/taker.ts", import.meta.url, { arguments: [token] });
  const [, pid] = await child.line(/ready (\d+)/, 60_000);
  return { child, taker: { processId: Number(pid), token } };
}

/** Gives a descriptor, coming again while the taker is behind, and gives its ticket as text. */
async function give(descriptor: number, taker: Taker): Promise<string> {
  for (;;) {
    const ticket = giveDescriptor(descriptor, taker);
    if (ticket !== "busy") return ticket.toHex();
    await delay(5);
  }
}

async function ask(peer: Peer, text: string, answer: string): Promise<void> {
  await peer.write(text);
  expect(await readText(peer, answer)).toBe(answer);
}

describe("a connection given to another process", () => {
  it("is served there, and stays open when the giver has closed its copy", async () => {
    const { child, taker } = await startTaker();
    await using _ = child;
    await using loop = createLoop({ segmentCount: 64 });
    const descriptors: number[] = [];
    await using listener = listenRaw(loop, { hostname: LOOPBACK, port: 0 }, (descriptor) => {
      descriptors.push(descriptor);
    });
    for (let round = 0; round < scaled(8, 3); round++) {
      const peer = await connectPeer({ port: listener.port });
      await peer.write("early ");
      await until(() => descriptors.length === 1, "the connection was accepted");
      const descriptor = descriptors.pop()!;
      child.send(`connection ${await give(descriptor, taker)}\n`);
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

  it("may come with many others, taken in another order", async () => {
    const { child, taker } = await startTaker();
    await using _ = child;
    await using loop = createLoop({ segmentCount: 64 });
    const descriptors: number[] = [];
    await using listener = listenRaw(loop, { hostname: LOOPBACK, port: 0 }, (descriptor) => {
      descriptors.push(descriptor);
    });
    // Not more than the kernel queues for one that does not look.
    const count = scaled(8, 4);
    const peers = await Promise.all(
      Array.from({ length: count }, () => connectPeer({ port: listener.port })),
    );
    await until(() => descriptors.length === count, "all were accepted");
    const tickets: string[] = [];
    for (const descriptor of descriptors) tickets.push(await give(descriptor, taker));
    for (const ticket of tickets.reverse()) child.send(`connection ${ticket}\n`);
    await Promise.all(peers.map((peer, index) => ask(peer, `${index}`, `child: ${index}`)));
    descriptors.forEach((descriptor) => discardDescriptor(descriptor));
    peers.forEach((peer) => peer.close());
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });

  it("is refused under a ticket nobody gave, or a second time", async () => {
    const { child, taker } = await startTaker();
    await using _ = child;
    await using loop = createLoop({ segmentCount: 64 });
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
    const ticket = await give(descriptors[0], taker);
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
  it("to nobody, of nothing, or by a token that is none is refused", async () => {
    const taker = { processId: system === "windows" ? 0xffff_fff0 : processId(), token: crypto.randomUUID() };
    expect((await errorOf(() => giveDescriptor(0x7fff_0000, taker)) as Error).name).toBe("RingportError");
    for (const token of ["", "x".repeat(65)]) {
      expect(((await errorOf(() => openInbox(token))) as RingportError).code).toBe("ERR_INVALID_ARGUMENT");
    }
  });

  it("waits for a full inbox, and an inbox exists once", onlyLinux, async () => {
    const token = crypto.randomUUID();
    const inbox = openInbox(token);
    expect(((await errorOf(() => openInbox(token))) as RingportError).code).toBe("EADDRINUSE");
    await using listener = listen({ hostname: LOOPBACK });
    const tickets: Uint8Array[] = [];
    const to = { processId: processId(), token };
    let busy = false;
    while (!busy && tickets.length < 10_000) {
      const ticket = giveDescriptor(listener.descriptor, to);
      if (ticket === "busy") busy = true;
      else tickets.push(ticket);
    }
    expect(busy).toBe(true);
    // Taking the last one moves the others out of the kernel's queue.
    for (const ticket of tickets.reverse()) discardDescriptor(inbox.take(ticket));
    expect(giveDescriptor(listener.descriptor, to)).not.toBe("busy");
    inbox.close();
    inbox.close();
    expect(((await errorOf(() => giveDescriptor(listener.descriptor, to))) as RingportError).code)
      .toBe("ECONNREFUSED");
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

async function handOver(listener: Listener, to: { port: number; unix?: string }): Promise<void> {
  const { child, taker } = await startTaker();
  await using _ = child;
  const before = await connectPeer(to);
  await ask(before, "before", "parent: before");
  const clients = new Clients(4, to);
  await clients.further(20);
  const what = to.unix === undefined ? "tcp" : "unix";
  child.send(`${what} ${await give(listener.descriptor, taker)}\n`);
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
    await using loop = createLoop({ segmentCount: 256 });
    const listener = listen({ hostname: LOOPBACK, loop, socket: parent }) as Listener;
    await handOver(listener, { port: listener.port });
  });

  it(
    "goes on there without a single failed attempt: a Unix socket, whose path stays",
    onlyLinux,
    async () => {
      await using folder = await Folder.make();
      await using loop = createLoop({ segmentCount: 256 });
      const unix = folder.file("a");
      const listener = listen({ unix, loop, socket: parent }) as Listener;
      await handOver(listener, { port: 0, unix });
      // The successor was told to remove it.
      expect(await folder.look("a")).toBe("");
    },
  );

  it("serves who was in the queue when the giver left", onlyLinux, async () => {
    const { child, taker } = await startTaker();
    await using _ = child;
    await using loop = createLoop({ segmentCount: 256 });
    const listener = listen({ hostname: LOOPBACK, loop, socket: parent });
    listener.pause();
    const { port } = listener;
    const peers = await Promise.all(Array.from({ length: 5 }, () => connectPeer({ port })));
    const ticket = await give(listener.descriptor, taker);
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
    const { child, taker } = await startTaker();
    await using _ = child;
    await using folder = await Folder.make();
    await using loop = createLoop({ segmentCount: 64 });
    const unix = folder.file("a");
    const listener = listenRaw(loop, { unix }, (descriptor) => void discardDescriptor(descriptor));
    listener.pause();
    expect(listener.backlog()).toBe(undefined);
    const waiting = await connectPeer({ port: 0, unix });
    child.send(`unix ${await give(listener.descriptor, taker)}\n`);
    await listener.handOn();
    await ask(waiting, "waited", "child: waited");
    const fresh = await connectPeer({ port: 0, unix });
    await ask(fresh, "new", "child: new");
    for (const peer of [waiting, fresh]) peer.close();
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });
});
