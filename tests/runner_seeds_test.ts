/**
 * One thread's whole server over the kernel in memory: the network, the clients, the application and the
 * moments of the shutdown follow from a seed, but for the host's own timers. `RINGPORT_SEED=n` runs one seed
 * alone, `RINGPORT_SEEDS=n` that many.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type BoundSource, listenRaw } from "../src/listen/bound_source.ts";
import { connect, type Connection, type Loop } from "../src/mod.ts";
import { resolveServerOptions, type ServerOptions } from "../src/server/options/mod.ts";
import { type Phase } from "../src/server/phases.ts";
import { WorkerServer, type WorkerServerEvent } from "../src/server/worker_server.ts";
import { HandOverQueue } from "../src/worker/accepting/hand_over_queue.ts";
import { begin, type Run } from "./applications/seeded.ts";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import { Random } from "./helpers/random.ts";
import { environment, fileExists, pathOf, scaled, system } from "./helpers/runtime.ts";
import { delay, within } from "./helpers/wait.ts";

const file = system === "windows" ? "ringport_fake.dll" : "libringport_fake.so";
const places = [`x86_64-${system}`, `aarch64-${system}`, "lib", "bin"]
  .map((folder) => pathOf(`../zig/zig-out/${folder}/${file}`, import.meta.url));
const found: string[] = [];
for (const place of places) if (await fileExists(place)) found.push(place);
const library = found[0];
const ignore = library === undefined ? `${file} was not built; cd zig && zig build makes it` : false;

const application = new URL("./applications/seeded.ts", import.meta.url).href;

/** Clients that come in one run, one after the other. */
const CLIENTS = 30;
const BYTES_MAX = 20_000;

/** How a seed goes about it. */
interface Manner {
  /** The network does what a healthy one may do: odd seeds. */
  healthy: boolean;
  /** Neither clients nor the application cut, end early or throw. */
  gentle: boolean;
  /** Somebody else accepts. */
  handedOver: boolean;
}

function mannerOf(seed: number): Manner {
  return { healthy: seed % 2 === 1, gentle: seed % 4 < 2, handedOver: seed % 3 === 0 };
}

/** One client: writes noise, reads what comes back, and leaves in a way of its own. */
async function client(loop: Loop, port: number, seed: number, gentle: boolean): Promise<string> {
  const random = new Random(seed);
  const noise = random.bytes(random.between(0, BYTES_MAX));
  const received = new StreamHash();
  let written = 0;
  const write = (connection: Connection) => {
    while (written < noise.length) {
      const piece = noise.subarray(written, written + random.between(1, 5_000));
      const result = connection.write(piece);
      if (result === "refused") return;
      written += piece.length;
      if (result === "queued") return;
    }
    // Some say that this was all, some go on listening.
    if (random.oneIn(2)) connection.shutdownWrite();
  };
  try {
    const connection = await connect({
      hostname: "127.0.0.1",
      port,
      loop,
      lingerTimeout: 60_000,
      socket: {
        open: write,
        drain: write,
        data(connection, window) {
          received.update(window.bytes);
          if (!gentle && random.oneIn(50)) return connection.abort();
          if (!random.oneIn(8)) return;
          connection.pause();
          setTimeout(() => connection.resume(), random.between(0, 4));
        },
      },
    });
    await connection.closed;
  } catch {
    // A network that breaks connections breaks these as well, and a listener that is gone refuses them.
  }
  return received.digest() === hashOf(noise.subarray(0, received.length))
    ? "true"
    : `changed, client ${seed}`;
}

interface Scene {
  runner: WorkerServer;
  port: number;
  acceptor: BoundSource | undefined;
  logged: string[];
}

async function open(seed: number, manner: Manner): Promise<Scene> {
  const given: ServerOptions = {
    hostname: "127.0.0.1",
    port: 0,
    library,
    segmentCount: 128,
    connectionSlots: 128,
    timers: 512,
    sendEntries: 128,
    lingerTimeout: 60_000,
    timeouts: manner.gentle
      ? { firstByte: 0, message: 0, writeStall: 0, idle: 0 }
      : { firstByte: 40, message: 0, writeStall: 60, idle: 40 },
    log: "off",
    shutdown: { closing: 20 },
  };
  const options = resolveServerOptions(given);
  const logged: string[] = [];
  const hear = (event: WorkerServerEvent) => {
    if (event.kind === "log") logged.push(event.message);
    if (event.kind === "exception" || event.kind === "broken") logged.push(`${event.kind}: ${event.error}`);
  };
  const plan = { kind: "bind", reusePort: false } as const;
  const settings = {
    index: 0,
    generation: 0,
    application,
    options,
    listeners: [plan],
    udp: [],
    connectionsMax: Infinity,
    seed,
  };
  if (!manner.handedOver) {
    const runner = new WorkerServer(settings, hear);
    await runner.start();
    runner.serve();
    const { address } = runner.listeners[0].info;
    return { runner, port: address.port, acceptor: undefined, logged };
  }
  const handed = { ...settings, listeners: [] as ConstructorParameters<typeof WorkerServer>[0]["listeners"] };
  const runner = new WorkerServer(handed, hear);
  const queue = new HandOverQueue();
  const acceptor = listenRaw(runner.loop, { hostname: "127.0.0.1", port: 0 }, (descriptor, peer) => {
    const { familyCode, word0, word1, word2, word3, port } = peer;
    const socket = { descriptor, listener: 0, familyCode, word0, word1, word2, word3, port };
    if (!queue.give(socket)) runner.loop.engine.native.discard(descriptor);
    runner.loop.wake();
  });
  handed.listeners.push({ kind: "adopt", address: acceptor.address });
  await runner.start();
  runner.takeFrom(new HandOverQueue(queue.buffer));
  runner.serve();
  return { runner, port: acceptor.port, acceptor, logged };
}

