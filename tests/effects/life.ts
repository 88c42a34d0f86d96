/** The options of a server's workers, its supervisor and its end. */
import type { EventLoop } from "../../src/loop/event_loop.ts";
import { host } from "../../src/host/mod.ts";
import { Deaths } from "../../src/worker/supervision/supervisor.ts";
import { Scaling } from "../../src/worker/supervision/scaling.ts";
import { type CommandServer, LineClient } from "../helpers/commands.ts";
import { Folder } from "../helpers/folder.ts";
import { runScript } from "../helpers/process.ts";
import { fileExists, pathOf, system } from "../helpers/runtime.ts";
import { happens, onlyLinux, type Probe, type Probes, tells } from "./probe.ts";

const folder = await Folder.make();
/** What a log function was given. */
const heard: string[] = [];

/** Removes what the probes have made. */
export async function tidyUp(): Promise<void> {
  await folder[Symbol.asyncDispose]();
}

/** A size of the loop's memory, as the library has taken it. */
function size(values: readonly [number, number], beside = {}): Probe {
  return { loop: { values, beside, see: (loop) => sizesOf(loop) } };
}

function sizesOf({ engine: { native } }: EventLoop): unknown {
  return [native.sizes, native.bytes.byteLength, native.segmentHolds.length, native.sendPending.length];
}

/** Sends a line that does something to its worker. */
async function tell(fixture: CommandServer, line: string): Promise<LineClient> {
  const client = await LineClient.connect(fixture.server.port);
  await client.ask("who");
  await fixture.heard(client, line);
  return client;
}

/** Whether an event comes after a line. */
function tellsAfter(line: string, event: string, values: readonly [unknown, unknown], beside = {}): Probe {
  return {
    server: {
      values,
      beside: { workers: 1, ...beside },
      async see(fixture, isFirst) {
        const client = await tell(fixture, line);
        const told = await tells(fixture, event, isFirst);
        client.end();
        return told;
      },
    },
  };
}

/** Whether a shutdown is over before it is hurried. */
function shutsDown(line: string, values: readonly [number, number], shutdown: object): Probe {
  return {
    server: {
      values,
      beside: { workers: 1, shutdown },
      async see(fixture, isFirst) {
        const client = await tell(fixture, line);
        client.connection.pause();
        let over = false;
        const ended = fixture.server.shutdown().then(() => over = true);
        const byItself = await happens(() => over, isFirst);
        void fixture.server.abort();
        await ended;
        client.end();
        return byItself;
      },
    },
  };
}

/** What the supervisor decides of these numbers of workers, one second after the other. */
function decides(values: readonly [unknown, unknown], utilisation: number, beside = {}): Probe {
  return {
    options: {
      values,
      beside: { workers: 2, minWorkers: 1, maxWorkers: 4, ...beside },
      see(resolved) {
        const scaling = new Scaling({ ...resolved.scaling, ...resolved });
        return [1, 2, 3, 4, 5].map(() => scaling.decide({ workers: 2, utilisation, backlog: 0 }));
      },
    },
  };
}

/** How long the supervisor waits after each of some deaths, a second apart. */
function waits(values: readonly [unknown, unknown], beside = {}): Probe {
  return {
    options: {
      values,
      beside,
      see(resolved) {
        const deaths = new Deaths(resolved.supervisor);
        return [0, 1, 2, 3, 4, 5, 6].map((second) => deaths.died(second * 1_000) ?? "stop");
      },
    },
  };
}

/** Two workers with nothing to do, of which one may go at once. */
const scaling = { low: 1, high: 1, holdDown: 1, interval: 50 };
const quick = { interval: 50, slowAfter: 60_000, stuckAfter: 60_000 };

const builtLibrary = async (): Promise<string> => {
  const name = system === "windows" ? "ringport.dll" : "libringport.so";
  const places = [`x86_64-${system}`, `aarch64-${system}`, "lib", "bin"]
    .map((place) => pathOf(`../../zig/zig-out/${place}/${name}`, import.meta.url));
  for (const place of places) if (await fileExists(place)) return place;
  throw new Error(`no ${name} was built`);
};
const [library, copy] = [await builtLibrary(), folder.file(system === "windows" ? "copy.dll" : "copy.so")];

