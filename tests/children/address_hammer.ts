/** A worker that asks a shared table for connections and gives them up, as fast as it can. */
import { AddressWords } from "../../src/base/address_words.ts";
import { AddressTable } from "../../src/server/address_table.ts";
import { hammerAddress, type HammerOrder, type HammerReport } from "../helpers/hammer.ts";
import { Random } from "../helpers/random.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<HammerOrder>) => void) | null;
}

function churn(table: AddressTable, shadow: Int32Array, order: HammerOrder): HammerReport {
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

function take(table: AddressTable, order: HammerOrder): HammerReport {
  const report = { ok: 0, refused: 0, violations: 0 };
  const words = hammerAddress(0);
  for (let round = 0; round < order.rounds; round++) {
    const taken = order.task === "tokens"
      ? table.admit(words, order.now, order.worker) === "ok"
      : table.offend(words, order.now, order.worker);
    if (taken) report.ok += 1;
    else report.refused += 1;
  }
  return report;
}

function hold(table: AddressTable, shadow: Int32Array, order: HammerOrder): void {
  for (let index = 0; index < order.addresses; index++) {
    table.admit(hammerAddress(index), order.now, order.worker);
  }
  Atomics.add(shadow, 1, 1);
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = ({ data: order }) => {
  const table = AddressTable.attach(order.buffer);
  const shadow = new Int32Array(order.shadow);
  if (order.task === "hold") return hold(table, shadow, order);
  while (Atomics.load(shadow, 0) === 0) Atomics.wait(shadow, 0, 0, 100);
  scope.postMessage(order.task === "churn" ? churn(table, shadow, order) : take(table, order));
};
