/** Framed connections over real sockets: in place, across segments, with limits, and at the peer's end. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  connect,
  type Connection,
  delimited,
  dotTerminated,
  fixedSize,
  framed,
  type Framer,
  lengthPrefixed,
  lines,
  MessageError,
  type MessageHandlers,
  MessageTooLargeError,
  OptionError,
  sendMessage,
  type Window,
  WindowError,
} from "../src/mod.ts";
import { type FramedLog, FramedServer, framesOf } from "./helpers/framed.ts";
import { hashOf } from "./helpers/hash.ts";
import { type Peer, readAllText, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

const echo: MessageHandlers<FramedLog> = {
  message: (_connection, window, reply) => void reply.send(window),
};

/** Writes in pieces with a pause behind each, so that they come in receives of their own. */
async function writeSlowly(peer: Peer, pieces: (string | Uint8Array)[]): Promise<void> {
  for (const piece of pieces) {
    await peer.write(piece);
    await delay(scaled(8, 40));
  }
}

/** Sends a stream in random pieces and gives what comes back for it. */
async function throughEcho(
  peer: Peer,
  stream: Uint8Array,
  random: Random,
  pieceMax: number,
): Promise<string> {
  const answer = readExactly(peer, stream.length);
  for (let sent = 0; sent < stream.length;) {
    const length = random.between(1, pieceMax);
    await peer.write(stream.subarray(sent, sent + length));
    sent += length;
    if (random.oneIn(4)) await delay(1);
  }
  return hashOf(await answer);
}

/** Framers that what is random can be carried by. */
const CARRIERS: {
  name: string;
  framer: Framer;
  content: (random: Random, lengthMax: number) => Uint8Array;
}[] = [
  {
    name: "u32be",
    framer: lengthPrefixed("u32be"),
    content: (random, lengthMax) => random.bytes(random.between(0, lengthMax)),
  },
  {
    name: "varint",
    framer: lengthPrefixed("varint"),
    content: (random, lengthMax) => random.bytes(random.between(0, lengthMax)),
  },
  {
    name: "lines",
    framer: lines(),
    content: (random, lengthMax) =>
      random.bytes(random.between(0, lengthMax)).map((byte) => 0x20 + (byte % 64)),
  },
  {
    name: "a delimiter",
    framer: delimited("END"),
    content: (random, lengthMax) =>
      random.bytes(random.between(0, lengthMax)).map((byte) => 0x61 + (byte % 4)),
  },
  { name: "mail", framer: dotTerminated(), content: mail },
  { name: "a size", framer: fixedSize(700), content: (random) => random.bytes(700) },
];

/** Lines many of which begin with a dot. */
function mail(random: Random, lengthMax: number): Uint8Array {
  let text = "";
  const length = random.between(0, lengthMax);
  while (text.length < length) {
    text += `${".".repeat(random.between(0, 2))}${"x".repeat(random.between(0, 90))}\r\n`;
  }
  return new TextEncoder().encode(text);
}

