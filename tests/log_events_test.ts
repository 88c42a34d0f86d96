/** Every event of the log, each provoked on a running server. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { listen, type LogEvent, type ServerOptions } from "../src/mod.ts";
import { createLog } from "../src/server/log/log.ts";
import { logEvents } from "../src/server/log/events.ts";
import { CommandServer, type Entry } from "./helpers/commands.ts";
import { Folder } from "./helpers/folder.ts";
import { Hold } from "./helpers/hold.ts";
import { runScript } from "./helpers/process.ts";
import { scaled, system } from "./helpers/runtime.ts";
import { errorOf, until } from "./helpers/wait.ts";

const patience = scaled(30_000, 120_000);
const debug = { logLevel: "debug" } as const;

type Scene = () => Promise<readonly Entry[]>;

/** Plays a scene with a server of one worker, and gives what was logged to its very end. */
function withServer(
  options: ServerOptions,
  play: (fixture: CommandServer) => Promise<unknown>,
  application?: string,
): Scene {
  return async () => {
    const fixture = await CommandServer.start({ workers: 1, ...debug, ...options }, application);
    try {
      await play(fixture);
    } finally {
      await fixture.server.abort("test over").catch(() => {});
    }
    return fixture.entries;
  };
}

const life = withServer({ metrics: { port: 0 } }, async (fixture) => {
  await fixture.event("application.message", patience);
  await fixture.server.shutdown();
});

const signals: Scene = async () => {
  // A service manager that is not there.
  const environment = { NOTIFY_SOCKET: "/nowhere/at/all" };
  await using child = runScript("./applications/logged.ts", import.meta.url, { environment });
  await child.line(/server\.listening/, patience);
  child.signal("SIGUSR1");
  await child.line(/server\.statistics.*\n/, patience);
  child.signal("SIGTERM");
  const { output } = await child.end(patience);
  return output.trim().split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
};

const supervisor = { interval: 50, slowAfter: 200, stuckAfter: scaled(2_000, 5_000), backOff: 10 };

const death = withServer({ supervisor }, async (fixture) => {
  const client = await fixture.connect();
  client.tell("crash");
  await fixture.event("worker.replaced", patience);
});

const deaths = withServer({ supervisor: { maxDeaths: 1, backOff: 10 } }, async (fixture) => {
  for (let count = 0; count < 2; count++) {
    const client = await fixture.connect();
    client.tell("crash");
    await client.closed(patience);
    await until(
      () => fixture.events("worker.replaced").length > count || fixture.events("server.failed").length > 0,
      "the worker is replaced or the server fails",
      patience,
    );
  }
  await fixture.event("server.failed", patience);
});

const stuck = withServer({ supervisor }, async (fixture) => {
  const short = await fixture.connect();
  await using hold = await Hold.make();
  short.tell(hold.command);
  await fixture.event("worker.slow", patience);
  await hold.release();
  await fixture.event("worker.recovered", patience);
  await hold.again();
  short.tell(hold.command);
  await fixture.event("worker.killed", patience);
});

const replacement = withServer({ supervisor, argument: "start fail-first-replaced" }, async (fixture) => {
  const client = await fixture.connect();
  client.tell("crash");
  await fixture.event("worker.failed", patience);
}, "moody.ts");

const scaling = withServer({
  workers: 1,
  minWorkers: 1,
  maxWorkers: 2,
  spreading: "handOver",
  limits: { connections: 4 },
  scaling: { interval: 50, holdUp: 2, holdDown: 2 },
}, async (fixture) => {
  const clients = await Promise.all(Array.from({ length: 60 }, () => fixture.connect()));
  // The kernel's queue speaks for another worker, and where the system does not tell of it the load does.
  const load = setInterval(() => clients.slice(0, 4).forEach((client) => client.tell("spin 30")), 100);
  try {
    await fixture.event("worker.added", patience);
  } finally {
    clearInterval(load);
  }
  for (const client of clients) client.connection.abort();
  await fixture.event("worker.retiring", patience);
});

const succession: Scene = async () => {
  await using folder = await Folder.make();
  const restartPath = folder.file("h");
  const first = await CommandServer.start({ workers: 1, ...debug, restartPath });
  const { port } = first.server;
  const error = await errorOf(() => CommandServer.start({ workers: 1, restartPath, port, argument: "fail" }));
  expect(error).toBeInstanceOf(Error);
  await first.event("successor.failed", patience);
  const second = await CommandServer.start({ workers: 1, ...debug, restartPath, port });
  await first.server.finished;
  await second.server.shutdown();
  return [...first.entries, ...second.entries];
};

const unreachable: Scene = async () => {
  await using folder = await Folder.make();
  const restartPath = folder.file("no such folder/h");
  const fixture = await CommandServer.start({ workers: 1, ...debug, restartPath });
  await fixture.event("successor.unreachable", patience);
  await fixture.server.shutdown();
  return fixture.entries;
};

