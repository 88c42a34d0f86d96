/** How busy a loop is, its clock, and its numbers seen from outside. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { LoadMeter } from "../src/loop/load.ts";
import { RemoteStatistics } from "../src/loop/remote_statistics.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { delay, until } from "./helpers/wait.ts";

const SMALL = { segmentCount: 64, connectionSlots: 16 };

/** Keeps the thread for so long. */
function spin(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

describe("a load meter", () => {
  const reading = { busyTicks: 1000, ticksPerMillisecond: 100, polls: 5, inTurn: false };

  it("answers busy time by wall time since the last reading", () => {
    const meter = new LoadMeter();
    expect(meter.sample(reading, 1000)).toBe(0);
    expect(meter.sample({ ...reading, busyTicks: 1500, polls: 9 }, 1010)).toBe(0.5);
    expect(meter.sample({ ...reading, busyTicks: 1500, polls: 10 }, 1020)).toBe(0);
    expect(meter.sample({ ...reading, busyTicks: 9999, polls: 11 }, 1030)).toBe(1);
    expect(meter.sample({ ...reading, busyTicks: 9999, polls: 12 }, 1030)).toBe(0);
  });

  it("takes a turn that does not end for busy", () => {
    const meter = new LoadMeter();
    meter.sample({ ...reading, inTurn: true }, 1000);
    expect(meter.sample({ ...reading, inTurn: true }, 1010)).toBe(1);
    expect(meter.sample({ ...reading, polls: 6, inTurn: true }, 1020)).toBe(0);
  });
});

describe("a loop", () => {
  it("that has nothing to do is not busy, one whose handler computes is", async () => {
    await using loop = createEventLoop(SMALL);
    await using server = new TestServer({
      data(connection, bytes) {
        spin(40);
        connection.write(bytes);
      },
    }, { loop });
    const remote = new RemoteStatistics(loop.engine.native.shareable);
    const peer = await connectPeer({ port: server.port });
    await until(() => server.logs.length === 1, "the peer was accepted");
    await delay(30);
    remote.utilisation();
    await delay(200);
    // Others may keep the machine busy, but not this loop's turns.
    expect(remote.utilisation()).toBeLessThan(0.3);

    const before = remote.read();
    const begin = performance.now();
    for (let round = 0; round < 5; round++) {
      await peer.write("x");
      expect(await readText(peer, "x")).toBe("x");
    }
    const wall = performance.now() - begin;
    expect(remote.utilisation()).toBeGreaterThan(0.5 * 200 / wall);
    const after = remote.read();
    const busy = (after.busyTicks - before.busyTicks) / after.ticksPerMillisecond;
    expect(busy).toBeGreaterThanOrEqual(195);
    expect(busy).toBeLessThanOrEqual(wall + 5);

    // The histogram has them where they belong.
    const long = (turns: typeof after.turns) =>
      turns.counts.filter((_, bucket) => after.turns.limits[bucket] > 32).reduce(
        (sum, count) => sum + count,
        0,
      );
    expect(long(after.turns) - long(before.turns)).toBeGreaterThanOrEqual(5);
    for (let bucket = 1; bucket < after.turns.limits.length - 1; bucket++) {
      expect(after.turns.limits[bucket]).toBe(2 * after.turns.limits[bucket - 1]);
    }
    peer.close();
  });

  it("counts by role and remembers how full it was", async () => {
    await using loop = createEventLoop(SMALL);
    await using server = new TestServer({
      data: (connection, bytes) => void connection.write(bytes),
    }, { loop });
    const { near } = await server.connectPair({}, { loop });
    near.connection.write("twelve bytes");
    await near.gotBytes(12);
    const numbers = loop.stats();
    expect(numbers).toMatchObject({
      bytesReceived: 24,
      bytesReceivedServer: 12,
      bytesReceivedClient: 12,
      bytesSent: 24,
      bytesSentServer: 12,
      bytesSentClient: 12,
      connectionsAccepted: 1,
      connectionsConnected: 1,
      connectionsEndedClient: 0,
      segments: 64,
    });
    expect(numbers.sendsServer + numbers.sendsClient).toBe(numbers.sends);
    expect(numbers.completionsHighWater).toBeGreaterThanOrEqual(1);
    expect(numbers.submissionsHighWater).toBeGreaterThanOrEqual(1);
    expect(numbers.segmentsHighWater).toBeGreaterThanOrEqual(1);
    expect(numbers.segmentsHighWater).toBeLessThanOrEqual(64);
    near.connection.end();
    await near.closed();
    await until(() => loop.stats().connectionsEndedServer === 1, "the server's end was counted");
    expect(loop.stats().connectionsEndedClient).toBe(1);
  });

  it("has a clock that goes on and never back", async () => {
    await using loop = createEventLoop(SMALL);
    await using server = new TestServer({
      data: (connection, bytes) => void connection.write(bytes),
    }, { loop });
    const peer = await connectPeer({ port: server.port });
    const { engine } = loop;
    const begin = engine.now;
    const beginHost = performance.now();
    let last = begin;
    for (let round = 0; round < 50; round++) {
      await peer.write("tick");
      expect(await readText(peer, "tick")).toBe("tick");
      expect(engine.now).toBeGreaterThanOrEqual(last);
      last = engine.now;
      await delay(4);
    }
    await peer.write("tick");
    expect(await readText(peer, "tick")).toBe("tick");
    const passed = engine.now - begin;
    // It began with the last poll before, and stands where the last poll has left it.
    expect(passed).toBeGreaterThan(190);
    expect(passed).toBeLessThan(performance.now() - beginHost + 1000);
    expect(loop.stats().now).toBe(engine.now);
    peer.close();
  });
});
