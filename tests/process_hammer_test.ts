/**
 * The table of addresses under several processes at once, in memory of the system: no count is lost, no limit
 * overrun, and a process that is killed wherever it stands takes nothing with it.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { type RingportError } from "../src/mod.ts";
import { createSharedMemory, type Lane, openSharedMemory } from "../src/loop/native.ts";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import { SharedParts } from "../src/worker/process/shared_parts.ts";
import {
  expectAllFree,
  hammerAddress,
  hammerCases,
  type HammerCrew,
  hammerNow as now,
  type HammerOrder,
  type HammerReport,
} from "./helpers/hammer.ts";
import { waitForReport } from "./helpers/lanes.ts";
import { type Child, runScript } from "./helpers/process.ts";
import { collectGarbage, openDescriptors, residentBytes, scaled } from "./helpers/runtime.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

const processes = 2;
const patience = scaled(30_000, 120_000);

/** For the channels of the children; it keeps nothing alive. */
const loop = createEventLoop({ segmentCount: 64 });

interface Hammerer {
  child: Child;
  lane: Lane;
}

async function start(): Promise<Hammerer> {
  const waiting = waitForReport(loop);
  const child = runScript("./children/process_hammer.ts", import.meta.url, { arguments: [waiting.report] });
  const [, pid] = await child.line(/ready (\d+)/, patience);
  return { child, lane: (await waiting.way(Number(pid))).lane };
}

/** Gives the memory and says what to do; resolves when it is about to. */
async function order({ child, lane }: Hammerer, parts: SharedParts, order: HammerOrder): Promise<void> {
  let given = parts.give(lane);
  for (; given === "busy"; given = parts.give(lane)) await delay(5);
  child.send(`${JSON.stringify({ given, order })}\n`);
  await child.line(/begins/, patience);
}

async function found({ child }: Hammerer): Promise<HammerReport> {
  const [, text] = await child.line(/found (.*\})/, patience);
  return JSON.parse(text);
}

const partsOf = new WeakMap<object, SharedParts>();

const crew: HammerCrew = {
  make(tableBytes, shadowBytes) {
    const parts = SharedParts.create([tableBytes, shadowBytes]);
    const [table, shadow] = parts.buffers;
    const memory = { table, shadow };
    partsOf.set(memory, parts);
    return memory;
  },
  async run(memory, task, workers) {
    const parts = partsOf.get(memory)!;
    const all = await Promise.all(Array.from({ length: workers }, start));
    await Promise.all(all.map((hammerer, worker) => order(hammerer, parts, { ...task, worker })));
    Atomics.store(new Int32Array(memory.shadow), 0, 1);
    const reports = await Promise.all(all.map(found));
    for (const { child } of all) await child[Symbol.asyncDispose]();
    return reports;
  },
  free: (memory) => partsOf.get(memory)!.close(),
};

describe("the table of addresses under several processes", () => {
  hammerCases(crew, processes);

  it("is rid of what a killed process held, wherever it was killed, and the others go on", async () => {
    const addresses = 40;
    const options = { connections: 2, entries: 16, workers: processes };
    const memory = crew.make(SharedAddressTable.bytes(options), 4 * (1 + addresses));
    const parts = partsOf.get(memory)!;
    const table = SharedAddressTable.create(options, memory.table);
    const task = { task: "churn", addresses, limit: 2, now } as const;
    Atomics.store(new Int32Array(memory.shadow), 0, 1);
    const lasting = await start();
    await order(lasting, parts, { ...task, rounds: 2 ** 31, worker: 0 });
    for (let round = 0; round < scaled(6, 2); round++) {
      const killed = await start();
      await order(killed, parts, { ...task, rounds: 2 ** 31, worker: 1 });
      await delay(20 + 7 * round);
      await killed.child[Symbol.asyncDispose]();
      table.reclaim(1);
      const { admitted } = table.stats();
      await until(() => table.stats().admitted > admitted + 100, "the other one goes on", patience);
    }
    await lasting.child[Symbol.asyncDispose]();
    table.reclaim(0);
    for (let index = 0; index < addresses; index++) expect(table.connectionsOf(hammerAddress(index))).toBe(0);
    expectAllFree(table, 16);
    crew.free(memory);
  });
});

describe("memory of several processes", () => {
  it("is all zero, stays where it is, and is gone from whoever closes it", async () => {
    const bytes = 1 << 20;
    const memory = createSharedMemory(bytes);
    const [first, rest] = [memory.part(0, 4096), memory.part(4096, bytes - 4096)];
    const words = new Int32Array(first);
    expect(new Uint8Array(rest).every((byte) => byte === 0)).toBe(true);
    expect(Atomics.add(words, 3, 7)).toBe(0);
    for (let round = 0; round < 20; round++) {
      new Uint8Array(memory.part(4096, 4096))[round] = round;
      collectGarbage();
    }
    expect(Atomics.load(words, 3)).toBe(7);
    expect(new Uint8Array(rest, 0, 20)[19]).toBe(19);
    memory.close();
    // An error, and no hole.
    expect(first.byteLength).toBe(0);
    expect(words.length).toBe(0);
    expect(await errorOf(() => Atomics.load(words, 3))).toBeInstanceOf(Error);
    expect(await errorOf(() => memory.part(0, 8))).toBeInstanceOf(Error);
    memory.close();
  });

  it("has no other parts than its own", async () => {
    const memory = createSharedMemory(8192);
    for (const [offset, bytes] of [[0, 8193], [8192, 1], [-8, 16], [0, 0], [4096, 4097]]) {
      expect(await errorOf(() => memory.part(offset, bytes))).toBeInstanceOf(Error);
    }
    memory.close();
    for (const bytes of [0, -1, 1.5, 2 ** 32, NaN]) {
      const error = await errorOf(() => createSharedMemory(bytes)) as RingportError;
      expect(error.message).toContain("createSharedMemory");
    }
  });

  it("that is not what was told is refused with a reason", async () => {
    const nothing = 0x7fff_fff0;
    const error = await errorOf(() => openSharedMemory(nothing, 4096)) as RingportError;
    expect(error.message).toContain("openSharedMemory");
    const lane: Lane = { processId: undefined, give: () => "busy", take: () => nothing, close() {} };
    const given = { ticket: "AAAA", sizes: [4096] };
    const failure = await errorOf(() => SharedParts.take(given, lane)) as RingportError;
    expect(failure.code).toBe("ERR_SHARED_MEMORY");
    expect(failure.message).toContain('option "isolation"');
  });

  it("is given back: neither descriptors nor pages are left", async () => {
    const bytes = 8 << 20;
    const round = () => {
      const memory = createSharedMemory(bytes);
      new Uint8Array(memory.part(0, bytes)).fill(1);
      memory.close();
    };
    round();
    const [descriptors, resident] = [await openDescriptors(), residentBytes()];
    for (let count = 0; count < 40; count++) round();
    const left = await openDescriptors();
    if (descriptors !== undefined) expect(left).toBeLessThanOrEqual(descriptors + 2);
    expect(residentBytes() - resident).toBeLessThan(10 * bytes);
  });
});
