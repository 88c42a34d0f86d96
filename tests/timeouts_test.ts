/** The time-outs of connections on real sockets: what each kind measures, how it ends, who may prevent it. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  type Connection,
  createLoop,
  OptionError,
  StateError,
  TimeoutError,
  type TimeoutKind,
  type TimeoutOptions,
} from "../src/mod.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { readAllText, readText } from "./helpers/peer.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, within } from "./helpers/wait.ts";

/** Milliseconds: short for a test, long beside what a busy machine does to one turn. */
const SHORT = scaled(150, 400);
/** A limit that no test reaches. */
const NEVER = 600_000;

/** Stops a clock that begins before the connection is there. */
function stopwatch(): () => number {
  const start = performance.now();
  return () => performance.now() - start;
}

/** A server whose `timeout` handler writes down what it is told. */
function watchedServer(
  timeouts: TimeoutOptions,
  own: ConstructorParameters<typeof TestServer>[0] = {},
  options: ConstructorParameters<typeof TestServer>[1] = {},
): { server: TestServer; kinds: TimeoutKind[] } {
  const kinds: TimeoutKind[] = [];
  const timeout = (connection: Connection<Log>, kind: TimeoutKind) => {
    kinds.push(kind);
    return own.timeout?.(connection, kind);
  };
  return { server: new TestServer({ ...own, timeout }, { ...options, timeouts }), kinds };
}

function expectTimeout(error: unknown, code: string, text: string): void {
  expect(error).toBeInstanceOf(TimeoutError);
  expect((error as TimeoutError).code).toBe(code);
  expect((error as TimeoutError).message).toContain(text);
}

