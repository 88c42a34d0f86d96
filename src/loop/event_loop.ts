/**
 * The event loop as an application sees it: usually not at all, since the thread's own is made when it is
 * first needed and ended when nothing uses it any more.
 *
 * @module
 */
import { report } from "../base/thrown.ts";
import { LimitError, OptionError, StateError } from "../base/errors.ts";
import { COMPLETIONS_PER_TURN_DEFAULT } from "../base/layout.ts";
import { checkOptions } from "../base/options.ts";
import { Engine } from "./engine.ts";
import { type LoopMeasure, type LoopSizes, measureSizes, native, openLoop } from "./native.ts";
import { type LoopOptions, loopSchema } from "./options.ts";
import { Pressure } from "./pressure.ts";
import { type LoopStatistics, readStatistics } from "./statistics.ts";
import type { Loop } from "./types.ts";
import type { Window } from "../memory/window.ts";
import { type SocketRole, Trace, type TraceSink } from "./trace.ts";

/** The sockets of a loop, as the loop itself knows them. */
export interface LoopSockets {
  /** Open connections. */
  readonly count: number;
  /** What the socket of an id is; undefined if it is gone or was not reported yet. */
  roleOf(id: number): SocketRole | undefined;
  /** Counts the datagrams that the kernel has dropped. */
  countDrops(): void;
  /** Stops every listener, gives up what is under way, aborts every connection and datagram socket. */
  endAll(): void;
}

/** A loop with its engine: what a {@linkcode Loop} is inside the library. */
export class EventLoop implements Loop {
  readonly development: boolean;
  readonly engine: Engine;
  sockets: LoopSockets | undefined = undefined;
  /** Listeners, connections and attempts on it. */
  #uses = 0;
  #left: (() => void) | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  #referenced = false;
  /** Called when the last use has ended; only of the thread's own loop. */
  readonly #whenUnused: (() => void) | undefined;

  constructor(engine: Engine, development: boolean, whenUnused?: () => void) {
    this.development = development;
    this.engine = engine;
    this.#whenUnused = whenUnused;
  }

  stats(): LoopStatistics {
    this.sockets?.countDrops();
    return readStatistics(this.engine, this.sockets?.count ?? 0);
  }

  window(bytes: Uint8Array): Window {
    if (!(bytes instanceof Uint8Array)) {
      throw new OptionError("window", "bytes", `the bytes must be a Uint8Array, not ${typeof bytes}`);
    }
    const { segments } = this.engine;
    const window = segments.ownWindow(bytes);
    if (window !== undefined) return window;
    const { size, heldByOwn, ownMax } = segments;
    const why = Math.ceil(bytes.length / size) + heldByOwn > ownMax
      ? `they may take ${ownMax} segments of ${size} bytes, ${heldByOwn} are taken (createLoop: segmentCount)`
      : "no run of free segments is long enough";
    throw new LimitError(`window: there is no room for ${bytes.length} bytes: ${why}`, {
      code: "ERR_WINDOW_LIMIT",
      operation: "window",
      origin: "application",
    });
  }

  trace(sink?: TraceSink): void {
    const { engine } = this;
    engine.trace = sink && new Trace(engine.native, (id) => this.sockets?.roleOf(id), sink, engine.faults);
  }

  /** `close` was called. */
  get ending(): boolean {
    return this.#closing !== undefined;
  }

  wake(): void {
    this.engine.native.wake();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  ref(): void {
    if (this.#referenced) return;
    this.#referenced = true;
    this.engine.ref();
  }

  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.engine.unref();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One more listener, connection or attempt. */
  retain(operation = "open"): void {
    if (this.#closing !== undefined || this.engine.lost) {
      const details = { code: "ERR_STATE", operation, origin: "application" } as const;
      throw new StateError(`${operation}: the loop is closed`, details);
    }
    this.#uses += 1;
  }

  /** One less. */
  release(): void {
    this.#uses -= 1;
    if (this.#uses > 0) return;
    this.#left?.();
    this.#whenUnused?.();
  }

  async #close(): Promise<void> {
    this.sockets?.endAll();
    if (this.#uses > 0) await new Promise<void>((resolve) => this.#left = resolve);
    this.unref();
    await this.engine.close();
  }
}

/**
 * Makes a loop with sizes of its own. End it with `close` when it is no longer needed.
 *
 * @throws {OptionError} for an unknown key, a wrong type, or sizes the library refuses.
 *
 * @example
 * ```ts
 * import { createLoop, listen } from "@ringport/ringport";
 *
 * await using loop = createLoop({ segmentCount: 1024, development: true });
 * await using listener = listen({ hostname: "127.0.0.1", loop });
 * console.log(listener.port, loop.stats().connections);
 * ```
 */
export function createLoop(options: LoopOptions = {}): Loop {
  return createEventLoop(options);
}

/** {@linkcode createLoop} for the library's own use; `shared` is memory as {@linkcode measureLoop} says. */
export function createEventLoop(options: LoopOptions = {}, shared?: ArrayBufferLike): EventLoop {
  checkOptions("createLoop", options, loopSchema);
  return open(options, shared);
}

/** The measures of a loop's memory, for a thread that allocates it for another one. */
export function measureLoop(options: LoopOptions): LoopMeasure {
  checkOptions("createLoop", options, loopSchema);
  return measureSizes(sizesOf(options), options.library);
}

function sizesOf(options: LoopOptions): LoopSizes {
  const { development: _, library: __, tasks: ___, memory: ____, connectionSlots: slots, ...sizes } = options;
  if (sizes.completionRecords !== undefined) {
    // A turn may not bring more than the ring holds.
    sizes.completionsPerTurn ??= Math.min(sizes.completionRecords, COMPLETIONS_PER_TURN_DEFAULT);
  }
  return { ...sizes, slots };
}

function open(options: LoopOptions, shared?: ArrayBufferLike, whenUnused?: () => void): EventLoop {
  const { development = false, library, tasks = 0, memory = 0 } = options;
  const loop = openLoop(sizesOf(options), library, shared);
  const engine = native("createLoop", () => new Engine(loop, development));
  if (tasks > 0 || memory > 0) {
    engine.pressure = new Pressure(engine, { tasks: tasks || Infinity, memory: memory || Infinity });
  }
  return new EventLoop(engine, development, whenUnused);
}

let threadLoop: EventLoop | undefined = undefined;

/** Whether `value` is a loop of {@linkcode createLoop}. */
export function isEventLoop(value: unknown): value is EventLoop {
  return value instanceof EventLoop;
}

/** The given loop, which the options' check has seen to be one, or the thread's own. */
export function loopFor(given: Loop | undefined): EventLoop {
  if (given !== undefined) return given as EventLoop;
  return threadLoop ??= open({}, undefined, endThreadLoop);
}

function endThreadLoop(): void {
  const loop = threadLoop;
  threadLoop = undefined;
  loop?.close().catch((error: unknown) => report("the thread's event loop did not end:", error));
}
