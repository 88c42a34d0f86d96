/** Datagram sockets: what is sent comes whole, from whom it says, and nothing a peer does ends one. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop, OptionError, ResolveError, RingportError, StateError, WindowError } from "../src/mod.ts";
import { type UdpSocket, udpSocket, type UdpSocketOptions } from "../src/udp.ts";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { Random } from "./helpers/random.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const encoder = new TextEncoder();
const loopback = "127.0.0.1";

/** What one socket got. */
interface Got {
  text: string;
  hostname: string;
  port: number;
}

/** A socket that writes down what comes. */
async function logged(
  options: UdpSocketOptions = {},
): Promise<{ socket: UdpSocket; got: Got[]; errors: RingportError[] }> {
  const got: Got[] = [];
  const errors: RingportError[] = [];
  const socket = await udpSocket({
    hostname: loopback,
    ...options,
    socket: {
      data(_, datagram, sender) {
        got.push({ text: datagram.text(), hostname: sender.hostname, port: sender.port });
      },
      error: (_, error) => void errors.push(error as RingportError),
      ...options.socket,
    },
  });
  return { socket, got, errors };
}

const echo = { data: (socket: UdpSocket, datagram: never) => void socket.reply(datagram) };

describe("a datagram socket", () => {
  it("receives from and sends to a peer that is not of this library", async () => {
    using peer = await DatagramPeer.open();
    const { socket, got } = await logged();
    await using _ = socket;
    await peer.send(encoder.encode("to you"), socket.port);
    await until(() => got.length === 1, "the datagram came");
    expect(got[0]).toEqual({ text: "to you", hostname: loopback, port: peer.port });
    expect(socket.send("to me", peer.port, loopback)).toBe("sent");
    const back = await peer.receive();
    expect(new TextDecoder().decode(back.bytes)).toBe("to me");
    expect(back.port).toBe(socket.port);
  });

  it("sends back what came as it lies, and other bytes to who sent it", async () => {
    using peer = await DatagramPeer.open();
    await using socket = await udpSocket({
      hostname: loopback,
      socket: {
        data(socket, datagram, sender) {
          expect(socket.reply(datagram)).toBe("sent");
          expect(socket.reply(datagram, "answer")).toBe("sent");
          expect(socket.send(datagram, sender)).toBe("sent");
          expect(socket.send("once more", sender)).toBe("sent");
          expect(socket.send("by value", sender.toJSON())).toBe("sent");
        },
      },
    });
    const noise = new Random(1).bytes(1400);
    await peer.send(noise, socket.port);
    expect((await peer.receive()).bytes).toEqual(noise);
    expect((await peer.receive()).bytes).toEqual(encoder.encode("answer"));
    expect((await peer.receive()).bytes).toEqual(noise);
    expect((await peer.receive()).bytes).toEqual(encoder.encode("once more"));
    expect((await peer.receive()).bytes).toEqual(encoder.encode("by value"));
  });

  it("takes empty datagrams as datagrams, both ways", async () => {
    using peer = await DatagramPeer.open();
    await using loop = createLoop();
    const lengths: number[] = [];
    await using socket = await udpSocket({
      hostname: loopback,
      loop,
      socket: {
        data(socket, datagram) {
          lengths.push(datagram.length);
          socket.reply(datagram);
          socket.send("", peer.port, loopback);
          datagram.keep().release();
        },
      },
    });
    for (let count = 0; count < 3; count++) {
      await peer.send(new Uint8Array(0), socket.port);
      expect((await peer.receive()).bytes).toHaveLength(0);
      expect((await peer.receive()).bytes).toHaveLength(0);
    }
    expect(lengths).toEqual([0, 0, 0]);
    await until(() => loop.stats().segmentsHeld === 0, "no segment is held");
  });

  it("receives datagrams of the largest size when asked to, and sends them", async () => {
    const noise = new Random(2).bytes(65_507);
    const near = await logged({ datagramSize: 65_507, receiveBuffer: 1 << 20 });
    await using _near = near.socket;
    const pieces: Uint8Array[] = [];
    await using far = await udpSocket({
      hostname: loopback,
      datagramSize: 65_507,
      socket: { data: (_, datagram) => void pieces.push(datagram.slice()) },
    });
    for (let count = 0; count < 5; count++) {
      expect(near.socket.send(noise, far.port, loopback)).not.toBe("refused");
      await until(() => pieces.length > count, `datagram ${count} came`);
      expect(pieces[count]).toEqual(noise);
    }
    const error = await errorOf(() => near.socket.send(new Uint8Array(65_508), far.port, loopback));
    expect(error).toBeInstanceOf(RingportError);
    expect((error as RingportError).code).toBe("EMSGSIZE");
  });

  it("cuts what is too long, says so, and goes on", async () => {
    using peer = await DatagramPeer.open();
    await using loop = createLoop();
    const seen: { length: number; truncated: boolean; original: number }[] = [];
    await using socket = await udpSocket({
      hostname: loopback,
      datagramSize: 100,
      loop,
      socket: {
        data(_, datagram) {
          const { length, truncated, originalLength: original } = datagram;
          seen.push({ length, truncated, original });
        },
      },
    });
    await peer.send(new Uint8Array(101), socket.port);
    await peer.send(new Uint8Array(100), socket.port);
    await until(() => seen.length === 2, "both came");
    expect(seen[0].length).toBe(100);
    expect(seen[0].truncated).toBe(true);
    // Windows does not tell how long it was.
    expect([100, 101]).toContain(seen[0].original);
    expect(seen[1]).toEqual({ length: 100, truncated: false, original: 100 });
    expect(loop.stats().datagramsTruncated).toBe(1);
  });

  it("keeps a datagram with its sender beyond the callback", async () => {
    using peer = await DatagramPeer.open();
    await using loop = createLoop();
    const kept: { keep(): unknown; text(): string; sender: { port: number }; release(): void }[] = [];
    const socket = await udpSocket({
      hostname: loopback,
      loop,
      socket: { data: (_, datagram) => void kept.push(datagram.keep()) },
    });
    for (let count = 0; count < 20; count++) await peer.send(encoder.encode(`number ${count}`), socket.port);
    await until(() => kept.length === 20, "all came");
    kept.forEach((datagram, index) => {
      expect(datagram.text()).toBe(`number ${index}`);
      expect(datagram.sender.port).toBe(peer.port);
      datagram.release();
      expect(() => datagram.text()).toThrow(WindowError);
      expect(() => datagram.sender.port).toThrow(WindowError);
    });
    expect(loop.stats().segmentsHeld).toBe(0);
    await socket[Symbol.asyncDispose]();
  });

  it("finds a datagram used after its callback in development mode", async () => {
    using peer = await DatagramPeer.open();
    await using loop = createLoop({ development: true });
    let late: { text(): string; sender: { hostname: string } } | undefined;
    await using socket = await udpSocket({
      hostname: loopback,
      loop,
      socket: { data: (_, datagram) => void (late = datagram) },
    });
    await peer.send(encoder.encode("x"), socket.port);
    await until(() => late !== undefined, "it came");
    expect(() => late!.text()).toThrow(WindowError);
    expect(() => late!.sender.hostname).toThrow(WindowError);
  });

  it("can be iterated, and the queue outlives its end", async () => {
    using peer = await DatagramPeer.open();
    const socket = await udpSocket({ hostname: loopback });
    for (const text of ["a", "b", "c"]) await peer.send(encoder.encode(text), socket.port);
    const texts: string[] = [];
    const iterate = async () => {
      for await (const { bytes, sender, truncated } of socket) {
        expect(sender).toEqual({ hostname: loopback, port: peer.port, family: "IPv4" });
        expect(truncated).toBe(false);
        texts.push(new TextDecoder().decode(bytes));
        if (texts.length === 3) socket.close();
      }
    };
    await within(iterate(), "the iteration to end");
    expect(texts).toEqual(["a", "b", "c"]);
    await within(socket.closed, "the socket to close");
    const { socket: handled } = await logged();
    expect(() => handled[Symbol.asyncIterator]()).toThrow(StateError);
    await handled[Symbol.asyncDispose]();
  });

  it("go on to handlers that are given while somebody iterates", async () => {
    using peer = await DatagramPeer.open();
    await using socket = await udpSocket({ hostname: loopback });
    const iterator = socket[Symbol.asyncIterator]();
    await peer.send(encoder.encode("a"), socket.port);
    expect((await iterator.next()).value.bytes).toEqual(encoder.encode("a"));
    const texts: string[] = [];
    socket.reload({ socket: { data: (_, datagram) => void texts.push(datagram.text()) } });
    await iterator.return!();
    await peer.send(encoder.encode("b"), socket.port);
    await until(() => texts.length === 1, "it went to the handler");
    expect(texts).toEqual(["b"]);
    await within(Promise.all([socket.close(), socket.closed]), "the socket to close");
    expect(socket.state).toBe("closed");
  });
});