describe("a connection", () => {
  it("that says nothing is closed after firstByte", async () => {
    const loop = createLoop();
    {
      const { server, kinds } = watchedServer({ firstByte: SHORT }, {}, { loop });
      await using _ = server;
      const elapsed = stopwatch();
      const { peer, log } = await server.connectPeer();
      expect(await readAllText(peer)).toBe("");
      expect(elapsed()).toBeGreaterThan(SHORT);
      peer.close();
      const reason = await log.closed();
      expect(reason.by).toBe("timeout");
      expectTimeout(reason.error, "ERR_TIMEOUT_FIRST_BYTE", `${SHORT} ms`);
      expect(reason.flushed).toBe(true);
      expect(kinds).toEqual(["firstByte"]);
      expect(log.errors).toEqual([]);
      expect(loop.stats().timeouts.firstByte).toBe(1);
    }
    await loop.close();
  });

  it("that has said something is past firstByte", async () => {
    const { server, kinds } = watchedServer({ firstByte: SHORT * 4 });
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await peer.write("x");
    await log.gotText("x");
    await delay(SHORT * 5);
    expect(kinds).toEqual([]);
    expect(log.connection.state).toBe("open");
    peer.close();
  });

  it("on which nothing happens is closed after idle, with what was written", async () => {
    const own = { data: (connection: Connection<Log>) => void connection.write("all of it") };
    const { server, kinds } = watchedServer({ idle: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    const elapsed = stopwatch();
    await peer.write("x");
    expect(await readAllText(peer)).toBe("all of it");
    expect(elapsed()).toBeGreaterThan(SHORT);
    peer.close();
    const reason = await log.closed();
    expect([reason.by, reason.bytesLost]).toEqual(["timeout", 0]);
    expectTimeout(reason.error, "ERR_TIMEOUT_IDLE", `${SHORT} ms`);
    expect(kinds).toEqual(["idle"]);
  });

  it("that only writes now and then is not idle", async () => {
    const { server, kinds } = watchedServer({ idle: SHORT * 6 });
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    for (let event = 0; event < 16; event++) {
      log.connection.write("event");
      expect(await readText(peer, "event")).toBe("event");
      await delay(SHORT / 2);
    }
    expect(kinds).toEqual([]);
    peer.close();
  });

  it("ends at its lifetime though it is busy, and loses nothing", async () => {
    const own = {
      data: (connection: Connection<Log>, bytes: { text(): string }) => {
        connection.write(bytes.text());
      },
    };
    const { server, kinds } = watchedServer({ lifetime: SHORT * 3, idle: NEVER }, own);
    await using _ = server;
    const elapsed = stopwatch();
    const { peer, log } = await server.connectPeer();
    let rounds = 0;
    const talking = (async () => {
      while (log.reason === undefined && log.connection.state === "open") {
        await peer.write("ping");
        rounds += 1;
        await delay(5);
      }
    })().catch(() => {});
    const text = await readAllText(peer);
    expect(elapsed()).toBeGreaterThan(SHORT * 3);
    await talking;
    peer.close();
    const reason = await log.closed();
    expect(text.length % 4).toBe(0);
    expect(rounds).toBeGreaterThan(1);
    expectTimeout(reason.error, "ERR_TIMEOUT_LIFETIME", `${SHORT * 3} ms`);
    expect(reason.flushed).toBe(true);
    expect(kinds).toEqual(["lifetime"]);
  });

  it("that does not finish its message is aborted", async () => {
    const own = { data: (connection: Connection<Log>) => connection.messageBegan() };
    const { server, kinds } = watchedServer({ message: SHORT * 2, idle: NEVER }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    const elapsed = stopwatch();
    const dripping = (async () => {
      while (log.reason === undefined) {
        await peer.write("x");
        await delay(10);
      }
    })().catch(() => {});
    const reason = await log.closed();
    expect(elapsed()).toBeGreaterThan(SHORT * 2);
    expect(reason.by).toBe("timeout");
    expectTimeout(reason.error, "ERR_TIMEOUT_MESSAGE", `${SHORT * 2} ms`);
    expect(kinds).toEqual(["message"]);
    await dripping;
    peer.close();
  });

  it("that finishes its messages in time may send for ever", async () => {
    const own = {
      data(connection: Connection<Log>, bytes: { text(): string }) {
        for (const letter of bytes.text()) {
          connection.messageBegan();
          if (letter === ".") connection.messageEnded();
        }
      },
    };
    const { server, kinds } = watchedServer({ message: SHORT * 5 }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    for (let message = 0; message < 12; message++) {
      await peer.write("ab");
      await delay(SHORT / 2);
      await peer.write("c.");
    }
    await log.gotText("abc.".repeat(12));
    await delay(SHORT * 6);
    expect(kinds).toEqual([]);
    peer.close();
  });

  it("whose peer does not read is aborted after writeStall", async () => {
    let written = "";
    // More than the kernels of both ends take.
    const own = {
      open: (connection: Connection<Log>) => void (written = connection.write(new Uint8Array(14 << 20))),
    };
    const { server, kinds } = watchedServer({ writeStall: SHORT * 2, idle: SHORT / 2 }, own, {
      sendBuffer: 16 * 1024,
    });
    await using _ = server;
    const elapsed = stopwatch();
    const { peer, log } = await server.connectPeer();
    expect(written).toBe("queued");
    const reason = await log.closed();
    expect(elapsed()).toBeGreaterThan(SHORT * 2);
    expect(reason.by).toBe("timeout");
    expectTimeout(reason.error, "ERR_TIMEOUT_WRITE_STALL", `${SHORT * 2} ms`);
    expect(reason.bytesLost).toBeGreaterThan(0);
    expect(kinds).toEqual(["writeStall"]);
    peer.close();
  });

  it("whose peer reads slowly is not stalled", { timeout: 60_000 }, async () => {
    const { server, kinds } = watchedServer({ writeStall: SHORT * 4 }, {}, { sendBuffer: 16 * 1024 });
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    const total = 3 << 20;
    expect(log.connection.write(new Uint8Array(total))).not.toBe("refused");
    log.connection.shutdownWrite();
    let received = 0;
    const elapsed = stopwatch();
    while (received < total) {
      const bytes = await within(peer.read(), "more bytes");
      received += bytes?.length ?? 0;
      if (elapsed() < SHORT * 8) await delay(20);
    }
    expect(kinds).toEqual([]);
    peer.close();
  });
});

describe("a connection that writes after a long silence", () => {
  it("is not stalled before its peer has had the time to read", async () => {
    const { server, kinds } = watchedServer({ writeStall: SHORT * 6 }, {}, { sendBuffer: 16 * 1024 });
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await delay(SHORT * 7);
    // More than the kernels of both ends take.
    const total = 14 << 20;
    expect(log.connection.write(new Uint8Array(total))).toBe("queued");
    await delay(SHORT);
    for (let received = 0; received < total;) {
      received += (await within(peer.read(), "more bytes"))?.length ?? total;
    }
    expect(kinds).toEqual([]);
    expect(log.connection.state).toBe("open");
    peer.close();
  });
});

describe("the timeout handler", () => {
  it("keeps a connection, as often as it likes", async () => {
    let left = 3;
    const own = { timeout: () => left-- > 0 ? "keep" as const : undefined };
    const { server, kinds } = watchedServer({ idle: SHORT }, own);
    await using _ = server;
    const elapsed = stopwatch();
    const { peer, log } = await server.connectPeer();
    const reason = await log.closed();
    expect(elapsed()).toBeGreaterThan(SHORT * 4);
    expect(reason.by).toBe("timeout");
    expect(kinds).toEqual(["idle", "idle", "idle", "idle"]);
    peer.close();
  });

  it("may say a last word, which arrives even where the limit would cut", async () => {
    const own = {
      data: (connection: Connection<Log>) => connection.messageBegan(),
      timeout: (connection: Connection<Log>) => void connection.end("too slow"),
    };
    const { server, kinds } = watchedServer({ message: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await peer.write("half a mess");
    expect(await readAllText(peer)).toBe("too slow");
    peer.close();
    const reason = await log.closed();
    expect([reason.by, reason.flushed]).toEqual(["timeout", true]);
    expectTimeout(reason.error, "ERR_TIMEOUT_MESSAGE", "message");
    expect(kinds).toEqual(["message"]);
  });

  it("may abort, which then was this side", async () => {
    const own = { timeout: (connection: Connection<Log>) => connection.abort() };
    const { server } = watchedServer({ idle: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    expect((await log.closed()).by).toBe("local");
    peer.close();
  });

  it("may set other limits", async () => {
    const own = {
      timeout(connection: Connection<Log>, kind: TimeoutKind) {
        if (kind !== "firstByte") return;
        connection.setTimeouts({ firstByte: 0, lifetime: SHORT });
        return "keep" as const;
      },
    };
    const { server, kinds } = watchedServer({ firstByte: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await log.closed();
    expect(kinds).toEqual(["firstByte", "lifetime"]);
    peer.close();
  });

  for (
    const [how, timeout] of [
      ["throws", () => {
        throw new Error("boom");
      }],
      ["rejects", async () => {
        await delay(1);
        throw new Error("boom");
      }],
    ] as const
  ) {
    it(`that ${how} loses its own connection and no other`, async () => {
      const { server } = watchedServer({ firstByte: SHORT }, { timeout });
      await using _ = server;
      const bystander = await server.connectPeer();
      await bystander.peer.write("x");
      const { peer, log } = await server.connectPeer();
      const reason = await log.closed();
      expect(log.errors.map((error) => error.message)).toEqual(["boom"]);
      // One that rejects does so when the connection is being closed for its silence already.
      expect(reason.by).toBe(how === "throws" ? "error" : "timeout");
      expect(bystander.log.connection.state).toBe("open");
      bystander.peer.close();
      peer.close();
    });
  }
});

describe("an async handler", () => {
  it("that waits is no idle connection", async () => {
    const own = {
      async data(connection: Connection<Log>) {
        await delay(SHORT * 4);
        connection.write("at last");
      },
    };
    const { server, kinds } = watchedServer({ idle: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await peer.write("?");
    expect(await readAllText(peer)).toBe("at last");
    peer.close();
    await log.closed();
    expect(kinds).toEqual(["idle"]);
  });
});

describe("a paused connection", () => {
  it("is neither idle nor silent until it is resumed", async () => {
    const own = { open: (connection: Connection<Log>) => connection.pause() };
    const { server, kinds } = watchedServer({ firstByte: SHORT, idle: SHORT }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await peer.write("unseen");
    await delay(SHORT * 4);
    expect(kinds).toEqual([]);
    log.connection.resume();
    await log.gotText("unseen");
    await log.closed();
    expect(kinds).toEqual(["idle"]);
    peer.close();
  });
});

describe("setTimeouts", () => {
  it("sets a limit where there was none, and takes it away again", async () => {
    await using server = new TestServer();
    const first = await server.connectPeer();
    const second = await server.connectPeer();
    first.log.connection.setTimeouts({ idle: SHORT });
    second.log.connection.setTimeouts({ idle: SHORT });
    second.log.connection.setTimeouts({ idle: 0 });
    expect((await first.log.closed()).by).toBe("timeout");
    await delay(SHORT);
    expect(second.log.connection.state).toBe("open");
    first.peer.close();
    second.peer.close();
  });

  it("lengthens and shortens from the call on", async () => {
    const own = { open: (connection: Connection<Log>) => connection.setTimeouts({ idle: NEVER }) };
    const { server, kinds } = watchedServer({ idle: SHORT, lifetime: NEVER }, own);
    await using _ = server;
    const { peer, log } = await server.connectPeer();
    await delay(SHORT * 2);
    expect(kinds).toEqual([]);
    const elapsed = stopwatch();
    log.connection.setTimeouts({ lifetime: SHORT });
    await log.closed();
    expect(elapsed()).toBeGreaterThan(SHORT);
    expect(kinds).toEqual(["lifetime"]);
    peer.close();
  });

  it("refuses what is wrong, and a connection that is gone", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const set = (options: unknown) => () => log.connection.setTimeouts(options as TimeoutOptions);
    for (
      const wrong of [null, 5, { idle: -1 }, { idle: "1s" }, { connect: 5 }, { sleepy: 1 }, { rateGrace: 0 }]
    ) {
      expect(set(wrong)).toThrow(OptionError);
    }
    peer.close();
    await log.closed();
    expect(set({ idle: 5 })).toThrow(StateError);
  });
});
