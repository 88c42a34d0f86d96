/**
 * A shutdown while sockets are on their way to a worker: all are closed and counted, and the process ends.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { runScript } from "./helpers/process.ts";
import { scaled } from "./helpers/runtime.ts";

/** More than the kernel queues for a worker that does not take them. */
const clients = scaled(900, 40);
const patience = scaled(40_000, 120_000);

interface Outcome {
  opened: number;
  served: number;
  aborted: number;
  refused: number;
  killed: number;
}

/**
 * Runs the server whose worker is busy for some milliseconds; `aborting`: how long the last phase waits.
 */
async function shutDown(isolation: string, busy: number, aborting: number): Promise<Outcome> {
  await using child = runScript("./children/late_sockets.ts", import.meta.url, {
    arguments: [isolation, String(clients), String(aborting), String(busy)],
  });
  // By itself: what is left over must not keep it alive.
  const { code, output, errors } = await child.end(patience);
  expect(errors).toBe("");
  expect(code).toBe(0);
  const numbers = output.match(/opened (\d+) served (\d+) aborted (\d+) refused (\d+) killed (\d+) end/)!;
  const [opened, served, aborted, refused, killed] = numbers.slice(1).map(Number);
  return { opened, served, aborted, refused, killed };
}

for (const isolation of ["thread", "process"]) {
  describe(`sockets on their way to a ${isolation} at a shutdown`, () => {
    it("are cut and counted where the worker comes back in time", async () => {
      const { opened, served, aborted, killed } = await shutDown(isolation, 2_000, 10 * patience);
      expect(opened).toBe(clients + 1);
      expect(served + aborted).toBe(opened);
      expect(killed).toBe(0);
    });

    it("are cut and counted where it does not", async () => {
      const { opened, served, aborted, refused, killed } = await shutDown(isolation, 15_000, 300);
      expect(served + aborted).toBe(opened);
      expect(refused).toBe(clients);
      expect(killed).toBe(1);
    });
  });
}
