/** The options that bound time, rates and amounts. */
import { listen } from "../../src/mod.ts";
import { type CommandServer, LineClient } from "../helpers/commands.ts";
import { answers, cuts, happens, onlyLinux, outboxOf, patience, type Probes } from "./probe.ts";

/** Nothing but the timeout that is looked at. */
const noTimeouts = {
  ...{ firstByte: 0, message: 0, writeStall: 0, idle: 0, lifetime: 0 },
  ...{ head: 0, body: 0, handler: 0, keepAlive: 0 },
};

/** Whether a connection with these lines is cut: with the first value and not with the second. */
function cutting(
  values: readonly [unknown, unknown],
  lines: readonly string[],
  beside: object = {},
): NonNullable<Probes["port"]> {
  return {
    server: {
      values,
      beside: { timeouts: noTimeouts, ...beside },
      see: (fixture, isFirst) => cuts(fixture, isFirst, ...lines),
    },
  };
}

/** Whether the server ends a connection whose peer takes nothing. */
async function endsReader(fixture: CommandServer, isFirst: boolean): Promise<boolean> {
  const client = await LineClient.connect(fixture.server.port);
  client.connection.pause();
  client.tell("bytes 12000000");
  const closed = await happens(() => fixture.messages.includes("closed"), isFirst);
  client.end();
  return closed;
}

/** Whether a second connection is answered while there is a first. */
async function takesAnother(fixture: CommandServer, isFirst: boolean, line = "who"): Promise<boolean> {
  const client = await LineClient.connect(fixture.server.port);
  client.tell("echo first");
  await happens(() => client.lines.length > 0, true);
  client.tell(line);
  // The server has noted it within one round of its loop.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const answered = await answers(fixture, isFirst).catch(() => false);
  client.end();
  return answered;
}

/** How long an address is banned that has kept the server waiting. */
async function bannedUntil({ server }: CommandServer, isFirst: boolean): Promise<number | undefined> {
  const client = await LineClient.connect(server.port);
  await happens(() => server.bans.list().length > 0, isFirst);
  client.end();
  const [ban] = server.bans.list();
  return ban === undefined ? undefined : Math.round(ban.left / 100_000);
}

export const limitProbes: Probes = {
  "timeouts.firstByte": cutting([50, 0], []),
  "timeouts.message": cutting([50, 0], ["echo half"]),
  "timeouts.idle": cutting([50, 0], ["echo one", ""]),
  "timeouts.head": cutting([50, 0], ["phase head", ""]),
  "timeouts.body": cutting([50, 0], ["phase body", ""]),
  "timeouts.handler": cutting([50, 0], ["phase handler", ""]),
  "timeouts.keepAlive": cutting([50, 0], ["phase keepAlive", ""]),
  "timeouts.lifetime": cutting([50, 0], []),
  "timeouts.writeStall": { server: { values: [100, 0], beside: { timeouts: noTimeouts }, see: endsReader } },
  "timeouts.connect": {
    server: {
      values: [100, 600_000],
      skip: onlyLinux && "Windows refuses where a queue is full instead of waiting",
      async see(fixture, isFirst) {
        const full = listen({ hostname: "127.0.0.1", port: 0, backlog: 1 });
        full.pause();
        const waiting = await Promise.all([0, 0].map(() => LineClient.connect(full.port)));
        const client = await LineClient.connect(fixture.server.port);
        client.tell(`try to dial ${full.port}`);
        const failed = await happens(() => client.lines.length > 0, isFirst);
        for (const each of [...waiting, client]) each.end();
        full.stop(true);
        return failed;
      },
    },
  },
  "limits.connections": {
    server: {
      values: [100, 1],
      beside: { limits: { atLimit: "refuse" } },
      see: takesAnother,
    },
  },
  "limits.connectionsPerWorker": { server: { values: [0, 1], beside: { workers: 1 }, see: takesAnother } },
  "limits.connectionsPerAddress": { server: { values: [0, 1], see: takesAnother } },
  "limits.ratePerAddress": {
    server: { values: [0, 1], beside: { limits: { burstPerAddress: 1 } }, see: takesAnother },
  },
  "limits.burstPerAddress": {
    server: { values: [50, 1], beside: { limits: { ratePerAddress: 1 } }, see: takesAnother },
  },
  "limits.atLimit": {
    server: {
      values: ["refuse", "pause"],
      beside: { limits: { connections: 1 } },
      async see(fixture, isFirst) {
        const client = await LineClient.connect(fixture.server.port);
        await client.ask("who");
        const cut = await cuts(fixture, isFirst);
        client.end();
        return cut;
      },
    },
  },
  "limits.tasks": {
    server: {
      values: [0, 1],
      beside: { workers: 1 },
      async see(fixture, isFirst) {
        const busy = await LineClient.connect(fixture.server.port);
        busy.tell("echo first");
        await happens(() => busy.lines.length > 0, true);
        busy.tell(`later ${2 * patience}`);
        const answered = await takesAnother(fixture, isFirst, `later ${2 * patience}`);
        busy.end();
        return answered;
      },
    },
  },
  "limits.memory": {
    server: {
      values: [0, 100_000],
      beside: { workers: 1 },
      async see(fixture, isFirst) {
        const reader = await LineClient.connect(fixture.server.port);
        reader.connection.pause();
        reader.tell("bytes 12000000");
        await happens(() => outboxOf(fixture) > 1_000_000, true);
        const answered = await answers(fixture, isFirst);
        reader.end();
        return answered;
      },
    },
  },
  "limits.banTime": {
    server: {
      values: [200_000, 900_000],
      beside: { limits: { banAfter: 1 }, timeouts: { firstByte: 50 } },
      see: (fixture) => bannedUntil(fixture, true),
    },
  },
  "limits.banAfter": {
    server: { values: [1, 0], beside: { timeouts: { firstByte: 50 } }, see: bannedUntil },
  },
  "limits.receiveRate": cutting([1_000_000, 0], ["echo half"], { limits: { rateGrace: 50 } }),
  "limits.rateGrace": cutting([50, 600_000], ["echo half"], { limits: { receiveRate: 1_000_000 } }),
  "limits.sendRate": {
    server: {
      values: [1_000_000, 0],
      beside: { timeouts: noTimeouts, limits: { rateGrace: 100 } },
      see: endsReader,
    },
  },
};
