/** Offences and bans that the application decides about, in its workers. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { ServerOptions } from "../src/mod.ts";
import { CommandServer, describeWorkers } from "./helpers/commands.ts";
import { Folder } from "./helpers/folder.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { until } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);
const onlyLinux = { ignore: system === "windows" && "Wine has no Unix sockets" };
const limits = { banAfter: 5, banTime: 60_000 } as const;

function start(options: ServerOptions): Promise<CommandServer> {
  return CommandServer.start({ workers: 2, limits, ...options });
}

describeWorkers("worker.offend", (isolation) => {
  it("bans an address when all workers together have counted enough", async () => {
    await using fixture = await start({ isolation });
    const clients = [await fixture.connect(), await fixture.connect()];
    const workers = await Promise.all(clients.map((client) => client.ask("who", patience)));
    expect(new Set(workers).size).toBe(2);
    expect(await clients[0].ask("offend", patience)).toBe("false");
    expect(await clients[1].ask("offend 3", patience)).toBe("false");
    expect(fixture.server.stats().addresses).toMatchObject({ bans: 0, offences: 4 });
    expect(await clients[0].ask("offend 200", patience)).toBe("true");
    expect(fixture.server.bans.list()).toMatchObject([{ address: "127.0.0.1", reason: "abuse" }]);
    expect((await fixture.event("address.banned", patience)).address).toBe("127.0.0.1");
    await (await fixture.connect()).closed(patience);
    // Those that are there stay, and the next offences count from none.
    expect(await clients[1].ask("offend", patience)).toBe("false");
    expect(fixture.events("address.banned")).toHaveLength(1);
  });

  it("means the client, not the balancer before it", async () => {
    await using fixture = await start({ isolation, proxyProtocol: { trusted: ["127.0.0.0/8"] } });
    const client = await fixture.connect();
    client.connection.write("PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n");
    expect(await client.ask("offend 5", patience)).toBe("true");
    expect(fixture.server.bans.list().map(({ address }) => address)).toEqual(["192.0.2.1"]);
    const other = await fixture.connect();
    other.connection.write("PROXY TCP4 192.0.2.2 192.0.2.9 1000 80\r\n");
    expect(await other.ask("echo hello", patience)).toBe("hello");
  });

  it("refuses other weights, and connections that were not accepted", async () => {
    await using fixture = await start({ isolation, workers: 1 });
    const client = await fixture.connect();
    const { port } = fixture.server;
    expect(await client.ask(`offend-dialled ${port}`, patience))
      .toContain("no listener of this worker accepted the connection");
    for (const weight of ["0", "256", "1.5", "NaN"]) {
      const other = await fixture.connect();
      other.tell(`offend ${weight}`);
      await other.closed(patience);
    }
    await until(() => fixture.events("application.error").length > 0, "it is told", patience);
    const [{ error }] = fixture.events("application.error");
    expect(error).toMatchObject({ name: "OptionError", code: "ERR_OPTION", key: "weight" });
    expect(fixture.server.bans.list()).toEqual([]);
  });
});

describe("offences that lead to nothing", () => {
  it("are those of a server that bans nobody", async () => {
    await using fixture = await start({ limits: { banAfter: 0 } });
    const client = await fixture.connect();
    expect(await client.ask("offend 255", patience)).toBe("false");
    expect(fixture.server.stats().addresses.offences).toBe(0);
  });

  it("are those of a Unix socket's peers", onlyLinux, async () => {
    await using folder = await Folder.make();
    await using fixture = await start({ unix: folder.file("s") });
    const client = await fixture.connect();
    expect(await client.ask("offend 255", patience)).toBe("false");
    expect(fixture.server.bans.list()).toEqual([]);
  });
});

describeWorkers("worker.ban", (isolation) => {
  it("bans at every listener and for every worker, and says why", async () => {
    const listeners = [
      { name: "one", hostname: "127.0.0.1", port: 0 },
      { name: "other", hostname: "127.0.0.1", port: 0, limits: { connectionsPerAddress: 7 } },
    ];
    await using fixture = await start({ isolation, listeners });
    const { server } = fixture;
    const client = await fixture.connect();
    expect(await client.ask("ban 192.0.2.0/24 50000 scanner", patience)).toBe("true");
    expect(server.bans.list()).toMatchObject([{ address: "192.0.2.0/24", reason: "scanner" }]);
    expect(await fixture.event("address.banned", patience)).toMatchObject({
      address: "192.0.2.0/24",
      milliseconds: 50_000,
      reason: "scanner",
    });
    expect(await client.ask("ban 127.0.0.1 50000", patience)).toBe("true");
    for (const { address } of server.listeners) {
      await (await fixture.connect(address.port)).closed(patience);
    }
    expect(server.bans.remove("127.0.0.1")).toBe(true);
    expect((await fixture.event("address.released", patience)).address).toBe("127.0.0.1");
    const again = await fixture.connect();
    expect(await again.ask("echo hello", patience)).toBe("hello");
    again.tell("ban nobody 5");
    await again.closed(patience);
    const { error } = await fixture.event("application.error", patience);
    expect(error).toMatchObject({ name: "OptionError", key: "address" });
  });
});
