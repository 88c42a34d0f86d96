/** Thousands of peers that send a byte a second, nothing at all, or never read: the others do not notice. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { CommandServer } from "./helpers/commands.ts";
import { type Child, runScript } from "./helpers/process.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

/** Connections of the attack: half of them silent, half of them dripping. */
const ATTACKERS = scaled(5_000, 200);

/**
 * Rounds of a measurement, of which the best one counts: other work of the machine comes and goes, an attack
 * that hurts does so in each of them.
 */
const ROUNDS = scaled(5, 3);
/** Measurements under attack until one is good enough, or the attack is over. */
const ATTEMPTS = 3;
const ROUND_MILLISECONDS = 400;

/**
 * Milliseconds below which times are not told apart: two cores are shared by the server, both kinds of
 * clients and other work.
 */
const FLOOR = scaled(3, 40);

const patience = scaled(30_000, 90_000);

/** What a round trip may take under attack. */
function boundOf(calm: number): number {
  return Math.max(2 * calm, FLOOR);
}

/** Asks for a number of rounds; gives the least of their 99th percentiles. */
async function measure(clients: Child, rounds: number): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < rounds; round++) {
    const before = clients.output.length;
    clients.send(`measure ${ROUND_MILLISECONDS}\n`);
    await until(() => clients.output.slice(before).includes(" end"), "a round's figures", patience);
    const [, p99] = clients.output.slice(before).match(/p99 ([\d.]+) end/)!;
    least = Math.min(least, Number(p99));
  }
  return least;
}

function attack(port: number, count: number, kind: string): Child {
  return runScript("./children/slow_peers.ts", import.meta.url, {
    arguments: [String(port), String(count), kind],
  });
}

describe("an attack of slow senders", () => {
  it(
    "leaves the round trips of the others as they were, and is cut in time",
    { timeout: 180_000 },
    async () => {
      // Long enough to measure under the whole attack, short enough to see its end.
      const limit = scaled(8_000, 11_000);
      await using fixture = await CommandServer.start({
        workers: 1,
        connectionSlots: 8192,
        timers: 16_384,
        backlog: 4096,
        timeouts: { firstByte: limit, message: limit, idle: 60_000 },
      });
      const { server } = fixture;
      await using clients = runScript("./children/round_trips.ts", import.meta.url, {
        arguments: [String(server.port), "8"],
      });
      await clients.line(/ready/, patience);
      // The runtimes compile what they run often.
      await measure(clients, 2);
      const before = await measure(clients, ROUNDS);

      await using silent = attack(server.port, ATTACKERS / 2, "silent");
      await using dripping = attack(server.port, ATTACKERS / 2, "dripping");
      await silent.line(/all open/, patience);
      await dripping.line(/all open/, patience);
      const accepted = () => server.stats().total.connections.accepted;
      await until(() => accepted() >= ATTACKERS + 8, "all are accepted", patience);
      let attacked = Infinity;
      for (let attempt = 0; attempt < ATTEMPTS && attacked >= 2 * before; attempt++) {
        attacked = Math.min(attacked, await measure(clients, ROUNDS));
      }
      await silent.line(/all cut/, patience);
      await dripping.line(/all cut/, patience);
      // Their figures are written a few times a second.
      const cut = () => {
        const { timeouts } = server.stats().total;
        return (timeouts.firstByte ?? 0) + (timeouts.message ?? 0);
      };
      await until(() => cut() >= ATTACKERS, "all of them are counted", patience);
      // The machine may have got other work meanwhile: it is as calm as before or as after.
      const calm = Math.max(before, await measure(clients, ROUNDS));
      console.log(`(p99 of a round trip: calm ${calm} ms, under attack ${attacked} ms)`);
      expect(attacked).toBeLessThan(boundOf(calm));
      expect(clients.output).not.toContain("was cut");
      for (const child of [silent, dripping, clients]) {
        child.send("go\n");
        expect((await child.end(patience)).code).toBe(0);
      }
      await until(() => server.stats().total.connections.open === 0, "the server is empty", patience);
    },
  );
});

describe("peers that never read", () => {
  it(
    "hold no more memory than their buffers may have, and the others go on",
    { timeout: 120_000 },
    async () => {
      const count = scaled(200, 40);
      const bufferLimit = 262_144;
      await using server = runScript("./children/flooded_server.ts", import.meta.url, {
        arguments: [String(bufferLimit)],
      });
      const port = Number((await server.line(/port (\d+)/, patience))[1]);
      const look = async (): Promise<{ resident: number; open: number }> => {
        const before = server.output.length;
        server.send("look\n");
        await until(() => server.output.slice(before).includes(" end"), "the server's figures", patience);
        const [, resident, open] = server.output.slice(before).match(/resident (\d+) open (\d+) end/)!.map(
          Number,
        );
        return { resident, open };
      };
      await using clients = runScript("./children/round_trips.ts", import.meta.url, {
        arguments: [String(port), "8"],
      });
      await clients.line(/ready/, patience);
      await measure(clients, 2);
      const before = (await look()).resident;
      await using deaf = attack(port, count, "deaf");
      await deaf.line(/all open/, patience);
      await until(async () => (await look()).open === count + 8, "all are there", patience);
      await delay(500);
      expect(await measure(clients, 2)).toBeGreaterThan(0);
      const { resident } = await look();
      // Each asked for 64 MB. Twice the limit: chunks are not full, and the collector has not seen all.
      expect(resident - before).toBeLessThan(2 * count * bufferLimit + 96 * 1024 * 1024);
      deaf.send("go\n");
      expect((await deaf.end(patience)).code).toBe(0);
      await until(async () => (await look()).open === 8, "they are gone", patience);
      expect(await measure(clients, 1)).toBeGreaterThan(0);
      clients.send("go\n");
      await clients.end(patience);
      server.send("stop\n");
      expect((await server.end(patience)).code).toBe(0);
      expect(clients.output).not.toContain("was cut");
    },
  );
});