describe("framed connections", () => {
  for (const { name, framer, content } of CARRIERS) {
    for (
      const [size, loop] of [["4 KiB", {}], ["512 byte", { segmentSize: 512, development: true }]] as const
    ) {
      it(`answer random streams of ${name} with ${size} segments`, async () => {
        await using server = new FramedServer(framer, echo, { loop });
        const { peer } = await server.connect();
        for (let seed = 1; seed <= scaled(8, 3); seed++) {
          const random = new Random(seed * 31);
          const lengthMax = [20, 600, 12_000][seed % 3];
          const messages = Array.from({ length: random.between(1, 40) }, () => content(random, lengthMax));
          const stream = framesOf(framer, messages);
          expect(await throughEcho(peer, stream, random, [7, 2000, 30_000][seed % 3]), `seed ${seed}`)
            .toBe(hashOf(stream));
        }
        peer.close();
      });
    }
  }

  it("give messages byte by byte and at every cut", async () => {
    const seen: string[] = [];
    const framer = lengthPrefixed("u16be");
    await using server = new FramedServer(framer, {
      message: (_connection, window, reply) => {
        seen.push(window.text());
        reply.send(window);
      },
    }, { loop: { development: true } });
    const { peer } = await server.connect();
    const stream = framesOf(framer, ["first", "", "second"]);
    const pieces = Array.from(stream, (_, index) => stream.subarray(index, index + 1));
    await writeSlowly(peer, pieces);
    expect(hashOf(await readExactly(peer, stream.length))).toBe(hashOf(stream));
    for (let cut = 1; cut < stream.length; cut++) {
      await writeSlowly(peer, [stream.subarray(0, cut), stream.subarray(cut)]);
      expect(hashOf(await readExactly(peer, stream.length)), `cut at ${cut}`).toBe(hashOf(stream));
    }
    expect(seen.length).toBe(3 * stream.length);
    expect(new Set(seen)).toEqual(new Set(["first", "", "second"]));
    peer.close();
  });

  it("join what came in pieces, count it, and copy nothing that came whole", async () => {
    const framer = lengthPrefixed("u32le", { maxMessage: 2 * MEBIBYTE });
    await using server = new FramedServer(framer, echo, { loop: { segmentCount: 4096 } });
    const { peer } = await server.connect();
    const small = framesOf(framer, Array.from({ length: 20 }, (_, index) => `message ${index}`));
    await peer.write(small);
    await readExactly(peer, small.length);
    expect(server.loop.stats().messageBytesCopied).toBe(0);
    await writeSlowly(peer, [new Uint8Array([5, 0, 0, 0, 1]), new Uint8Array([2, 3, 4, 5])]);
    await readExactly(peer, 9);
    expect(server.loop.stats().messagesJoinedByCopy).toBe(1);
    expect(server.loop.stats().messageBytesCopied).toBe(9);
    const random = new Random(6);
    const messages = Array.from({ length: 12 }, () => random.bytes(MEBIBYTE));
    for (const message of messages) {
      const frame = framer.encode(message);
      const answer = readExactly(peer, frame.length);
      await peer.write(frame);
      expect(hashOf(await answer)).toBe(hashOf(frame));
    }
    const stats = server.loop.stats();
    expect(stats.messagesJoinedByCopy + stats.messagesJoinedInPlace).toBe(13);
    peer.close();
  });

  it("join full receives where they lie, when they lie side by side", async () => {
    const framer = lengthPrefixed("u32le", { maxMessage: MEBIBYTE });
    // A receive takes in four segments and is handed over in the same turn as the next one.
    await using server = new FramedServer(framer, echo, { loop: { segmentCount: 2048 } });
    const { peer } = await server.connect();
    const message = new Random(9).bytes(96 * KIBIBYTE - 4);
    const frame = framer.encode(message);
    for (let round = 0; round < 100 && server.loop.stats().messagesJoinedInPlace === 0; round++) {
      const answer = readExactly(peer, frame.length);
      await peer.write(frame);
      expect(hashOf(await answer)).toBe(hashOf(frame));
    }
    expect(server.loop.stats().messagesJoinedInPlace).toBeGreaterThan(0);
    peer.close();
  });

  it("pin no segment for a slow sender's beginning", async () => {
    await using server = new FramedServer(lines(), echo);
    const { peer, log } = await server.connect();
    await peer.write("a line that does not en");
    await until(() => server.loop.stats().bytesReceived > 20, "the beginning came");
    await delay(20);
    expect(server.loop.stats().segmentsHeld).toBe(0);
    await peer.write("d\n");
    expect(await readText(peer, "a line that does not end\n")).toBe("a line that does not end\n");
    expect(log.reason).toBe(undefined);
    peer.close();
  });

  it("send a message's own memory back, also when it is one of several", async () => {
    const framer = lengthPrefixed("u16be");
    await using server = new FramedServer(framer, {
      message(connection, window, reply) {
        window.bytes[0] = 0x58;
        connection.write(window);
        reply.send(window);
        expect(reply.done).toBe(true);
        // What was sent is this very memory.
        window.bytes[1] = 0x59;
      },
    }, { loop: { development: true } });
    const { peer } = await server.connect();
    const message = "abc".repeat(500);
    const changed = `XY${message.slice(2)}`;
    for (const count of [1, 3]) {
      await peer.write(framesOf(framer, new Array<string>(count).fill(message)));
      const wanted = `${changed}\x05\xdc${changed}`.repeat(count);
      const answer = await readExactly(peer, wanted.length);
      expect(String.fromCharCode(...answer) === wanted, `${count} at once`).toBe(true);
    }
    expect(server.loop.stats().messageBytesCopied).toBe(0);
    peer.close();
  });

  it("copy small messages with what frames them, whatever becomes of the window", async () => {
    const framer = lengthPrefixed("u8");
    await using server = new FramedServer(framer, {
      message(connection, window) {
        sendMessage(connection, framer, window);
        window.bytes.fill(0x58);
      },
    });
    const { peer } = await server.connect();
    await peer.write("\x03abc\x03def");
    expect(await readText(peer, "\x03abc\x03def")).toBe("\x03abc\x03def");
    peer.close();
  });

  it("keep messages that are kept, in place and joined", async () => {
    const kept: Window[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, window) => void kept.push(window.keep()),
    }, { loop: { development: true } });
    const { peer } = await server.connect();
    await writeSlowly(peer, ["one\ntwo\nthr", "ee\nfour\n"]);
    await until(() => kept.length === 4, "four messages came");
    for (let round = 0; round < 5; round++) await peer.write(`${"x".repeat(3000)}\n`);
    await until(() => kept.length === 9, "all messages came");
    expect(kept.slice(0, 4).map((window) => window.text())).toEqual(["one", "two", "three", "four"]);
    for (const window of kept) window.release();
    expect(() => kept[2].text()).toThrow(WindowError);
    peer.close();
  });

  it("catch windows that are used too long, in place and joined", async () => {
    const late: Window[] = [];
    await using server = new FramedServer(lines(), {
      message: (_connection, window) => void late.push(window),
    }, { loop: { development: true } });
    const { peer } = await server.connect();
    await writeSlowly(peer, ["one\ntwo\nthr", "ee\n"]);
    await until(() => late.length === 3, "three messages came");
    for (const window of late) {
      expect(window.live).toBe(false);
      expect(() => window.text()).toThrow(WindowError);
    }
    peer.close();
  });

  it("hand over the rest after the application's own pause", async () => {
    const seen: string[] = [];
    let paused: Connection<FramedLog> | undefined;
    await using server = new FramedServer(lines(), {
      message(connection, window) {
        seen.push(window.text());
        if (window.text() !== "stop") return;
        connection.pause();
        paused = connection;
      },
    }, { loop: { development: true } });
    const { peer } = await server.connect();
    await peer.write("a\nstop\nb\nstop\nc\nd");
    for (const count of [2, 4]) {
      await until(() => seen.length === count, `${count} messages came`);
      await delay(20);
      expect(seen.length).toBe(count);
      paused!.resume();
    }
    await peer.write("e\n");
    await until(() => seen.length === 6, "all messages came");
    expect(seen).toEqual(["a", "stop", "b", "stop", "c", "de"]);
    peer.close();
  });

  it("read nothing more after the connection was closed in a handler", async () => {
    for (const way of ["close", "abort"] as const) {
      const seen: string[] = [];
      await using server = new FramedServer(lines(), {
        message(connection, window) {
          seen.push(window.text());
          connection[way]();
        },
      });
      const { peer, log } = await server.connect();
      await peer.write("a\nb\nc");
      await peer.endWriting().catch(() => {});
      expect((await log.closed()).by).toBe("local");
      expect(seen).toEqual(["a"]);
      peer.close();
    }
  });
});

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
    await writeSlowly(peer, ["\x01a\x80", "\x00"]);
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
        [() => framed(lines(), echo, { pipelineMax: 0 }), "pipelineMax"],
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
