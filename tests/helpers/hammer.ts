/**
 * Hammering a table of addresses from several sides at once: what each is told and does, and the cases, the
 * same for threads and for processes.
 *
 * @module
 */
import { expect } from "@std/expect";
import { it } from "@std/testing/bdd";
import { AddressWords } from "../../src/base/address_words.ts";
import { type AddressTableOptions, SharedAddressTable } from "../../src/server/address_limits/table.ts";
import { Random } from "./random.ts";
import { scaled } from "./runtime.ts";

/** What a hammering worker is told. */
export interface HammerOrder {
  worker: number;
  addresses: number;
  limit: number;
  rounds: number;
  now: number;
  /** `"hold"` keeps what it gets. */
  task: "churn" | "tokens" | "offend" | "hold";
}

/** What it found. */
export interface HammerReport {
  ok: number;
  refused: number;
  /** Times more connections were held than the limit allows. */
  violations: number;
}

/** A table and a shadow of it in the same kind of memory. */
export interface HammerMemory {
  table: ArrayBufferLike;
  /** Word 0 starts all; words from 1 on: connections really held, by address. */
  shadow: ArrayBufferLike;
}

/** Threads or processes that hammer. */
export interface HammerCrew {
  /** Memory they share, all zero. */
  make(tableBytes: number, shadowBytes: number): HammerMemory;
  /** Lets so many of them do the same at once. */
  run(memory: HammerMemory, order: Omit<HammerOrder, "worker">, workers: number): Promise<HammerReport[]>;
  /** Gives the memory back. */
  free(memory: HammerMemory): void;
}

/** A time at which all of them hammer. */
export const hammerNow = 1_000_000;

/** The address of a number. */
export function hammerAddress(index: number, words = new AddressWords()): AddressWords {
  return index % 2 === 0
    ? words.set(4, 0x0a000000 + index, 0, 0, 0)
    : words.set(6, 0x20010db8, index, 1, index);
}

/** Does as it is told, as soon as all others do. */
export function hammer(memory: HammerMemory, order: HammerOrder): HammerReport {
  const table = SharedAddressTable.attach(memory.table);
  const shadow = new Int32Array(memory.shadow);
  if (order.task === "hold") return hold(table, shadow, order);
  while (Atomics.load(shadow, 0) === 0);
  return order.task === "churn" ? churn(table, shadow, order) : take(table, order);
}

function churn(table: SharedAddressTable, shadow: Int32Array, order: HammerOrder): HammerReport {
  const random = new Random(order.worker + 1);
  const held: [index: number, ticket: number][] = [];
  const report = { ok: 0, refused: 0, violations: 0 };
  const words = new AddressWords();
  const leaveOne = () => {
    const [index, ticket] = held.splice(random.between(0, held.length - 1), 1)[0];
    Atomics.sub(shadow, 1 + index, 1);
    table.leave(ticket, order.worker);
  };
  for (let round = 0; round < order.rounds; round++) {
    const index = random.between(0, order.addresses - 1);
    if (table.admit(hammerAddress(index, words), order.now, order.worker) === "ok") {
      report.ok += 1;
      if (table.ticket >= 0) {
        if (Atomics.add(shadow, 1 + index, 1) >= order.limit) report.violations += 1;
        held.push([index, table.ticket]);
      }
    } else report.refused += 1;
    if (held.length > 3 || (held.length > 0 && random.oneIn(2))) leaveOne();
  }
  while (held.length > 0) leaveOne();
  return report;
}

function take(table: SharedAddressTable, order: HammerOrder): HammerReport {
  const report = { ok: 0, refused: 0, violations: 0 };
  const words = hammerAddress(0);
  for (let round = 0; round < order.rounds; round++) {
    const taken = order.task === "tokens"
      ? table.admit(words, order.now, order.worker) === "ok"
      : table.offendBy(words, order.now, order.worker);
    if (taken) report.ok += 1;
    else report.refused += 1;
  }
  return report;
}

