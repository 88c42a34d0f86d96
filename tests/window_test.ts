/** Windows: borrowed for a callback, kept beyond it, written back without a copy. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop, type Loop, type Window, WindowError } from "../src/mod.ts";
import { hashOf } from "./helpers/hash.ts";
import { TestServer } from "./helpers/log.ts";
import { readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { delay, until } from "./helpers/wait.ts";

/** A server on a development loop of its own that ends after the server. */
async function onDevelopmentLoop(use: (loop: Loop) => Promise<void>): Promise<void> {
  const loop = createLoop({ development: true, connectionSlots: 64, segmentCount: 256 });
  try {
    await use(loop);
  } finally {
    await loop.close();
  }
}

describe("a window", () => {
  it("shows the bytes as view, copy, text, single bytes and parts", async () => {
    const seen: Record<string, unknown> = {};
    await using server = new TestServer({
      data(_, bytes) {
        seen.length = bytes.length;
        seen.text = bytes.text();
        seen.view = Array.from(bytes.bytes);
        seen.copy = Array.from(bytes.slice(1, 3));
        seen.copyFromEnd = Array.from(bytes.slice(-2));
        seen.first = bytes.at(0);
        seen.last = bytes.at(-1);
        seen.outside = bytes.at(5);
        seen.part = bytes.subarray(1, 4).text();
        seen.partOfPart = bytes.subarray(1).subarray(1, -1).text();
        seen.inPlace = bytes.bytes.buffer === bytes.subarray(2).bytes.buffer;
      },
    });
    const { peer, log } = await server.connectPeer();
    await peer.write("abcde");
    await log.gotText("abcde");
    expect(seen).toEqual({
      length: 5,
      text: "abcde",
      view: [97, 98, 99, 100, 101],
      copy: [98, 99],
      copyFromEnd: [100, 101],
      first: 97,
      last: 101,
      outside: undefined,
      part: "bcd",
      partOfPart: "cd",
      inPlace: true,
    });
    peer.close();
  });

  it("written back sends the same memory: a change after write is what goes out", async () => {
    await using server = new TestServer({
      data(connection, bytes) {
        connection.write(bytes);
        bytes.bytes[0] = 0x58;
      },
    });
    const { peer } = await server.connectPeer();
    await peer.write("abc");
    expect(await readText(peer, "Xbc")).toBe("Xbc");
    peer.close();
  });

  it("can be written several times, in parts, and to other connections", async () => {
    await using server = new TestServer({
      data(connection, bytes) {
        connection.write(bytes);
        connection.write(bytes.subarray(2, 4));
        connection.write(bytes);
        for (const log of server.logs) if (log.connection !== connection) log.connection.write(bytes);
      },
    });
    const first = await server.connectPeer();
    const second = await server.connectPeer();
    await first.peer.write("abcdef");
    expect(await readText(first.peer, "abcdefcdabcdef")).toBe("abcdefcdabcdef");
    expect(await readText(second.peer, "abcdef")).toBe("abcdef");
    first.peer.close();
    second.peer.close();
  });

  it("holds long messages in one piece, written back whole", async () => {
    const lengths: number[] = [];
    await using server = new TestServer({
      data(connection, bytes) {
        lengths.push(bytes.length);
        connection.write(bytes);
      },
    });
    const { peer } = await server.connectPeer();
    const message = new Random(21).bytes(40_000);
    for (let round = 0; round < 10; round++) {
      await peer.write(message);
      expect(hashOf(await readExactly(peer, message.length))).toBe(hashOf(message));
    }
    expect(Math.max(...lengths)).toBeGreaterThan(4096);
    peer.close();
  });
});

