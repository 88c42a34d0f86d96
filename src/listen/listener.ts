/**
 * Listening and accepting.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { Flags, Operation } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import { AcceptedQueue } from "./accepted_queue.ts";
import type { Refusals } from "./admission.ts";
import { bindListener } from "./binding.ts";
import type { StreamConnection } from "../stream/connection.ts";
import { AcceptFilter } from "./accept_filter.ts";
import { type EventLoop, loopFor } from "../loop/event_loop.ts";
import { SharedConfig } from "../stream/shared_config.ts";
import { checkHandlers } from "../stream/options.ts";
import { checkListenOptions } from "./options.ts";
import { applyUnixOptions } from "../stream/socket_options.ts";
import { type Acceptor, type ConnectionTable, socketsOf } from "../stream/table.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import type { ListenOptions } from "./types.ts";

/** Where a listener stands. `"closing"`: it accepts no more, the kernel is yet to let go. */
export type ListenerState = "listening" | "paused" | "closing" | "closed";

/**
 * Listens for connections: TCP at `hostname` and `port`, Unix sockets at the path `unix`, or on a socket that
 * listens already (`inherited`, `fd`). The address is bound when this returns.
 *
 * @throws {AddressInUseError} and the like when the system refuses, with `code`, address and system number.
 * @throws {OptionError} for an unknown key or a wrong type.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   socket: {
 *     data(connection, window) {
 *       connection.write(window);
 *     },
 *   },
 * });
 * console.log(`listening at ${listener.hostname}:${listener.port}`);
 * ```
 */
export function listen<D = undefined>(options: ListenOptions<D> = {}): Listener<D> {
  checkListenOptions(options);
  options.signal?.throwIfAborted();
  const loop = loopFor(options.loop);
  loop.retain();
  try {
    return new Listener(loop, options);
  } catch (error) {
    loop.release();
    throw error;
  }
}

/**
 * A place that accepts connections. Made by {@linkcode listen}.
 *
 * `for await (const connection of listener)` yields the connections; leaving the loop ends the iteration, not
 * the listener.
 */
export class Listener<D = undefined> implements AsyncDisposable, Disposable, AsyncIterable<Connection<D>> {
  /** The address bound. */
  readonly address: SocketAddress;
  readonly #loop: EventLoop;
  readonly #engine: Engine;
  readonly #table: ConnectionTable;
  readonly #config: SharedConfig<D>;
  readonly #tag: number;
  readonly #id: number;
  readonly #connectionsMax: number;
  /** Whether what is too much is cut, instead of left in the kernel's queue. */
  readonly #refuses: boolean;
  /** Connections the library may accept before it is allowed more, 0 where it is not limited. */
  readonly #quota: number;
  readonly #gate: AcceptFilter<D>;
  readonly #queue: AcceptedQueue<D>;
  readonly #gone = Promise.withResolvers<void>();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.stop();
  readonly #onPressure = (on: boolean) => {
    if (!this.#refuses) this.#pauseFor(pausedByPressure, on);
  };
  /** Whether the library was told, when the listener was bound, to begin without reading. */
  readonly #startPaused: boolean;
  readonly #options: ListenOptions<D>;
  /** Called for each connection accepted, before it is judged. @internal */
  whenAccepted: (() => void) | undefined = undefined;
  #state: ListenerState = "listening";
  #count = 0;
  /** Why accepting is paused: the application, the queue of the iteration, the loop's limits. */
  #pausedBy = 0;
  #referenced = true;

