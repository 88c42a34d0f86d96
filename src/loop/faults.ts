/**
 * Reports faults of the application that nothing else handles: handlers that throw without an `error`
 * handler, callbacks of listeners, trace sinks.
 *
 * @module
 */
import { report } from "../base/thrown.ts";

/** Takes a fault: what failed, in words that are the same each time, and what was thrown. */
type FaultSink = (what: string, thrown: unknown) => void;

/** One loop's. */
export class Faults {
  /** Takes every fault, where a server has its log put here. */
  sink: FaultSink | undefined = undefined;

  /**
   * Without a sink, only the first of a kind is written to the runtime's console.
   *
   * @param isFirst whether the caller has reported none of this kind yet.
   */
  tell(what: string, thrown: unknown, isFirst: boolean): void {
    if (this.sink === undefined) {
      if (isFirst) report(`${what} (further ones are only counted):`, thrown);
      return;
    }
    try {
      this.sink(what, thrown);
    } catch (failure) {
      report("a fault could not be logged:", failure);
    }
  }
}