/** Goes through the phases, some of them twice, in part at once; never backwards. */
async function shutDown(scene: Scene, random: Random): Promise<void> {
  const { runner } = scene;
  const commands: Phase[] = ["refusing", "draining", "closing", "aborting"];
  scene.acceptor?.stop();
  for (const phase of commands) {
    if (phase !== "aborting" && random.oneIn(5)) continue;
    let emptied = false;
    const done = runner.enter(phase).then(() => void (emptied = true));
    if (random.oneIn(4)) void runner.enter(phase);
    if (random.oneIn(6)) void runner.enter("refusing");
    const pause = delay(random.between(0, 30));
    if (phase === "aborting") await within(done, "everything to be cut");
    else await Promise.race([done, pause]);
    if (emptied && runner.connectionCount > 0) throw new Error(`${phase} was over with connections open`);
    if (emptied && random.oneIn(2)) return;
  }
}

async function runSeed(seed: number): Promise<{ run: Run; scene: Scene; streams: string[]; before: number }> {
  const random = new Random(seed + 1);
  const manner = mannerOf(seed);
  const run = begin(seed, manner.gentle);
  const scene = await open(seed, manner);
  const { runner, port } = scene;
  const streams: Promise<string>[] = [];
  const comings = (async () => {
    for (let index = 0; index < CLIENTS; index++) {
      if (runner.loop.ending) return;
      streams.push(client(runner.loop, port, seed * 1000 + index, manner.gentle));
      if (random.oneIn(2)) await delay(random.between(0, 2));
    }
  })();
  await delay(random.between(0, 40));
  const before = run.closed.size;
  await shutDown(scene, random);
  await comings;
  await within(runner.stop(), "the runner to stop");
  return { run, scene, streams: await within(Promise.all(streams), "the clients"), before };
}

/** Checks what must hold after every run. */
async function examine(seed: number): Promise<number> {
  const { run, scene, streams, before } = await runSeed(seed);
  const { runner } = scene;
  const manner = mannerOf(seed);
  expect(run.faults).toEqual([]);
  expect([...run.closed.keys()].filter((connection) => !run.opened.has(connection))).toEqual([]);
  // Every connection that was opened has been closed, once.
  expect(run.closed.size).toBe(run.opened.size);
  expect(runner.connectionCount).toBe(0);
  expect(run.stopped).toBe(1);
  expect(streams.filter((told) => told !== "true")).toEqual([]);
  const { counts } = runner;
  const sum = counts.drained + counts.closed + counts.aborted;
  const since = [...run.closed.values()].slice(before);
  expect(sum).toBe(since.length);
  if (manner.healthy && manner.gentle) expect(counts.bytesLost).toBe(0);
  const lost = since.reduce((total, reason) => total + reason.bytesLost, 0);
  expect(counts.bytesLost + counts.bytesCut).toBe(lost);
  const { segmentsHeld, timersArmed, slotsUsed } = runner.loop.stats();
  expect({ segmentsHeld, timersArmed, slotsUsed }).toEqual({ segmentsHeld: 0, timersArmed: 0, slotsUsed: 0 });
  return run.opened.size;
}

const alone = environment("RINGPORT_SEED");
const seeds = Number(environment("RINGPORT_SEEDS") ?? scaled(120, 24));
const firstSeeds = alone === undefined ? Array.from({ length: seeds }, (_, index) => index) : [Number(alone)];

describe("a runner over the fake kernel", () => {
  it("keeps its word for every seed", { ignore, timeout: 600_000 }, async () => {
    const quiet = console.error;
    console.error = () => {};
    let opened = 0;
    try {
      for (const seed of firstSeeds) {
        try {
          opened += await examine(seed);
        } catch (error) {
          throw new Error(`seed ${seed} (RINGPORT_SEED=${seed} runs it alone): ${(error as Error).message}`, {
            cause: error,
          });
        }
      }
    } finally {
      console.error = quiet;
    }
    // Were there none, nothing would have been tested here.
    expect(opened).toBeGreaterThan(firstSeeds.length);
  });
});
