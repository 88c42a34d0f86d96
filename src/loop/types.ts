/**
 * A loop as an application sees it.
 *
 * @module
 */
import type { Window } from "../memory/window.ts";
import type { LoopStatistics } from "./statistics.ts";
import type { TraceSink } from "./trace.ts";

/**
 * The event loop of one thread, made by `createLoop` and given to `listen`, `connect` and others as `loop`.
 * Without that option all sockets of a thread share one loop, which ends with the last of them.
 */
export interface Loop extends AsyncDisposable {
  /** Whether the loop detects windows that are used after their time. */
  readonly development: boolean;
  /** The loop's counters at this moment. */
  stats(): LoopStatistics;
  /**
   * Calls `sink` forevery operation that goes to the native library or comes from it, until `trace` is
   * called without a sink. It costs as much as the sink does.
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
  trace(sink?: TraceSink): void;
  /**
   * Copies bytes once into memory of the loop, as a kept window: written to any number of connections of this
   * loop, as often as wanted, without another copy. For cached bodies and other constant answers.
   *
   * All these windows together may take a quarter of the loop's segments (`segmentCount`, `segmentSize`), and
   * each begins a segment. Give it back with `release`, or with `using`; sends under way still complete.
   *
   * @throws {OptionError} for anything but a Uint8Array.
   * @throws {LimitError} with the code `ERR_WINDOW_LIMIT` when there is no room for them.
   *
   * @example
   * ```ts
   * import { createLoop, listen } from "@ringport/ringport";
   *
   * await using loop = createLoop();
   * using page = loop.window(new TextEncoder().encode("the same for everybody\n"));
   * await using listener = listen({
   *   hostname: "127.0.0.1",
   *   loop,
   *   socket: { open: (connection) => void connection.end(page) },
   * });
   * console.log(listener.port);
   * ```
   */
  window(bytes: Uint8Array): Window;
  /** Wakes the loop if it sleeps; may be called from any thread that has it. */
  wake(): void;
  /**
   * Stops the listeners on the loop, aborts its connections and ends it. Resolves when all of them are gone
   * and the loop's memory is free.
   */
  close(): Promise<void>;
  /** Keeps the process alive even while nothing is open on the loop. */
  ref(): void;
  /** Takes back {@linkcode Loop.ref}; open listeners and connections still keep the process alive. */
  unref(): void;
}
