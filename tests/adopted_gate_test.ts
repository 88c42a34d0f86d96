/** Connections accepted by one loop and adopted by another pass the same gate. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { listenRaw } from "../src/listen/bound_source.ts";
import { listenHanded } from "../src/listen/listener.ts";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import { TableAdmission } from "../src/server/address_limits/admission.ts";
import { type Log, logging } from "./helpers/log.ts";
import { connectPeer, readText, tryPeer } from "./helpers/peer.ts";
import { clientHeader } from "./helpers/proxy.ts";
import { until } from "./helpers/wait.ts";

describe("an adopted connection", () => {
  it("stays when its descriptor is given a second time", async () => {
    await using accepting = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    // With room for two, and for one alone: the second is refused for its number, or for want of a place.
    for (const connectionSlots of [16, 1]) {
      await using loop = createEventLoop({ segmentCount: 64, connectionSlots });
      const logs: Log[] = [];
      const given: number[] = [];
      const { listener: adopter, source } = listenHanded<Log>({
        loop,
        socket: logging(logs, { data: (connection, bytes) => void connection.write(bytes) }),
      });
      await using raw = listenRaw(accepting, { hostname: "127.0.0.1" }, (descriptor) => {
        given.push(descriptor);
        source.adopt(descriptor);
      });
      const peer = await connectPeer({ port: raw.address.port });
      await until(() => logs.length === 1, "it was adopted");
      source.adopt(given[0]);
      await until(() => source.pending === 0, "the second one was answered");
      expect(source.discarded).toBe(1);
      await peer.write("hello");
      expect(await readText(peer, "hello")).toBe("hello");
      expect(logs[0].reason).toBe(undefined);
      peer.close();
      await until(() => adopter.connectionCount === 0, "it is gone");
    }
  });

  it("is judged by its address, and leaves the table when it goes", async () => {
    const table = SharedAddressTable.create({ connections: 1, entries: 64 });
    const loopback = "127.0.0.1";
    await using accepting = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    await using loop = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const logs: Log[] = [];
    const { listener: adopter, source } = listenHanded<Log>({
      loop,
      admission: new TableAdmission(table, 0),
      socket: logging(logs, { data: (connection, bytes) => void connection.write(bytes) }),
    });
    await using raw = listenRaw(
      accepting,
      { hostname: "127.0.0.1" },
      (descriptor) => void source.adopt(descriptor),
    );
    const { port } = raw.address;
    const first = await connectPeer({ port });
    await until(() => logs.length === 1, "the first was adopted");
    const second = await tryPeer(port);
    await until(() => adopter.refusals.connections === 1, "the second was refused");
    expect(adopter.connectionCount).toBe(1);
    await first.write("hello");
    expect(await readText(first, "hello")).toBe("hello");
    first.close();
    await until(() => table.connections(loopback) === 0, "the first has left");
    const third = await connectPeer({ port });
    await until(() => logs.length === 2, "the third was adopted");
    for (const peer of [second, third]) peer?.close();
    await until(() => adopter.connectionCount === 0, "all are gone");
  });

  it("is read for its PROXY header first", async () => {
    await using accepting = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    await using loop = createEventLoop({ segmentCount: 64, connectionSlots: 16 });
    const logs: Log[] = [];
    const remotes: string[] = [];
    const { listener: adopter, source } = listenHanded<Log>({
      loop,
      proxyProtocol: { trusted: ["127.0.0.1"], timeout: 200 },
      socket: logging(logs, { open: (connection) => void remotes.push(connection.remoteAddress.hostname) }),
    });
    await using raw = listenRaw(
      accepting,
      { hostname: "127.0.0.1" },
      (descriptor) => void source.adopt(descriptor),
    );
    const peer = await connectPeer({ port: raw.address.port });
    await peer.write(new Uint8Array([...clientHeader([192, 0, 2, 1], 7), 104, 105]));
    await until(() => logs.length === 1 && logs[0].text === "hi", "the bytes behind the header came");
    expect(remotes).toEqual(["192.0.2.1"]);
    const silent = await connectPeer({ port: raw.address.port });
    await until(() => adopter.refusals.proxy === 1, "the silent one was cut");
    expect(logs.length).toBe(1);
    for (const one of [peer, silent]) one.close();
  });
});
