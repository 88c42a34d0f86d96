/**
 * Listening and accepting.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { AsyncQueue } from "../base/async_queue.ts";
import { OptionError } from "../base/errors.ts";
import { acceptedQueueMax } from "../base/limits.ts";
import type { AcceptedAddress } from "../base/peer_address.ts";
import { type EventLoop, loopFor } from "../loop/event_loop.ts";
import type { StreamConnection } from "../stream/connection.ts";
import { checkHandlers } from "../stream/options.ts";
import { SharedConfig } from "../stream/shared_config.ts";
import { applyUnixOptions } from "../stream/socket_options.ts";
import { socketsOf } from "../stream/table.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import { AcceptFilter, type AcceptFilterOptions } from "./accept_filter.ts";
import type { AcceptManner, AcceptSource } from "./accept_source.ts";
import type { Refusals } from "./admission.ts";
import { BoundSource } from "./bound_source.ts";
import { HandedSource } from "./handed_source.ts";
import { checkListenOptions } from "./options.ts";
import type { ListenOptions } from "./types.ts";

/**
 * The state of a listener. `"closing"`: it accepts no more, and the address or connections are still in use.
 * `"closed"`: the address is free and the last connection is gone.
 */
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
  return open(loop, options, (manner) => new BoundSource(loop, options, manner));
}

/** Options as those of `listen`, without what concerns the socket that listens. */
type HandedOptions<D> =
  & AcceptFilterOptions<D>
  & Pick<ListenOptions<D>, "limits" | "signal">
  & { loop: EventLoop };

/**
 * Makes a listener whose connections another loop has accepted: they come by `source.adopt`. `address`: where
 * they are accepted. Options of the sockets themselves (`noDelay`, `keepAlive`, buffers) are inherited from
 * the listener that accepted them and have no effect, except the send buffer of Unix sockets.
 */
export function listenHanded<D = undefined>(
  options: HandedOptions<D>,
  address: SocketAddress = { hostname: "0.0.0.0", port: 0, family: "IPv4" },
): { listener: Listener<D>; source: HandedSource } {
  checkListenOptions(options);
  const { loop } = options;
  let source: HandedSource | undefined;
  const listener = open(loop, options, (manner) => source = new HandedSource(loop, address, manner));
  return { listener, source: source! };
}

/** A loop that was made for this listener alone ends if listening fails. */
function open<D>(loop: EventLoop, options: ListenOptions<D>, make: MakeSource): Listener<D> {
  loop.retain();
  try {
    return makeListener(loop, options, make);
  } finally {
    loop.release();
  }
}

type MakeSource = (manner: AcceptManner) => AcceptSource;

/** The constructor, for this module alone. */
let makeListener: <D>(loop: EventLoop, options: ListenOptions<D>, make: MakeSource) => Listener<D>;
/** Calls back for each connection that a listener accepts, before it is judged. */
export let watchAccepts: <D>(listener: Listener<D>, accepted: (() => void) | undefined) => void;
/** Connections about to be opened: another loop has accepted them. */
export let pendingCountOf: <D>(listener: Listener<D>) => number;
/** Connections that another loop has accepted and that were closed without being opened. */
export let discardedCountOf: <D>(listener: Listener<D>) => number;
/** Whether a listener has as many connections as its limit allows. */
export let isAtLimit: <D>(listener: Listener<D>) => boolean;
/** Whether a listener has accepted a connection, which may be gone. */
export let hasAccepted: <D>(listener: Listener<D>, connection: Connection<D>) => boolean;
/** Lets a listener accept this many connections, within its limit, until it is called again; 0: none. */
export let giveTurn: <D>(listener: Listener<D>, count: number) => void;
/** The system's number of the listening socket, so that it can be given to another process. */
export let descriptorOf: <D>(listener: Listener<D>) => number;

/**
 * Accepts connections. Made by {@linkcode listen}.
 *
 * `for await (const connection of listener)` yields the connections; leaving the loop ends the iteration, not
 * the listener.
 */
