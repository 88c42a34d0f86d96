/** The table of addresses in one thread: limits, rates, offences, bans, the clock's overflow, a model. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressWords, parseAddressWords } from "../src/base/address_words.ts";
import { OptionError } from "../src/base/errors.ts";
import { SharedAddressTable } from "../src/server/address_limits/table.ts";
import { tableNow } from "../src/server/address_limits/table_clock.ts";
import { AddressModel } from "./helpers/address_model.ts";
import { Random } from "./helpers/random.ts";

const address = (text: string): AddressWords => parseAddressWords(text)!;
const client = address("192.0.2.1");
/** Times at which 32 bits, signed or not, run over soon after. */
const times = [0, 12_345, 2 ** 31 - 500, 2 ** 32 - 500, 1_800_000_000_000];

describe("the table of addresses", () => {
  it("counts connections of all workers and refuses those above the limit", () => {
    const table = SharedAddressTable.create({ connections: 3, workers: 4, entries: 64 });
    const tickets = [0, 1, 3].map((worker) => {
      expect(table.admit(client, 0, worker)).toBe("ok");
      return [table.ticket, worker];
    });
    expect(table.admit(client, 0, 2)).toBe("connections");
    expect(table.ticket).toBe(-1);
    expect(table.admit(address("192.0.2.2"), 0, 2)).toBe("ok");
    expect(table.connectionsOf(client)).toBe(3);
    table.leave(tickets[1][0], tickets[1][1]);
    expect(table.admit(client, 0, 2)).toBe("ok");
    expect(table.stats()).toEqual({
      admitted: 5,
      refusedConnections: 1,
      refusedRate: 0,
      refusedBanned: 0,
      uncounted: 0,
      offences: 0,
      bans: 0,
    });
  });

  it("lies in memory that is given, and is all zero before", () => {
    const options = { connections: 1, workers: 2, entries: 64 };
    const memory = new ArrayBuffer(SharedAddressTable.bytes(options));
    const table = SharedAddressTable.create(options, memory);
    const other = SharedAddressTable.attach(memory);
    expect(table.admit(client, 0, 0)).toBe("ok");
    expect(other.admit(client, 0, 1)).toBe("connections");
    expect(() => SharedAddressTable.bytes({ entries: 3 })).toThrow(OptionError);
  });

  it("leaves nothing behind where only a ban is asked for", () => {
    const table = SharedAddressTable.create({ entries: 16, workers: 1 });
    const other = (index: number) => new AddressWords().set(4, 0x0a00_0000 + index, 0, 0, 0);
    for (let index = 0; index < 100; index++) expect(table.isBanned(other(index), 0)).toBe(false);
    expect(table.sweep(0)).toBe(0);
    table.bans.add("192.0.2.1", 1_000, "", 0);
    table.bans.add("2001:db8::/32", 1_000, "", 0);
    expect(table.isBanned(client, 999)).toBe(true);
    expect(table.isBanned(address("2001:db8:1::1"), 999)).toBe(true);
    expect(table.isBanned(client, 1_000)).toBe(false);
    expect(table.isBanned(new AddressWords(), 0)).toBe(false);
    expect(table.stats().refusedBanned).toBe(2);
  });

  it("takes IPv6 clients by their first 64 bits and mapped ones as IPv4", () => {
    const table = SharedAddressTable.create({ connections: 1, entries: 64 });
    expect(table.admit(address("2001:db8:0:1::1"), 0, 0)).toBe("ok");
    expect(table.admit(address("2001:db8:0:1:ffff::2"), 0, 0)).toBe("connections");
    expect(table.admit(address("2001:db8:0:2::1"), 0, 0)).toBe("ok");
    expect(table.admit(client, 0, 0)).toBe("ok");
    expect(table.admit(address("::ffff:192.0.2.1"), 0, 0)).toBe("connections");
    expect(table.admit(address("c000:201::"), 0, 0)).toBe("ok");
    expect(table.admit(address("::1"), 0, 0)).toBe("ok");
    expect(table.admit(address("0.0.0.0"), 0, 0)).toBe("ok");
  });

  it("lets in peers without an address, uncounted", () => {
    const table = SharedAddressTable.create({ connections: 1, entries: 64 });
    for (let time = 0; time < 5; time++) expect(table.admit(new AddressWords(), 0, 0)).toBe("ok");
    expect(table.ticket).toBe(-1);
  });

  it("lets new connections in at the rate, after a burst", () => {
    for (const start of times) {
      const table = SharedAddressTable.create({ rate: 10, burst: 3, entries: 64 });
      const at = (milliseconds: number) => table.admit(client, start + milliseconds, 0);
      expect([at(0), at(0), at(0), at(0)]).toEqual(["ok", "ok", "ok", "rate"]);
      expect([at(99), at(100), at(100), at(199), at(200)]).toEqual(["rate", "ok", "rate", "rate", "ok"]);
      expect([at(1000), at(1000), at(1000), at(1000)]).toEqual(["ok", "ok", "ok", "rate"]);
    }
  });

  it("keeps rates far above and under one a millisecond", () => {
    for (const [rate, burst] of [[0.1, 1], [0.5, 20], [7, 7], [333, 50], [10_000, 100], [100_000, 100_000]]) {
      const table = SharedAddressTable.create({ rate, burst, entries: 64 });
      let ok = 0;
      const seconds = rate < 1 ? 100 : 2;
      for (let now = 0; now < seconds * 1000; now++) {
        while (table.admit(client, now, 0) === "ok") ok += 1;
      }
      const wanted = burst + rate * seconds;
      expect(Math.abs(ok - wanted), `${rate}: ${ok}`).toBeLessThanOrEqual(1 + wanted * 0.03);
    }
  });

  it("bans after enough offences within the window", () => {
    for (const start of times) {
      const table = SharedAddressTable.create({
        banAfter: 3,
        banWindow: 10_000,
        banTime: 5_000,
        entries: 64,
      });
      expect(table.offendBy(client, start)).toBe(false);
      expect(table.offendBy(client, start + 100)).toBe(false);
      // The window of the first is over.
      expect(table.offendBy(client, start + 10_000)).toBe(false);
      expect(table.offendBy(client, start + 10_001)).toBe(false);
      expect(table.offendBy(client, start + 10_002)).toBe(true);
      expect(table.admit(client, start + 10_003, 0)).toBe("banned");
      expect(table.admit(client, start + 15_001, 0)).toBe("banned");
      expect(table.admit(client, start + 15_002, 0)).toBe("ok");
      expect(table.stats()).toMatchObject({ offences: 5, bans: 1, refusedBanned: 2, admitted: 1 });
    }
  });

  it("gives an entry to another address only when nothing is lost by it", () => {
    const table = SharedAddressTable.create({
      connections: 5,
      rate: 1,
      burst: 1,
      banAfter: 2,
      banTime: 600_000,
      entries: 16,
    });
    const other = (index: number) => new AddressWords().set(4, 0x0a00_0000 + index, 0, 0, 0);
    const tickets: number[] = [];
    for (let index = 0; index < 16; index++) {
      expect(table.admit(other(index), 0, 0)).toBe("ok");
      tickets.push(table.ticket);
    }
    expect(new Set(tickets).size).toBe(16);
    // Full: who comes is let in, and counted as one nothing limits.
    expect(table.admit(other(16), 0, 0)).toBe("ok");
    expect(table.ticket).toBe(-1);
    expect(table.stats().uncounted).toBe(1);
    table.leave(tickets[3], 0);
    // Its bucket is not full yet.
    expect([table.admit(other(16), 999, 0), table.ticket]).toEqual(["ok", -1]);
    expect([table.admit(other(16), 1_000, 0), table.ticket]).toEqual(["ok", tickets[3]]);
    // An entry with an offence or a ban is kept although nobody is connected.
    table.leave(tickets[5], 0);
    table.offendBy(other(5), 1_000);
    expect([table.admit(other(17), 5_000, 0), table.ticket]).toEqual(["ok", -1]);
    table.offendBy(other(5), 5_000);
    expect([table.admit(other(17), 70_000, 0), table.ticket]).toEqual(["ok", -1]);
    expect(table.admit(other(5), 70_000, 0)).toBe("banned");
    expect([table.admit(other(17), 700_000, 0), table.ticket]).toEqual(["ok", tickets[5]]);
  });

  it("takes back what a worker that is gone has left", () => {
    const table = SharedAddressTable.create({ connections: 4, workers: 3, entries: 64 });
    for (const worker of [0, 1, 1, 2]) expect(table.admit(client, 0, worker)).toBe("ok");
    expect(table.admit(client, 0, 0)).toBe("connections");
    expect(table.reclaim(1)).toBe(2);
    expect(table.connectionsOf(client)).toBe(2);
    expect(table.reclaim(1)).toBe(0);
    expect([0, 1, 2].map((worker) => table.admit(client, 0, worker))).toEqual(["ok", "ok", "connections"]);
  });

  it("forgets what is over when it is swept, before the clock runs over", () => {
    const table = SharedAddressTable.create({ rate: 1, burst: 1, banAfter: 2, banTime: 1_000, entries: 64 });
    const half = 2 ** 31;
    table.admit(client, 0, 0);
    table.leave(table.ticket, 0);
    table.offendBy(client, 0);
    table.offendBy(client, 0);
    expect(table.sweep(500)).toBe(1);
    expect(table.sweep(100_000)).toBe(0);
    // Without the sweep the old ban would lie in the future again.
    expect(table.admit(client, half + 10, 0)).toBe("ok");
    expect(table.bans.list(half + 10)).toEqual([]);
  });

  it("is told apart from other memory", () => {
    const table = SharedAddressTable.create({ entries: 64, workers: 2, connections: 1 });
    const other = SharedAddressTable.attach(table.buffer);
    expect(other.admit(client, 0, 0)).toBe("ok");
    expect(table.admit(client, 0, 1)).toBe("connections");
    for (
      const buffer of [
        new SharedArrayBuffer(0),
        new SharedArrayBuffer(10_000),
        new ArrayBuffer(4096),
        7,
        null,
      ]
    ) {
      expect(() => SharedAddressTable.attach(buffer as SharedArrayBuffer)).toThrow(OptionError);
    }
    for (
      const options of [
        { entries: 100 },
        { workers: 65 },
        { workers: 0 },
        { rate: -1 },
        { rate: NaN },
        { burst: 0 },
        {
          banAfter: 256,
        },
        { more: 1 },
        { rate: 0.0001, burst: 100_000 },
      ]
    ) {
      expect(() => SharedAddressTable.create(options as never), JSON.stringify(options)).toThrow(OptionError);
    }
  });

  it("does what a plain model does, over random histories", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      const limits = { connections: random.between(0, 3), rate: 10, burst: random.between(1, 4) };
      const abuse = {
        banAfter: random.between(1, 4),
        banWindow: random.between(1, 20) * 256,
        banTime: 3_000,
      };
      const table = SharedAddressTable.create({ ...limits, ...abuse, entries: 64, workers: 4 });
      const model = new AddressModel({ ...limits, ...abuse });
      let now = times[seed % times.length];
      const open: [name: string, ticket: number, worker: number][] = [];
      for (let step = 0; step < 2_000; step++) {
        now += random.oneIn(3) ? 0 : random.between(0, random.oneIn(20) ? 5_000 : 60);
        const name = random.oneIn(2)
          ? `192.0.2.${random.between(1, 4)}`
          : `2001:db8:0:${random.between(1, 4)}::`;
        const worker = random.between(0, 3);
        const where = `seed ${seed}, step ${step}`;
        const action = random.between(0, 9);
        if (action < 5) {
          const verdict = table.admit(address(name), now, worker);
          expect(verdict, where).toBe(model.admit(name, now, worker));
          if (verdict === "ok") open.push([name, table.ticket, worker]);
        } else if (action < 8 && open.length > 0) {
          const [gone, ticket, owner] = open.splice(random.between(0, open.length - 1), 1)[0];
          table.leave(ticket, owner);
          model.leave(gone, owner);
        } else if (action === 8) {
          expect(table.offendBy(address(name), now), where).toBe(model.offend(name, now));
        } else if (random.oneIn(30)) {
          expect(table.reclaim(worker), where).toBe(model.reclaim(worker));
          for (let index = open.length - 1; index >= 0; index--) {
            if (open[index][2] === worker) open.splice(index, 1);
          }
        } else if (random.oneIn(10)) {
          table.sweep(now);
        }
        expect(table.connectionsOf(address(name)), where).toBe(model.connections(name));
        expect(table.bans.has(name, now), where).toBe(model.banned(name, now));
      }
      expect(table.stats().uncounted).toBe(0);
    }
  });
});