  /** Use {@linkcode listen}. @internal */
  constructor(loop: EventLoop, options: ListenOptions<D>) {
    this.#loop = loop;
    this.#options = options;
    this.#engine = loop.engine;
    this.#table = socketsOf(loop);
    this.#config = new SharedConfig<D>(loop, loop.engine, socketsOf(loop), options);
    this.#connectionsMax = options.connections ?? Infinity;
    this.#refuses = options.atLimit === "refuse";
    this.#quota = this.#refuses ? 0 : options.connections ?? 0;
    this.#gate = new AcceptFilter<D>(this.#config, options, {
      opened: (connection) => this.#open(connection),
      turnedAway: () => this.#leave(),
      left: () => this.#leave(),
    });
    this.#startPaused = this.#gate.startsPaused;
    this.#tag = this.#table.nextTag();
    const bound = bindListener(this.#engine, this.#tag, options, {
      paused: this.#startPaused,
      accepts: this.#quota,
    });
    this.#id = bound.id;
    this.address = bound.address;
    this.#gate.listensAt(bound.address);
    this.#queue = new AcceptedQueue<D>((full) => this.#pauseFor(pausedByQueue, full));
    this.#table.addAcceptor(this.#tag, this.#acceptor());
    this.#engine.ref();
    const { pressure } = this.#engine;
    pressure?.watch(this.#onPressure);
    if (pressure?.on === true) this.#onPressure(true);
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The path bound, of a Unix socket. */
  get unix(): string | undefined {
    return this.address.path;
  }

  /**
   * The address bound, as text; `""` for a Unix socket, as the port is 0.
   */
  get hostname(): string {
    return this.address.hostname;
  }

  /** The port bound. */
  get port(): number {
    return this.address.port;
  }

  /** Where it stands. */
  get state(): ListenerState {
    return this.#state;
  }

  /**
   * Connections that wait in the kernel to be accepted, and how many of them the kernel holds at most.
   * Undefined where the system does not tell: on Windows, and for Unix sockets.
   */
  backlog(): { length: number; limit: number } | undefined {
    if (this.#state === "closing" || this.#state === "closed") return undefined;
    return this.#engine.native.listenerQueue(this.#id >>> 0);
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#count;
  }

  /** Connections that were cut before the application saw them, by reason. */
  get refusals(): Refusals {
    return this.#gate.counted();
  }

  /** Accepts no more for now; new connections wait in the kernel's backlog. */
  pause(): void {
    if (this.#state !== "listening") return;
    this.#state = "paused";
    this.#pauseFor(pausedByApplication, true);
  }

  /** Accepts again. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "listening";
    this.#pauseFor(pausedByApplication, false);
  }

  /**
   * Accepts no more, for good.
   *
   * @param closeActiveConnections true: aborts the connections too. They stay by default.
   */
  stop(closeActiveConnections = false): void {
    this.#end(0);
    if (!closeActiveConnections) return;
    for (const connection of this.connections()) connection.abort();
  }

  /** The connections open now, in no particular order. */
  connections(): Connection<D>[] {
    return this.#gate.connections();
  }

  /** Accepts no more, for good; resolves when the address is free again. Connections stay. */
  close(): Promise<void> {
    this.stop();
    return this.#gone.promise;
  }

  /**
   * As {@linkcode close}, when another process has the listening socket and goes on with it: the path of a
   * Unix socket stays, and whoever waits to be accepted is served there.
   *
   * @example
   * ```ts
   * import { listen } from "@ringport/ringport";
   *
   * const listener = listen({ hostname: "127.0.0.1", port: 0 });
   * await listener.handOn();
   * console.log(listener.state); // closed
   * ```
   */
  handOn(): Promise<void> {
    this.#end(Flags.handedOn);
    return this.#gone.promise;
  }

  /**
   * The system's number of the listening socket, so that it can be given to another process.
   *
   * @internal
   */
  get descriptor(): number {
    return this.#engine.native.descriptorOf(this.#id >>> 0);
  }

  /** Takes other handlers, for the connections there are as well. */
  reload(options: { socket: SocketHandlers<D> }): void {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("reload", "options", "options must be an object with socket");
    }
    checkHandlers("reload", options.socket);
    this.#config.handlers = options.socket;
    this.#config.handled = true;
  }

  /** Keeps the process alive while it listens: the default. */
  ref(): void {
    if (this.#referenced || this.#state === "closed") return;
    this.#referenced = true;
    this.#engine.ref();
  }

  /** Does not keep the process alive. */
  unref(): void {
    if (!this.#referenced) return;
    this.#referenced = false;
    this.#engine.unref();
  }

  /** The connections as they are accepted. Ends when the listener stops. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection<D>> {
    return this.#queue.iterate();
  }

  /** Stops and aborts its connections. */
  [Symbol.dispose](): void {
    this.stop(true);
  }

  /** Stops, aborts its connections, and waits until the address is free. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop(true);
    await this.#gone.promise;
  }

  #end(flags: number): void {
    if (this.#state !== "listening" && this.#state !== "paused") return;
    this.#state = "closing";
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#engine.submit(Operation.close, this.#id, 0, flags);
    this.#queue.end();
  }

  #acceptor(): Acceptor {
    return {
      number: this.#id,
      accepted: (id, family, w0, w1, w2, w3, port) => this.#accept(id, family, w0, w1, w2, w3, port),
      stop: () => this.stop(),
      left: () => this.#left(),
    };
  }

  #accept(
    id: number,
    family: number,
    w0: number,
    w1: number,
    w2: number,
    w3: number,
    port: number,
  ): void {
    this.whenAccepted?.();
    // Accepted in the same turn in which the listener stopped.
    if (this.#state === "closing" || this.#state === "closed") {
      this.#engine.submit(Operation.abort, id);
      return;
    }
    if (this.#config.isUnix) applyUnixOptions(this.#engine, id, this.#options);
    this.#loop.retain();
    this.#count += 1;
    const isTooMany = this.#count > this.#connectionsMax ||
      (this.#refuses && this.#engine.pressure?.on === true);
    if (isTooMany) this.#gate.turnAway(id, "limit", family, w0, w1, w2, w3);
    else this.#gate.enter(id, family, w0, w1, w2, w3, port);
  }

  #open(connection: StreamConnection<D>): void {
    const given = !this.#config.handled || this.#queue.active;
    const late = this.#state === "closing" || this.#state === "closed";
    // Its PROXY header came after the listener stopped, and nobody would take it.
    if (given && late) return connection.abort();
    connection.opened(this.#gate.beginsUnread(connection), given);
    if (given) this.#queue.push(connection);
  }

  /** A place is free again. */
  #leave(): void {
    this.#count -= 1;
    const listens = this.#state === "listening" || this.#state === "paused";
    if (this.#quota > 0 && listens) this.#engine.submit(Operation.allowAccepts, this.#id, 1);
    this.#loop.release();
  }

  #pauseFor(reason: number, on: boolean): void {
    const before = this.#pausedBy;
    this.#pausedBy = on ? before | reason : before & ~reason;
    if (this.#state === "closing" || this.#state === "closed") return;
    if (before === 0 && this.#pausedBy !== 0) this.#engine.submit(Operation.pause, this.#id);
    if (before !== 0 && this.#pausedBy === 0) this.#engine.submit(Operation.resumeReading, this.#id);
  }

  #left(): void {
    this.#engine.pressure?.unwatch(this.#onPressure);
    this.#table.removeAcceptor(this.#tag);
    this.#state = "closed";
    this.unref();
    this.#gone.resolve();
    this.#loop.release();
  }
}

const pausedByApplication = 1;
const pausedByQueue = 2;
const pausedByPressure = 4;