export const loopProbes: Probes = {
  segmentSize: size([4_096, 8_192]),
  segmentCount: size([64, 128]),
  submissionRecords: size([64, 128]),
  completionRecords: size([64, 128]),
  connectionSlots: size([64, 128]),
  timers: size([64, 128]),
  sendEntries: size([64, 128]),
  completionsPerTurn: size([16, 32]),
  headroom: size([0, 64]),
  tailroom: size([0, 64]),
  development: { loop: { values: [true, false], see: (loop) => loop.development } },
  library: {
    server: {
      values: [library, copy],
      beside: { workers: 1 },
      // A path at which there is none: the server does not start.
      see: ({ server }) => server.workers,
    },
  },
};

export const workerProbes: Probes = {
  workers: { server: { values: [2, 1], see: ({ server }) => server.workers } },
  minWorkers: {
    server: {
      values: [1, 2],
      beside: { workers: 2, scaling, supervisor: { interval: 50 } },
      see: (fixture, isFirst) => tells(fixture, "worker.retiring", isFirst),
    },
  },
  maxWorkers: {
    server: {
      values: [2, 1],
      beside: { workers: 1, minWorkers: 1, scaling: { high: 0, low: 0, holdUp: 1, interval: 50 } },
      see: (fixture, isFirst) => tells(fixture, "worker.added", isFirst),
    },
  },
  isolation: {
    server: {
      values: ["process", "thread"],
      see: async ({ server }) =>
        await (await LineClient.connect(server.port)).ask("pid") === String(host.pid),
    },
  },
  spreading: {
    server: {
      values: ["reusePort", "handOver"],
      beside: { workers: 2 },
      skip: onlyLinux,
      async see({ server }) {
        // Each listening socket of the port is a line, in hexadecimal digits, of state 0A.
        const table = await host.readText("/proc/net/tcp") ?? "";
        const port = server.port.toString(16).toUpperCase().padStart(4, "0");
        return table.split("\n").filter((line) => line.includes(`:${port} 00000000:0000 0A`)).length;
      },
    },
  },
  "scaling.high": decides([0.5, 0.9], 0.7, { scaling: { holdUp: 1 } }),
  "scaling.low": decides([0.4, 0.1], 0.3, { scaling: { holdDown: 1 } }),
  "scaling.holdUp": decides([1, 3], 0.9),
  "scaling.holdDown": decides([1, 3], 0.1),
  "scaling.interval": {
    server: {
      values: [50, 600_000],
      beside: { workers: 2, minWorkers: 1, scaling, supervisor: { interval: 50 } },
      see: (fixture, isFirst) => tells(fixture, "worker.retiring", isFirst),
    },
  },
};

export const supervisorProbes: Probes = {
  "supervisor.interval": {
    server: {
      values: [50, 60_000],
      beside: { workers: 1, supervisor: { slowAfter: 60_000, stuckAfter: 60_000 } },
      // How busy a worker is becomes known at each look.
      async see(fixture, isFirst) {
        const client = await tell(fixture, "spin 300");
        const known = await happens(() => fixture.server.stats().workers[0].utilisation > 0, isFirst);
        client.end();
        return known;
      },
    },
  },
  "supervisor.slowAfter": tellsAfter("spin 1000", "worker.slow", [100, 60_000], { supervisor: quick }),
  "supervisor.stuckAfter": tellsAfter("spin 1000", "worker.stuck", [200, 60_000], {
    supervisor: { ...quick, slowAfter: 100 },
  }),
  "supervisor.backOff": tellsAfter("crash", "worker.replaced", [10, 600_000], {
    supervisor: { maxBackOff: 600_000 },
  }),
  "supervisor.maxDeaths": waits([2, 4]),
  "supervisor.deathsWindow": waits([1_500, 60_000]),
  "supervisor.maxBackOff": waits([200, 1_000]),
  "supervisor.maxAbandoned": {
    server: {
      values: [0, 4],
      beside: { workers: 1, supervisor: { interval: 50, slowAfter: 100, stuckAfter: 200 } },
      async see(fixture, isFirst) {
        fixture.server.finished.catch(() => {});
        const client = await tell(fixture, "spin 1200");
        await tells(fixture, "worker.killed", true);
        const failed = await tells(fixture, "server.failed", isFirst);
        client.end();
        return failed;
      },
    },
  },
  "supervisor.selfTest": {
    server: {
      values: [50, 0],
      see: ({ server }, isFirst) => happens(() => server.stats().total.connections.accepted > 0, isFirst),
    },
  },
};

