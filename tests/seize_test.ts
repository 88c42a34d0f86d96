/** A loop is taken away from a thread that does not come back. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import type { ShareableLoop } from "../ffi/mod.ts";
import { listenRaw } from "../src/listen/bound_source.ts";
import { listenHanded } from "../src/listen/listener.ts";
import { connect, listen } from "../src/mod.ts";
import { seizeLoop } from "../src/loop/native.ts";
import { RemoteStatistics } from "../src/loop/remote_statistics.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { fileExists, pathOf, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const file = system === "windows" ? "ringport_fake.dll" : "libringport_fake.so";
const places = [`x86_64-${system}`, `aarch64-${system}`, "lib", "bin"]
  .map((folder) => pathOf(`../zig/zig-out/${folder}/${file}`, import.meta.url));
const found: string[] = [];
for (const place of places) if (await fileExists(place)) found.push(place);
const fake: string | undefined = found[0];

/** What the worker tells. */
interface Told {
  port: number;
  shareable: ShareableLoop;
  by: string;
  code: string;
  write: string;
  again: string;
}

function startStuck(): { worker: Worker; told(what: string): Promise<Told> } {
  const worker = new Worker(new URL("./children/stuck_worker.ts", import.meta.url), { type: "module" });
  const messages: Told[] = [];
  const faults: string[] = [];
  worker.onmessage = ({ data }: MessageEvent<Told>) => void messages.push(data);
  worker.onerror = (event: ErrorEvent) => void faults.push(event.message);
  return {
    worker,
    async told(what) {
      await until(() => messages.length + faults.length > 0, what);
      expect(faults).toEqual([]);
      return messages.shift()!;
    },
  };
}

describe("a loop whose thread is stuck", () => {
  it("is taken away: peers are cut, the port is free, and its thread ends quietly when back", async () => {
    const { worker, told } = startStuck();
    await told("the worker to start");
    const gate = new Int32Array(new SharedArrayBuffer(4));
    worker.postMessage(gate);
    const { port, shareable } = await told("the worker's port");
    const remote = new RemoteStatistics(shareable);
    const calm = await connectPeer({ port });
    await calm.write("hello");
    expect(await readText(calm, "hello")).toBe("hello");
    const peer = await connectPeer({ port });
    await peer.write("stuck");
    // What the handler wrote before it got stuck is not out: the library has not seen it.
    await until(() => remote.read().bytesReceived >= 10, "the worker to be stuck");

    // Its numbers can be read and stand still, and it counts as busy.
    remote.utilisation();
    const { heartbeat } = remote;
    await delay(30);
    expect(remote.heartbeat).toBe(heartbeat);
    expect(remote.utilisation()).toBe(1);
    const { connectionsAccepted, receives, inTurn } = remote.read();
    expect({ connectionsAccepted, receives, inTurn }).toEqual({
      connectionsAccepted: 2,
      receives: 2,
      inTurn: true,
    });

    expect(seizeLoop(shareable.handle)).toBe("seized");
    for (const cut of [calm, peer]) {
      expect(await within(cut.read().catch(() => null), "the peer to be cut")).toBe(null);
      cut.close();
    }
    // The address serves again while the thread is still stuck.
    await using successor = new TestServer(
      { data: (connection, bytes) => void connection.write(bytes) },
      { port },
    );
    const next = await connectPeer({ port: successor.port });
    await next.write("served");
    expect(await readText(next, "served")).toBe("served");
    next.close();

    Atomics.store(gate, 0, 1);
    const end = await told("the worker to be back");
    expect(end).toEqual({ by: "error", code: "ERR_LOOP_SEIZED", write: "refused", again: "ERR_STATE" });
    expect(seizeLoop(shareable.handle)).toBe("gone");
    worker.terminate();
  });
});

describe("a loop", () => {
  it("that sleeps is taken away too, and its owner is told", async () => {
    const loop = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const server = new TestServer({}, { loop });
    const { peer, log } = await server.connectPeer();
    await delay(50);
    expect(seizeLoop(loop.engine.native.handle)).toBe("seized");
    await log.closed();
    expect(log.reason?.by).toBe("error");
    expect(log.reason?.error).toMatchObject({ name: "StateError", code: "ERR_LOOP_SEIZED" });
    expect(await within(peer.read().catch(() => null), "the peer to be cut")).toBe(null);
    peer.close();
    await server.listener.close();
    expect(server.listener.state).toBe("closed");
    expect(() => listen({ hostname: "127.0.0.1", port: 0, loop })).toThrow();
    await within(loop.close(), "the loop to close");
    expect(seizeLoop(loop.engine.native.handle)).toBe("gone");
  });

  it("gives up the descriptors on their way to it", async () => {
    await using acceptor = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const server = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const { listener, source } = listenHanded({ loop: server });
    let seized = false;
    const raw = listenRaw(acceptor, { hostname: "127.0.0.1", port: 0 }, (descriptor) => {
      source.adopt(descriptor);
      if (!seized) expect(seizeLoop(server.engine.native.handle)).toBe("seized");
      seized = true;
    });
    // The first is in the ring when the loop goes, the second comes after.
    for (let index = 0; index < 2; index++) {
      const peer = await connectPeer({ port: raw.port });
      expect(await within(peer.read().catch(() => null), `peer ${index} to be cut`)).toBe(null);
      peer.close();
    }
    await within(listener.close(), "the listener to be closed");
    await server.close();
    expect(server.stats().descriptorsDiscarded).toBe(1);
    await raw.close();
  });

  it(
    "over the fake kernel is taken away as any other",
    { ignore: fake === undefined && "not built" },
    async () => {
      const loop = createEventLoop({ library: fake, seed: 3, segmentCount: 64, connectionSlots: 16 });
      const listener = listen({ hostname: "127.0.0.1", port: 0, loop, socket: { data: () => {} } });
      const client = await connect({
        hostname: "127.0.0.1",
        port: listener.port,
        loop,
        socket: { data() {} },
      });
      expect(seizeLoop(loop.engine.native.handle, fake)).toBe("seized");
      expect((await client.closed).error).toMatchObject({ code: "ERR_LOOP_SEIZED" });
      await within(listener.close(), "the listener to be closed");
      await loop.close();
    },
  );

  it("that is no loop is gone", () => {
    for (const handle of [0, 1, 0xffff_ffff]) expect(seizeLoop(handle)).toBe("gone");
  });
});
