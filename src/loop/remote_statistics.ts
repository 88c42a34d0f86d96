/**
 * A loop seen from another thread, even while its own is stuck.
 *
 * @module
 */
import type { ShareableLoop } from "../../ffi/port.ts";
import { Counters, type NativeStatistics } from "./counters.ts";
import { LoadMeter } from "./load.ts";

export type { NativeStatistics } from "./counters.ts";
export type { ShareableLoop } from "../../ffi/port.ts";

/**
 * Reads the counters of a loop that another thread has sent as `engine.native.shareable`. It asks nobody: the
 * numbers lie in shared memory, and stay there when the loop or its thread has ended.
 */
export class RemoteStatistics {
  /** Names the loop for `wakeLoop` and `seizeLoop`. */
  readonly handle: number;
  readonly #counters: Counters;
  readonly #load = new LoadMeter();

  constructor(loop: ShareableLoop) {
    this.handle = loop.handle;
    this.#counters = new Counters(loop);
    this.#load.sample(this.#counters.load());
  }

  /** Polls so far. It stands still while the loop sleeps, and while its thread is stuck. */
  get heartbeat(): number {
    return this.#counters.heartbeat;
  }

  /** All of the library's numbers as they are now. */
  read(): NativeStatistics {
    return this.#counters.read();
  }

  /** Busy time by wall time since the last call or, the first time, since this object was made: 0 to 1. */
  utilisation(): number {
    return this.#load.sample(this.#counters.load());
  }
}
