/**
 * A table of addresses as the admission of one worker's listeners.
 *
 * @module
 */
import { AddressWords } from "../../base/address_words.ts";
import type { AcceptedAddress, PeerAddress } from "../../base/peer_address.ts";
import type { Admission, AdmissionVerdict } from "../../listen/admission.ts";
import type { AddressTable } from "./address_table.ts";
import type { SharedAddressTable } from "./table.ts";
import { tableNow } from "./table_clock.ts";

/** Given to `listen` as `admission`. */
export class TableAdmission implements Admission {
  readonly #table: SharedAddressTable;
  readonly #worker: number;
  readonly #words = new AddressWords();

  /** `worker`: the number of the worker whose connections are counted, from 0 to below `table.workers`. */
  constructor(table: AddressTable, worker: number) {
    this.#table = table as SharedAddressTable;
    this.#worker = worker;
  }

  /** Judges a connection by the table. */
  admit(address: PeerAddress): AdmissionVerdict {
    // The library asks, with addresses of its own.
    const accepted = address as AcceptedAddress;
    const verdict = this.#table.admit(this.#words.setPeer(accepted), tableNow(), this.#worker);
    accepted.ticket = this.#table.ticket;
    return verdict;
  }

  /** Takes a connection that is gone off the table. */
  leave(address: PeerAddress): void {
    this.#table.leave((address as AcceptedAddress).ticket, this.#worker);
  }
}
