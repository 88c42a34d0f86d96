/** The addresses of a connection can be read in `open`, in `close` and later, whatever the peer does. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { PeerTable } from "../src/stream/peer_address.ts";
import {
  connect,
  type Connection,
  listen,
  type ListenOptions,
  type LogEntry,
  Server,
  type SocketAddress,
  StateError,
} from "../src/mod.ts";
import { Folder } from "./helpers/folder.ts";
import { connectPeer } from "./helpers/peer.ts";
import { clientHeader } from "./helpers/proxy.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const COUNT = scaled(60, 10);

/** The addresses a handler could read, or what it met instead. */
interface Seen {
  event: "open" | "close";
  peer: SocketAddress;
  /** Of a closed connection only where its listener is bound to one address. */
  local: SocketAddress | undefined;
}

/** A listener whose handlers note the addresses; what they throw fails the test. */
function noting(options: Partial<ListenOptions>) {
  const seen: Seen[] = [];
  const connections: Connection[] = [];
  const failures: unknown[] = [];
  const note = (event: Seen["event"], connection: Connection) => {
    const isGone = event === "close" && options.hostname === "::";
    const local = isGone ? undefined : connection.localAddress;
    seen.push({ event, peer: connection.remoteAddress, local });
  };
  const listener = listen({
    ...options,
    socket: {
      open(connection) {
        connections.push(connection);
        note("open", connection);
      },
      close: (connection) => note("close", connection),
      error: (_connection, error) => void failures.push(error),
    },
  });
  return { listener, seen, connections, failures };
}

/** Connects and resets at once; gives the address each had. */
async function resetAtOnce(hostname: string, port: number, count: number): Promise<SocketAddress[]> {
  const addresses: SocketAddress[] = [];
  for (let index = 0; index < count; index++) {
    const client = await connect({ hostname, port });
    addresses.push(client.localAddress);
    client.abort();
    await client.closed;
  }
  return addresses;
}

describe("the address of a peer that resets at once", () => {
  for (const hostname of ["127.0.0.1", "::1"]) {
    it(`is that of its accept, ${hostname}`, async () => {
      const { listener, seen, connections, failures } = noting({ hostname });
      await using _ = listener;
      // All of them have gone before the first is accepted.
      listener.pause();
      const clients = await resetAtOnce(hostname, listener.port, COUNT);
      listener.resume();
      // Windows tells of some of them no more.
      if (system === "windows") await delay(300);
      else await until(() => seen.length === 2 * COUNT, "all were opened and closed");
      expect(failures.filter((error) => error instanceof StateError)).toEqual([]);
      const ports = (event: string) =>
        seen.filter((one) => one.event === event).map((one) => one.peer.port).sort();
      const theirs = clients.map((address) => address.port).sort();
      const known = (port: number) => theirs.includes(port);
      expect(ports("open").every(known) && ports("close").every(known)).toBe(true);
      if (system === "linux") expect([ports("open"), ports("close")]).toEqual([theirs, theirs]);
      for (const { peer, local } of seen) {
        expect(peer.hostname).toBe(hostname);
        expect(local).toEqual(listener.address);
      }
      for (const connection of connections) expect(known(connection.remoteAddress.port)).toBe(true);
    });
  }

  it("is told as IPv4 by a listener of both kinds, and this end while it is there", async () => {
    const { listener, seen, connections } = noting({ hostname: "::" });
    await using _ = listener;
    const client = await connect({ hostname: "127.0.0.1", port: listener.port });
    await until(() => seen.length === 1, "it was opened");
    expect(seen[0].peer).toEqual({ ...client.localAddress });
    expect(seen[0].local).toEqual({ hostname: "127.0.0.1", port: listener.port, family: "IPv4" });
    client.abort();
    await connections[0].closed;
    expect(connections[0].remoteAddress).toEqual(seen[0].peer);
    expect(() => connections[0].localAddress).toThrow(StateError);
  });

  it("is its own among many that come and go in the same slots", async () => {
    const { listener, seen, connections } = noting({ hostname: "::1" });
    await using _ = listener;
    const ports: number[] = [];
    for (let index = 0; index < COUNT; index++) {
      const client = await connect({ hostname: "::1", port: listener.port });
      ports.push(client.localAddress.port);
      client.abort();
      await until(() => seen.length === 2 * (index + 1), "it has come and gone");
    }
    expect(connections.map((connection) => connection.remoteAddress.port)).toEqual(ports);
    expect(seen.filter(({ event }) => event === "close").map(({ peer }) => peer.port)).toEqual(ports);
  });

  it("is told of a refused one", async () => {
    const told: string[] = [];
    await using listener = listen({
      hostname: "127.0.0.1",
      admission: { admit: () => "banned", leave: () => {} },
      refused: ({ address }) => void told.push(address),
    });
    listener.pause();
    await resetAtOnce("127.0.0.1", listener.port, 5);
    listener.resume();
    if (system === "linux") await until(() => told.length === 5, "all were refused");
    else await delay(200);
    expect(told.every((address) => address === "127.0.0.1")).toBe(true);
  });
});

