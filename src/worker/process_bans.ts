/**
 * The bans of a server whose workers are processes: each has tables of its own, and a ban in one goes to all.
 *
 * @module
 */
import type { Ban } from "../server/ban_list.ts";
import type { ServerBans } from "../server/judges.ts";
import type { ToProcess } from "./process_messages.ts";

export class ProcessBans implements ServerBans {
  /** Those of this process, which accepts. */
  readonly #own: ServerBans;
  readonly #tellAll: (message: ToProcess) => void;

  constructor(own: ServerBans, tellAll: (message: ToProcess) => void) {
    this.#own = own;
    this.#tellAll = tellAll;
  }

  list(): Ban[] {
    return this.#own.list();
  }

  add(address: string, milliseconds: number, reason?: string): void {
    this.#own.add(address, milliseconds, reason);
    this.#tellAll({ kind: "ban", address, milliseconds, reason });
  }

  remove(address: string): boolean {
    const removed = this.#own.remove(address);
    this.#tellAll({ kind: "unban", address });
    return removed;
  }

  has(address: string): boolean {
    return this.#own.has(address);
  }

  /** What a process is told that begins. */
  *known(): Generator<ToProcess> {
    for (const { address, left, reason } of this.#own.list()) {
      yield { kind: "ban", address, milliseconds: left, reason };
    }
  }
}