export class Listener<D = undefined> implements AsyncDisposable, Disposable, AsyncIterable<Connection<D>> {
  static {
    makeListener = (loop, options, make) => new Listener(loop, options, make);
    watchAccepts = (listener, accepted) => listener.#whenAccepted = accepted;
    pendingCountOf = (listener) => listener.#source.pending;
    discardedCountOf = (listener) => listener.#source.discarded;
    isAtLimit = (listener) => listener.#count >= listener.#maxConnections;
    hasAccepted = (listener, connection) => listener.#filter.owns(connection);
    giveTurn = (listener, count) => listener.#giveTurn(count);
    descriptorOf = (listener) => listener.#source.descriptor;
  }

  /** Called for each connection accepted, before it is judged. */
  #whenAccepted: (() => void) | undefined = undefined;
  readonly #loop: EventLoop;
  readonly #options: ListenOptions<D>;
  readonly #config: SharedConfig<D>;
  readonly #maxConnections: number;
  /** Whether connections over a limit are refused instead of left in the kernel's queue. */
  readonly #refuses: boolean;
  readonly #filter: AcceptFilter<D>;
  readonly #source: AcceptSource;
  /** Accepted connections on their way to `for await`. */
  readonly #queue: AsyncQueue<Connection<D>>;
  readonly #closed = Promise.withResolvers<void>();
  readonly #onAbort = () => this.#source.stop();
  readonly #onPressure = (on: boolean) => {
    if (!this.#refuses) this.#pauseFor(pausedByPressure, on);
  };
  #count = 0;
  /** Why accepting is paused: the application, the queue of the iteration, the loop's limits, its turn. */
  #pausedBy = 0;
  /** Connections that come after the end of accepting are ended as well, gently or not. */
  #lateEnd: "close" | "abort" | undefined = undefined;

