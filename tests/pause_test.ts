/** Pause and resume: the flow stops, the kernel keeps the bytes, nothing is lost and nothing spins. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createLoop } from "../src/mod.ts";
import { StreamHash } from "./helpers/hash.ts";
import { TestServer } from "./helpers/log.ts";
import { Random } from "./helpers/random.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

describe("pause", () => {
  it("stops data until resume", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    log.connection.pause();
    await delay(20);
    await peer.write("held back");
    await delay(50);
    expect(log.text).toBe("");
    log.connection.resume();
    await log.gotText("held back");
    peer.close();
  });

  it("in open keeps the first bytes back", async () => {
    await using server = new TestServer({ open: (connection) => connection.pause() });
    const { peer, log } = await server.connectPeer();
    await peer.write("early");
    await delay(50);
    expect(log.text).toBe("");
    log.connection.resume();
    await log.gotText("early");
    peer.close();
  });

  it("in data stops after this message, each time", async () => {
    let open = 0;
    await using server = new TestServer({
      data(connection) {
        open += 1;
        connection.pause();
      },
    });
    const { peer, log } = await server.connectPeer();
    const random = new Random(1);
    const sent = new StreamHash();
    const total = scaled(4 << 20, 1 << 20);
    const writing = (async () => {
      while (sent.length < total) {
        const piece = random.bytes(random.between(1, 60_000));
        sent.update(piece);
        await peer.write(piece);
      }
    })();
    // Each resume lets one piece through; a second data before the next resume is a broken promise.
    while (log.length < total) {
      const before = open;
      await until(() => open > before || log.length >= total, "the next piece");
      await delay(0);
      expect(open).toBeLessThanOrEqual(before + 1);
      log.connection.resume();
    }
    await writing;
    log.connection.resume();
    await until(() => {
      log.connection.resume();
      return log.length === sent.length;
    }, "the rest came");
    expect(log.hash.digest()).toBe(sent.digest());
    peer.close();
  });

  it("and resume in quick alternation lose nothing", async () => {
    await using server = new TestServer();
    const { peer, log } = await server.connectPeer();
    const random = new Random(2);
    const sent = new StreamHash();
    for (let round = 0; round < 300; round++) {
      const piece = random.bytes(random.between(1, 3000));
      sent.update(piece);
      await peer.write(piece);
      for (let times = random.between(0, 3); times > 0; times--) {
        log.connection.pause();
        if (random.oneIn(2)) await delay(0);
        log.connection.resume();
      }
    }
    await log.gotBytes(sent.length);
    expect(log.hash.digest()).toBe(sent.digest());
    peer.close();
  });

  it("of one connection does not touch the others", async () => {
    await using server = new TestServer();
    const deaf = await server.connectPeer();
    const other = await server.connectPeer();
    deaf.log.connection.pause();
    await deaf.peer.write("nobody listens");
    await other.peer.write("somebody does");
    await other.log.gotText("somebody does");
    expect(deaf.log.text).toBe("");
    deaf.peer.close();
    other.peer.close();
  });

  it("with the peer gone does not spin", async () => {
    const loop = createLoop({ connectionSlots: 16 });
    {
      await using server = new TestServer({}, { loop });
      const { near, far } = await server.connectPair({ end: () => {} }, { loop });
      far.connection.pause();
      await delay(10);
      near.connection.write("unread");
      await delay(10);
      near.connection.abort();
      await near.closed();
      await delay(50);
      const before = loop.stats();
      await delay(300);
      const after = loop.stats();
      // A sleeping loop wakes for its bell and its timers only: some tens of turns, not thousands.
      expect(Number(after.polls - before.polls)).toBeLessThan(200);
      far.connection.abort();
      await far.closed();
    }
    await loop.close();
  });
});