describe("the list of bans", () => {
  it("is read and edited by address and by network", () => {
    const table = SharedAddressTable.create({ entries: 64 });
    const { bans } = table;
    bans.add("192.0.2.1", 1_000, "scanner", 0);
    bans.add("2001:db8:1:2::5", 2_000, "", 0);
    bans.add("10.0.0.0/8", 3_000, "a network", 0);
    bans.add("2001:db8:ffff::/48", 4_000, "ü".repeat(40), 0);
    expect(bans.list(500)).toEqual([
      { address: "10.0.0.0/8", left: 2_500, reason: "a network" },
      { address: "2001:db8:ffff::/48", left: 3_500, reason: "ü".repeat(23) },
      ...bans.list(500).slice(2),
    ]);
    const single = bans.list(500).slice(2).sort((one, other) => one.left - other.left);
    expect(single).toEqual([
      { address: "192.0.2.1", left: 500, reason: "scanner" },
      { address: "2001:db8:1:2::/64", left: 1_500, reason: "" },
    ]);
    const verdict = (text: string, now: number) => table.admit(address(text), now, 0);
    expect(
      ["192.0.2.1", "2001:db8:1:2::9", "10.9.9.9", "2001:db8:ffff:7::"].map((text) => verdict(text, 500)),
    )
      .toEqual(["banned", "banned", "banned", "banned"]);
    expect(["192.0.2.2", "2001:db8:1:3::", "11.0.0.0", "2001:db8:fffe::"].map((text) => verdict(text, 500)))
      .toEqual(["ok", "ok", "ok", "ok"]);
    expect([bans.has("10.1.1.1", 500), bans.has("::ffff:10.1.1.1", 500), bans.has("11.1.1.1", 500)])
      .toEqual([true, true, false]);
    expect([bans.remove("2001:db8:ffff::/48", 500), bans.remove("2001:db8:ffff::/48", 500)]).toEqual([
      true,
      false,
    ]);
    expect([bans.remove("2001:db8:1:2::/64", 500), bans.remove("2001:db8:1:2::/64", 500)]).toEqual([
      true,
      false,
    ]);
    expect(bans.remove("10.1.1.1", 500)).toBe(false);
    expect(verdict("2001:db8:1:2::9", 500)).toBe("ok");
    expect(bans.list(1_500).map((ban) => ban.address)).toEqual(["10.0.0.0/8"]);
    expect([verdict("192.0.2.1", 1_000), verdict("10.9.9.9", 3_000)]).toEqual(["ok", "ok"]);
  });

  it("replaces a ban of the same, and keeps 256 networks", () => {
    const { bans } = SharedAddressTable.create({ entries: 16 });
    bans.add("10.0.0.0/8", 1_000, "first", 0);
    bans.add("10.0.0.0/8", 9_000, "second", 0);
    expect(bans.list(0)).toEqual([{ address: "10.0.0.0/8", left: 9_000, reason: "second" }]);
    for (let index = 0; index < 255; index++) bans.add(`172.16.${index}.0/24`, 5_000, "", 0);
    expect(() => bans.add("11.0.0.0/8", 1_000, "", 0)).toThrow("256 networks");
    expect(bans.list(0).length).toBe(256);
    // The time of the others is over: their places are free.
    bans.add("11.0.0.0/8", 1_000, "", 6_000);
    expect(bans.list(6_000).length).toBe(2);
    for (let index = 0; index < 16; index++) bans.add(`192.0.2.${index}`, 1_000, "", 0);
    expect(() => bans.add("192.0.2.99", 1_000, "", 0)).toThrow("full");
  });

  it("refuses what is no address and no time, by name", () => {
    const { bans } = SharedAddressTable.create({ entries: 64 });
    expect(() => bans.add("example.org", 1_000)).toThrow('"example.org" is neither');
    expect(() => bans.add("10.0.0.1/8", 1_000)).toThrow('write "10.0.0.0/8"');
    for (const time of [0, -1, 1.5, 2 ** 31]) expect(() => bans.add("10.0.0.1", time)).toThrow(OptionError);
    expect(() => bans.remove("x")).toThrow(OptionError);
    expect(() => bans.has(7 as never)).toThrow(OptionError);
  });

  it("uses a clock of its own where none is given", () => {
    const table = SharedAddressTable.create({ entries: 64 });
    table.bans.add("192.0.2.1", 60_000);
    expect(table.bans.has("192.0.2.1")).toBe(true);
    expect(table.admit(client, tableNow(), 0)).toBe("banned");
    expect(table.bans.list()[0].left).toBeGreaterThan(0);
  });
});
