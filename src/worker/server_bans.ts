/**
 * The bans of a server as its owner changes them: each change is logged.
 *
 * @module
 */
import type { Ban } from "../server/ban_list.ts";
import type { ServerBans } from "../server/judges.ts";
import type { Log } from "../server/log.ts";

export class LoggedBans implements ServerBans {
  readonly #bans: ServerBans;
  readonly #log: Log;

  constructor(bans: ServerBans, log: Log) {
    this.#bans = bans;
    this.#log = log;
  }

  list(): Ban[] {
    return this.#bans.list();
  }

  add(address: string, milliseconds: number, reason?: string): void {
    this.#bans.add(address, milliseconds, reason);
    this.#log.tell("address.banned", { address, milliseconds, reason });
  }

  remove(address: string): boolean {
    const removed = this.#bans.remove(address);
    if (removed) this.#log.tell("address.released", { address });
    return removed;
  }

  has(address: string): boolean {
    return this.#bans.has(address);
  }
}
