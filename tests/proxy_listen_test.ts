/** Listeners behind proxies: headers of both versions on real sockets, in pieces, and what goes wrong. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop, listen, type Listener, OptionError, RingportError } from "../src/mod.ts";
import type { Refusal } from "../src/admission.ts";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import { TableAdmission } from "../src/server/address_limits/admission.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { connectPeer, readText, tryPeer } from "./helpers/peer.ts";
import { binaryHeader, clientHeader, lineHeader } from "./helpers/proxy.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

const trusted = ["127.0.0.0/8"];
const encoder = new TextEncoder();

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

/** Sends a header with "hello" behind it in pieces, and gives the log once that has come. */
async function greet(server: TestServer, header: Uint8Array, cuts: number[]): Promise<Log> {
  const index = server.logs.length;
  const peer = await connectPeer({ port: server.port });
  const bytes = join(header, encoder.encode("hello"));
  let start = 0;
  for (const cut of [...cuts, bytes.length]) {
    await peer.write(bytes.subarray(start, cut));
    if (cut < bytes.length) await delay(1);
    start = cut;
  }
  const log = await server.opened(index);
  await log.gotText("hello");
  peer.close();
  await log.closed();
  return log;
}

function logged(): { server: TestServer; remotes: string[]; peers: string[] } {
  const remotes: string[] = [];
  const peers: string[] = [];
  const server = new TestServer({
    open(connection) {
      remotes.push(`${connection.remoteAddress.hostname} ${connection.remoteAddress.port}`);
      peers.push(connection.peerAddress.hostname);
    },
  }, { proxyProtocol: { trusted } });
  return { server, remotes, peers };
}

