/** Reading by asking for so much, giving bytes back, and going on with other handlers. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  type Connection,
  createLoop,
  listen,
  MessageError,
  MessageTooLargeError,
  OptionError,
  RingportError,
  type SocketHandlers,
  StateError,
} from "../src/mod.ts";
import {
  crlfLines,
  delimited,
  dotTerminated,
  framed,
  lengthPrefixed,
  lines,
  readLines,
  readMessage,
  readMessages,
} from "../src/framing.ts";
import { hashOf } from "./helpers/hash.ts";
import { connectPeer, type Peer, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const decoder = new TextDecoder();
const text = (bytes: Uint8Array | null) => bytes === null ? null : decoder.decode(bytes);

/** A connection without handlers, and the raw peer at its other end. */
async function pair(
  work: (connection: Connection<unknown>, peer: Peer) => Promise<void>,
  socket?: SocketHandlers<unknown>,
): Promise<void> {
  await using loop = createLoop({ segmentCount: 64, connectionSlots: 8, development: true });
  const opened = Promise.withResolvers<Connection<unknown>>();
  const listener = listen<unknown>({
    hostname: "127.0.0.1",
    loop,
    ...(socket === undefined ? {} : { socket }),
  });
  if (socket === undefined) {
    void (async () => {
      for await (const connection of listener) opened.resolve(connection);
    })();
  }
  const peer = await connectPeer({ port: listener.port });
  if (socket !== undefined) {
    await until(() => listener.connections().length === 1, "it is there");
    opened.resolve(listener.connections()[0]);
  }
  try {
    await within(work(await opened.promise, peer), "the work");
  } finally {
    peer.close();
    listener.stop(true);
    await listener.close();
  }
  await until(() => loop.stats().segmentsHeld === 0, "all segments are free");
}

describe("readExactly", () => {
  it("gives so many bytes, however they come", () =>
    pair(async (connection, peer) => {
      const bytes = new Random(7).bytes(scaled(1_000_000, 60_000));
      const writing = peer.write(bytes).then(() => peer.endWriting());
      const parts: Uint8Array[] = [];
      for (let size = 0, left = bytes.length; left > 0; size = (size * 3 + 1) % 100_000) {
        const length = Math.min(size, left);
        parts.push(await connection.readExactly(length));
        left -= length;
      }
      await writing;
      const all = new Uint8Array(bytes.length);
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      expect(hashOf(all)).toBe(hashOf(bytes));
      const error = await errorOf(() => connection.readExactly(1)) as RingportError;
      expect(error.code).toBe("ERR_UNEXPECTED_END");
      await connection.closed;
    }));

  it("makes the peer wait while nobody asks", () =>
    pair(async (connection, peer) => {
      await connection.readExactly(0);
      const total = scaled(24 << 20, 4 << 20);
      let written = false;
      const writing = peer.write(new Uint8Array(total)).then(() => written = true);
      await delay(200);
      // Wine takes more than it says.
      if (system === "linux") expect(written).toBe(false);
      for (let read = 0; read < total; read += 1 << 20) await connection.readExactly(1 << 20);
      await writing;
    }));

  it("says what is wrong", () =>
    pair(async (connection, peer) => {
      for (const length of [-1, 1.5, NaN, "5" as unknown as number]) {
        expect(() => connection.readExactly(length)).toThrow(OptionError);
      }
      const waiting = connection.readExactly(2);
      expect(await errorOf(() => connection.readExactly(1))).toBeInstanceOf(StateError);
      expect(() => connection.readable).toThrow(StateError);
      await peer.write("ab");
      expect(text(await waiting)).toBe("ab");
      const early = connection.readExactly(10);
      await peer.write("abc");
      await peer.endWriting();
      expect((await errorOf(() => early) as Error).message).toContain("after 3 of 10 bytes");
    }));

  it("rejects when the connection fails", () =>
    pair(async (connection) => {
      const waiting = errorOf(() => connection.readExactly(2));
      connection.abort();
      expect(await waiting).toBeInstanceOf(RingportError);
    }));

  it("leaves what lies behind to the stream, also at the end", () =>
    pair(async (connection, peer) => {
      await peer.write("headerand the rest");
      await peer.endWriting();
      expect(text(await connection.readExactly(6))).toBe("header");
      await until(() => connection.state === "read-ended", "the peer has ended");
      let rest = "";
      for await (const bytes of connection.readable) rest += decoder.decode(bytes);
      expect(rest).toBe("and the rest");
    }));

  it("does not go with a data handler", () =>
    pair(async (connection) => {
      expect(() => connection.readExactly(1)).toThrow(StateError);
      await Promise.resolve();
    }, { data() {} }));
});

