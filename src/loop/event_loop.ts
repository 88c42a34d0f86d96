/**
 * The event loop as an application sees it: usually not at all, since the thread's own is made when it is
 * first needed and ended when nothing uses it any more.
 *
 * @module
 */
import { report } from "../base/thrown.ts";
import { StateError } from "../base/errors.ts";
import { COMPLETIONS_PER_TURN_DEFAULT } from "../base/layout.ts";
import { checkOptions } from "../base/options.ts";
import { Engine } from "./engine.ts";
import { type LoopMeasure, type LoopSizes, measureSizes, native, openLoop } from "./native.ts";
import { type LoopOptions, loopSchema } from "./options.ts";
import { Pressure } from "./pressure.ts";
import { type LoopStatistics, readStatistics } from "./statistics.ts";
import { Trace, type TraceRole, type TraceSink } from "./trace.ts";

/** The sockets of a loop, as the loop itself knows them. */
export interface LoopSockets {
  /** Open connections. */
  readonly count: number;
  /** What the socket of an id is; undefined if it is gone or was not reported yet. */
  roleOf(id: number): TraceRole | undefined;
  /** Counts the datagrams that the kernel has dropped. */
  countDrops(): void;
  /** Stops every listener, gives up what is under way, aborts every connection and datagram socket. */
  endAll(): void;
}

/** One thread's event loop. Made by {@linkcode createLoop}; given to `listen` and `connect` as `loop`. */
export class EventLoop implements AsyncDisposable {
  /** True where mistakes with windows are looked for. */
  readonly development: boolean;
  /** @internal */
  readonly engine: Engine;
  /** @internal */
  sockets: LoopSockets | undefined = undefined;
  /** Listeners, connections and attempts on it. */
  #uses = 0;
  #left: (() => void) | undefined = undefined;
  #closing: Promise<void> | undefined = undefined;
  #referenced = false;
  /** Called when the last use has ended; only of the thread's own loop. */
  readonly #whenUnused: (() => void) | undefined;

  /** Use {@linkcode createLoop}. @internal */
  constructor(engine: Engine, development: boolean, whenUnused?: () => void) {
    this.development = development;
    this.engine = engine;
    this.#whenUnused = whenUnused;
  }

  /** The loop's counters, as they are now. */
  stats(): LoopStatistics {
    this.sockets?.countDrops();
    return readStatistics(this.engine, this.sockets?.count ?? 0);
  }

  /**
   * Tells `sink` of every operation that goes to the native library or comes from it, until it is called
   * again without one. For looking at what a loop does: it costs as much as the sink does.
   *
   * @example
   * ```ts
   * import { connect, createLoop, listen } from "@ringport/ringport";
   *
   * await using loop = createLoop();
   * loop.trace(({ stage, operation, bytes }) => console.log(stage, operation, bytes));
   * const { port } = listen({
   *   hostname: "127.0.0.1",
   *   loop,
   *   socket: { data: (connection, window) => void connection.write(window) },
   * });
   * const client = await connect({ hostname: "127.0.0.1", port, loop });
   * client.write("hello"); // submitted client.send 5, completed server.receive 5, ...
   * ```
   */
  trace(sink?: TraceSink): void {
    const { engine } = this;
    engine.trace = sink && new Trace(engine.native, (id) => this.sockets?.roleOf(id), sink, engine.faults);
  }

  /** `close` was called. @internal */
  get ending(): boolean {
    return this.#closing !== undefined;
  }

  /** Wakes the loop if it sleeps. */
  wake(): void {
    this.engine.native.wake();
  }

  /**
   * Stops the listeners on the loop, aborts the connections on it, and ends it. Resolves when all of them are
   * gone and the loop's memory is free.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Keeps the process alive even while nothing is open on the loop. */
  ref(): void {
    if (this.#referenced) return;
    this.#referenced = true;
    this.engine.ref();
  }

  /** Takes back {@linkcode ref}; open listeners and connections still keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.engine.unref();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One more listener, connection or attempt. @internal */
  retain(operation = "open"): void {
    if (this.#closing !== undefined || this.engine.lost) {
      const details = { code: "ERR_STATE", operation, origin: "application" } as const;
      throw new StateError(`${operation}: the loop is closed`, details);
    }
    this.#uses += 1;
  }

  /** One less. @internal */
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
export function createLoop(options: LoopOptions = {}): EventLoop {
  return createLoopIn(undefined, options);
}

/** Makes a loop whose numbers lie in this memory, which is as {@linkcode measureLoop} says. @internal */
export function createLoopIn(shared: ArrayBufferLike | undefined, options: LoopOptions): EventLoop {
  checkOptions("createLoop", options, loopSchema);
  return open(options, shared);
}

/** The measures of a loop's memory, for a thread that allocates it for another one. @internal */
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

/** The given loop, or the thread's own. */
export function loopFor(given: EventLoop | undefined): EventLoop {
  if (given !== undefined) return given;
  return threadLoop ??= open({}, undefined, endThreadLoop);
}

function endThreadLoop(): void {
  const loop = threadLoop;
  threadLoop = undefined;
  loop?.close().catch((error: unknown) => report("the thread's event loop did not end:", error));
}
