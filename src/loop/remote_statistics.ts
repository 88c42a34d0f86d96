/**
 * A loop seen from another thread, even while its own is stuck.
 *
 * @module
 */
import type { LoopMeasure, ShareableLoop } from "../../ffi/port.ts";
import { Counters } from "./counters.ts";
import type { NativeStatistics } from "./native_statistics.ts";
import { LoadMeter } from "./load.ts";

export type { NativeStatistics } from "./native_statistics.ts";
export type { ShareableLoop } from "../../ffi/port.ts";

/** A loop of another process: its memory is seen here, itself is not. */
export function loopElsewhere(
  { statisticsOffset, sizes }: LoopMeasure,
  buffer: ArrayBufferLike,
): ShareableLoop {
  return { handle: 0, buffer, tables: new SharedArrayBuffer(0), headerOffset: 0, statisticsOffset, sizes };
}

/** The numbers of a loop as they stood at this moment, in memory of this thread's own. */
export function keepNumbers(loop: ShareableLoop): ShareableLoop {
  return { ...loop, buffer: loop.buffer.slice(0) };
}

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