describe("readMessage", () => {
  it("reads each message by another framer, and bytes between", () =>
    pair(async (connection, peer) => {
      const stream = "HELO x\r\n\x03abc\x02deone--raw5..two\r\n.\r\nlast\n";
      for (const character of stream) await peer.write(character);
      await peer.endWriting();
      expect(text(await readMessage(connection, crlfLines()))).toBe("HELO x");
      expect(text(await readMessage(connection, lengthPrefixed("u8")))).toBe("abc");
      expect(text(await readMessage(connection, lengthPrefixed("u8")))).toBe("de");
      expect(text(await readMessage(connection, delimited("--")))).toBe("one");
      expect(text(await connection.readExactly(4))).toBe("raw5");
      expect(text(await readMessage(connection, dotTerminated()))).toBe(".two\r\n");
      expect(text(await readMessage(connection, lines()))).toBe("last");
      expect(await readMessage(connection, lines())).toBe(null);
      expect((await connection.closed).by).toBe("peer");
    }));

  it("rejects what is no message", () =>
    pair(async (connection, peer) => {
      await peer.write("a\nb");
      expect(await errorOf(() => readMessage(connection, crlfLines()))).toBeInstanceOf(MessageError);
      expect(await errorOf(() => readMessage(connection, lines({ maxMessage: 0.5 })))).toBeInstanceOf(
        OptionError,
      );
      // It is still there for another rule.
      expect(text(await readMessage(connection, lines()))).toBe("a");
      await peer.write("cdefgh\n");
      expect(await errorOf(() => readMessage(connection, lines({ maxMessage: 3 }))))
        .toBeInstanceOf(MessageTooLargeError);
      await peer.endWriting();
      expect(text(await readMessage(connection, lines()))).toBe("bcdefgh");
      expect(await readMessage(connection, lines())).toBe(null);
    }));

  it("tells of a message that did not come whole", () =>
    pair(async (connection, peer) => {
      await peer.write("half");
      await peer.endWriting();
      expect((await errorOf(() => readMessage(connection, lines())) as MessageError).code)
        .toBe("ERR_MESSAGE_INCOMPLETE");
    }));

  it("iterates, and can be left and gone on with", () =>
    pair(async (connection, peer) => {
      const count = scaled(20_000, 2_000);
      const writing = peer.write(Array.from({ length: count }, (_, index) => `line ${index}\r\n`).join(""))
        .then(() => peer.endWriting());
      for await (const line of readLines(connection)) {
        if (line === "line 9") break;
      }
      let next = 10;
      for await (const message of readMessages(connection, lines())) {
        expect(text(message)).toBe(`line ${next}`);
        if (++next === 100) break;
      }
      for await (const line of readLines(connection)) expect(line).toBe(`line ${next++}`);
      expect(next).toBe(count);
      await writing;
    }));
});

