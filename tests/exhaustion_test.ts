/**
 * Running out: of descriptors, of segments. What is not possible now waits, nothing spins, nothing is lost.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, ConnectionResetError, createLoop, type Window } from "../src/mod.ts";
import { StreamHash } from "./helpers/hash.ts";
import { TestServer } from "./helpers/log.ts";
import { connectPeer, type Peer, readText } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

/** Descriptors of the child: enough to start a runtime, few enough to run out of. */
const DESCRIPTORS = 96;
/** Clients, more than the child has descriptors for. */
const CLIENTS = 120;

const ignore = system === "windows"
  ? "Windows has no limit of descriptors that a process could be started with"
  : false;

describe("no descriptor left", () => {
  it("the rest waits in the queue, the loop sleeps, and goes on when some are free", { ignore }, async () => {
    await using child = runScript("./children/few_descriptors.ts", import.meta.url, {
      descriptors: DESCRIPTORS,
      arguments: ["serve"],
    });
    const port = Number((await child.line(/port (\d+)/))[1]);
    const peers = await Promise.all(Array.from({ length: CLIENTS }, () => connectPeer({ port })));
    await child.line(/exhausted/);
    child.send("count\n");
    const [, accepted, polls] = (await child.line(/accepted (\d+) polls (\d+)/)).map(Number);
    expect(accepted).toBeLessThan(CLIENTS);
    expect(accepted).toBeGreaterThan(10);
    // Half a second with back-offs of 100 ms: a handful of turns, where spinning would be thousands.
    expect(polls).toBeLessThan(150);

    // The accepted ones are still served.
    await peers[0].write("hello");
    expect(await readText(peers[0], "hello")).toBe("hello");

    // As they go, the others come in.
    let served = 0;
    const serve = async (peer: Peer) => {
      await peer.write("hello");
      expect(await readText(peer, "hello")).toBe("hello");
      peer.close();
      served += 1;
    };
    await within(Promise.all(peers.map(serve)), "all clients to be served", 20_000);
    expect(served).toBe(CLIENTS);
    child.send("stop\n");
    expect((await child.end()).code).toBe(0);
  });

  it("connect fails with the system's reason and works again when some are free", { ignore }, async () => {
    await using child = runScript("./children/few_descriptors.ts", import.meta.url, {
      descriptors: DESCRIPTORS,
      arguments: ["connect"],
    });
    const { code, output, errors } = await child.end();
    expect(errors).toBe("");
    expect(output).toMatch(/failed with EMFILE EMFILE LimitError/);
    expect(output).toContain("works again");
    expect(code).toBe(0);
  });
});

