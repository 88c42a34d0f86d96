/**
 * The same over real sockets, as many as a process may have, with their clients in other processes.
 *
 * @module
 */
import { holdIdle, runLoad } from "../echo/load.ts";
import { buildPrograms } from "../echo/programs.ts";
import type { Commanded } from "./commanded.ts";
import type { TimeoutsBenchOptions } from "./options.ts";
import {
  compare,
  type Compared,
  idleCpu,
  inTurn,
  lostText,
  type Pair,
  type Side,
  sides,
  startBoth,
} from "./pair.ts";

const loadCore = 1;
/** Connections that talk while the others are silent. */
const talking = 64;
const settleMs = 1000;
const nanosecondsPerMicrosecond = 1000;
/** Milliseconds the silent connections are held at most. */
const holdMaxMs = 120_000;

/** Both sides of a runtime, as often as asked for; undefined where it is not on PATH. */
export async function measureSockets(
  runtime: string,
  options: TimeoutsBenchOptions,
  progress: (text: string) => void,
): Promise<Compared[] | undefined> {
  const { load } = buildPrograms();
  const idle: Pair[] = [];
  const traffic: Pair[] = [];
  const measureIdle = async (running: Record<Side, Commanded>) => {
    await Bun.sleep(options.toy ? 0 : settleMs);
    idle.push(await idleCpu(running, options.holdMs));
  };
  const measureTraffic = async (running: Record<Side, Commanded>) => {
    const window = async (side: Side) => {
      const { port, pid } = running[side];
      const common = { port, connections: talking, "server-pid": pid };
      const times = { "warm-up-ms": 20, "duration-ms": options.windowMs };
      return (await runLoad(load, loadCore, { ...common, ...times })).cpu_us_per_message *
        nanosecondsPerMicrosecond;
    };
    for (const side of sides) await window(side);
    for (let turn = 0; turn < options.windows; turn++) traffic.push(await inTurn(turn, window));
  };
  for (let round = 0; round < options.rounds; round++) {
    progress(`${runtime}, ${options.realConnections} real connections, round ${round + 1}`);
    const running = await startBoth(runtime, { clients: 0 });
    if (running === undefined) return undefined;
    // One process has the clients of one server, and both are open while both are measured.
    const hold = async (side: Side, whileOpen: () => Promise<void>) => {
      const { port } = running[side];
      const held = { port, connections: options.realConnections, "hold-ms": holdMaxMs };
      const { lost } = await holdIdle(load, loadCore, held, whileOpen);
      if (lost > 0) throw new Error(lostText(lost));
    };
    try {
      // Anew for each: otherwise none would be left of the time a silent connection may stay.
      for (const measure of [measureIdle, measureTraffic]) {
        await hold("without", () => hold("with", () => measure(running)));
        // The servers have closed those before the next ones come.
        await Bun.sleep(options.toy ? 0 : settleMs);
      }
    } finally {
      for (const side of sides) await running[side].end();
    }
  }
  const count = options.realConnections;
  return [
    compare(`${runtime}: ${count} silent connections`, "ms of CPU a second", idle),
    compare(`${runtime}: echo through ${talking}, ${count} silent`, "ns of CPU a message", traffic),
  ];
}