  private constructor(loop: EventLoop, options: ListenOptions<D>, make: MakeSource) {
    this.#loop = loop;
    this.#options = options;
    this.#config = new SharedConfig<D>(loop, loop.engine, socketsOf(loop), options);
    const { connections = 0, atLimit = "pause" } = options.limits ?? {};
    this.#maxConnections = connections || Infinity;
    this.#refuses = atLimit === "refuse";
    this.#filter = new AcceptFilter<D>(this.#config, options, {
      opened: (connection) => this.#open(connection),
      left: () => this.#left(),
    });
    this.#queue = new AsyncQueue(acceptedQueueMax, () => this.#pauseFor(pausedByQueue, this.#queue.isFull));
    this.#source = make({
      paused: this.#filter.startsPaused,
      accepts: this.#refuses ? 0 : connections,
    });
    this.#filter.listensAt(this.#source.address);
    this.#source.begin({
      accepted: (id, peer) => this.#accepted(id, peer),
      stopping: () => this.#stopping(),
      ended: () => this.#ended(),
    });
    const { pressure } = loop.engine;
    pressure?.watch(this.#onPressure);
    if (pressure?.on === true) this.#onPressure(true);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The address bound. */
  get address(): SocketAddress {
    return this.#source.address;
  }

  /** The path bound, of a Unix socket. */
  get unix(): string | undefined {
    return this.address.path;
  }

  /** The address bound, as text; `""` for a Unix socket, as the port is 0. */
  get hostname(): string {
    return this.address.hostname;
  }

  /** The port bound. */
  get port(): number {
    return this.address.port;
  }

  /** Its state. */
  get state(): ListenerState {
    if (this.#source.isStopped) return this.#isGone ? "closed" : "closing";
    return (this.#pausedBy & pausedByApplication) !== 0 ? "paused" : "listening";
  }

  /**
   * Connections that wait in the kernel to be accepted, and how many of them the kernel holds at most.
   * Undefined where the system does not report it: on Windows, and for Unix sockets.
   */
  backlog(): { length: number; limit: number } | undefined {
    return this.#source.backlog();
  }

  /** Connections open now. */
  get connectionCount(): number {
    return this.#count;
  }

  /** Connections that were cut before the application saw them, by reason. */
  get refusals(): Refusals {
    const counted = this.#filter.counted();
    return { ...counted, limit: counted.limit + this.#source.discarded };
  }

  /** Accepts no more for now; new connections wait in the kernel's backlog. */
  pause(): void {
    this.#pauseFor(pausedByApplication, true);
  }

  /** Accepts again. */
  resume(): void {
    this.#pauseFor(pausedByApplication, false);
  }

  /** The connections open now, in no particular order. */
  connections(): Connection<D>[] {
    return this.#filter.connections();
  }

  /**
   * Accepts no more, for good. Connections stay open.
   *
   * @param closeActiveConnections true: aborts the connections too.
   * @returns a promise that resolves when the address is free.
   */
  stop(closeActiveConnections = false): Promise<void> {
    this.#source.stop();
    if (closeActiveConnections) {
      this.#lateEnd = "abort";
      for (const connection of this.connections()) connection.abort();
    }
    return this.#source.ended;
  }

  /**
   * Accepts no more and ends every connection as `connection.close()` does: what is buffered is sent first.
   * Resolves when the address is free and the last connection is gone. `stop(true)` does not wait for peers,
   * also after this.
   */
  close(): Promise<void> {
    this.#source.stop();
    this.#lateEnd ??= "close";
    this.#filter.abortUnread();
    for (const connection of this.connections()) void connection.close();
    return this.closed;
  }

  /** Resolves when the address is free and the last connection is gone; never rejects. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * As {@linkcode stop}, when another process continues with the listening socket: the path of a
   * Unix socket stays, and clients that wait to be accepted are served there.
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
    return this.#source.handOn();
  }

  /** Replaces the handlers, also those of open connections. */
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
    this.#source.ref();
  }

  /** Does not keep the process alive. */
  unref(): void {
    this.#source.unref();
  }

  /** The connections as they are accepted. Ends when the listener stops. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Connection<D>> {
    return this.#queue.iterate();
  }

  /** The same as {@linkcode close}, without waiting. */
  [Symbol.dispose](): void {
    void this.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #isGone(): boolean {
    return this.#source.isEnded && this.#count === 0;
  }

  #accepted(id: number, peer: AcceptedAddress): boolean {
    this.#whenAccepted?.();
    // Handed over before the listener stopped: served, unless nobody would take it.
    const isLate = this.#source.isStopped;
    if (isLate && (this.#lateEnd === "abort" || this.#loop.ending || !this.#config.handled)) return false;
    const { engine } = this.#loop;
    if (this.#config.isUnix) applyUnixOptions(engine, id, this.#options);
    this.#loop.retain();
    this.#count += 1;
    const isTooMany = this.#count > this.#maxConnections || (this.#refuses && engine.pressure?.on === true);
    if (isTooMany) this.#filter.turnAway(id, "limit", peer);
    else this.#filter.enter(id, peer);
    return true;
  }

  #open(connection: StreamConnection<D>): void {
    const isGiven = !this.#config.handled || this.#queue.isActive;
    // Its PROXY header came after the listener stopped, and nobody would take it.
    if (isGiven && this.#source.isStopped) return connection.abort();
    connection.opened(this.#filter.beginsUnread(connection), isGiven);
    if (isGiven) this.#queue.push(connection);
    else if (this.#lateEnd === "close") connection.closeGently();
  }

  /** A connection has gone, opened or not. */
  #left(): void {
    this.#count -= 1;
    this.#source.released();
    this.#loop.release();
    if (this.#isGone) this.#closed.resolve();
  }

  #giveTurn(count: number): void {
    this.#source.allow(Math.min(count, this.#maxConnections - this.#count));
    this.#pauseFor(pausedByTurn, count === 0);
  }

  #pauseFor(reason: number, on: boolean): void {
    const before = this.#pausedBy;
    this.#pausedBy = on ? before | reason : before & ~reason;
    if (before === 0 && this.#pausedBy !== 0) this.#source.pause();
    if (before !== 0 && this.#pausedBy === 0) this.#source.resume();
  }

  #stopping(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#queue.end();
    for (const connection of this.#queue.clear()) connection.abort();
  }

  #ended(): void {
    this.#loop.engine.pressure?.unwatch(this.#onPressure);
    if (this.#isGone) this.#closed.resolve();
  }
}

const pausedByApplication = 1;
const pausedByQueue = 2;
const pausedByPressure = 4;
const pausedByTurn = 8;