describe("no segment left", () => {
  it("reading pauses by itself, a counter tells, and all comes once windows are released", async () => {
    const loop = createLoop({ segmentCount: 32, connectionSlots: 16 });
    {
      const kept: Window[] = [];
      await using server = new TestServer({ data: (_, bytes) => void kept.push(bytes.keep()) }, { loop });
      const { peer, log } = await server.connectPeer();
      const random = new Random(1);
      const sent = new StreamHash();
      const total = 1 << 20;
      const writing = (async () => {
        while (sent.length < total) {
          const piece = random.bytes(random.between(1, 30_000));
          sent.update(piece);
          await peer.write(piece);
        }
        await peer.endWriting();
      })();
      await until(() => Number(loop.stats().segmentsExhausted) > 0, "the ring was exhausted");
      const stopped = log.length;
      expect(stopped).toBeLessThanOrEqual(32 * 4096);
      const before = loop.stats().polls;
      await delay(200);
      expect(log.length).toBe(stopped);
      expect(Number(loop.stats().polls - before)).toBeLessThan(100);

      while (!log.ended) {
        for (const window of kept.splice(0)) window.release();
        await delay(1);
      }
      await writing;
      expect(log.hash.digest()).toBe(sent.digest());
      peer.close();
      await log.closed();
      for (const window of kept) window.release();
    }
    await loop.close();
  });

  it("every starved connection goes on, and what is written meanwhile arrives", async () => {
    const loop = createLoop({ segmentCount: 32, connectionSlots: 64 });
    {
      let keep = true;
      const kept: Window[] = [];
      await using server = new TestServer({
        data(connection, bytes) {
          if (keep) kept.push(bytes.keep());
          connection.write("got some;");
        },
      }, { loop });
      const peers: Peer[] = [];
      for (let count = 0; count < 40; count++) {
        peers.push(await connectPeer({ port: server.port }));
        await server.opened(count);
      }
      for (const peer of peers) await peer.write("a few bytes");
      await until(() => Number(loop.stats().segmentsExhausted) > 0, "the ring was exhausted");
      server.logs[0].connection.write("spoken while starved;");
      await delay(30);
      keep = false;
      for (const window of kept.splice(0)) window.release();
      for (const log of server.logs) await log.gotText("a few bytes");
      for (const [index, peer] of peers.entries()) {
        const spoken = index === 0 ? "spoken while starved;" : "";
        const answer = await readText(peer, `got some;${spoken}`);
        expect(answer).toContain("got some;");
        expect(answer).toContain(spoken);
        peer.close();
      }
    }
    await loop.close();
  });

  it("who waits for one hears all the same that the peer is gone", async () => {
    const loop = createLoop({ segmentCount: 32, connectionSlots: 16 });
    {
      const kept: Window[] = [];
      await using server = new TestServer({ data: (_, bytes) => void kept.push(bytes.keep()) }, { loop });
      const hoarded = await server.connectPeer();
      const ended = await server.connectPeer();
      const client = await connect({ hostname: "127.0.0.1", port: server.port });
      const cut = await server.opened(2);
      const writing = hoarded.peer.write(new Uint8Array(1 << 20)).catch(() => {});
      const exhausted = () => Number(loop.stats().segmentsExhausted);
      await until(() => exhausted() > 0, "the ring was exhausted");

      const before = exhausted();
      client.write("never received");
      await until(() => exhausted() > before, "the connection waits for a segment");
      const received = hoarded.log.length;
      client.abort();
      await ended.peer.endWriting();
      expect((await cut.closed()).error).toBeInstanceOf(ConnectionResetError);
      await ended.log.gotEnd();
      // Not because a segment was given back.
      expect(hoarded.log.length).toBe(received);
      expect(cut.length).toBe(0);
      ended.peer.close();
      await ended.log.closed();

      const release = setInterval(() => kept.splice(0).forEach((window) => window.release()), 1);
      await writing;
      await hoarded.log.gotBytes(1 << 20);
      hoarded.peer.close();
      await hoarded.log.closed();
      clearInterval(release);
      for (const window of kept) window.release();
    }
    await loop.close();
  });

  it("an echo through the smallest ring returns everything", async () => {
    const loop = createLoop({ segmentCount: 32, connectionSlots: 16, sendEntries: 64 });
    {
      await using server = new TestServer({
        data(connection, bytes) {
          if (connection.write(bytes) === "queued") connection.pause();
        },
        drain: (connection) => connection.resume(),
      }, { loop });
      const total = scaled(4 << 20, 1 << 20);
      const clients = Array.from({ length: 4 }, async (_, index) => {
        const peer = await connectPeer({ port: server.port });
        const random = new Random(index + 1);
        const sent = new StreamHash();
        const received = new StreamHash();
        const writing = (async () => {
          while (sent.length < total) {
            const piece = random.bytes(random.between(1, 50_000));
            sent.update(piece);
            await peer.write(piece);
          }
          await peer.endWriting();
        })();
        for (;;) {
          const bytes = await within(peer.read(), "more of the echo");
          if (bytes === null) break;
          received.update(bytes);
        }
        await writing;
        peer.close();
        return received.digest() === sent.digest();
      });
      expect(await Promise.all(clients)).toEqual([true, true, true, true]);
    }
    await loop.close();
  });
});
