/** The table of addresses when another thread comes in between, or one dies, at each of its atomic steps. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { AddressWords } from "../src/base/address_words.ts";
import { EntryPhase, headWords, layoutOf, phaseMask } from "../src/server/address_limits/layout.ts";
import { type AddressTableOptions, SharedAddressTable } from "../src/server/address_limits/table.ts";
import { Died, interleave } from "./helpers/interleave.ts";

const host = (index: number): AddressWords => new AddressWords().set(4, 0x0a00_0000 + index, 0, 0, 0);

/** The address whose entry may be taken, and the one that wants it. */
const old = host(1000);
const late = host(2000);
/** Others that have a connection each; their entries stay theirs. */
const others = 15;

/** A table with one entry that is idle and that of `old`; the others are in use. */
function almostFull(options: AddressTableOptions = {}): SharedAddressTable {
  const table = SharedAddressTable.create({ entries: 16, workers: 4, ...options });
  expect(table.admit(old, 0, 0)).toBe("ok");
  const { ticket } = table;
  for (let index = 0; index < others; index++) expect(table.admit(host(index), 0, 3)).toBe("ok");
  table.leave(ticket, 0);
  return table;
}

/** Runs a scene for each step of its operation until it has no more steps. */
function atEachStep(scene: (step: number) => boolean): void {
  let steps = 0;
  while (scene(steps)) steps += 1;
  expect(steps).toBeGreaterThan(20);
}

function expectOthers(table: SharedAddressTable): void {
  for (let index = 0; index < others; index++) expect(table.connectionsOf(host(index))).toBe(1);
}

