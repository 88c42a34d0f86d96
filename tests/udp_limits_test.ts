/** What is sent faster than the kernel or the ring takes it: bounded, in order, with a drain; and closing. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop } from "../src/mod.ts";
import { type Datagram, type UdpSocket, udpSocket } from "../src/udp.ts";
import { StreamHash } from "./helpers/hash.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const loopback = "127.0.0.1";
/** Bytes a receiver's kernel buffer is asked for, so that a burst of one turn fits. */
const RECEIVE_BUFFER = 1 << 20;

describe("sending", () => {
  it("many at once goes out in few system calls, in order", async () => {
    await using loop = createLoop();
    const numbers: number[] = [];
    await using receiver = await udpSocket({
      hostname: loopback,
      receiveBuffer: RECEIVE_BUFFER,
      loop,
      socket: { data: (_, datagram) => void numbers.push(datagram.at(0)!) },
    });
    await using sender = await udpSocket({ hostname: loopback, loop });
    const before = loop.stats();
    const all: (Uint8Array | number | string)[] = [];
    for (let count = 0; count < 100; count++) all.push(new Uint8Array([count]), receiver.port, loopback);
    expect(sender.sendMany(all)).toBe(100);
    await until(() => numbers.length === 100, "all came");
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, index) => index));
    const after = loop.stats();
    expect(after.datagramsSent - before.datagramsSent).toBe(100);
    expect(after.datagramSendBatches - before.datagramSendBatches).toBeLessThanOrEqual(10);
    expect(after.datagramReceiveBatches - before.datagramReceiveBatches).toBeLessThan(100);
  });

  it("above the high mark is queued and drained, above the limit refused", async () => {
    let drains = 0;
    await using sink = await udpSocket({ hostname: loopback });
    await using socket = await udpSocket({
      connect: { hostname: loopback, port: sink.port },
      highWaterMark: 1000,
      lowWaterMark: 500,
      bufferLimit: 2000,
      socket: { drain: () => void drains++ },
    });
    expect(socket.send(new Uint8Array(1000))).toBe("sent");
    expect(socket.send(new Uint8Array(500))).toBe("queued");
    expect(socket.send(new Uint8Array(500))).toBe("queued");
    expect(socket.send(new Uint8Array(1))).toBe("refused");
    expect(socket.bufferedBytes).toBe(2000);
    expect(socket.sendMany([new Uint8Array(1), new Uint8Array(1)])).toBe(0);
    await until(() => drains === 1, "drain was called");
    expect(socket.bufferedBytes).toBeLessThanOrEqual(500);
    expect(socket.send(new Uint8Array(3000))).toBe("refused");
    await delay(20);
    expect(drains).toBe(1);
  });

  it("more than a small ring holds waits aside and keeps its order", async () => {
    await using loop = createLoop({ segmentSize: 512, segmentCount: 32, sendEntries: 8 });
    const numbers: number[] = [];
    await using receiver = await udpSocket({
      hostname: loopback,
      receiveBuffer: RECEIVE_BUFFER,
      datagramSize: 1000,
      socket: { data: (_, datagram) => void numbers.push(datagram.at(0)!) },
    });
    await using sender = await udpSocket({ hostname: loopback, loop });
    for (let count = 0; count < 60; count++) {
      const bytes = new Uint8Array(count % 3 === 0 ? 900 : count);
      bytes[0] = count;
      expect(sender.send(count === 0 || bytes.length > 0 ? bytes : "?", receiver.port, loopback)).not.toBe(
        "refused",
      );
    }
    await until(() => numbers.length === 60, `all came, not ${numbers.length}`);
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, index) => index));
    await until(() => loop.stats().segmentsHeld === 0, "no segment is held");
  });
});

describe("closing", () => {
  it("hands what waits to the kernel first", async () => {
    let count = 0;
    await using receiver = await udpSocket({
      hostname: loopback,
      receiveBuffer: RECEIVE_BUFFER,
      socket: { data: () => void count++ },
    });
    await using loop = createLoop({ sendEntries: 8 });
    const sender = await udpSocket({ hostname: loopback, loop });
    for (let sent = 0; sent < 50; sent++) sender.send("x", receiver.port, loopback);
    sender.close();
    sender.close();
    expect(sender.state).toBe("closing");
    expect(sender.send("late", receiver.port, loopback)).toBe("refused");
    await within(sender.closed, "the sender to close");
    expect(sender.state).toBe("closed");
    await until(() => count === 50, `all came, not ${count}`);
  });

  it("in the callback, with datagrams behind it, ends the socket alone", async () => {
    await using loop = createLoop();
    for (let round = 0; round < 20; round++) {
      let calls = 0;
      const closing = await udpSocket({
        hostname: loopback,
        loop,
        socket: {
          data(socket: UdpSocket, datagram: Datagram) {
            calls += 1;
            socket.reply(datagram);
            socket.close();
          },
        },
      });
      const sender = await udpSocket({ connect: { hostname: loopback, port: closing.port }, loop });
      for (let count = 0; count < 5; count++) sender.send("x");
      await within(closing.closed, "the socket to close");
      expect(calls).toBe(1);
      await sender[Symbol.asyncDispose]();
    }
    // Ids of closed sockets were used again in every round; nothing is left over.
    await until(() => loop.stats().segmentsHeld === 0, "no segment is held");
  });

  it("the loop ends its datagram sockets", async () => {
    const loop = createLoop();
    const socket = await udpSocket({ hostname: loopback, loop });
    await within(loop.close(), "the loop to close");
    await within(socket.closed, "the socket to be gone");
  });
});

describe("a storm of datagrams", () => {
  const clients = 8;
  const perClient = scaled(1500, 300);

  it("is echoed whole by many clients at once, each hearing its own", async () => {
    await using loop = createLoop({ segmentCount: 512 });
    await using server = await udpSocket({
      hostname: loopback,
      receiveBuffer: RECEIVE_BUFFER,
      loop,
      socket: { data: (socket: UdpSocket, datagram: Datagram) => void socket.reply(datagram) },
    });
    const run = async (seed: number) => {
      const random = new Random(seed);
      const sent = new StreamHash();
      const received = new StreamHash();
      let answers = 0;
      const client = await udpSocket({
        connect: { hostname: loopback, port: server.port },
        receiveBuffer: RECEIVE_BUFFER,
        loop,
        socket: {
          data(_, datagram) {
            received.update(datagram.bytes);
            answers += 1;
          },
        },
      });
      for (let count = 0; count < perClient;) {
        // Few under way, so that no buffer of the kernel overflows.
        for (let burst = random.between(1, 8); burst > 0 && count < perClient; burst--, count++) {
          const bytes = random.bytes(random.between(0, 1472));
          sent.update(bytes);
          expect(client.send(bytes)).toBe("sent");
        }
        await until(() => answers === count, `${count} answers came to client ${seed}, not ${answers}`);
      }
      expect(received.digest()).toBe(sent.digest());
      await client[Symbol.asyncDispose]();
    };
    await Promise.all(Array.from({ length: clients }, (_, index) => run(index + 1)));
    expect(loop.stats().datagramsReceived).toBe(2 * clients * perClient);
    await until(() => loop.stats().segmentsHeld === 0, "no segment is held");
  });
});
