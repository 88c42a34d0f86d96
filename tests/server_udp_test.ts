/** UDP addresses of a server, and servers that accept no connections at all. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { OptionError, Server, type ServerOptions } from "../src/mod.ts";
import { type UdpSocket, udpSocket } from "../src/udp.ts";
import { resolveServerOptions } from "../src/server/options/mod.ts";
import { udpOptionPaths } from "../src/server/options/table.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { Folder } from "./helpers/folder.ts";
import { Hold } from "./helpers/hold.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const hostname = "127.0.0.1";
const onlyLinux = { ignore: system === "windows" && "on Windows one worker has the socket" };

function start(options: ServerOptions = {}): Promise<CommandServer> {
  const { listeners = [], ...rest } = options;
  const udp = rest.udp ?? [{ hostname }];
  return CommandServer.start(
    { listeners, udp, hostname: undefined, port: undefined, ...rest },
    "datagrams.ts",
  );
}

/** A client with a port of its own: the kernel spreads by it. */
class Client implements AsyncDisposable {
  readonly answers: string[] = [];
  readonly socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    this.socket = socket;
    socket.reload({
      socket: { data: (_, datagram) => void this.answers.push(datagram.text()), error() {} },
    });
  }

  static async connect(port: number): Promise<Client> {
    return new Client(await udpSocket({ connect: { hostname, port } }));
  }

  async ask(question: string): Promise<string> {
    const before = this.answers.length;
    this.socket.send(question);
    await until(() => this.answers.length > before, `an answer to "${question}"`);
    return this.answers[before];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.socket[Symbol.asyncDispose]();
  }
}

/**
 * Waits until the worker of an address is the one wanted. Each question has a client of its own: under Wine a
 * socket hears nothing more after the network has told it twice that nobody is there.
 */
async function answeredBy(worker: string, port: number): Promise<void> {
  await until(async () => {
    await using client = await Client.connect(port);
    client.socket.send("who");
    await delay(50);
    return client.answers.includes(worker);
  }, `worker ${worker} answered`);
}

const noDrops = { ignore: system === "windows" && "Windows tells nothing of dropped datagrams" };

describeWorkers("a server of datagrams", (isolation) => {
  it("counts what the kernel drops while a worker is busy", noDrops, async () => {
    const udp = [{ hostname, receiveBuffer: 4096 }];
    const supervisor = { interval: 50, slowAfter: 200, stuckAfter: 600_000 };
    await using fixture = await start({ workers: 1, isolation, udp, supervisor });
    await using client = await Client.connect(fixture.server.port);
    expect(await client.ask("who")).toBe("0.0");
    await using hold = await Hold.make();
    client.socket.send(hold.command);
    await fixture.event("worker.slow");
    for (let count = 0; count < 200; count++) client.socket.send("x".repeat(500));
    await until(() => client.socket.bufferedBytes === 0, "all are sent");
    await hold.release();
    const dropped = () => fixture.server.stats().total.datagramsDropped;
    await until(() => dropped() > 100, "the drops are counted");
    expect(dropped()).toBeLessThanOrEqual(200);
  });

  it("answers without a TCP listener, each worker at the same port", async () => {
    await using fixture = await start({ workers: 2, isolation });
    const { server } = fixture;
    expect(server.listeners).toEqual([]);
    expect(server.udp).toEqual([{ name: "udp", address: { hostname, port: server.port, family: "IPv4" } }]);
    expect(server.hostname).toBe(hostname);
    expect(server.stats().udp).toEqual([{ name: "udp", address: `${hostname}:${server.port}` }]);
    expect(fixture.messages).toContain("started without a socket: true");
    const workers = new Set<string>();
    for (let count = 0; count < 64 && workers.size < 2; count++) {
      await using client = await Client.connect(server.port);
      workers.add(await client.ask("who"));
    }
    expect([...workers].sort()).toEqual(system === "windows" ? ["0.0"] : ["0.0", "1.0"]);
  });

  it("gives a dead worker's datagrams to its replacement", async () => {
    await using fixture = await start({ workers: 1, isolation, supervisor: { backOff: 1 } });
    await using client = await Client.connect(fixture.server.port);
    expect(await client.ask("who")).toBe("0.0");
    client.socket.send("crash");
    await answeredBy("0.1", fixture.server.port);
  });

  it("gives the answers it owes before it closes, and takes no further datagrams", async () => {
    await using fixture = await start({ workers: 1, isolation });
    await using client = await Client.connect(fixture.server.port);
    expect(await client.ask("hello")).toBe("hello");
    client.socket.send("later 300");
    await until(() => fixture.messages.includes("owes an answer"), "the worker owes an answer");
    const report = fixture.server.shutdown();
    // The worker's own word: the server's log may be ahead of it.
    await until(() => fixture.messages.includes("stopping: draining"), "the worker drains");
    client.socket.send("too late");
    await within(report, "the shutdown");
    await until(() => client.answers.includes("later"), "the answer that was owed");
    expect(client.answers).toEqual(["hello", "later"]);
    expect(fixture.messages).toContain("answered: sent");
  });
});