describe("a kept window", () => {
  it("keeps its bytes while others come, until it is released", async () => {
    const kept: Window[] = [];
    await using server = new TestServer({
      data(_, bytes) {
        if (kept.length < 20) kept.push(bytes.keep());
      },
    });
    const { peer, log } = await server.connectPeer();
    for (let round = 0; round < 20; round++) {
      await peer.write(`message ${String(round).padStart(3, "0")}`);
      await log.gotBytes((round + 1) * 11);
    }
    const random = new Random(5);
    for (let round = 0; round < 50; round++) await peer.write(random.bytes(20_000));
    await log.gotBytes(220 + 1_000_000);
    expect(kept.length).toBe(20);
    expect(kept.map((window) => window.text()).join("")).toBe(
      Array.from({ length: 20 }, (_, round) => `message ${String(round).padStart(3, "0")}`).join(""),
    );
    for (const window of kept) window.release();
    peer.close();
  });

  it("can be written later, and written again", async () => {
    let kept: Window | undefined;
    await using server = new TestServer({
      data(_, bytes) {
        kept = bytes.keep();
      },
    });
    const { peer, log } = await server.connectPeer();
    await peer.write("later");
    await until(() => kept !== undefined, "the window came");
    await delay(20);
    expect(log.connection.write(kept!)).toBe("sent");
    expect(await readText(peer, "later")).toBe("later");
    expect(log.connection.write(kept!)).toBe("sent");
    kept!.release();
    expect(await readText(peer, "later")).toBe("later");
    peer.close();
  });

  it("is released by using", async () => {
    await onDevelopmentLoop(async (loop) => {
      let escaped: Window | undefined;
      await using server = new TestServer({
        async data(connection, bytes) {
          using held = bytes.keep();
          await delay(10);
          connection.write(held.text());
          escaped = held;
        },
      }, { loop });
      const { peer } = await server.connectPeer();
      await peer.write("scoped");
      expect(await readText(peer, "scoped")).toBe("scoped");
      await until(() => escaped !== undefined && !escaped.live, "the window was released");
      expect(() => escaped!.text()).toThrow(WindowError);
      peer.close();
    });
  });
});

describe("in development mode", () => {
  it("use after the callback throws and names the remedy", async () => {
    await onDevelopmentLoop(async (loop) => {
      expect(loop.development).toBe(true);
      const late: Window[] = [];
      await using server = new TestServer({ data: (_, bytes) => void late.push(bytes) }, { loop });
      const { peer, log } = await server.connectPeer();
      await peer.write("gone");
      await log.gotText("gone");
      await delay(5);
      for (
        const use of [
          () => late[0].bytes,
          () => late[0].text(),
          () => late[0].at(0),
          () => late[0].slice(),
          () => late[0].keep(),
          () => late[0].subarray(1),
          () => log.connection.write(late[0]),
        ]
      ) {
        let thrown: unknown;
        try {
          use();
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBeInstanceOf(WindowError);
        expect((thrown as WindowError).code).toBe("ERR_WINDOW_EXPIRED");
        expect((thrown as WindowError).message).toMatch(/keep/);
      }
      expect(log.reason).toBe(undefined);
      peer.close();
    });
  });

  it("a stale window still throws after the next message came", async () => {
    await onDevelopmentLoop(async (loop) => {
      const late: Window[] = [];
      await using server = new TestServer({ data: (_, bytes) => void late.push(bytes) }, { loop });
      const { peer, log } = await server.connectPeer();
      await peer.write("first");
      await log.gotText("first");
      await peer.write("second");
      await log.gotText("firstsecond");
      expect(() => late[0].text()).toThrow(WindowError);
      peer.close();
    });
  });

  it("a window used after an await in its handler is that connection's error", async () => {
    await onDevelopmentLoop(async (loop) => {
      await using server = new TestServer({
        async data(connection, bytes) {
          await delay(5);
          connection.write(bytes);
        },
      }, { loop });
      const { peer, log } = await server.connectPeer();
      await peer.write("too late");
      expect((await log.closed()).error).toBeInstanceOf(WindowError);
      peer.close();
    });
  });

  it("an echo of random pieces works all the same", async () => {
    await onDevelopmentLoop(async (loop) => {
      await using server = new TestServer({
        data: (connection, bytes) => void connection.write(bytes),
      }, { loop });
      const { peer } = await server.connectPeer();
      const random = new Random(8);
      for (let round = 0; round < 40; round++) {
        const message = random.bytes(random.between(1, 30_000));
        await peer.write(message);
        expect(hashOf(await readExactly(peer, message.length))).toBe(hashOf(message));
      }
      peer.close();
    });
  });
});