describe("the table of addresses, step by step", () => {
  it("keeps the counts apart when an entry is taken while its address comes back", () => {
    atEachStep((step) => {
      const table = almostFull();
      const other = SharedAddressTable.attach(table.buffer);
      const reached = interleave(
        () => expect(table.admit(late, 0, 0)).toBe("ok"),
        step,
        () => expect(other.admit(old, 0, 1)).toBe("ok"),
      );
      const where = `step ${step}`;
      expect(table.connectionsOf(late), where).toBe(table.ticket >= 0 ? 1 : 0);
      expect(table.connectionsOf(old), where).toBe(reached && other.ticket >= 0 ? 1 : 0);
      expectOthers(table);
      table.leave(table.ticket, 0);
      if (reached) other.leave(other.ticket, 1);
      expect(table.connectionsOf(late) + table.connectionsOf(old), where).toBe(0);
      expectOthers(table);
      return reached;
    });
  });

  it("keeps the counts apart when the address comes back while its entry is taken", () => {
    atEachStep((step) => {
      const table = almostFull();
      const other = SharedAddressTable.attach(table.buffer);
      const reached = interleave(
        () => expect(table.admit(old, 0, 0)).toBe("ok"),
        step,
        () => expect(other.admit(late, 0, 1)).toBe("ok"),
      );
      const where = `step ${step}`;
      expect(table.connectionsOf(old), where).toBe(table.ticket >= 0 ? 1 : 0);
      expect(table.connectionsOf(late), where).toBe(reached && other.ticket >= 0 ? 1 : 0);
      expectOthers(table);
      return reached;
    });
  });

  it("never lets two in where there is place for one", () => {
    for (const known of [false, true]) {
      atEachStep((step) => {
        const table = SharedAddressTable.create({ entries: 64, workers: 4, connections: 1 });
        const other = SharedAddressTable.attach(table.buffer);
        if (known) {
          table.admit(late, 0, 2);
          table.leave(table.ticket, 2);
        }
        const reached = interleave(() => table.admit(late, 0, 0), step, () => other.admit(late, 0, 1));
        // One that had to wait for the other to finish is let in uncounted instead.
        const counted = [table, other].filter(({ ticket }) => ticket >= 0).length;
        expect(counted, `step ${step}`).toBe(1);
        expect(table.connectionsOf(late), `step ${step}`).toBe(1);
        const { admitted, uncounted, refusedConnections } = table.stats();
        expect(admitted - uncounted, `step ${step}`).toBe(known ? 2 : 1);
        expect(uncounted + refusedConnections, `step ${step}`).toBe(reached ? 1 : 0);
        return reached;
      });
    }
  });

  it("counts the offences of two threads that meet a new address in one place", () => {
    atEachStep((step) => {
      const table = SharedAddressTable.create({ entries: 64, workers: 4, banAfter: 3 });
      const other = SharedAddressTable.attach(table.buffer);
      const heads = new Int32Array(table.buffer, layoutOf(64, 4).heads);
      let filling = false;
      const reached = interleave(() => table.offendBy(late, 0, 0), step, () => {
        // Nobody goes on here while the first thread stands still, so what it is filling is never filled.
        filling = heads.some((word, at) => at % headWords === 0 && (word & phaseMask) >= EntryPhase.claimed);
        other.offendBy(late, 0, 1);
      });
      if (!reached) return false;
      expect(table.offendBy(late, 1, 2), `step ${step}`).toBe(!filling);
      return true;
    });
  });

  it("bans the one that offended, whoever takes its entry", () => {
    atEachStep((step) => {
      const table = almostFull({ banAfter: 1 });
      const other = SharedAddressTable.attach(table.buffer);
      const reached = interleave(() => table.offendBy(old, 0), step, () => other.admit(late, 0, 1));
      expect(table.admit(late, 1, 2), `step ${step}`).toBe("ok");
      expectOthers(table);
      return reached;
    });
    atEachStep((step) => {
      const table = almostFull();
      const other = SharedAddressTable.attach(table.buffer);
      const reached = interleave(
        () => {
          try {
            table.bans.add(`${old}`, 1_000, "", 0);
          } catch (error) {
            expect(String(error)).toContain("full");
          }
        },
        step,
        () => other.admit(late, 0, 1),
      );
      expect(table.admit(late, 1, 2), `step ${step}`).toBe("ok");
      return reached;
    });
  });

  it("is whole again after a worker died at any step and was taken back", () => {
    const die = () => {
      throw new Died();
    };
    const operations: ((table: SharedAddressTable) => void)[] = [
      (table) => table.admit(late, 0, 0),
      (table) => table.admit(old, 0, 0),
      (table) => table.offendBy(late, 0, 0),
    ];
    for (const operation of operations) {
      atEachStep((step) => {
        const table = almostFull({ banAfter: 5 });
        const reached = interleave(() => operation(table), step, die);
        table.reclaim(0);
        const where = `step ${step}`;
        expect(table.connectionsOf(late) + table.connectionsOf(old), where).toBe(0);
        expectOthers(table);
        // The sixteenth entry can be had again, once the offence is forgotten.
        expect([table.admit(host(3000), 100_000, 1), table.ticket >= 0], where).toEqual(["ok", true]);
        return reached;
      });
    }
  });

  it("keeps what another one counts on an entry that a worker died over", () => {
    // It has found the entry idle, the other one comes, and it dies when it has claimed the entry for itself.
    const claimAndDie = (table: SharedAddressTable, entry: number) => {
      const heads = new Int32Array(table.buffer, layoutOf(16, table.workers).heads);
      const control = heads[entry * headWords];
      if ((control & phaseMask) === EntryPhase.live) {
        heads[entry * headWords] = control & ~phaseMask | EntryPhase.claimed;
      }
      table.reclaim(0);
    };
    atEachStep((step) => {
      const table = almostFull();
      expect(table.admit(old, 0, 0)).toBe("ok");
      const entry = table.ticket;
      table.leave(entry, 0);
      const other = SharedAddressTable.attach(table.buffer);
      const reached = interleave(() => other.admit(old, 0, 1), step, () => claimAndDie(table, entry));
      const where = `step ${step}`;
      expect(other.ticket, where).toBeGreaterThanOrEqual(0);
      expect(table.connectionsOf(old), where).toBe(1);
      expectOthers(table);
      other.leave(other.ticket, 1);
      expect(table.connectionsOf(old), where).toBe(0);
      // Whoever comes next finds nothing of it.
      expect(table.admit(late, 100_000, 2), where).toBe("ok");
      expect(table.connectionsOf(late), where).toBe(1);
      return reached;
    });
    atEachStep((step) => {
      const table = almostFull();
      const other = SharedAddressTable.attach(table.buffer);
      expect(table.admit(old, 0, 0)).toBe("ok");
      const entry = table.ticket;
      table.leave(entry, 0);
      const reached = interleave(
        () => other.bans.add(`${old}`, 1_000, "", 0),
        step,
        () => claimAndDie(table, entry),
      );
      expect(table.admit(old, 1, 2), `step ${step}`).toBe("banned");
      return reached;
    });
  });

  it("hands no token out twice", () => {
    atEachStep((step) => {
      const table = SharedAddressTable.create({ entries: 64, workers: 4, rate: 1, burst: 2 });
      const other = SharedAddressTable.attach(table.buffer);
      table.admit(late, 0, 2);
      const verdicts: string[] = [];
      const reached = interleave(
        () => verdicts.push(table.admit(late, 0, 0)),
        step,
        () => verdicts.push(other.admit(late, 0, 1)),
      );
      expect(verdicts.filter((verdict) => verdict === "ok").length, `step ${step}`).toBe(1);
      return reached;
    });
  });
});
