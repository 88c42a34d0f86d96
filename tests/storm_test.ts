/**
 * Many connections in a short time: slots and descriptors are used again and again, and no event goes astray.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection, createLoop } from "../src/mod.ts";
import { type Log, TestServer } from "./helpers/log.ts";
import { connectPeer, readAllText } from "./helpers/peer.ts";
import { runScript } from "./helpers/process.ts";
import { Random } from "./helpers/random.ts";
import { openDescriptors, scaled, system } from "./helpers/runtime.ts";
import { deferred, delay, until, within } from "./helpers/wait.ts";

/** Wine opens some hundred connections a second. */
const STORM_CONNECTIONS = scaled(20_000, 2000);
/** Connections at once in the storm: few slots, so that each is used again hundreds of times. */
const STORM_WIDTH = 48;

describe("a storm of short connections", () => {
  it("each is opened, echoed once and closed, and each gets its own bytes", { timeout: 90_000 }, async () => {
    const loop = createLoop({ connectionSlots: 256, development: false });
    const descriptors = await openDescriptors() ?? 0;
    const open = new Set<number>();
    let accepted = 0;
    let closed = 0;
    {
      await using server = new TestServer({}, { loop });
      server.listener.reload({
        socket: {
          open(connection) {
            accepted += 1;
            // An id that is still open would be a slot given away twice.
            expect(open.has(connection.id)).toBe(false);
            open.add(connection.id);
          },
          data: (connection, bytes) => void connection.write(bytes),
          close(connection) {
            closed += 1;
            open.delete(connection.id);
          },
        },
      });
      const random = new Random(1);
      let started = 0;
      let wrong = 0;
      const client = async () => {
        while (started < STORM_CONNECTIONS) {
          const token = `number ${started++}`;
          let answer = "";
          const manner = random.between(0, 3);
          const connection = await connect({
            hostname: "127.0.0.1",
            port: server.port,
            loop,
            socket: {
              data(connection, bytes) {
                answer += bytes.text();
                if (answer.length < token.length) return;
                if (manner === 0) connection.end();
                else if (manner === 1) connection.close();
                else connection.abort();
              },
            },
          });
          connection.write(token);
          await connection.closed;
          if (answer !== token) wrong += 1;
        }
      };
      await within(
        Promise.all(Array.from({ length: STORM_WIDTH }, client)),
        `${STORM_CONNECTIONS} connections`,
        80_000,
      );
      expect(wrong).toBe(0);
      await until(() => closed === accepted, "the server's ends closed");
      expect(accepted).toBe(STORM_CONNECTIONS);
      expect(open.size).toBe(0);
      expect(Number(loop.stats().connectionsAccepted)).toBe(STORM_CONNECTIONS);
    }
    await loop.close();
    if (system === "linux") expect((await openDescriptors() ?? 0) - descriptors).toBeLessThanOrEqual(3);
  });

  it("clients that are gone before they are accepted are survived", async () => {
    await using server = new TestServer({ data: (connection, bytes) => void connection.write(bytes) });
    server.listener.pause();
    await delay(10);
    const gone = scaled(40, 10);
    const other = createLoop({ connectionSlots: 128 });
    for (let count = 0; count < gone; count++) {
      // Nobody will answer this one's end, so it does not wait for that.
      const options = { hostname: "127.0.0.1", port: server.port, loop: other, lingerTimeout: 0 };
      const connection = await connect(options);
      if (count % 2 === 0) connection.abort();
      else connection.close();
      await connection.closed;
    }
    server.listener.resume();
    const { peer } = await server.connectPeer();
    await peer.write("the living");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("the living");
    peer.close();
    await until(() => server.logs.every((log) => log.reason !== undefined), "the dead were buried");
    for (const log of server.logs) expect(["peer", "error"]).toContain(log.reason!.by);
    await other.close();
  });

  it("clients that say nothing come and go", async () => {
    await using server = new TestServer();
    for (let count = 0; count < scaled(100, 20); count++) {
      const peer = await connectPeer({ port: server.port });
      peer.close();
    }
    await until(
      () => server.logs.length === scaled(100, 20) && server.logs.every((log) => log.reason !== undefined),
      "all are gone",
    );
    for (const log of server.logs) expect(log.length).toBe(0);
    expect(server.listener.connectionCount).toBe(0);
  });
});