export const endProbes: Probes = {
  "shutdown.refusing": {
    server: {
      values: [50, 60_000],
      // A worker that listens itself, and is busy: its listener is closed when it comes back.
      beside: { workers: 2, spreading: "reusePort" },
      skip: onlyLinux,
      async see(fixture) {
        const client = await tell(fixture, "spin 600");
        const { phases } = await fixture.server.shutdown({ draining: 10, closing: 10 });
        client.end();
        return phases[0].finished;
      },
    },
  },
  "shutdown.draining": shutsDown("who", [50, 60_000], { maxDraining: 60_000 }),
  "shutdown.maxDraining": {
    server: {
      values: [400, 60_000],
      beside: { workers: 1, shutdown: { draining: 400 } },
      async see(fixture, isFirst) {
        const client = await tell(fixture, "who");
        // Data that moves puts the end of the phase off, up to the limit.
        const talk = setInterval(() => client.tell("echo on"), 50);
        const ended = fixture.server.shutdown();
        const stops = () => ["closing", "aborting", "stopped"].includes(fixture.server.phase);
        const byItself = await happens(stops, isFirst, 1_500);
        clearInterval(talk);
        void fixture.server.abort();
        await ended;
        client.end();
        return byItself;
      },
    },
  },
  "shutdown.closing": shutsDown("bytes 12000000", [50, 60_000], { draining: 50, aborting: 2_000 }),
  "shutdown.aborting": {
    server: {
      values: [50, 60_000],
      beside: { workers: 1, shutdown: { refusing: 10, draining: 10, closing: 10 } },
      async see(fixture) {
        const client = await tell(fixture, "spin 1000");
        const { workersKilled } = await fixture.server.shutdown();
        client.end();
        return workersKilled;
      },
    },
  },
  hangup: {
    options: {
      values: ["shutdown", "ignore"],
      skip: onlyLinux,
      async see({ hangup }, isFirst) {
        const environment = { RINGPORT_HANGUP: hangup };
        await using child = runScript("../applications/slow_start.ts", import.meta.url, { environment });
        await child.line(/serving/);
        child.signal("SIGHUP");
        return await happens(() => child.output.includes("reason SIGHUP"), isFirst);
      },
    },
  },
};

export const outsideProbes: Probes = {
  "metrics.hostname": {
    server: {
      values: ["127.0.0.1", "127.0.0.2"],
      beside: { metrics: { port: 0 } },
      see: (fixture) =>
        fixture.events("metrics.listening").map(({ address }) => String(address).split(":")[0]),
    },
  },
  "metrics.port": {
    server: { values: [0, undefined], see: (fixture) => fixture.events("metrics.listening").length },
  },
  "metrics.unix": {
    server: {
      values: [folder.file("m"), undefined],
      skip: onlyLinux,
      see: (fixture) => fixture.events("metrics.listening").length,
    },
  },
  argument: {
    server: {
      values: ["one", "other"],
      see: async ({ server }) => await (await LineClient.connect(server.port)).ask("argument"),
    },
  },
  restartPath: {
    server: {
      values: [folder.file("h"), undefined],
      // There tests/restart_test.ts shows it.
      skip: system === "windows" && "a server that stops at once may leave its file behind",
      see: async () => await folder.look("h") !== "",
    },
  },
  log: {
    server: {
      values: [({ event }: { event: string }) => void heard.push(event), "off"],
      // The end of the server before this one was heard as well.
      see: () => heard.splice(0).some((event) => event === "server.listening"),
    },
  },
  logLevel: {
    server: {
      values: ["debug", "error"],
      see: (fixture) => fixture.entries.map(({ event }) => event).sort(),
    },
  },
};
