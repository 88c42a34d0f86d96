/**
 * Starts, uses and stops as many servers as asked, `ROUNDS WORKERS`, and prints what the process holds after
 * each quarter of them: descriptors, threads, and bytes of memory.
 */
// deno-lint-ignore-file no-console
import { connect, createLoop, Server } from "../../src/mod.ts";
import {
  collectGarbage,
  exit,
  openDescriptors,
  openThreads,
  residentBytes,
  scriptArguments,
} from "../helpers/runtime.ts";
import { delay } from "../helpers/wait.ts";

const application = new URL("../applications/commands.ts", import.meta.url);
const [rounds, workers] = scriptArguments().map(Number);
const loop = createLoop({ connectionSlots: 16, segmentCount: 64, timers: 64 });

async function startAndStop(round: number): Promise<void> {
  const server = await Server.start(application, {
    hostname: "127.0.0.1",
    port: 0,
    workers,
    segmentCount: 64,
    connectionSlots: 16,
    timers: 64,
    sendEntries: 64,
    log: "off",
    // A busy machine may take a while to end a thread.
    shutdown: { draining: 0, aborting: 10_000 },
  });
  let answered = () => {};
  const answer = new Promise<void>((resolve) => answered = resolve);
  const connection = await connect({
    hostname: "127.0.0.1",
    port: server.port,
    loop,
    socket: { data: () => answered() },
  });
  connection.write("who\n");
  await answer;
  // Some are left to the shutdown, some have gone before.
  if (round % 2 === 0) {
    connection.end();
    await connection.closed;
  }
  const { aborted, bytesLost, workersKilled } = await server.shutdown();
  const left = { aborted, bytesLost, workersKilled };
  if (aborted + bytesLost + workersKilled > 0) {
    throw new Error(`round ${round} did not end in order: ${JSON.stringify(left)}`);
  }
  await connection.closed;
}

/** What the process holds once garbage is gone. */
async function tell(): Promise<void> {
  for (let time = 0; time < 3; time++) {
    collectGarbage();
    await delay(50);
  }
  const descriptors = await openDescriptors() ?? 0;
  console.log(`descriptors ${descriptors} threads ${await openThreads() ?? 0} bytes ${residentBytes()}`);
}

for (let round = 0; round < rounds; round++) {
  await startAndStop(round);
  if ((round + 1) % (rounds / 4) === 0) await tell();
}
await loop.close();
exit(0);
