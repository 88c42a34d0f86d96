/**
 * Options of sockets, as the kernel has them once they were set: on listeners, both ends of connections, and
 * UDP.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { udpSocket } from "../src/udp.ts";
import { descriptorBetween, type SOCKET_OPTIONS, socketOption } from "./helpers/descriptors.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { system } from "./helpers/runtime.ts";

const unreadable = system === "windows" ? "Windows lists no sockets whose options could be read" : false;

type Option = keyof typeof SOCKET_OPTIONS;

/** The values that a socket has now, for the options that are asked for. */
async function valuesOf<Names extends Partial<Record<Option, number>>>(
  descriptor: number,
  wanted: Names,
): Promise<Record<string, number>> {
  const values: Record<string, number> = {};
  for (const name of Object.keys(wanted)) values[name] = await socketOption(descriptor, name as Option);
  return values;
}

async function expectOptions(descriptor: number, wanted: Partial<Record<Option, number>>): Promise<void> {
  expect(await valuesOf(descriptor, wanted)).toEqual(wanted);
}

function descriptorOf({ connection }: Log): number {
  return descriptorBetween("tcp", connection.localAddress.port, connection.remoteAddress.port);
}

const KIBIBYTE = 1024;
/** Linux doubles the size of a buffer for its own records. */
const SET = {
  noDelay: false,
  keepAlive: { idle: 60_000, interval: 10_000, count: 5 },
  receiveBuffer: 48 * KIBIBYTE,
  sendBuffer: 40 * KIBIBYTE,
  typeOfService: 0x10,
};
const READ = {
  noDelay: 0,
  keepAlive: 1,
  keepAliveIdle: 60,
  keepAliveInterval: 10,
  keepAliveCount: 5,
  receiveBuffer: 96 * KIBIBYTE,
  sendBuffer: 80 * KIBIBYTE,
  typeOfService: 0x10,
};

describe("the options of a connection", () => {
  it("are set on what a listener accepts", { ignore: unreadable }, async () => {
    await using server = new TestServer({}, SET);
    const { peer, log } = await server.connectPeer();
    await expectOptions(descriptorOf(log), READ);
    peer.close();
  });

  it("are set on what connect makes", { ignore: unreadable }, async () => {
    await using server = new TestServer();
    const { near, far } = await server.connectPair({}, SET);
    await expectOptions(descriptorOf(near), READ);
    // The other end has the defaults: bytes go at once, and nobody probes.
    await expectOptions(descriptorOf(far), { noDelay: 1, keepAlive: 0, typeOfService: 0 });
    near.connection.abort();
  });

  it("can be changed while it is open", { ignore: unreadable }, async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const { connection } = log;
    const descriptor = descriptorOf(log);
    await expectOptions(descriptor, { noDelay: 1, keepAlive: 0 });
    connection.setNoDelay(false);
    connection.setKeepAlive(true, { idle: 30_000, interval: 5_000, count: 3 });
    connection.setTypeOfService(0x08);
    const changed = { keepAlive: 1, keepAliveIdle: 30, keepAliveInterval: 5, keepAliveCount: 3 };
    await expectOptions(descriptor, { noDelay: 0, typeOfService: 0x08, ...changed });
    connection.setNoDelay(true);
    connection.setKeepAlive(false);
    await expectOptions(descriptor, { noDelay: 1, keepAlive: 0 });
    peer.close();
  });
});

describe("the options of a datagram socket", () => {
  it("are set", { ignore: unreadable }, async () => {
    await using socket = await udpSocket({
      hostname: "127.0.0.1",
      receiveBuffer: 48 * KIBIBYTE,
      sendBuffer: 40 * KIBIBYTE,
      broadcast: true,
      ttl: 12,
      multicastTTL: 3,
      multicastLoopback: false,
      multicastInterface: "127.0.0.1",
      typeOfService: 0x10,
      reusePort: true,
    });
    const descriptor = descriptorBetween("udp", socket.port, 0);
    await expectOptions(descriptor, {
      receiveBuffer: 96 * KIBIBYTE,
      sendBuffer: 80 * KIBIBYTE,
      broadcast: 1,
      timeToLive: 12,
      multicastTimeToLive: 3,
      multicastLoopback: 0,
      multicastInterface: 0x0100007f,
      typeOfService: 0x10,
      reusePort: 1,
    });
    socket.setBroadcast(false);
    socket.setTTL(64);
    socket.setMulticastTTL(0);
    socket.setMulticastLoopback(true);
    socket.setMulticastInterface("0.0.0.0");
    await expectOptions(descriptor, {
      broadcast: 0,
      timeToLive: 64,
      multicastTimeToLive: 0,
      multicastLoopback: 1,
      multicastInterface: 0,
    });
  });
});