describe("the addresses of other connections", () => {
  it("stay those of a client when it is closed", async () => {
    await using listener = listen({ hostname: "127.0.0.1", socket: { open: (it) => it.abort() } });
    const client = await connect({ hostname: "localhost", port: listener.port, socket: {} });
    await client.closed;
    expect(client.remoteAddress).toEqual(listener.address);
    expect(client.peerAddress).toEqual(listener.address);
  });

  it("stay those a proxy has named, beside the proxy's own", async () => {
    const { listener, seen, connections } = noting({
      hostname: "127.0.0.1",
      proxyProtocol: { trusted: ["127.0.0.1"] },
    });
    await using _ = listener;
    const peer = await connectPeer({ port: listener.port });
    const { localPort } = peer;
    await peer.write(clientHeader([192, 0, 2, 1], 7));
    await until(() => seen.length === 1, "its header was read");
    peer.close();
    await until(() => seen.length === 2, "it was closed");
    for (const { peer } of seen) expect(peer).toEqual({ hostname: "192.0.2.1", port: 7, family: "IPv4" });
    expect(connections[0].peerAddress.port).toBe(localPort);
    expect(connections[0].proxyHeader?.source?.port).toBe(7);
  });

  const ignore = system === "windows" && "Wine has no Unix sockets";
  it("stay those of Unix sockets", { ignore }, async () => {
    await using folder = await Folder.make();
    const unix = folder.file("s");
    const { listener, seen } = noting({ unix });
    await using _ = listener;
    const client = await connect({ unix });
    await until(() => seen.length === 1, "it was opened");
    client.abort();
    await until(() => seen.length === 2, "it was closed");
    for (const { peer, local } of seen) {
      expect(peer).toEqual({ hostname: "", port: 0, family: "Unix", path: "" });
      expect(local).toEqual(listener.address);
    }
    expect(client.remoteAddress.path).toBe(unix);
  });

  it("are kept by slot, in memory that grows", () => {
    const table = new PeerTable();
    for (const slot of [0, 1, 70, 5000]) table.put(slot, slot, -slot, slot + 1, 7);
    for (const slot of [0, 1, 70, 5000]) expect([...table.of(slot)]).toEqual([slot, -slot | 0, slot + 1, 7]);
  });
});

describe("a server's connections that were reset at once", () => {
  for (const [isolation, workers] of [["thread", 1], ["thread", 2], ["process", 2]] as const) {
    it(`tell whom they were of, ${workers} in ${isolation} isolation`, async () => {
      const entries: LogEntry[] = [];
      const server = await within(
        Server.start(new URL("./applications/addresses.ts", import.meta.url), {
          hostname: "127.0.0.1",
          port: 0,
          isolation,
          workers,
          log: (entry) => void entries.push(entry),
        }),
        "the server to start",
      );
      try {
        const clients = await resetAtOnce("127.0.0.1", server.port, 20);
        const told = (event: string) =>
          entries.map(({ message }) => `${message}`).filter((message) => message.startsWith(event));
        if (system === "linux") {
          await until(() => told("close").length === clients.length, "all were opened and closed");
        } else {
          await delay(500);
        }
        for (const event of ["open", "close"]) {
          const wanted = clients.map(({ port }) => `${event} 127.0.0.1 ${port} at ${server.port}`);
          const all = told(event);
          expect(all.every((message) => wanted.includes(message)), all.join()).toBe(true);
          if (system === "linux") expect(all.toSorted()).toEqual(wanted.toSorted());
        }
      } finally {
        await server.shutdown();
      }
    });
  }
});
