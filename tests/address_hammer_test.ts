/** The table of addresses under several threads at once: no count is lost, no limit overrun. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressTable, type AddressTableOptions } from "../src/server/address_table.ts";
import { hammerAddress, type HammerOrder, type HammerReport } from "./helpers/hammer.ts";
import { scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

const threads = 4;
const now = 1_000_000;

function start(): Worker {
  return new Worker(new URL("./children/address_hammer.ts", import.meta.url), { type: "module" });
}

/** Lets all threads do the same at once. */
async function hammer(
  table: AddressTable,
  order: Pick<HammerOrder, "task" | "rounds" | "addresses" | "limit">,
): Promise<HammerReport> {
  const shadow = new SharedArrayBuffer(4 * (1 + order.addresses));
  const workers = Array.from({ length: threads }, start);
  const reports = workers.map((worker, index) =>
    within(
      new Promise<HammerReport>((resolve, reject) => {
        worker.onmessage = (event: MessageEvent<HammerReport>) => resolve(event.data);
        worker.onerror = (event: ErrorEvent) => reject(new Error(event.message));
        worker.postMessage(
          { ...order, buffer: table.buffer, shadow, worker: index, now } satisfies HammerOrder,
        );
      }),
      "a hammering worker",
      60_000,
    )
  );
  Atomics.store(new Int32Array(shadow), 0, 1);
  Atomics.notify(new Int32Array(shadow), 0);
  const all = await Promise.all(reports);
  for (const worker of workers) worker.terminate();
  const sum = (key: keyof HammerReport) => all.reduce((total, report) => total + report[key], 0);
  return { ok: sum("ok"), refused: sum("refused"), violations: sum("violations") };
}

function table(options: AddressTableOptions): AddressTable {
  return AddressTable.create({ workers: threads, ...options });
}

const rounds = scaled(100_000, 20_000);

describe("the table of addresses under several threads", () => {
  it("never lets in more than the limit, and loses no count", async () => {
    for (const limit of [1, 3]) {
      const shared = table({ connections: limit, entries: 256 });
      const addresses = 5;
      const report = await hammer(shared, { task: "churn", rounds, addresses, limit });
      expect(report.violations).toBe(0);
      expect(report.ok).toBeGreaterThan(0);
      expect(report.refused).toBeGreaterThan(0);
      const stats = shared.stats();
      expect(stats.admitted).toBe(report.ok);
      expect(stats.refusedConnections).toBe(report.refused);
      for (let index = 0; index < addresses; index++) {
        expect(shared.connections(hammerAddress(index))).toBe(0);
      }
    }
  });

  it("holds while entries change hands all the time", async () => {
    const shared = table({ connections: 2, entries: 16 });
    const addresses = 60;
    const report = await hammer(shared, { task: "churn", rounds, addresses, limit: 2 });
    expect(report.violations).toBe(0);
    for (let index = 0; index < addresses; index++) expect(shared.connections(hammerAddress(index))).toBe(0);
    // All is idle again: every entry can be had.
    for (let index = 0; index < 16; index++) {
      expect(shared.admit(hammerAddress(index), now, 0)).toBe("ok");
      expect(shared.ticket).toBeGreaterThanOrEqual(0);
    }
  });

  it("gives out each token once", async () => {
    const burst = 1_000;
    const shared = table({ rate: 1, burst, entries: 64 });
    expect(shared.admit(hammerAddress(0), now, 0)).toBe("ok");
    const report = await hammer(shared, { task: "tokens", rounds: burst, addresses: 1, limit: 0 });
    expect(report.ok).toBe(burst - 1);
    expect(report.refused).toBe(threads * burst - (burst - 1));
    expect(shared.connections(hammerAddress(0))).toBe(burst);
  });

  it("counts each offence and bans once for each number of them", async () => {
    const shared = table({ banAfter: 200, entries: 64 });
    const report = await hammer(shared, { task: "offend", rounds: 100, addresses: 1, limit: 0 });
    expect(report.ok).toBeGreaterThanOrEqual(1);
    expect(report.ok).toBeLessThanOrEqual(2);
    expect(shared.stats()).toMatchObject({ offences: threads * 100, bans: report.ok });
    expect(shared.bans.list(now)).toMatchObject([{ address: "10.0.0.0", reason: "abuse" }]);
  });

  it("is rid of what a killed worker held", async () => {
    const shared = table({ connections: 2, entries: 64 });
    const addresses = 8;
    const shadow = new SharedArrayBuffer(4 * (1 + addresses));
    expect(shared.admit(hammerAddress(0), now, 0)).toBe("ok");
    const worker = start();
    const order = {
      task: "hold",
      rounds: 0,
      addresses,
      limit: 2,
      now,
      worker: 2,
      buffer: shared.buffer,
      shadow,
    };
    worker.postMessage(order);
    await until(() => Atomics.load(new Int32Array(shadow), 1) === 1, "the worker holds connections");
    worker.terminate();
    expect(shared.connections(hammerAddress(0))).toBe(2);
    expect(shared.admit(hammerAddress(0), now, 1)).toBe("connections");
    expect(shared.reclaim(2)).toBe(addresses);
    expect(shared.admit(hammerAddress(0), now, 1)).toBe("ok");
    for (let index = 1; index < addresses; index++) expect(shared.connections(hammerAddress(index))).toBe(0);
  });
});
