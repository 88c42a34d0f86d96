/** What the system tells of the process, of queues of listeners, and of datagrams it dropped. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop, listen } from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { listenQueue, processCounters } from "../src/loop/native.ts";
import { connectPeer } from "./helpers/peer.ts";
import { system } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

const noQueues = system === "windows" && "Windows tells nothing of the queues of listeners";
const noDrops = system === "windows" && "Windows tells nothing of dropped datagrams";

describe("the process", () => {
  it("is told as the system sees it", async () => {
    const before = processCounters();
    expect(before.residentBytes).toBeGreaterThan(10_000_000);
    expect(before.residentBytes).toBeLessThan(100_000_000_000);
    expect(before.virtualBytes).toBeGreaterThan(1_000_000);
    expect(before.startedMilliseconds).toBeLessThanOrEqual(Date.now() + 1_000);
    expect(before.startedMilliseconds).toBeGreaterThan(Date.now() - 24 * 3_600_000);
    const listeners = Array.from({ length: 20 }, () => listen({ hostname: "127.0.0.1", port: 0 }));
    const end = performance.now() + 50;
    while (performance.now() < end);
    const after = processCounters();
    // Wine does not count handles, and 0 says so.
    if (before.openDescriptors > 0 || system === "linux") {
      expect(after.openDescriptors).toBeGreaterThanOrEqual(before.openDescriptors + 20);
    }
    if (system === "linux") expect(after.maxDescriptors).toBeGreaterThanOrEqual(after.openDescriptors);
    expect(after.cpuSeconds).toBeGreaterThan(before.cpuSeconds);
    for (const listener of listeners) listener.stop();
    await Promise.all(listeners.map((listener) => listener.close()));
  });
});

describe("the queue of listeners", () => {
  for (const hostname of ["127.0.0.1", "::1", "0.0.0.0"]) {
    it(`is added up over all sockets at ${hostname}`, { ignore: noQueues }, async () => {
      await using loop = createLoop({ segmentCount: 64 });
      const options = { hostname, loop, reusePort: true, backlog: 50 } as const;
      const one = listen({ ...options, port: 0 });
      const other = listen({ ...options, port: one.port });
      one.pause();
      other.pause();
      await delay(20);
      const place = { hostname, port: one.port };
      expect(listenQueue(place)).toEqual({ sockets: 2, length: 0, limit: 100 });
      const to = { hostname: hostname === "0.0.0.0" ? "127.0.0.1" : hostname, port: one.port };
      const peers = await Promise.all(Array.from({ length: 9 }, () => connectPeer(to)));
      expect(listenQueue(place)).toEqual({ sockets: 2, length: 9, limit: 100 });
      for (const peer of peers) peer.close();
      await Promise.all([one.close(), other.close()]);
      expect(listenQueue(place)).toEqual({ sockets: 0, length: 0, limit: 0 });
    });
  }
});

describe("datagrams the kernel drops", () => {
  it("are counted by socket and by loop", { ignore: noDrops }, async () => {
    await using loop = createLoop({ segmentCount: 64 });
    // Nobody reads: the kernel's buffer fills.
    const silent = await udpSocket({ hostname: "127.0.0.1", port: 0, loop, receiveBuffer: 4096 });
    const sender = await udpSocket({ hostname: "127.0.0.1", port: 0, loop });
    expect([silent.kernelDrops, loop.stats().datagramsDropped]).toEqual([0, 0]);
    const bytes = new Uint8Array(1_000);
    for (let count = 0; count < 100; count++) sender.send(bytes, silent.address);
    await until(() => sender.bufferedBytes === 0, "all was sent");
    await until(() => silent.kernelDrops > 80, "the kernel dropped some");
    const { kernelDrops } = silent;
    expect(kernelDrops).toBeLessThan(100);
    expect(loop.stats().datagramsDropped).toBe(kernelDrops);
    silent.close();
    await silent.closed;
    expect(loop.stats().datagramsDropped).toBe(kernelDrops);
    expect(silent.kernelDrops).toBe(kernelDrops);
  });
});
