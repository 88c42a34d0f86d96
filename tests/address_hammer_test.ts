/** The table of addresses under several threads at once: no count is lost, no limit overrun. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import {
  hammerAddress,
  hammerCases,
  type HammerCrew,
  type HammerMemory,
  hammerNow as now,
  type HammerOrder,
  type HammerReport,
} from "./helpers/hammer.ts";
import { within } from "./helpers/wait.ts";

const threads = 4;

/** A thread, once it listens; and what it finds. */
async function start(): Promise<
  { worker: Worker; obey(memory: HammerMemory, order: HammerOrder): Promise<HammerReport> }
> {
  const worker = new Worker(new URL("./children/address_hammer.ts", import.meta.url), { type: "module" });
  const heard = <T>() =>
    within(
      new Promise<T>((resolve, reject) => {
        worker.onmessage = (event: MessageEvent<T>) => resolve(event.data);
        worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
      }),
      "a hammering worker",
      60_000,
    );
  await heard<"ready">();
  return {
    worker,
    obey(memory, order) {
      worker.postMessage({ memory, order });
      return heard<HammerReport>();
    },
  };
}

const crew: HammerCrew = {
  make(tableBytes, shadowBytes) {
    return { table: new SharedArrayBuffer(tableBytes), shadow: new SharedArrayBuffer(shadowBytes) };
  },
  async run(memory, order, workers) {
    const all = await Promise.all(Array.from({ length: workers }, start));
    const reports = all.map(({ obey }, worker) => obey(memory, { ...order, worker }));
    Atomics.store(new Int32Array(memory.shadow), 0, 1);
    const found = await Promise.all(reports);
    for (const { worker } of all) worker.terminate();
    return found;
  },
  // Collected with the garbage.
  free: () => {},
};

describe("the table of addresses under several threads", () => {
  hammerCases(crew, threads);

  it("is rid of what a killed worker held", async () => {
    const addresses = 8;
    const options = { connections: 2, entries: 64, workers: threads };
    const memory = crew.make(SharedAddressTable.bytes(options), 4 * (1 + addresses));
    const shared = SharedAddressTable.create(options, memory.table);
    expect(shared.admit(hammerAddress(0), now, 0)).toBe("ok");
    const { worker, obey } = await start();
    await obey(memory, { task: "hold", rounds: 0, addresses, limit: 2, now, worker: 2 });
    worker.terminate();
    expect(shared.connectionsOf(hammerAddress(0))).toBe(2);
    expect(shared.admit(hammerAddress(0), now, 1)).toBe("connections");
    expect(shared.reclaim(2)).toBe(addresses);
    expect(shared.admit(hammerAddress(0), now, 1)).toBe("ok");
    for (let index = 1; index < addresses; index++) {
      expect(shared.connectionsOf(hammerAddress(index))).toBe(0);
    }
  });
});
