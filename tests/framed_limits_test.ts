/** Framed connections over real sockets: limits, the peer's end, sending, and options. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  connect,
  type Connection,
  MessageError,
  MessageTooLargeError,
  OptionError,
  type Window,
} from "../src/mod.ts";
import {
  closeAfterReplies,
  framed,
  lengthPrefixed,
  lines,
  type MessageHandlers,
  sendMessage,
} from "../src/framing.ts";
import { echo, type FramedLog, FramedServer, writeSlowly } from "./helpers/framed.ts";
import { readAllText, readExactly, readText } from "./helpers/peer.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

describe("limits of framed connections", () => {
  it("show a message that is too long to its connection alone", async () => {
    await using server = new FramedServer(lengthPrefixed("u32be", { maxMessage: 1000 }), echo);
    const other = await server.connect();
    const { peer, log } = await server.connect();
    await peer.write("\0\0\0\x02ok\x7f\xff\xff\xffmore");
    expect(await readText(peer, "\0\0\0\x02ok")).toBe("\0\0\0\x02ok");
    expect(await within(readAllText(peer), "the end")).toBe("");
    peer.close();
    const reason = await log.closed();
    expect(log.errors).toEqual([reason.error]);
    expect(reason.error).toBeInstanceOf(MessageTooLargeError);
    expect((reason.error as MessageTooLargeError).code).toBe("ERR_MESSAGE_TOO_LARGE");
    expect(reason.error!.message).toContain("1000");
    expect((reason.error as MessageTooLargeError).connectionId).toBe(log.connection.id);
    expect(reason.by).toBe("error");
    expect(reason.flushed).toBe(true);
    await other.peer.write("\0\0\0\x02ok");
    expect(await readText(other.peer, "\0\0\0\x02ok")).toBe("\0\0\0\x02ok");
    expect(other.log.errors).toEqual([]);
    other.peer.close();
  });

  it("hold for lines that grow without end", async () => {
    await using server = new FramedServer(lines({ maxMessage: 100 * KIBIBYTE }), echo);
    const { peer, log } = await server.connect();
    const writing = (async () => {
      const piece = new Uint8Array(16 * KIBIBYTE).fill(0x61);
      for (let written = 0; written < MEBIBYTE; written += piece.length) await peer.write(piece);
    })().catch(() => {});
    expect((await log.closed()).error).toBeInstanceOf(MessageTooLargeError);
    expect(server.loop.stats().bytesReceived).toBeLessThan(2 * MEBIBYTE);
    peer.close();
    await writing;
  });

  it("tell bytes that break the rules", async () => {
    await using server = new FramedServer(lengthPrefixed("varint"), {
      ...echo,
      error(connection) {
        connection.end("sorry");
      },
    });
    const { peer, log } = await server.connect();
    await writeSlowly(server, peer, ["\x01a\x80", "\x00"]);
    await peer.endWriting();
    expect(await within(readAllText(peer), "the end")).toBe("\x01asorry");
    const { error } = await log.closed();
    expect(error).toBeInstanceOf(MessageError);
    expect((error as MessageError).code).toBe("ERR_MESSAGE_MALFORMED");
    peer.close();
  });
});

describe("the peer's end", () => {
  it("in the middle of a message is told to the end handler", async () => {
    await using server = new FramedServer(lines(), {
      ...echo,
      end: (connection, incompleteBytes) =>
        void connection.end(`${incompleteBytes} bytes are missing their end`),
    });
    const { peer, log } = await server.connect();
    await peer.write("whole\nhal");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("whole\n3 bytes are missing their end");
    const reason = await log.closed();
    expect([reason.by, reason.error]).toEqual(["peer", undefined]);
    expect(log.incompleteBytes).toBe(3);
    peer.close();
  });

  it("without a handler ends this side", async () => {
    await using server = new FramedServer(lines(), echo);
    const { peer, log } = await server.connect();
    await peer.write("whole\nhal");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("whole\n");
    const reason = await log.closed();
    expect([reason.by, reason.error]).toEqual(["peer", undefined]);
    peer.close();
  });

  it("is an error in the middle of a message for who requires whole ones", async () => {
    await using server = new FramedServer(lines(), echo, { requireComplete: true });
    const whole = await server.connect();
    await whole.peer.write("whole\n");
    await whole.peer.endWriting();
    expect(await readAllText(whole.peer)).toBe("whole\n");
    expect((await whole.log.closed()).error).toBe(undefined);
    const half = await server.connect();
    await half.peer.write("whole\nhal");
    await half.peer.endWriting();
    expect(await readAllText(half.peer)).toBe("whole\n");
    const reason = await half.log.closed();
    expect((reason.error as MessageError).code).toBe("ERR_MESSAGE_INCOMPLETE");
    expect(half.log.errors).toEqual([reason.error]);
    half.peer.close();
    whole.peer.close();
  });
});

describe("sendMessage", () => {
  it("frames on both ends", async () => {
    const framer = lengthPrefixed("varint");
    await using server = new FramedServer(framer, echo);
    const got: string[] = [];
    const client = await connect({
      hostname: "127.0.0.1",
      port: server.listener.port,
      socket: framed(framer, { message: (_connection, window) => void got.push(window.text()) }),
    });
    expect(sendMessage(client, framer, "text")).toBe("sent");
    expect(sendMessage(client, framer, new TextEncoder().encode("bytes"))).toBe("sent");
    expect(sendMessage(client, framer, "x".repeat(20_000))).toBe("sent");
    expect(sendMessage(client, framer, "")).toBe("sent");
    await until(() => got.length === 4, "the answers came");
    expect(got).toEqual(["text", "bytes", "x".repeat(20_000), ""]);
    client.end();
    await client.closed;
    expect(sendMessage(client, framer, "late")).toBe("refused");
  });

  it("takes all of a message or nothing", async () => {
    const framer = lengthPrefixed("u32be", { maxMessage: MEBIBYTE });
    const results: string[] = [];
    await using server = new FramedServer(framer, {
      message(connection) {
        results.push(sendMessage(connection, framer, new Uint8Array(10_000)));
        results.push(sendMessage(connection, framer, new Uint8Array(9_993)));
        results.push(sendMessage(connection, framer, new Uint8Array(9_992)));
        results.push(sendMessage(connection, framer, new Uint8Array(1)));
      },
    }, { listen: { highWaterMark: 15_000, bufferLimit: 20_000 } });
    const { peer } = await server.connect();
    await peer.write(framer.encode("go"));
    // 10,004 bytes, then 9,997 that would be one too many, then the 9,996 that fit.
    expect((await readExactly(peer, 20_000)).length).toBe(20_000);
    expect(results).toEqual(["sent", "refused", "queued", "refused"]);
    peer.close();
  });

  it("refuses what is no connection, framer or message", async () => {
    await using server = new FramedServer(lines(), echo);
    const { peer, log } = await server.connect();
    const wrong = (value: unknown) => value as never;
    expect(() => sendMessage(wrong({}), lines(), "a")).toThrow(OptionError);
    expect(() => sendMessage(log.connection, wrong({}), "a")).toThrow(OptionError);
    expect(() => sendMessage(log.connection, lines(), wrong(7))).toThrow(OptionError);
    expect(() => sendMessage(log.connection, lines(), "a\nb")).toThrow(OptionError);
    peer.close();
  });
});

describe("the options of framed", () => {
  it("are refused by name", async () => {
    const wrong = (value: unknown) => value as never;
    for (
      const [make, key] of [
        [() => framed(wrong({}), echo), "framer"],
        [() => framed(lines(), wrong(undefined)), "handlers"],
        [() => framed(lines(), wrong({})), "message"],
        [() => framed(lines(), wrong({ message() {}, data() {} })), "data"],
        [() => framed(lines(), wrong({ message() {}, drain: 1 })), "drain"],
        [() => framed(lines(), echo, { maxPipeline: 0 }), "maxPipeline"],
        [() => framed(lines(), echo, { replyFramer: wrong("lines") }), "replyFramer"],
        [() => framed(lines(), echo, wrong({ max: 1 })), "max"],
      ] as [() => unknown, string][]
    ) {
      const error = await errorOf(make);
      expect(error).toBeInstanceOf(OptionError);
      expect((error as Error).message).toContain(key);
    }
  });

  it("take handlers of a class", async () => {
    class Upper implements MessageHandlers<FramedLog> {
      prefix = "you said ";
      message(connection: Connection<FramedLog>, window: Window): void {
        sendMessage(connection, lines(), this.prefix + window.text());
      }
    }
    const handlers = new Upper();
    await using server = new FramedServer(lines(), {
      message: (connection, window) => handlers.message(connection, window),
    });
    const { peer } = await server.connect();
    await peer.write("hello\n");
    expect(await readText(peer, "you said hello\n")).toBe("you said hello\n");
    const table = framed(lines(), handlers);
    expect(Object.keys(table).sort()).toEqual(["close", "data", "drain", "end"]);
    peer.close();
  });
});

describe("closeAfterReplies", () => {
  it("sends the replies owed, reads nothing more, and closes", async () => {
    const seen: string[] = [];
    await using server = new FramedServer(lines(), {
      async message(_connection, window, reply) {
        const text = window.text();
        seen.push(text);
        await new Promise((resolve) => setTimeout(resolve, 30));
        reply.send(text);
      },
    });
    const busy = await server.connect();
    const idle = await server.connect();
    await busy.peer.write("a\nb\nc");
    await until(() => seen.length === 2, "two messages came");
    for (const { log } of [busy, idle]) closeAfterReplies(log.connection);
    await busy.peer.write("d\ne\n");
    expect(await within(readAllText(idle.peer), "the idle one's end")).toBe("");
    expect(await within(readAllText(busy.peer), "the replies")).toBe("a\nb\n");
    for (const { peer } of [busy, idle]) peer.close();
    for (const { log } of [busy, idle]) expect((await log.closed()).flushed).toBe(true);
    expect(seen).toEqual(["a", "b"]);
    expect(() => closeAfterReplies({} as never)).toThrow(OptionError);
  });
});