describe("a server of datagrams", () => {
  it("gives a stuck worker's port to its replacement", async () => {
    const supervisor = { interval: 50, slowAfter: 100, stuckAfter: scaled(1_000, 3_000) };
    await using hold = await Hold.make();
    await using fixture = await start({ workers: 1, supervisor });
    await using client = await Client.connect(fixture.server.port);
    client.socket.send(hold.command);
    await answeredBy("0.1", fixture.server.port);
  });

  it("closes at its deadline although an answer is owed", async () => {
    const shutdown = { draining: 50, maxDraining: 100, closing: 50, aborting: 50 };
    await using fixture = await start({ workers: 1, shutdown });
    await using client = await Client.connect(fixture.server.port);
    client.socket.send("later 60000");
    await until(() => fixture.messages.includes("owes an answer"), "the worker owes an answer");
    await within(fixture.server.shutdown(), "the shutdown");
  });

  it("reports what a handler throws and goes on", async () => {
    await using fixture = await start({ workers: 1 });
    await using client = await Client.connect(fixture.server.port);
    client.socket.send("throw");
    expect(await client.ask("still")).toBe("still");
    await until(() => fixture.messages.includes("error: a handler threw"), "the error handler was called");
  });

  it("lets the application send by the name of an address", async () => {
    const udp = [{ hostname, name: "first" }, { hostname, name: "second" }];
    await using fixture = await start({ workers: 1, udp });
    const [first, second] = fixture.server.udp.map(({ address }) => address.port);
    using client = await DatagramPeer.open();
    await client.send(new TextEncoder().encode("name second"), first);
    const { bytes, port } = await client.receive();
    expect([new TextDecoder().decode(bytes), port]).toEqual(["second", second]);
  });

  it("does not start where the port is taken", async () => {
    await using other = await udpSocket({ hostname });
    const error = await errorOf(() => start({ udp: [{ hostname, port: other.port }] }));
    expect((error as { code: string }).code).toBe("EADDRINUSE");
  });

  it("does not start without a handler", async () => {
    const module = new URL("./applications/echo.ts", import.meta.url);
    const error = await errorOf(() => Server.start(module, { workers: 1, log: "off", udp: [{ hostname }] }));
    expect((error as Error).message).toContain('needs the callback "datagram"');
  });

  it("takes over its port from a server it replaces", onlyLinux, async () => {
    await using folder = await Folder.make();
    const restartPath = folder.file("h");
    await using fixture = await start({ workers: 1, restartPath });
    const { port } = fixture.server;
    await using client = await Client.connect(port);
    expect(await client.ask("who")).toBe("0.0");
    // The predecessor's socket is still there when the successor binds.
    await using successor = await start({ workers: 1, restartPath, udp: [{ hostname, port }] });
    await within(fixture.server.finished, "the end of the predecessor");
    expect(successor.server.port).toBe(port);
    expect(await client.ask("still")).toBe("still");
  });
});

describe("the options of UDP addresses", () => {
  it("leave out TCP where only UDP is asked for", () => {
    expect(resolveServerOptions({ udp: [{}] }).listeners).toEqual([]);
    expect(resolveServerOptions({ udp: [{}], port: 53 }).listeners.map(({ port }) => port)).toEqual([53]);
    expect(resolveServerOptions({ udp: [{}], listeners: [{ port: 1 }] }).listeners).toHaveLength(1);
    expect(resolveServerOptions({ listeners: [] }).listeners).toEqual([]);
    const variable = (name: string) => name === "PORT" ? "3000" : undefined;
    expect(resolveServerOptions({ udp: [{}] }, { variable }).listeners).toEqual([]);
  });

  it("come from the environment and from flags as JSON", () => {
    const [udp] = resolveServerOptions({}, { flags: ['--udp=[{"port":53,"name":"dns"}]'] }).udp;
    expect([udp.port, udp.name, udp.datagramSize]).toEqual([53, "dns", 2048]);
  });

  it("have the server's address and application where they name none", () => {
    const [udp] = resolveServerOptions({ hostname: "::1", application: "file:///a.ts", udp: [{}] }).udp;
    expect([udp.hostname, udp.application, udp.name]).toEqual(["::1", "file:///a.ts", "udp"]);
  });

  it("are refused by name where they are wrong", () => {
    const cases: [options: ServerOptions, key: string][] = [
      [{ udp: [{ prt: 1 } as never] }, "udp[0].prt"],
      [{ udp: [{ port: 70_000 }] }, "udp[0].port"],
      [{ udp: [{ datagramSize: 0 }] }, "udp[0].datagramSize"],
      [{ udp: [{ ttl: 0 }] }, "udp[0].ttl"],
      [{ udp: [{ name: "a b" }] }, "udp[0].name"],
      [{ udp: [{ name: "a" }, { name: "a" }] }, "udp[1].name"],
      [{ udp: [{ port: 53 }, { port: 53 }] }, "udp[1].port"],
      [{ udp: [{ lowWaterMark: 9, highWaterMark: 8 }] }, "udp[0].lowWaterMark"],
      [{ udp: {} as never }, "udp"],
    ];
    for (const [options, key] of cases) {
      let error: unknown;
      try {
        resolveServerOptions(options);
      } catch (thrown) {
        error = thrown;
      }
      expect(error, key).toBeInstanceOf(OptionError);
      expect((error as OptionError).key).toBe(key);
    }
  });

  it("reach the socket, each of them", async () => {
    // Windows has no type of service.
    const typeOfService = system === "windows" ? undefined : 16;
    const sizes = { receiveBuffer: 65_536, sendBuffer: 65_536, typeOfService, ttl: 7 };
    const marks = { highWaterMark: 4096, lowWaterMark: 1024, bufferLimit: 8192 };
    const udp = [{ hostname, port: 0, name: "x", datagramSize: 4, broadcast: true, ...sizes, ...marks }];
    // For "inherited" see inherited_udp_test.ts.
    const tested = ["application", "ipv6Only", "inherited", ...Object.keys(udp[0])];
    expect(tested.sort()).toEqual([...udpOptionPaths].sort());
    await using fixture = await start({ workers: 1, udp });
    await using client = await Client.connect(fixture.server.port);
    expect(await client.ask("datagram")).toBe("data");
  });
});