describe("a connected datagram socket", () => {
  it("sends without an address and hears its peer only", async () => {
    using stranger = await DatagramPeer.open();
    await using server = await udpSocket({ hostname: loopback, socket: echo as never });
    const { socket, got } = await logged({ connect: { hostname: loopback, port: server.port } });
    await using _ = socket;
    expect(socket.remoteAddress).toEqual({ hostname: loopback, port: server.port, family: "IPv4" });
    await stranger.send(encoder.encode("not for you"), socket.port);
    expect(socket.send("hello")).toBe("sent");
    expect(socket.sendMany(["a", "b", "c"])).toBe(3);
    await until(() => got.length >= 4, "four answers came");
    expect(got.map(({ text }) => text)).toEqual(["hello", "a", "b", "c"]);
    expect(got.every(({ port }) => port === server.port)).toBe(true);
    expect(() => socket.send("x", 1, loopback)).toThrow(OptionError);
  });

  it("says how many of several went where one cannot be sent", async () => {
    const { socket: far, got } = await logged();
    const sender = await udpSocket({ hostname: loopback });
    const place = [far.port, loopback] as const;
    const huge = new Uint8Array(70_000);
    const faults: [unknown[], string][] = [
      [[huge, ...place], "EMSGSIZE"],
      [["x", 70_000, loopback], "ERR_OPTION"],
      [["x", far.port, "no address"], "ERR_OPTION"],
      [[17, ...place], "ERR_OPTION"],
    ];
    for (const [fault, code] of faults) {
      for (const before of [0, 2]) {
        got.length = 0;
        const good = Array.from({ length: before }, (_, index) => [`${code}${index}`, ...place]).flat();
        const all = [...good, ...fault, "after", ...place] as string[];
        const error = await errorOf(() => sender.sendMany(all)) as RingportError;
        expect(error.code).toBe(code);
        expect(error.sent).toBe(before);
        await until(() => got.length === before, "those before to come");
        expect(got.map(({ text }) => text)).toEqual(good.filter((_, index) => index % 3 === 0));
      }
    }
    const connected = await udpSocket({ connect: { hostname: loopback, port: far.port } });
    const error = await errorOf(() => connected.sendMany(["one", huge, "three"])) as RingportError;
    expect([error.code, error.sent]).toEqual(["EMSGSIZE", 1]);
    // Of a single one the question does not arise.
    expect((await errorOf(() => connected.send(huge)) as RingportError).sent).toBe(undefined);
    for (const socket of [far, sender, connected]) await socket.close();
  });

  it("resolves the name of its peer", async () => {
    await using server = await udpSocket({ hostname: loopback, socket: echo as never });
    const { socket, got } = await logged({ connect: { hostname: "localhost", port: server.port } });
    await using _ = socket;
    socket.send("by name");
    await until(() => got.length === 1, "the answer came");
    const error = await errorOf(() => udpSocket({ connect: { hostname: "nowhere.invalid", port: 1 } }));
    expect(error).toBeInstanceOf(ResolveError);
  });

  it("survives that nobody is there, without spinning", async () => {
    const gone = await udpSocket({ hostname: loopback });
    const { port } = gone;
    await gone[Symbol.asyncDispose]();
    await using loop = createLoop();
    const { socket, errors, got } = await logged({ connect: { hostname: loopback, port }, loop });
    await using _ = socket;
    for (let count = 0; count < 5; count++) {
      socket.send("anybody?");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { polls } = loop.stats();
    await new Promise((resolve) => setTimeout(resolve, 100));
    // A spinning loop polls thousands of times in that time.
    expect(loop.stats().polls - polls).toBeLessThan(50);
    expect(errors.length).toBeLessThanOrEqual(5);
    for (const error of errors) {
      expect(["ECONNREFUSED", "ECONNRESET"]).toContain(error.code);
      expect(error.origin).toBe("kernel");
    }
    expect(loop.stats().datagramNetworkErrors).toBe(errors.length);
    // Windows is told not to report them. Under Wine, which does, a receive that was posted before the second
    // one is never finished, whatever comes.
    if (system === "windows") return;
    expect(errors.length).toBeGreaterThan(0);
    // The very same socket goes on once somebody is there.
    await using server = await udpSocket({ hostname: loopback, port, socket: echo as never });
    expect(server.port).toBe(port);
    await until(() => {
      socket.send("now?");
      return got.length > 0;
    }, "an answer came");
  });
});

describe("IPv6 datagrams", () => {
  it("go both ways, with the address of the sender", async () => {
    using peer = await DatagramPeer.open("::1");
    const { socket, got } = await logged({ hostname: "::1" });
    await using _ = socket;
    await peer.send(encoder.encode("six"), socket.port, "::1");
    await until(() => got.length === 1, "it came");
    expect(got[0]).toEqual({ text: "six", hostname: "::1", port: peer.port });
    socket.send("back", peer.port, "::1");
    expect((await peer.receive()).hostname).toBe("::1");
  });

  it("and IPv4 on one dual socket", async () => {
    using four = await DatagramPeer.open();
    using six = await DatagramPeer.open("::1");
    const got: string[] = [];
    await using socket = await udpSocket({
      hostname: "::",
      socket: {
        data(socket, datagram, sender) {
          got.push(sender.hostname);
          socket.reply(datagram);
        },
      },
    });
    await four.send(encoder.encode("4"), socket.port);
    expect((await four.receive()).port).toBe(socket.port);
    await six.send(encoder.encode("6"), socket.port, "::1");
    expect((await six.receive()).port).toBe(socket.port);
    expect(got).toEqual(["::ffff:127.0.0.1", "::1"]);
    socket.send("mapped", four.port, loopback);
    expect((await four.receive()).bytes).toEqual(encoder.encode("mapped"));
  });
});
