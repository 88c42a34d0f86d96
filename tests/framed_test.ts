/** Framed connections over real sockets: in place, joined, across segments. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type Connection, type Window, WindowError } from "../src/mod.ts";
import {
  delimited,
  dotTerminated,
  fixedSize,
  type Framer,
  lengthPrefixed,
  lines,
  sendMessage,
} from "../src/framing.ts";
import { echo, type FramedLog, FramedServer, framesOf, writeSlowly } from "./helpers/framed.ts";
import { hashOf } from "./helpers/hash.ts";
import { type Peer, readExactly, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** Pauses between the pieces of a stream, about. */
const PAUSES_MAX = 100;

/** Sends a stream in random pieces and gives what comes back for it. */
async function throughEcho(
  peer: Peer,
  stream: Uint8Array,
  random: Random,
  pieceMax: number,
): Promise<string> {
  const answer = readExactly(peer, stream.length);
  // A long stream in tiny pieces pauses as often as a short one.
  const writesPerPause = Math.max(4, Math.ceil(stream.length / pieceMax / PAUSES_MAX));
  for (let sent = 0; sent < stream.length;) {
    const length = random.between(1, pieceMax);
    await peer.write(stream.subarray(sent, sent + length));
    sent += length;
    if (random.oneIn(writesPerPause)) await delay(1);
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
    await writeSlowly(server, peer, pieces);
    expect(hashOf(await readExactly(peer, stream.length))).toBe(hashOf(stream));
    for (let cut = 1; cut < stream.length; cut++) {
      await writeSlowly(server, peer, [stream.subarray(0, cut), stream.subarray(cut)]);
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
    await writeSlowly(server, peer, [new Uint8Array([5, 0, 0, 0, 1]), new Uint8Array([2, 3, 4, 5])]);
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
    // A receive takes in 128 KiB, and is handed over in the same turn as the next one.
    await using server = new FramedServer(framer, echo, { loop: { segmentCount: 2048 } });
    const { peer } = await server.connect();
    const message = new Random(9).bytes(400 * KIBIBYTE - 4);
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
    await until(() => server.loop.stats().segmentsHeld === 0, "it is put aside");
    await peer.write("d\n");
    expect(await readText(peer, "a line that does not end\n")).toBe("a line that does not end\n");
    expect(log.reason).toBe(undefined);
    peer.close();
  });

  it("hold no more than an eighth of the ring for messages that have begun", async () => {
    const framer = lengthPrefixed("u32be");
    await using server = new FramedServer(framer, echo, { loop: { segmentSize: 512, segmentCount: 256 } });
    const senders = await Promise.all(Array.from({ length: 24 }, () => server.connect()));
    const frame = framer.encode(new Random(2).bytes(5000));
    // Whole segments, so that what follows could lie right behind.
    for (const { peer } of senders) await peer.write(frame.subarray(0, 2048));
    await until(() => server.loop.stats().bytesReceived >= 24 * 2048, "the beginnings came");
    await delay(20);
    expect(server.loop.stats().segmentsHeld).toBeGreaterThan(0);
    expect(server.loop.stats().segmentsHeld).toBeLessThan(33);
    for (const { peer } of senders.slice(1)) {
      const answer = readExactly(peer, frame.length);
      await peer.write(frame.subarray(2048));
      expect(hashOf(await answer)).toBe(hashOf(frame));
    }
    expect(server.loop.stats().segmentsHeld).toBeLessThan(5);
    for (const { peer } of senders) peer.close();
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
    await writeSlowly(server, peer, ["one\ntwo\nthr", "ee\nfour\n"]);
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
    await writeSlowly(server, peer, ["one\ntwo\nthr", "ee\n"]);
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
