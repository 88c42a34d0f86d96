/**
 * One loop with more connections than a process may have descriptors: over the kernel in memory, which has
 * the clients on the same loop.
 *
 * @module
 */
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

const library = new URL("../../zig/zig-out/lib/libringport_fake_many.so", import.meta.url).pathname;
/** Milliseconds until runtimes have done what they put off: most of all looked through the new objects. */
const settleMs = 35_000;
/** Milliseconds the same takes after one message each: V8 tidies up eight seconds later. */
const restMs = 15_000;
const nanosecondsPerMicrosecond = 1000;

/** Both sides of a runtime, as often as asked for; undefined where it is not on PATH. */
export async function measureLoop(
  runtime: string,
  options: TimeoutsBenchOptions,
  progress: (text: string) => void,
): Promise<Compared[] | undefined> {
  if (!await Bun.file(library).exists()) {
    throw new Error(`${library} is missing; cd zig && zig build fake makes it`);
  }
  const idle: Pair[] = [];
  const traffic = new Map<number, Pair[]>(options.active.map((active) => [active, []]));
  for (let round = 0; round < options.rounds; round++) {
    progress(`${runtime}, ${options.connections} connections in memory, round ${round + 1}`);
    const both = await startBoth(runtime, { library, clients: options.connections });
    if (both === undefined) return undefined;
    try {
      await measureRound(both, options, idle, traffic);
    } finally {
      for (const side of sides) await both[side].end();
    }
  }
  const count = options.connections;
  return [
    compare(`${runtime}: ${count} silent connections`, "ms of CPU a second", idle),
    ...[...traffic].map(([active, pairs]) =>
      compare(`${runtime}: echo through ${active} of ${count} connections`, "ns of CPU a message", pairs)
    ),
  ];
}

async function measureRound(
  both: Record<Side, Commanded>,
  options: TimeoutsBenchOptions,
  idle: Pair[],
  traffic: Map<number, Pair[]>,
): Promise<void> {
  await Bun.sleep(options.toy ? 0 : settleMs);
  for (const side of sides) await both[side].ask("once");
  await Bun.sleep(options.toy ? 0 : restMs);
  idle.push(await idleCpu(both, options.holdMs));
  // None must come to its end by its limit while others talk.
  for (const side of sides) await both[side].ask("once");
  for (const [active, pairs] of traffic) {
    const window = async (side: Side) => {
      const { messages, cpu, lost } = await both[side].ask(`run ${active} ${options.windowMs}`);
      if (lost > 0) throw new Error(lostText(lost));
      return cpu / messages * nanosecondsPerMicrosecond;
    };
    // The compilers have seen little of it yet.
    for (const side of sides) await window(side);
    for (let turn = 0; turn < options.windows; turn++) pairs.push(await inTurn(turn, window));
  }
}