describe("a listener behind a proxy", () => {
  it("names the client in open, and delivers what is behind the header", async () => {
    const { server, remotes, peers } = logged();
    await using _ = server;
    const line = await greet(server, lineHeader("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443"), []);
    expect(line.events).toEqual(["open", "data", "end", "close"]);
    expect(line.connection.proxyHeader).toMatchObject({ version: 1, command: "proxy", transport: "stream" });
    await greet(server, lineHeader("PROXY TCP6 2001:db8::1 2001:db8::2 1 2"), []);
    await greet(server, clientHeader([203, 0, 113, 9], 4711), []);
    expect(remotes).toEqual(["192.0.2.1 56324", "2001:db8::1 1", "203.0.113.9 4711"]);
    expect(peers).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    expect(line.connection.remoteAddress.hostname).toBe("192.0.2.1");
    expect(line.connection.peerAddress.hostname).toBe("127.0.0.1");
    expect(line.connection.proxyHeader?.version).toBe(1);
  });

  it("keeps the real addresses where the proxy speaks for itself or does not know", async () => {
    const { server, remotes } = logged();
    await using _ = server;
    const own = await greet(server, binaryHeader(0x20, 0, []), []);
    await greet(server, lineHeader("PROXY UNKNOWN"), []);
    await greet(server, binaryHeader(0x21, 0x31, new Array(216).fill(97)), []);
    expect(remotes.map((remote) => remote.split(" ")[0])).toEqual(["127.0.0.1", "127.0.0.1", "127.0.0.1"]);
    expect(own.connection.proxyHeader?.command).toBe("local");
  });

  it("takes the header in two pieces cut anywhere, and in many", async () => {
    const { server, remotes } = logged();
    await using _ = server;
    const extensions = [2, 0, 3, 97, 98, 99];
    const four = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];
    const headers = [
      lineHeader("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443"),
      binaryHeader(0x21, 0x11, [...four, ...extensions]),
    ];
    const step = scaled(1, 7);
    let count = 0;
    for (const header of headers) {
      for (let cut = 1; cut <= header.length + 1; cut += step) {
        await greet(server, header, [cut]);
        count += 1;
      }
      const random = new Random(header.length);
      const cuts = Array.from({ length: header.length - 1 }, (_, index) => index + 1);
      await greet(server, header, cuts.filter(() => random.oneIn(scaled(2, 4))));
      count += 1;
    }
    expect(remotes).toEqual(new Array(count).fill("192.0.2.1 56324"));
  });

  it("hands over the bytes behind a long header where they lie, and gives every segment back", async () => {
    await using loop = createLoop({
      segmentSize: 512,
      segmentCount: 128,
      connectionSlots: 16,
      development: true,
    });
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) }, {
      loop,
      proxyProtocol: { trusted },
    });
    const four = [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb];
    // The header ends in each part of a segment, at its end and behind it.
    for (const filler of [0, 1, 400, 481, 482, 483, 484, 512, 993, 1500, 3000]) {
      const header = binaryHeader(0x21, 0x11, [
        ...four,
        4,
        filler >> 8,
        filler & 0xff,
        ...new Array(filler).fill(0),
      ]);
      for (const length of [0, 1, 30, 511, 512, 513, 2000]) {
        const text = "abcdefghij".repeat(200).slice(0, length);
        const peer = await connectPeer({ port: server.port });
        await peer.write(join(header, encoder.encode(text)));
        await peer.write("!");
        expect(await readText(peer, `${text}!`), `${filler} ${length}`).toBe(`${text}!`);
        peer.close();
      }
    }
    await until(() => server.listener.connectionCount === 0, "all are gone");
    await until(() => loop.stats().segmentsHeld === 0, "every segment was given back");
  });

  it("serves readers without a data handler", async () => {
    await using listener: Listener = listen({ hostname: "127.0.0.1", proxyProtocol: { trusted } });
    const peer = await connectPeer({ port: listener.port });
    await peer.write(join(clientHeader([192, 0, 2, 1], 7), encoder.encode("hel")));
    for await (const connection of listener) {
      expect(connection.remoteAddress.hostname).toBe("192.0.2.1");
      await peer.write("lo");
      let text = "";
      for await (const bytes of connection.readable) {
        text += new TextDecoder().decode(bytes);
        if (text.length === 5) break;
      }
      expect(text).toBe("hello");
      break;
    }
    peer.close();
  });

  it("holds back what comes behind the header while open has paused", async () => {
    await using server = new TestServer({ open: (connection) => connection.pause() }, {
      proxyProtocol: { trusted },
    });
    const peer = await connectPeer({ port: server.port });
    await peer.write(join(clientHeader([192, 0, 2, 1], 7), encoder.encode("hello")));
    const log = await server.opened();
    await delay(50);
    expect(log.text).toBe("");
    log.connection.resume();
    await log.gotText("hello");
    peer.close();
  });
});

