/** A shutdown of a real server: each of its phases with each kind of connection. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type CloseReason, connect, type Connection, Server, type ShutdownReport } from "../src/mod.ts";
import { CommandServer, LineClient } from "./helpers/commands.ts";
import { scaled } from "./helpers/runtime.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

/** Bytes of one stream: many times what the buffers of the two kernels hold. */
const STREAM_BYTES = scaled(12_000_000, 8_000_000);

/** A client of one kind. */
class Client {
  readonly connection: Connection<undefined>;
  received = 0;
  reason: CloseReason | undefined;
  uploading = false;

  private constructor(connection: Connection<undefined>) {
    this.connection = connection;
  }

  /** `reads` false: it takes nothing. */
  static async open(port: number, reads = true): Promise<Client> {
    const box: { client?: Client } = {};
    const connection = await connect({
      hostname: "127.0.0.1",
      port,
      receiveBuffer: 65_536,
      // It answers the server's FIN at once, and a cut ends it at once.
      allowHalfOpen: true,
      socket: {
        data: (_, window) => void (box.client!.received += window.length),
        drain: () => box.client?.upload(),
        end: (connection) => void connection.end(),
        close: (_, reason) => void (box.client!.reason = reason),
      },
    });
    if (!reads) connection.pause();
    return box.client = new Client(connection);
  }

  /** Sends a line without an end for as long as the server takes it. */
  upload(): void {
    if (!this.uploading) return;
    const piece = new Uint8Array(16_384).fill(120);
    while (this.connection.write(piece) === "sent");
  }

  async closed(): Promise<CloseReason> {
    await until(() => this.reason !== undefined, "the client's connection to be closed", patience);
    return this.reason!;
  }
}

/** The kinds of connections, each in the state in which the shutdown finds it. */
const kinds: Record<string, (port: number) => Promise<Client>> = {
  // The first, so that the next connection to the same worker proves that it is there.
  async "taking nothing"(port) {
    const client = await Client.open(port, false);
    client.connection.write(`bytes 8000000\n`);
    return client;
  },
  async idle(port) {
    return await spoken(port, "who\n");
  },
  async "half a message"(port) {
    return await spoken(port, "who\necho half a li");
  },
  async "half closed"(port) {
    const client = await spoken(port, `stream ${STREAM_BYTES}\n`);
    client.connection.shutdownWrite();
    return client;
  },
  async downloading(port) {
    return await spoken(port, `stream ${STREAM_BYTES}\n`);
  },
  async uploading(port) {
    const client = await spoken(port, "who\necho ");
    client.uploading = true;
    client.upload();
    return client;
  },
  async "streaming both ways"(port) {
    const client = await spoken(port, `stream ${STREAM_BYTES}\necho `);
    client.uploading = true;
    client.upload();
    return client;
  },
};

/** A client that has written something and got the beginning of an answer. */
async function spoken(port: number, text: string): Promise<Client> {
  const client = await Client.open(port);
  client.connection.write(text);
  await until(() => client.received > 0, "an answer", patience);
  return client;
}

async function openAll(server: Server): Promise<Map<string, Client>> {
  const clients = new Map<string, Client>();
  for (const [kind, open] of Object.entries(kinds)) clients.set(kind, await open(server.port));
  return clients;
}

function phasesOf(report: ShutdownReport): string[] {
  return report.phases.map(({ phase }) => phase);
}

