/**
 * Exceptions that escaped into a turn of the loop: of callbacks that no closer catch covers, and of this
 * framework itself.
 *
 * @module
 */
import { reportIntervalMilliseconds } from "../base/limits.ts";
import { report } from "../base/thrown.ts";

/** Reports an exception; `unreported` others were counted since the last report. */
type ExceptionSink = (thrown: unknown, unreported: number) => void;

/** Counts them, and reports at most one a second: a fault met by every message must not fill a disk. */
export class Exceptions {
  /** How many there were. */
  count = 0;
  /** Where they are reported; the runtime's console unless a server has its log put here. */
  sink: ExceptionSink = (thrown, unreported) => {
    const more = unreported === 0 ? "" : ` (and ${unreported} before it that were only counted)`;
    report(`an exception escaped into the event loop${more}:`, thrown);
  };
  #reportedAt = -Infinity;
  #unreported = 0;

  tell(thrown: unknown): void {
    this.count += 1;
    const now = performance.now();
    if (now - this.#reportedAt < reportIntervalMilliseconds) {
      this.#unreported += 1;
      return;
    }
    const unreported = this.#unreported;
    this.#reportedAt = now;
    this.#unreported = 0;
    try {
      this.sink(thrown, unreported);
    } catch (failure) {
      report("an exception escaped into the event loop, and reporting it failed:", failure);
    }
  }
}