const selfTest = withServer(
  { limits: { connections: 1 }, spreading: "handOver", supervisor: { selfTest: 200 } },
  async (fixture) => {
    const client = await fixture.connect();
    await client.ask("who", patience);
    await fixture.event("server.selfTestFailed", patience);
  },
);

const exception = withServer({}, async (fixture) => {
  const client = await fixture.connect();
  client.connection.write("escape");
  await fixture.event("loop.exception", patience);
}, "odd_throws.ts");

const bans = withServer({ limits: { connectionsPerAddress: 100 } }, async (fixture) => {
  const { bans } = fixture.server;
  bans.add("127.0.0.0/8", 60_000, "a test");
  await (await fixture.connect()).closed(patience);
  await fixture.event("connection.refused", patience);
  bans.remove("127.0.0.0/8");
});

const refusedWrite = withServer({ bufferLimit: 65_536, sendBuffer: 4_096 }, async (fixture) => {
  const client = await fixture.connect();
  client.tell("flood 50000000");
  await fixture.event("write.refused", patience);
});

const refusedRequest = withServer({}, async (fixture) => {
  const client = await fixture.connect();
  client.tell("this is not HTTP");
  await fixture.event("request.refused", patience);
}, "http.ts");

const messages = withServer({}, async (fixture) => {
  const client = await fixture.connect();
  await client.ask("who", patience);
  await using hold = await Hold.make();
  await fixture.heard(client, hold.command);
  for (let count = 0; count < 30; count++) fixture.server.broadcast("x".repeat(200_000));
  await fixture.event("worker.messagesDropped", patience);
});

const limit = withServer({ limits: { connections: 1 }, spreading: "handOver" }, async (fixture) => {
  const client = await fixture.connect();
  await client.ask("who", patience);
  await fixture.event("limit.reached", patience);
  client.connection.abort();
  await fixture.event("limit.released", patience);
});

const failure = withServer({}, async (fixture) => {
  const client = await fixture.connect();
  client.tell("throw");
  await fixture.event("application.error", patience);
});

const dropping: Scene = async () => {
  const entries: Entry[] = [];
  let read = () => {};
  const reading = new Promise<void>((resolve) => read = resolve);
  const log = createLog("json", "info", {
    isTerminal: () => false,
    async write(_, bytes) {
      await reading;
      const lines = new TextDecoder().decode(bytes).trim().split("\n");
      entries.push(...lines.map((line) => JSON.parse(line)));
    },
  });
  const line = "x".repeat(1_000);
  for (let index = 0; index < 2_000; index++) log.tell("application.message", { index, line });
  read();
  expect(await log.end(patience)).toBe(true);
  return entries;
};

const taken: Scene = async () => {
  await using other = listen({ hostname: "127.0.0.1", port: 0 });
  return await withServer({ metrics: { port: other.port } }, (fixture) => fixture.event("metrics.failed"))();
};

/** Which scene shows which event. An event without one is an error of types, and fails below. */
const scenes: Record<LogEvent, Scene> = {
  "server.starting": life,
  "server.listening": life,
  "server.phase": life,
  "server.stopping": life,
  "server.stopped": life,
  "server.failed": deaths,
  "server.signal": signals,
  "server.statistics": signals,
  "manager.unreachable": signals,
  "server.restart": succession,
  "successor.come": succession,
  "successor.failed": succession,
  "successor.ready": succession,
  "successor.unreachable": unreachable,
  "server.selfTestFailed": selfTest,
  "worker.starting": life,
  "worker.ready": life,
  "worker.stopped": life,
  "worker.slow": stuck,
  "worker.stuck": stuck,
  "worker.recovered": stuck,
  "worker.killed": stuck,
  "worker.died": death,
  "worker.replaced": death,
  "worker.failed": replacement,
  "worker.added": scaling,
  "worker.retiring": scaling,
  "worker.messagesDropped": messages,
  "loop.exception": exception,
  "connection.refused": bans,
  "address.banned": bans,
  "address.released": bans,
  "write.refused": refusedWrite,
  "request.refused": refusedRequest,
  "limit.reached": limit,
  "limit.released": limit,
  "application.error": failure,
  "application.message": life,
  "log.dropped": dropping,
  "metrics.listening": life,
  "metrics.failed": taken,
};

/** Scenes that Windows cannot play. */
const linuxOnly = new Map([[signals, "Windows has no signals and no service managers"]]);

describe("the events of the log", () => {
  it("have a scene, each of them", () => {
    expect(Object.keys(scenes).toSorted()).toEqual(Object.keys(logEvents).toSorted());
  });

  for (const scene of new Set(Object.values(scenes))) {
    const events = Object.entries(scenes).filter(([, own]) => own === scene).map(([event]) => event);
    const ignore = system === "windows" && (linuxOnly.get(scene) ?? false);
    it(`are logged: ${events.join(", ")}`, { ignore, timeout: 2 * patience }, async () => {
      const entries = await scene();
      for (const event of events) {
        const entry = entries.find((candidate) => candidate.event === event);
        expect(entry, event).toMatchObject({ event, level: logEvents[event as LogEvent] });
      }
    });
  }
});
