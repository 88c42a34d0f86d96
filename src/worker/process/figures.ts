/**
 * What a worker in a process of its own shows of itself: its loop's header and counters, and its board. They
 * lie in memory that the supervisor sees as well, so that nobody has to be asked for them.
 *
 * @module
 */
import type { LoopOptions } from "../../loop/options.ts";
import { measureLoop } from "../../loop/event_loop.ts";
import type { Lane } from "../../loop/native.ts";
import { loopElsewhere, type ShareableLoop } from "../../loop/remote_statistics.ts";
import { Gauges, gaugesBytes } from "../../server/gauges.ts";
import { type GivenParts, SharedParts } from "./shared_parts.ts";

export class ProcessFigures {
  readonly board: Gauges;
  /** To be read as any loop's; its handle names none of this process. */
  readonly loop: ShareableLoop;
  readonly #parts: SharedParts;

  /** For a worker whose loop will have these sizes. Throws where no memory can be shared. */
  constructor(options: LoopOptions) {
    const measure = measureLoop(options);
    this.#parts = SharedParts.create([measure.sharedBytes, gaugesBytes], options.library);
    const [loop, board] = this.#parts.buffers;
    this.loop = loopElsewhere(measure, loop);
    this.board = new Gauges(board);
  }

  /** Gives them to the worker. "busy": it is behind with taking. */
  give(lane: Lane): GivenParts | "busy" {
    return this.#parts.give(lane);
  }

  /** Nobody here reads them any more. */
  close(): void {
    this.#parts.close();
  }
}
