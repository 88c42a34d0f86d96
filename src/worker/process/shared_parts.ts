/**
 * Buffers that several processes of a server share: one piece of the system's memory, in parts. It has no
 * name, only descriptors, so it is freed when the last process exits, even after a crash.
 *
 * @module
 */
import { messageOf } from "../../base/thrown.ts";
import { LimitError, RingportError } from "../../base/errors.ts";
import { measureLoop } from "../../loop/event_loop.ts";
import type { LoopOptions } from "../../loop/options.ts";
import {
  createSharedMemory,
  giveMemory,
  type Lane,
  native,
  openSharedMemory,
  type SharedMemory,
  takeDescriptor,
} from "../../loop/native.ts";
import { loopElsewhere, type ShareableLoop } from "../../loop/remote_statistics.ts";
import { Gauges, gaugesBytes } from "../../server/gauges.ts";

/** How another process finds them. */
export interface GivenParts {
  /** Names the memory where the process takes it, in base64. */
  ticket: string;
  sizes: readonly number[];
}

/** Bytes. Each part begins with a line of the cache. */
const alignment = 64;

export class SharedParts {
  readonly buffers: readonly ArrayBuffer[];
  readonly #memory: SharedMemory;
  readonly #sizes: readonly number[];
  readonly #library: string | undefined;

  private constructor(memory: SharedMemory, sizes: readonly number[], library: string | undefined) {
    this.#memory = memory;
    this.#sizes = sizes;
    this.#library = library;
    try {
      let offset = 0;
      this.buffers = sizes.map((size) => {
        const part = native("createSharedMemory", () => memory.part(offset, size));
        offset += roomOf(size);
        return part;
      });
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /** Makes buffers of these sizes, all zero. If none is available, the error is ERR_SHARED_MEMORY. */
  static create(sizes: readonly number[], library?: string): SharedParts {
    try {
      return new SharedParts(createSharedMemory(roomOfAll(sizes), library), sizes, library);
    } catch (cause) {
      throw failure("is not available", cause);
    }
  }

  /** The buffers that another process has made and given over this lane. */
  static take({ ticket, sizes }: GivenParts, lane: Lane, library?: string): SharedParts {
    try {
      const descriptor = takeDescriptor(Uint8Array.fromBase64(ticket), lane);
      if (descriptor === "exhausted") {
        throw new LimitError("this process has no descriptor left", { code: "EMFILE", operation: "start" });
      }
      return new SharedParts(openSharedMemory(descriptor, roomOfAll(sizes), library), sizes, library);
    } catch (cause) {
      throw failure("did not arrive", cause);
    }
  }

  /** Gives them to another process. "busy": it is behind with taking. */
  give(lane: Lane): GivenParts | "busy" {
    const ticket = giveMemory(this.#memory, lane);
    return ticket === "busy" ? ticket : { ticket: ticket.toBase64(), sizes: this.#sizes };
  }

  /** Nobody here uses them any more. They are detached. */
  close(): void {
    this.#memory.close();
  }
}

/**
 * The numbers of a worker's process: its loop's header and counters, and its gauges. They lie in memory that
 * the supervisor sees as well, so that the process need not be asked.
 */
export class ProcessMetrics {
  readonly gauges: Gauges;
  /** To be read as any loop's; its handle names none of this process. */
  readonly loop: ShareableLoop;
  readonly #parts: SharedParts;

  /** For a worker whose loop will have these sizes. Throws where no memory can be shared. */
  constructor(options: LoopOptions) {
    const measure = measureLoop(options);
    this.#parts = SharedParts.create([measure.sharedBytes, gaugesBytes], options.library);
    const [loop, gauges] = this.#parts.buffers;
    this.loop = loopElsewhere(measure, loop);
    this.gauges = new Gauges(gauges);
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

function roomOf(size: number): number {
  return Math.ceil(size / alignment) * alignment;
}

/** The system gives no memory of zero bytes, and a server without listeners has no parts. */
function roomOfAll(sizes: readonly number[]): number {
  return Math.max(alignment, sizes.reduce((sum, size) => sum + roomOf(size), 0));
}

function failure(what: string, cause: unknown): RingportError {
  const reason = messageOf(cause);
  const message = `memory shared by the processes of the server ${what} (option "isolation"): ${reason}`;
  const { systemError, systemName } = cause instanceof RingportError ? cause : {};
  const details = { code: "ERR_SHARED_MEMORY", operation: "start", origin: "kernel", cause } as const;
  return new RingportError(message, { ...details, systemError, systemName });
}
