/** A server that has run out of slots, segments or descriptors: the others go on, and room serves again. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CommandServer, describeWorkers, LineClient } from "./helpers/commands.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

/** Milliseconds after which what was to come soon is taken not to come. */
const SOON = scaled(300, 1_000);

async function clientsOf(port: number, count: number): Promise<LineClient[]> {
  return await Promise.all(Array.from({ length: count }, () => LineClient.connect(port)));
}

/** All of them come to be served, as those that were leave. */
async function serveAll(clients: LineClient[]): Promise<void> {
  const finish = async (client: LineClient) => {
    await until(() => client.lines.length > 0 || client.gone, "an answer", patience);
    expect(client.lines[0]).toBe("here");
    client.connection.end();
    await client.closed(patience);
  };
  await within(Promise.all(clients.map(finish)), "all to be served", patience);
}

/** Waits until no more of them are served; gives those that are. */
async function served(clients: LineClient[]): Promise<LineClient[]> {
  let before = -1;
  let now: LineClient[] = [];
  await until(
    async () => {
      before = now.length;
      now = clients.filter(({ lines }) => lines.length > 0);
      await delay(SOON);
      return now.length > 0 && now.length === before;
    },
    "some to be served and no more",
    patience,
  );
  return now;
}

describe("workers without a free slot", () => {
  // A worker that accepts for itself has a slot less: its listener needs it.
  const ways = [["handOver", 16], ["auto", system === "windows" ? 16 : 14]] as const;
  for (const [spreading, room] of ways) {
    it(`let the surplus wait, keep what they have, and serve it later, with "${spreading}"`, async () => {
      await using fixture = await CommandServer.start({ workers: 2, connectionSlots: 8, spreading });
      const clients = await clientsOf(fixture.server.port, 40);
      for (const client of clients) client.tell("echo here");
      await until(
        () => clients.filter(({ lines }) => lines.length > 0).length >= room,
        "all slots",
        patience,
      );
      const inside = await served(clients);
      expect(inside.length).toBe(room);
      for (const client of inside) expect(await client.ask("echo still", patience)).toBe("still");
      await serveAll(clients);
      const [next] = await clientsOf(fixture.server.port, 1);
      expect(await next.ask("echo room", patience)).toBe("room");
    });
  }
});

describe("a worker whose application keeps all windows", () => {
  it("starves alone, and only until its time for a message is over", async () => {
    const sizes = { segmentCount: 64, connectionSlots: 64, timeouts: { message: scaled(2_000, 8_000) } };
    await using fixture = await CommandServer.start({ workers: 2, ...sizes }, "hoarder.ts");
    const clients = await clientsOf(fixture.server.port, 4);
    const workers = await Promise.all(clients.map((client) => client.ask("who", patience)));
    const hoarding = clients[0];
    const beside = clients.find((_, index) => index > 0 && workers[index] === workers[0])!;
    const elsewhere = clients.find((_, index) => workers[index] !== workers[0])!;
    expect(await hoarding.ask("hoard", patience)).toBe("give");
    // As much as the whole ring holds, and more than the kernel takes on top.
    const piece = new Uint8Array(65_536);
    let written = 0;
    const pour = setInterval(() => {
      while (written < 8_000_000 && hoarding.connection.write(piece) === "sent") written += piece.length;
    }, 5);
    const held = () =>
      fixture.server.stats().workers.find(({ worker }) => `${worker}.0` === workers[0])!.segments;
    await until(() => held().used >= held().size - 1, "all segments are kept", patience);
    beside.tell("echo at last");
    for (let round = 0; round < 20; round++) expect(await elsewhere.ask("echo fine", patience)).toBe("fine");
    // Its peer goes on for ever, and a handler that waits for the end would never let go.
    await hoarding.closed(patience);
    clearInterval(pour);
    await until(() => beside.lines.includes("at last"), "the starved one to be served", patience);
    const fresh = await clientsOf(fixture.server.port, 4);
    for (const client of fresh) expect(await client.ask("echo new", patience)).toBe("new");
    expect(fixture.events("worker.died")).toEqual([]);
  });
});

const ignore = system === "windows"
  ? "Windows has no limit of descriptors that a process could be started with"
  : false;

describeWorkers("a server with few descriptors", (isolation) => {
  // More than all of its workers have descriptors for.
  const few = isolation === "thread" ? 150 : 400;
  for (const connections of ["auto", "1000"]) {
    const title = connections === "auto"
      ? "stops accepting before they are used up, and takes the others as room is made"
      : "and more connections allowed serves whom it has, and takes the others as room is made";
    it(title, { ignore, timeout: 120_000 }, async () => {
      await using child = runScript("./children/few_descriptors_server.ts", import.meta.url, {
        descriptors: 128,
        environment: { RINGPORT_LIMITS_CONNECTIONS: connections, RINGPORT_ISOLATION: isolation },
      });
      const port = Number((await child.line(/port (\d+)/, patience))[1]);
      const clients = await clientsOf(port, few);
      for (const client of clients) client.tell("echo here");
      const inside = await served(clients);
      expect(inside.length).toBeLessThan(few);
      for (const client of inside) expect(await client.ask("echo still", patience)).toBe("still");
      child.send("look\n");
      await child.line(/open \d+ accepted \d+ refused 0 workers 2 end/, patience);
      await serveAll(clients);
      child.send("look\n");
      await child.line(new RegExp(`accepted ${few} refused 0 workers 2 end`), patience);
      child.send("stop\n");
      const { code, output } = await child.end(patience);
      expect(output).toContain("lost 0 killed 0");
      expect(code).toBe(0);
    });
  }
});