describe("what a listener behind a proxy refuses", () => {
  /** A server that tells of its refusals. */
  function refusing(
    options: { timeout?: number; sources?: string[] } = {},
  ): { server: TestServer; told: Refusal[] } {
    const told: Refusal[] = [];
    const server = new TestServer({}, {
      proxyProtocol: { trusted: options.sources ?? trusted, timeout: options.timeout },
      refused: (refusal) => void told.push(refusal),
    });
    return { server, told };
  }

  it("a source that is not trusted, header or not", async () => {
    const { server, told } = refusing({ sources: ["10.0.0.0/8", "127.0.0.2"] });
    await using _ = server;
    const peers = [await tryPeer(server.port), await tryPeer(server.port)];
    await until(() => server.listener.refusals.untrusted === 2, "both were refused");
    expect(told).toEqual(peers.map(() => ({ reason: "untrusted", address: "127.0.0.1" })));
    expect(server.logs.length).toBe(0);
    for (const peer of peers) peer?.close();
    await until(() => server.listener.connectionCount === 0, "both are gone");
  });

  it("a wrong header, with the reason", async () => {
    const { server, told } = refusing();
    await using _ = server;
    const cases: [string | Uint8Array, string][] = [
      ["GET / HTTP/1.1\r\n\r\n", "begins with neither"],
      ["PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\nhello", "two addresses"],
      [binaryHeader(0x31, 0x11, new Array(12).fill(1)), "version 3"],
      ["P".repeat(3000), "begins with neither"],
    ];
    for (const [bytes, fault] of cases) {
      const before = told.length;
      const peer = await connectPeer({ port: server.port });
      await peer.write(bytes);
      await until(() => told.length > before, "it was refused");
      const { reason, address, error } = told[before];
      expect([reason, address]).toEqual(["proxy", "127.0.0.1"]);
      expect(error).toBeInstanceOf(RingportError);
      expect((error as RingportError).code).toBe("ERR_PROXY_PROTOCOL");
      expect(error!.message).toContain(fault);
      peer.close();
    }
    await until(() => server.listener.connectionCount === 0, "all are gone");
    expect(server.listener.refusals.proxy).toBe(cases.length);
    expect(server.logs.length).toBe(0);
  });

  it("a header that does not come in time, or ends before it is whole", async () => {
    const { server, told } = refusing({ timeout: 100 });
    await using _ = server;
    const silent = await connectPeer({ port: server.port });
    const slow = await connectPeer({ port: server.port });
    await slow.write("PROXY TCP4");
    await until(() => told.length === 2, "both ran out of time");
    const ending = await connectPeer({ port: server.port });
    await ending.write("PROXY");
    await ending.endWriting();
    await until(() => told.length === 3, "the third has ended");
    expect(told.map(({ error }) => (error as RingportError).code)).toEqual(
      new Array(3).fill("ERR_PROXY_PROTOCOL"),
    );
    expect(told[0].error!.message).toContain("100 ms");
    for (const peer of [silent, slow, ending]) peer.close();
    await until(() => server.listener.connectionCount === 0, "all are gone");
    expect(server.logs.length).toBe(0);
    // Who was in time is not cut later.
    const log = await greet(server, clientHeader([192, 0, 2, 1], 7), []);
    expect(log.events).toEqual(["open", "data", "end", "close"]);
  });

  it("a client by its address, behind a proxy that stays welcome", async () => {
    const table = SharedAddressTable.create({ connections: 1, entries: 64 });
    const told: Refusal[] = [];
    await using server = new TestServer({}, {
      proxyProtocol: { trusted },
      admission: new TableAdmission(table, 0),
      refused: (refusal) => void told.push(refusal),
    });
    const open = async (client: number[]) => {
      const peer = await connectPeer({ port: server.port });
      await peer.write(join(clientHeader(client, 7), encoder.encode("hello")));
      return peer;
    };
    const first = await open([192, 0, 2, 1]);
    await server.opened(0);
    const second = await open([192, 0, 2, 1]);
    await until(() => told.length === 1, "the second was refused");
    expect(told[0]).toEqual({ reason: "connections", address: "192.0.2.1" });
    const other = await open([192, 0, 2, 2]);
    await server.opened(1);
    expect(table.connections("127.0.0.1")).toBe(0);
    first.close();
    await until(() => table.connections("192.0.2.1") === 0, "the first has left");
    const third = await open([192, 0, 2, 1]);
    await (await server.opened(2)).gotText("hello");
    for (const peer of [second, other, third]) peer.close();
  });

  it("nobody once it has stopped, and leaves nothing behind", async () => {
    const { server } = refusing();
    const peer = await connectPeer({ port: server.port });
    await peer.write("PROX");
    await until(() => server.listener.connectionCount === 1, "it was accepted");
    server.listener.stop(true);
    await server.listener.close();
    await until(() => server.listener.connectionCount === 0, "it is gone");
    peer.close();
  });

  it("trusted entries that are no addresses, by name", () => {
    const start = (proxyProtocol: unknown) => () =>
      listen({ hostname: "127.0.0.1", proxyProtocol: proxyProtocol as never });
    expect(start({ trusted: ["10.0.0.0/8", "10.0.0.1/8"] })).toThrow('"10.0.0.1/8" has bits');
    for (
      const wrong of [{}, { trusted: "::1" }, { trusted: [1] }, { trusted: [], timeout: 0 }, {
        trusted: [],
        x: 1,
      }]
    ) {
      expect(start(wrong), JSON.stringify(wrong)).toThrow(OptionError);
    }
  });
});
