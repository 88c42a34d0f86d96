/** What a loop does, told operation by operation, with other names for the two roles. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, createLoop, listen, type Loop } from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import type { TraceEvent } from "../src/trace.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

const LOOPBACK = "127.0.0.1";

function traced(): { loop: Loop; events: TraceEvent[] } {
  const loop = createLoop({ segmentCount: 64, connectionSlots: 64, timers: 64 });
  const events: TraceEvent[] = [];
  loop.trace((event) => void events.push(event));
  return { loop, events };
}

/** The events in order, without those of timers and wakes. */
function lines(events: TraceEvent[]): string[] {
  return events
    .filter(({ operation }) => operation.includes("."))
    .map(({ stage, operation, bytes }) => `${stage} ${operation}${bytes > 0 ? ` ${bytes}` : ""}`);
}

describe("a trace", () => {
  it("tells what both ends of a connection do, by names of their own", async () => {
    const { loop, events } = traced();
    await using _ = loop;
    const listener = listen({
      hostname: LOOPBACK,
      loop,
      socket: { data: (connection, window) => void connection.write(window) },
    });
    let answer = "";
    const client = await connect({
      hostname: LOOPBACK,
      port: listener.port,
      loop,
      socket: { data: (_, window) => void (answer += window.text()) },
    });
    expect(client.role).toBe("client");
    client.write("hello");
    await until(() => answer === "hello", "the echo came");
    client.end();
    await client.closed;
    await listener.close();
    const told = lines(events);
    const order = [
      "submitted listener.listen",
      "completed listener.listen",
      "submitted client.connect",
      "completed client.connect",
      "submitted client.send 5",
      "completed server.receive 5",
      "submitted server.send 5",
      "completed client.receive 5",
      "submitted client.shutdownWrite",
      "completed server.receive",
      "submitted server.close",
    ];
    let from = 0;
    for (const line of order) {
      const place = told.indexOf(line, from);
      expect(place, `${line} in\n${told.join("\n")}`).toBeGreaterThanOrEqual(from);
      from = place + 1;
    }
    expect(told).toContain("completed server.accept");
    expect(told).toContain("completed server.close");
    expect(told).toContain("completed client.close");
    const ids = (operation: string) =>
      events.filter((one) => one.operation === operation).map(({ id }) => id);
    expect(ids("client.send")).toEqual([client.id]);
    expect(ids("server.receive")[0]).not.toBe(client.id);
    // Each record is told once.
    expect(told.filter((line) => line === "completed server.receive 5").length).toBe(1);
    const times = events.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
  });

  it("tells why an operation failed", async () => {
    const { loop, events } = traced();
    await using _ = loop;
    const listener = listen({ hostname: LOOPBACK, loop });
    const { port } = listener;
    await listener.close();
    const error = await errorOf(() => connect({ hostname: LOOPBACK, port, loop })) as { code: string };
    const failures = events.filter(({ code }) => code !== undefined);
    expect(failures).toMatchObject([{ operation: "client.connect", stage: "completed", code: error.code }]);
  });

  it("tells of datagrams", async () => {
    const { loop, events } = traced();
    await using _ = loop;
    let got = 0;
    const receiver = await udpSocket({ hostname: LOOPBACK, loop, socket: { data: () => void (got += 1) } });
    const sender = await udpSocket({ hostname: LOOPBACK, loop });
    sender.send("hello", receiver.port, LOOPBACK);
    await until(() => got === 1, "the datagram came");
    const told = lines(events);
    expect(told).toContain("submitted datagram.open");
    expect(told.some((line) => line.startsWith("submitted datagram.send "))).toBe(true);
    expect(told.some((line) => line.startsWith("completed datagram.receive "))).toBe(true);
  });

  it("ends when asked to, and begins with what comes then", async () => {
    const { loop, events } = traced();
    await using _ = loop;
    const listener = listen({ hostname: LOOPBACK, loop });
    loop.trace();
    const before = events.length;
    const client = await connect({ hostname: LOOPBACK, port: listener.port, loop });
    client.write("unseen");
    await delay(20);
    expect(events.length).toBe(before);
    const later: TraceEvent[] = [];
    loop.trace((event) => void later.push(event));
    client.abort();
    await client.closed;
    expect(lines(later)).toContain("submitted client.abort");
    expect(lines(later)).not.toContain("submitted client.send 6");
  });

  it("that throws is told of nothing more, and the loop goes on", async () => {
    const loop = createLoop({ segmentCount: 64, connectionSlots: 64, timers: 64 });
    await using _ = loop;
    const before = console.error;
    const complaints: unknown[] = [];
    console.error = (...words: unknown[]) => void complaints.push(words);
    try {
      let calls = 0;
      loop.trace(() => {
        calls += 1;
        throw new Error("a bad sink");
      });
      const listener = listen({ hostname: LOOPBACK, loop });
      const client = await connect({ hostname: LOOPBACK, port: listener.port, loop });
      client.abort();
      await client.closed;
      expect(calls).toBe(1);
      expect(complaints.length).toBe(1);
    } finally {
      console.error = before;
    }
  });
});