describe("closing races with completion", () => {
  const blows: [string, (connection: Connection<Log>) => void][] = [
    ["abort", (connection) => connection.abort()],
    ["close", (connection) => connection.close()],
    ["end", (connection) => connection.end()],
  ];
  for (const [name, blow] of blows) {
    it(`${name} at a random moment of a transfer both ways`, async () => {
      const random = new Random(name.length);
      await using server = new TestServer({
        data(connection, bytes) {
          if (connection.write(bytes) === "queued") connection.pause();
        },
        drain: (connection) => connection.resume(),
      }, { lingerTimeout: 500 });
      const rounds = scaled(60, 15);
      for (let round = 0; round < rounds; round++) {
        const { near, far } = await server.connectPair({}, { lingerTimeout: 500 });
        const piece = random.bytes(random.between(1, 400_000));
        near.connection.write(piece);
        near.connection.write(piece);
        for (let turns = random.between(0, 5); turns > 0; turns--) await delay(0);
        blow(random.oneIn(2) ? near.connection : far.connection);
        blow(near.connection);
        const [one, other] = await Promise.all([near.closed(), far.closed()]);
        // Whatever was lost is accounted for: what was written and not lost went to the kernel.
        expect(one.bytesLost).toBeGreaterThanOrEqual(0);
        for (const { flushed, bytesLost, error } of [one, other]) {
          // A reset after this side's end may take away what the kernel had taken.
          if (error === undefined || bytesLost > 0) expect(flushed).toBe(bytesLost === 0);
        }
        expect(near.events.filter((event) => event === "close").length).toBe(1);
        expect(far.events.filter((event) => event === "close").length).toBe(1);
      }
      expect(server.listener.connectionCount).toBe(0);
    });
  }

  it("in every handler of its own connection", async () => {
    for (const handler of ["open", "data", "drain", "end", "close"] as const) {
      for (const [, blow] of blows) {
        const done = deferred();
        await using server = new TestServer({
          [handler]: (connection: Connection<Log>) => {
            blow(connection);
            blow(connection);
            done.resolve();
          },
        }, { highWaterMark: 1024, lowWaterMark: 512, lingerTimeout: 300 });
        // A connection that is aborted in open may be gone before the client knows that it was there.
        const peer = await connectPeer({ port: server.port }).catch(() => undefined);
        const log = await server.opened();
        log.connection.write(new Uint8Array(2048));
        await peer?.write("x").catch(() => {});
        await delay(5);
        await peer?.endWriting().catch(() => {});
        if (handler === "end") await within(done.promise, "the handler");
        peer?.close();
        await log.closed();
      }
    }
  });
});

describe("ten thousand idle connections", () => {
  it("stay open, cost little, and each still answers", { timeout: 90_000 }, async () => {
    // Both ends in one process would need twice the descriptors, so a child holds the clients'.
    const count = scaled(10_000, 1000);
    const loop = createLoop({ connectionSlots: 16_384, development: false });
    {
      await using server = new TestServer({}, { loop, backlog: 4096 });
      const connections = new Set<Connection<unknown>>();
      server.listener.reload({
        socket: {
          open: (connection) => void connections.add(connection),
          data: (connection, bytes) => void connection.write(bytes),
          close: (connection) => void connections.delete(connection),
        },
      });
      await using child = runScript("./children/idle_clients.ts", import.meta.url, {
        arguments: [String(server.port), String(count)],
      });
      await child.line(/all open/, 60_000);
      await until(() => connections.size === count, `${count} connections are open`);
      const before = loop.stats();
      await delay(500);
      const after = loop.stats();
      expect(Number(after.polls - before.polls)).toBeLessThan(100);
      expect(connections.size).toBe(count);
      child.send("speak\n");
      const [, answered] = await child.line(/answered (\d+)/, 60_000);
      expect(Number(answered)).toBe(count);
      child.send("go\n");
      expect((await child.end(60_000)).code).toBe(0);
      await until(() => connections.size === 0, "all are gone", 30_000);
    }
    await loop.close();
  });
});