describe("each phase with every kind of connection", () => {
  it("draining: who ends by itself is served to its end", async () => {
    const long = { draining: 60_000, maxDraining: 60_000 };
    const fixture = await CommandServer.start({ workers: 2, shutdown: long }, "moody.ts");
    const clients = await openAll(fixture.server);
    const ended = fixture.server.shutdown();
    await until(() => fixture.server.phase === "draining", "draining began", patience);
    expect((await errorOf(() => LineClient.connect(fixture.server.port)) as Error).name).toBeDefined();
    clients.get("half a message")!.connection.write("ne\n");
    const answered = () => clients.get("half a message")!.received === "0.0\nhalf a line\n".length;
    await until(answered, "the answer", patience);
    const streams = ["downloading", "half closed", "streaming both ways"].map((kind) => clients.get(kind)!);
    const whole = () => streams.every(({ received }) => received === STREAM_BYTES);
    await until(whole, "all downloads came to their end", patience);
    for (const client of clients.values()) {
      client.uploading = false;
      client.connection.resume();
      client.connection.abort();
    }
    const report = await within(ended, "the shutdown", patience);
    expect(phasesOf(report)).toEqual(["refusing", "draining"]);
    // What a peer that aborts did not take is its own loss, and the report's.
    expect(report).toMatchObject({ drained: clients.size, closed: 0, aborted: 0, workersKilled: 0 });
  });

  it("closing: all are ended politely, and who listens gets everything", async () => {
    const short = { draining: 50, maxDraining: 50, closing: 60_000 };
    const fixture = await CommandServer.start(
      { workers: 2, lingerTimeout: 60_000, shutdown: short },
      "moody.ts",
    );
    const clients = await openAll(fixture.server);
    const ended = fixture.server.shutdown();
    await until(() => fixture.server.phase === "closing", "closing began", patience);
    clients.get("taking nothing")!.connection.resume();
    const report = await within(ended, "the shutdown", patience);
    expect(phasesOf(report)).toEqual(["refusing", "draining", "closing"]);
    expect(report).toMatchObject({
      drained: 0,
      closed: clients.size,
      aborted: 0,
      bytesLost: 0,
      workersKilled: 0,
    });
    for (const [kind, client] of clients) {
      const { error } = await client.closed();
      expect([kind, error?.message]).toEqual([kind, undefined]);
    }
    expect(clients.get("taking nothing")!.received).toBe(8_000_000);
  });

  it("aborting: all are cut, whatever they do", async () => {
    const short = { draining: 50, maxDraining: 50, closing: 0, aborting: 10_000 };
    const fixture = await CommandServer.start(
      { workers: 2, lingerTimeout: 60_000, shutdown: short },
      "moody.ts",
    );
    const clients = await openAll(fixture.server);
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    expect(phasesOf(report).at(-1)).toBe("aborting");
    // Closing had no time at all, so only what ends at once can have been closed in it.
    expect(report.closed + report.aborted).toBe(clients.size);
    expect(report.aborted).toBeGreaterThan(0);
    expect(report.bytesCut).toBeGreaterThan(0);
    expect(report).toMatchObject({ drained: 0, bytesLost: 0, workersKilled: 0 });
    clients.get("taking nothing")!.connection.resume();
    for (const client of clients.values()) await client.closed();
  });

  it("hurried: all are cut at once, at any moment", async () => {
    const fixture = await CommandServer.start({ workers: 2, lingerTimeout: 60_000 }, "moody.ts");
    const clients = await openAll(fixture.server);
    const first = fixture.server.shutdown({ reason: "first" });
    const second = fixture.server.abort("second");
    expect(second).toBe(first);
    const report = await within(first, "the shutdown", patience);
    expect(report.reason).toBe("first");
    expect(phasesOf(report).at(-1)).toBe("aborting");
    expect(report.drained + report.closed + report.aborted).toBe(clients.size);
    clients.get("taking nothing")!.connection.resume();
    for (const client of clients.values()) await client.closed();
  });

  it("refusing: who comes while the listener closes is refused or cut, and nobody hangs", async () => {
    // The last one is also what a worker has for its own end.
    const shutdown = { draining: 2_000, closing: 2_000, aborting: 20_000 };
    const fixture = await CommandServer.start({ workers: 2, shutdown });
    let stop = false;
    let served = 0;
    let turnedAway = 0;
    const visitor = async () => {
      while (!stop) {
        try {
          const client = await fixture.connect();
          const answer = await client.ask("echo here", patience);
          if (answer === "here") served += 1;
          else turnedAway += 1;
          client.connection.end();
          await client.closed(patience);
        } catch {
          turnedAway += 1;
          if (fixture.server.phase !== "running") return;
        }
      }
    };
    const visitors = Array.from({ length: scaled(24, 6) }, visitor);
    await until(() => served > scaled(200, 20), "the server is busy", patience);
    const report = await within(fixture.server.shutdown(), "the shutdown", patience);
    stop = true;
    await within(Promise.all(visitors), "every visitor to hear something", patience);
    expect(turnedAway).toBeGreaterThan(0);
    expect(report).toMatchObject({ aborted: 0, bytesLost: 0, workersKilled: 0 });
    expect(fixture.server.stats().total.connections.open).toBe(0);
  });
});
