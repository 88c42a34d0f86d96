/**
 * What the limits of time cost: the marks of a message, with many connections watched all the time.
 *
 * @module
 */
import type { EventLoop } from "../../src/loop/event_loop.ts";
import { HEADER_NOW_MS_HIGH, HEADER_NOW_MS_LOW } from "../../ffi/layout.gen.ts";
import { StreamConnection } from "../../src/stream/connection.ts";
import { SharedConfig } from "../../src/stream/shared_config.ts";
import { ConnectionTable } from "../../src/stream/table.ts";
import { Word, wordsOfSlot } from "../../src/stream/time_limits/words.ts";
import { Clock } from "../../src/loop/clock.ts";
import { Engine } from "../../src/loop/engine.ts";
import { openLoop } from "../../src/loop/native.ts";
import type { Micro } from "./bench.ts";

const WATCHED = 100_000;
const FEW = 64;
const TOY_WATCHED = 1000;
/** Messages of one sample. */
const BATCH = 1000;
const BYTES = 64;
/** A step that is prime to the number of connections visits them all in an order that looks random. */
const STEP = 7919;

const timeouts = {
  firstByte: 30_000,
  message: 60_000,
  writeStall: 60_000,
  idle: 75_000,
  lifetime: 3_600_000,
};

/** Milliseconds the library is given to forget all timers. */
const PATIENCE_MS = 10_000;

/** The marks with so many watched. */
async function measure(micro: Micro, count: number): Promise<void> {
  const engine = new Engine(openLoop({ timers: 2 * count, slots: 2 * count }), false);
  const table = new ConnectionTable(engine);
  const config = new SharedConfig(undefined as unknown as EventLoop, engine, table, {
    timeouts,
    socket: { data() {} },
  });
  const connections = Array.from({ length: count }, (_, slot) => {
    const connection = new StreamConnection(config, slot);
    connection.opened(false, false);
    return connection;
  });
  const { timeLimits } = table;
  Object.assign(timeLimits, { clock: turnClock() });
  let next = 0;
  const add = (name: string, mark: (connection: StreamConnection) => void) =>
    micro.add("watch", `${name}, ${count} watched`, BATCH, () => {
      for (let message = 0; message < BATCH; message++) {
        next = (next + STEP) % count;
        mark(connections[next] as StreamConnection);
      }
    });
  await add("nothing, a message", () => {});
  await add("received, a message", (connection) => timeLimits.received(connection, BYTES));
  await add("written, a message", (connection) => timeLimits.written(connection, BYTES, true));
  await add("messageBegan and messageEnded", (connection) => {
    connection.messageBegan();
    connection.messageEnded();
  });
  const { timers } = engine;
  await add("cancel, look, arm, a connection", (connection) => {
    timers.cancel(timeLimits.words[connection.slot * wordsOfSlot + Word.timer] - 1);
    timeLimits.due(connection);
  });
  for (const connection of connections) connection.left(0);
  await until(() => timers.armed === 0);
  await engine.close();
}

/** Receiving, writing, a message's begin and end, and a look. */
export async function watch(micro: Micro): Promise<void> {
  await measure(micro, FEW);
  await measure(micro, micro.toy ? TOY_WATCHED : WATCHED);
}

/** A clock as it is during a turn: the library has read it since the loop last slept. */
function turnClock(): Clock {
  const header = new Int32Array(HEADER_NOW_MS_HIGH + 1);
  const clock = new Clock(header);
  header[HEADER_NOW_MS_LOW] = 1;
  return clock;
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < PATIENCE_MS; waited += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
