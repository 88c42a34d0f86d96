/** What datagram sockets refuse by name, the options they set, and handlers that fail. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressInUseError, createLoop, OptionError, RingportError, StateError } from "../src/mod.ts";
import { type Datagram, type UdpSocket, udpSocket, type UdpSocketOptions } from "../src/udp.ts";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const encoder = new TextEncoder();
const loopback = "127.0.0.1";

describe("options and arguments", () => {
  it("are checked by name", async () => {
    const bad: [key: string, options: unknown][] = [
      ["hostnme", { hostnme: loopback }],
      ["port", { port: 65_536 }],
      ["hostname", { hostname: "example.com" }],
      ["datagramSize", { datagramSize: 65_508 }],
      ["connect", { connect: 1 }],
      ["connect.port", { connect: { hostname: loopback } }],
      ["data", { socket: { data: 1 } }],
      ["message", { socket: { message() {} } }],
      ["ttl", { ttl: 0 }],
      ["lowWaterMark", { lowWaterMark: 2, highWaterMark: 1 }],
      ["multicastInterface", { hostname: loopback, multicastInterface: "::1" }],
    ];
    for (const [key, options] of bad) {
      const error = await errorOf(() => udpSocket(options as UdpSocketOptions));
      expect(error, key).toBeInstanceOf(OptionError);
      expect((error as OptionError).key).toBe(key);
    }
  });

  it("of send name what was wrong", async () => {
    await using socket = await udpSocket({ hostname: loopback });
    const wrong: [key: string, act: () => unknown][] = [
      ["port", () => socket.send("x")],
      ["port", () => socket.send("x", 0, loopback)],
      ["hostname", () => socket.send("x", 1, "localhost")],
      ["hostname", () => socket.send("x", 1, "::1")],
      ["hostname", () => socket.send("x", 1)],
      ["bytes", () => socket.send(7 as never, 1, loopback)],
      ["all", () => socket.sendMany(["x", 1])],
      ["datagram", () => socket.reply("x" as never)],
      ["on", () => socket.setBroadcast(1 as never)],
      ["value", () => socket.setTTL(256)],
      ["group", () => socket.addMembership("10.0.0.1")],
      ["group", () => socket.addMembership("ff02::1")],
    ];
    for (const [key, act] of wrong) {
      const error = await errorOf(act);
      expect(error, key).toBeInstanceOf(OptionError);
      expect((error as OptionError).key).toBe(key);
    }
  });

  it("set what the system has", async () => {
    await using socket = await udpSocket({
      hostname: loopback,
      receiveBuffer: 65_536,
      sendBuffer: 65_536,
      broadcast: true,
      ttl: 12,
      multicastTTL: 3,
      multicastLoopback: true,
      multicastInterface: loopback,
    });
    socket.setBroadcast(false);
    socket.setTTL(64);
    socket.setMulticastTTL(0);
    socket.setMulticastLoopback(false);
    socket.setMulticastInterface(loopback);
    socket.close();
    expect(() => socket.setTTL(64)).toThrow(StateError);
  });

  it("refuse a port that is taken, unless both share it", async () => {
    await using first = await udpSocket({ hostname: loopback });
    const error = await errorOf(() => udpSocket({ hostname: loopback, port: first.port }));
    expect(error).toBeInstanceOf(AddressInUseError);
    expect((error as RingportError).address).toBe(`${loopback}:${first.port}`);
    await using one = await udpSocket({ hostname: loopback, reuseAddress: true });
    await using two = await udpSocket({ hostname: loopback, port: one.port, reuseAddress: true });
    expect(two.port).toBe(one.port);
  });

  it("take a signal", async () => {
    const controller = new AbortController();
    const socket = await udpSocket({ hostname: loopback, signal: controller.signal });
    controller.abort();
    await within(socket.closed, "the socket to close");
    expect(socket.state).toBe("closed");
    const error = await errorOf(() => udpSocket({ signal: controller.signal }));
    expect(error).toBe(controller.signal.reason);
  });
});

describe("handlers", () => {
  it("that throw or reject are told to error, and the socket goes on", async () => {
    using peer = await DatagramPeer.open();
    const errors: string[] = [];
    await using loop = createLoop();
    await using socket = await udpSocket({
      hostname: loopback,
      loop,
      socket: {
        data(socket, datagram): void | Promise<void> {
          const text = datagram.text();
          if (text === "throw") throw new Error("thrown");
          if (text === "reject") return Promise.reject(new Error("rejected"));
          socket.reply(datagram);
        },
        error: (_, error) => void errors.push(error.message),
      },
    });
    for (const text of ["throw", "reject", "fine"]) await peer.send(encoder.encode(text), socket.port);
    expect((await peer.receive()).bytes).toEqual(encoder.encode("fine"));
    await until(() => errors.length === 2, "both were told");
    expect(errors.sort()).toEqual(["rejected", "thrown"]);
    await until(() => loop.stats().segmentsHeld === 0, "no segment is held");
  });

  it("can be changed", async () => {
    using peer = await DatagramPeer.open();
    let old = 0;
    await using socket = await udpSocket({ hostname: loopback, socket: { data: () => void old++ } });
    await peer.send(encoder.encode("old"), socket.port);
    await until(() => old === 1, "it came");
    socket.reload({
      socket: { data: (socket: UdpSocket, datagram: Datagram) => void socket.reply(datagram) },
    });
    await peer.send(encoder.encode("new"), socket.port);
    expect((await peer.receive()).bytes).toEqual(encoder.encode("new"));
    expect(old).toBe(1);
  });
});
