/**
 * The bans of a server, as its owner and its applications change them: each change is logged.
 *
 * @module
 */
import type { Ban } from "./bans.ts";
import type { ServerBans } from "./tables.ts";
import type { LogEvent } from "../log/events.ts";

/** Takes an event for the log. */
type Tell = (event: LogEvent, fields: Record<string, unknown>) => void;

export class LoggedBans implements ServerBans {
  readonly #bans: ServerBans;
  readonly #tell: Tell;

  constructor(bans: ServerBans, tell: Tell) {
    this.#bans = bans;
    this.#tell = tell;
  }

  list(): Ban[] {
    return this.#bans.list();
  }

  add(address: string, milliseconds: number, reason?: string): void {
    this.#bans.add(address, milliseconds, reason);
    this.#tell("address.banned", { address, milliseconds, reason });
  }

  remove(address: string): boolean {
    const removed = this.#bans.remove(address);
    if (removed) this.#tell("address.released", { address });
    return removed;
  }

  has(address: string): boolean {
    return this.#bans.has(address);
  }
}
