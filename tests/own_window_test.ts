/** Windows that the application makes: copied once, written any number of times where they lie. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import type { RingWindow } from "../src/memory/window.ts";
import { connect, createLoop, LimitError, listen, OptionError, WindowError } from "../src/mod.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { Random } from "./helpers/random.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const SEGMENT_BYTES = 4 * KIBIBYTE;

/** Notes the first segment of every send that a loop submits. */
function sendsOf({ engine }: EventLoop): Set<number> {
  const segments = new Set<number>();
  const submit = engine.submitSend.bind(engine);
  engine.submitSend = (id, segment, ...rest) => {
    segments.add(segment);
    submit(id, segment, ...rest);
  };
  return segments;
}

/** What a client on a loop of its own reads from each of some connections. */
async function readAll(port: number, connections: number): Promise<string[]> {
  await using loop = createLoop();
  const hashes: string[] = [];
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const hash = new StreamHash();
      return await connect({
        hostname: "127.0.0.1",
        port,
        loop,
        socket: {
          data: (_, window) => void hash.update(window.bytes),
          end(connection) {
            hashes.push(hash.digest());
            connection.end();
          },
        },
      });
    }),
  );
  await within(Promise.all(clients.map((client) => client.closed)), "the clients' ends");
  return hashes;
}

describe("a window of one's own", () => {
  for (const [length, connections] of [[100, 100], [64 * KIBIBYTE, 100], [1000 * KIBIBYTE + 7, 8]]) {
    it(`of ${length} bytes is sent on ${connections} connections without a copy`, async () => {
      await using loop = createEventLoop();
      const bytes = new Random(length).bytes(length);
      const window = loop.window(bytes);
      const sends = sendsOf(loop);
      let waiting: (() => void)[] = [];
      let copiedBytes = 0;
      const results = new Set<string>();
      await using listener = listen({
        hostname: "127.0.0.1",
        loop,
        limits: { connections: 200 },
        socket: {
          // All in one turn, so that together they are more than a turn may submit of other memory.
          open(connection) {
            waiting.push(() => {
              results.add(connection.end(window));
              copiedBytes += loop.engine.outboxBytes;
            });
            if (waiting.length < connections) return;
            const ready = waiting;
            waiting = [];
            for (const send of ready) send();
          },
        },
      });
      const hashes = await readAll(listener.port, connections);
      expect(hashes).toEqual(Array(connections).fill(hashOf(bytes)));
      expect([...sends]).toEqual([(window as RingWindow).segment]);
      expect(copiedBytes).toBe(0);
      expect(results.has("refused")).toBe(false);
      expect(loop.stats().segmentsHeld).toBe(Math.ceil(length / SEGMENT_BYTES));
      window.release();
      expect(loop.stats().segmentsHeld).toBe(0);
      expect(loop.engine.segments.heldByOwn).toBe(0);
    });
  }

  it("is read as any other, and ends with its last release", async () => {
    await using loop = createLoop({ development: true });
    const source = new TextEncoder().encode("some constant text");
    const window = loop.window(source);
    source.fill(0);
    expect(window.text()).toBe("some constant text");
    const part = window.subarray(5, 13);
    expect(part.text()).toBe("constant");
    expect(window.keep()).toBe(window);
    window.release();
    expect(window.live).toBe(true);
    window.release();
    expect(window.live).toBe(false);
    expect(() => window.bytes).toThrow(WindowError);
    expect(() => part.text()).toThrow(WindowError);
    window.release();
    expect(loop.stats().segmentsHeld).toBe(0);
    {
      using empty = loop.window(new Uint8Array(0));
      expect(empty.length).toBe(0);
    }
    expect(loop.stats().segmentsHeld).toBe(0);
  });

  it("may be released while it is being sent", async () => {
    await using loop = createEventLoop();
    const bytes = new Random(3).bytes(300 * KIBIBYTE);
    await using listener = listen({
      hostname: "127.0.0.1",
      loop,
      socket: {
        open(connection) {
          using window = loop.window(bytes);
          connection.end(window);
        },
      },
    });
    expect(await readAll(listener.port, 3)).toEqual(Array(3).fill(hashOf(bytes)));
    await until(() => loop.stats().segmentsHeld === 0, "its segments are free");
  });

  it("is copied to a connection of another loop", async () => {
    await using loop = createLoop();
    await using other = createLoop();
    const bytes = new Random(4).bytes(10_000);
    using window = loop.window(bytes);
    await using listener = listen({
      hostname: "127.0.0.1",
      loop: other,
      socket: { open: (connection) => void connection.end(window) },
    });
    expect(await readAll(listener.port, 1)).toEqual([hashOf(bytes)]);
  });

  it("is refused above its share of the ring, in fragments, and for anything but bytes", async () => {
    await using loop = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const { segments } = loop.engine;
    const share = 16;
    const windows = Array.from({ length: share }, () => loop.window(new Uint8Array(1)));
    const full = await errorOf(() => loop.window(new Uint8Array(1)));
    expect(full).toBeInstanceOf(LimitError);
    expect(full).toMatchObject({ code: "ERR_WINDOW_LIMIT", origin: "application" });
    windows.pop()!.release();
    expect(await errorOf(() => loop.window(new Uint8Array(SEGMENT_BYTES + 1)))).toBeInstanceOf(LimitError);
    windows.push(loop.window(new Uint8Array(SEGMENT_BYTES)));
    for (const window of windows) window.release();
    expect(segments.held).toBe(0);
    // Every second segment is held: nothing of two segments fits.
    expect([segments.takeRun(64), segments.runLength]).toEqual([0, 64]);
    for (let index = 0; index < 64; index += 2) segments.release(index, 0, 1);
    expect((await errorOf(() => loop.window(new Uint8Array(SEGMENT_BYTES * 2))) as Error).message)
      .toMatch(/no run of free segments/);
    for (let index = 1; index < 64; index += 2) segments.release(index, 0, 1);
    for (const wrong of [undefined, "text", [1]]) {
      expect(() => loop.window(wrong as unknown as Uint8Array)).toThrow(OptionError);
    }
  });
});