function hold(table: SharedAddressTable, shadow: Int32Array, order: HammerOrder): HammerReport {
  for (let index = 0; index < order.addresses; index++) {
    table.admit(hammerAddress(index), order.now, order.worker);
  }
  Atomics.add(shadow, 1, 1);
  return { ok: order.addresses, refused: 0, violations: 0 };
}

const rounds = scaled(100_000, 20_000);

/** The cases for so many of a crew. */
export function hammerCases(crew: HammerCrew, workers: number): void {
  const start = (options: AddressTableOptions, addresses: number) => {
    const all = { workers, ...options };
    const memory = crew.make(SharedAddressTable.bytes(all), 4 * (1 + addresses));
    const table = SharedAddressTable.create(all, memory.table);
    return { memory, table, [Symbol.dispose]: () => crew.free(memory) };
  };
  const run = async (
    memory: HammerMemory,
    order: Pick<HammerOrder, "task" | "rounds" | "addresses" | "limit">,
  ) => {
    const reports = await crew.run(memory, { ...order, now: hammerNow }, workers);
    const sum = (key: keyof HammerReport) => reports.reduce((total, report) => total + report[key], 0);
    return { ok: sum("ok"), refused: sum("refused"), violations: sum("violations") };
  };

  it("never lets in more than the limit, and loses no count", async () => {
    for (const limit of [1, 3]) {
      const addresses = 5;
      using started = start({ connections: limit, entries: 256 }, addresses);
      const { memory, table } = started;
      const report = await run(memory, { task: "churn", rounds, addresses, limit });
      expect(report.violations).toBe(0);
      expect(report.ok).toBeGreaterThan(0);
      expect(report.refused).toBeGreaterThan(0);
      const stats = table.stats();
      expect(stats.admitted).toBe(report.ok);
      expect(stats.refusedConnections).toBe(report.refused);
      for (let index = 0; index < addresses; index++) {
        expect(table.connectionsOf(hammerAddress(index))).toBe(0);
      }
    }
  });

  it("holds while entries change hands all the time", async () => {
    const addresses = 60;
    using started = start({ connections: 2, entries: 16 }, addresses);
    const { memory, table } = started;
    const report = await run(memory, { task: "churn", rounds, addresses, limit: 2 });
    expect(report.violations).toBe(0);
    for (let index = 0; index < addresses; index++) expect(table.connectionsOf(hammerAddress(index))).toBe(0);
    expectAllFree(table, 16);
  });

  it("gives out each token once", async () => {
    const burst = 1_000;
    using started = start({ rate: 1, burst, entries: 64 }, 1);
    const { memory, table } = started;
    expect(table.admit(hammerAddress(0), hammerNow, 0)).toBe("ok");
    const report = await run(memory, { task: "tokens", rounds: burst, addresses: 1, limit: 0 });
    expect(report.ok).toBe(burst - 1);
    expect(report.refused).toBe(workers * burst - (burst - 1));
    expect(table.connectionsOf(hammerAddress(0))).toBe(burst);
  });

  it("counts each offence and bans once for each number of them", async () => {
    using started = start({ banAfter: 200, entries: 64 }, 1);
    const { memory, table } = started;
    const each = 400 / workers;
    const report = await run(memory, { task: "offend", rounds: each, addresses: 1, limit: 0 });
    expect(report.ok).toBeGreaterThanOrEqual(1);
    expect(report.ok).toBeLessThanOrEqual(2);
    expect(table.stats()).toMatchObject({ offences: workers * each, bans: report.ok });
    expect(table.bans.list(hammerNow)).toMatchObject([{ address: "10.0.0.0", reason: "abuse" }]);
  });
}

/** All is idle: every entry can be had. */
export function expectAllFree(table: SharedAddressTable, entries: number): void {
  for (let index = 0; index < entries; index++) {
    expect(table.admit(hammerAddress(index), hammerNow, 0)).toBe("ok");
    expect(table.ticket).toBeGreaterThanOrEqual(0);
  }
}
