/** A server at its limits: what does not fit waits or is refused, the others go on, and room serves again. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CommandServer, LineClient } from "./helpers/commands.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { delay, until, within } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);

/** Milliseconds after which what was to come soon is taken not to come. */
const SOON = scaled(300, 1_000);

async function clientsOf(port: number, count: number): Promise<LineClient[]> {
  return await Promise.all(Array.from({ length: count }, () => LineClient.connect(port)));
}

/** Asks until somebody serves: whoever comes just as room is made may be turned away once more. */
async function servedAtLast(port: number): Promise<LineClient> {
  let served: LineClient | undefined;
  await until(
    async () => {
      const client = await LineClient.connect(port);
      if (await client.ask("echo room", patience) === "room") served = client;
      return served !== undefined;
    },
    "a new client to be served",
    patience,
  );
  return served!;
}

describe("a server with as many connections as it may have", () => {
  for (const workers of [1, 2]) {
    it(`lets the others wait, and serves them when there is room (${workers} workers)`, async () => {
      await using fixture = await CommandServer.start({
        workers,
        limits: { connections: 4, atLimit: "pause" },
      });
      const inside = await clientsOf(fixture.server.port, 4);
      for (const client of inside) expect(await client.ask("echo in", patience)).toBe("in");
      const outside = await clientsOf(fixture.server.port, 3);
      for (const client of outside) client.tell("echo waited");
      await delay(SOON);
      expect(outside.map(({ lines, gone }) => [lines.length, gone])).toEqual([[0, false], [0, false], [
        0,
        false,
      ]]);
      for (const client of inside) expect(await client.ask("echo still", patience)).toBe("still");
      for (let room = 1; room <= 3; room++) {
        const leaving = inside.pop()!;
        leaving.connection.end();
        await leaving.closed(patience);
        const served = () => outside.filter(({ lines }) => lines[0] === "waited").length;
        await until(() => served() === room, `${room} of those outside to be served`, patience);
      }
      expect(await inside[0].ask("echo still", patience)).toBe("still");
    });
  }

  it("refuses the others where it is told to, and serves again when there is room", async () => {
    const limits = { connections: 4, atLimit: "refuse" } as const;
    await using fixture = await CommandServer.start({ workers: 2, limits });
    const inside = await clientsOf(fixture.server.port, 4);
    for (const client of inside) expect(await client.ask("echo in", patience)).toBe("in");
    // More than the limit, one after the other: none of them takes anything from those inside.
    for (let count = 0; count < 6; count++) {
      const client = await LineClient.connect(fixture.server.port);
      await client.closed(patience);
    }
    expect(fixture.server.stats().listeners[0].refused).toBe(6);
    for (const client of inside) expect(await client.ask("echo still", patience)).toBe("still");
    const leaving = inside.pop()!;
    leaving.connection.end();
    await leaving.closed(patience);
    await servedAtLast(fixture.server.port);
  });
});

describe("a worker without a free slot", () => {
  it("turns the surplus away, keeps what it has, and serves again", async () => {
    await using fixture = await CommandServer.start({ workers: 2, connectionSlots: 8 });
    const clients = await clientsOf(fixture.server.port, 40);
    const answers = await Promise.all(clients.map((client) => client.ask("echo in", patience)));
    const inside = clients.filter((_, index) => answers[index] === "in");
    // Slots are for connections alone in these workers: all of both are used.
    expect(inside.length).toBe(16);
    expect(answers.filter((answer) => answer === "gone").length).toBe(24);
    for (const client of inside) expect(await client.ask("echo still", patience)).toBe("still");
    for (const client of inside.slice(0, 4)) {
      client.connection.end();
      await client.closed(patience);
    }
    await servedAtLast(fixture.server.port);
    for (const client of inside.slice(4)) expect(await client.ask("echo still", patience)).toBe("still");
  });
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

describe("a server without a descriptor left", () => {
  it("serves whom it has, lets the others wait, and takes them as room is made", { ignore }, async () => {
    await using child = runScript("./children/few_descriptors_server.ts", import.meta.url, {
      descriptors: 96,
    });
    const port = Number((await child.line(/port (\d+)/, patience))[1]);
    const clients = await clientsOf(port, 120);
    for (const client of clients) client.tell("echo here");
    const served = () => clients.filter(({ lines }) => lines.length > 0);
    await until(() => served().length > 10, "some to be served", patience);
    let before = -1;
    await until(
      async () => {
        const stands = served().length === before;
        before = served().length;
        await delay(SOON);
        return stands;
      },
      "no more to be served",
      patience,
    );
    expect(served().length).toBeLessThan(120);
    for (const client of served()) expect(await client.ask("echo still", patience)).toBe("still");
    child.send("look\n");
    await child.line(/open \d+ workers 2 end/, patience);
    const finish = async (client: LineClient) => {
      await until(() => client.lines.length > 0 || client.gone, "an answer", patience);
      expect(client.lines[0]).toBe("here");
      client.connection.end();
      await client.closed(patience);
    };
    await within(Promise.all(clients.map(finish)), "all to be served", patience);
    child.send("stop\n");
    const { code, output } = await child.end(patience);
    expect(output).toContain("lost 0 killed 0");
    expect(code).toBe(0);
  });
});