describe("unread", () => {
  it("brings bytes again in front of the next ones", async () => {
    const messages: string[] = [];
    await pair(async (connection, peer) => {
      for (const piece of ["on", "e;tw", "o;", "three;f", "our", ";rest"]) {
        await peer.write(piece);
        await delay(scaled(8, 40));
      }
      await until(() => messages.length === 4, "all four came");
      expect(messages).toEqual(["one", "two", "three", "four"]);
      connection.end();
    }, {
      data(connection, window) {
        const all = window.text();
        const end = all.lastIndexOf(";") + 1;
        messages.push(...all.slice(0, end).split(";").slice(0, -1));
        connection.unread(window, end);
      },
    });
  });

  it("brings them with resume, without anything new", async () => {
    const seen: string[] = [];
    await pair(async (connection, peer) => {
      await peer.write("abcdef");
      await until(() => seen.length === 1, "it came");
      await delay(30);
      expect(seen).toEqual(["abcdef"]);
      connection.resume();
      await until(() => seen.length === 2, "the rest came");
      expect(seen).toEqual(["abcdef", "def"]);
    }, {
      data(connection, window) {
        seen.push(window.text());
        if (seen.length > 1) return;
        connection.unread(window, 3);
        connection.pause();
      },
    });
  });

  it("is refused elsewhere, and for what is not there", async () => {
    const errors: unknown[] = [];
    await pair(async (_connection, peer) => {
      await peer.write("abc");
      await until(() => errors.length === 4, "it was tried");
      for (const error of errors) expect(error).toBeInstanceOf(OptionError);
    }, {
      async data(connection, window) {
        for (const from of [-1, 4, 1.5]) errors.push(await errorOf(() => connection.unread(window, from)));
        await delay(1);
        errors.push(await errorOf(() => connection.unread(window, 1)));
      },
    });
  });
});

describe("reload", () => {
  it("hands what lies behind a message to the new handlers", async () => {
    const raw: string[] = [];
    const closes: string[] = [];
    const rawHandlers: SocketHandlers<unknown> = {
      data: (_connection, window) => void raw.push(window.text()),
      close: () => void closes.push("raw"),
    };
    await pair(
      async (connection, peer) => {
        await peer.write("hello\nraw\nand \nbytes");
        await until(() => raw.join("") === "and \nbytes", "the rest came raw");
        await peer.write(" more");
        await until(() => raw.join("").endsWith(" more"), "more came");
        expect(raw.join("")).toBe("and \nbytes more");
        expect(await within(readText(peer, "hello\nok\n"), "the replies")).toBe("hello\nok\n");
        connection.end();
        peer.close();
        await connection.closed;
        expect(closes).toEqual(["raw", "framed"]);
      },
      framed<unknown>(lines(), {
        message(connection, window, reply) {
          if (window.text() !== "raw") return void reply.send(window);
          reply.send("ok");
          connection.reload({ socket: rawHandlers });
        },
        close: () => void closes.push("framed"),
      }),
    );
  });

  it("takes the beginning of a message along, and what is paused", async () => {
    const got: string[] = [];
    await pair(async (connection, peer) => {
      await peer.write("beginning of a li");
      await delay(50);
      connection.pause();
      await peer.write("ne\nrest");
      await delay(50);
      connection.reload({ socket: { data: (_it, window) => void got.push(window.text()) } });
      await delay(50);
      expect(got).toEqual([]);
      connection.resume();
      await until(() => got.join("").length === 24, "all of it came again");
      expect(got.join("")).toBe("beginning of a line\nrest");
    }, framed<unknown>(lines(), { message: () => {} }));
  });

  it("leaves a connection without data handler to those who read it", async () => {
    const timeouts: string[] = [];
    await pair(async (connection, peer) => {
      connection.reload({ socket: {} });
      await peer.write("for a reader");
      expect(text(await connection.readExactly(12))).toBe("for a reader");
      connection.setTimeouts({ idle: 30 });
      await until(() => timeouts.length > 0, "the first handlers' timeout was asked");
      peer.close();
      await connection.closed;
      expect(() => connection.reload({ socket: {} })).toThrow(StateError);
    }, { data() {}, timeout: (_it, kind) => void timeouts.push(kind) });
  });

  it("refuses what is no table", () =>
    pair(async (connection) => {
      expect(() => connection.reload({ socket: { dta() {} } as object })).toThrow(OptionError);
      expect(() => connection.reload(undefined as never)).toThrow(OptionError);
      await Promise.resolve();
    }, { data() {} }));
});
