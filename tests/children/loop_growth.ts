/**
 * Opens, uses and closes as many loops as asked, and prints what the process holds more at the end than
 * before.
 */
// deno-lint-ignore-file no-console
import { connect, createLoop, listen } from "../../src/mod.ts";
import { collectGarbage, openDescriptors, residentBytes, scriptArguments } from "../helpers/runtime.ts";
import { delay } from "../helpers/wait.ts";

const SIZES = {
  segmentCount: 64,
  connectionSlots: 16,
  timers: 16,
  sendEntries: 64,
  submissionRecords: 64,
  completionRecords: 64,
};

async function openAndClose(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const loop = createLoop(SIZES);
    const listener = listen({ hostname: "127.0.0.1", port: 0, loop });
    const connection = await connect({ hostname: "127.0.0.1", port: listener.port, loop });
    connection.abort();
    listener.stop(true);
    await loop.close();
  }
}

/** What the process holds once garbage is gone. */
async function holdings(): Promise<{ descriptors: number; bytes: number }> {
  for (let time = 0; time < 3; time++) {
    collectGarbage();
    await delay(20);
  }
  return { descriptors: await openDescriptors() ?? 0, bytes: residentBytes() };
}

const rounds = Number(scriptArguments()[0]);
// The first rounds fill the runtime's own caches.
await openAndClose(rounds / 2);
const before = await holdings();
await openAndClose(rounds);
const after = await holdings();
console.log(`descriptors ${after.descriptors - before.descriptors} bytes ${after.bytes - before.bytes}`);
