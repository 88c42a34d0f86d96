/**
 * A table of addresses as the judge of one worker's connections.
 *
 * @module
 */
import type { AddressWords } from "../base/address_words.ts";
import type { Admission, AdmissionVerdict } from "../listen/admission.ts";
import type { AddressTable } from "./address_limits/table.ts";
import { tableNow } from "./address_limits/table_clock.ts";

/** Given to `listen` as `admission`. */
export class TableAdmission implements Admission {
  readonly #table: AddressTable;
  readonly #worker: number;

  constructor(table: AddressTable, worker: number) {
    this.#table = table;
    this.#worker = worker;
  }

  get ticket(): number {
    return this.#table.ticket;
  }

  admit(address: AddressWords): AdmissionVerdict {
    return this.#table.admit(address, tableNow(), this.#worker);
  }

  leave(ticket: number): void {
    this.#table.leave(ticket, this.#worker);
  }
}
