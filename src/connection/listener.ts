/**
 * Listening and accepting.
 *
 * @module
 */
import { formatHostAndPort, parseAddress, type SocketAddress } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { BACKLOG_DEFAULT, LISTEN_REQUEST_SIZE, Operation } from "../base/layout.ts";
import type { Engine } from "../loop/engine.ts";
import { AcceptedQueue } from "./accepted_queue.ts";
import { ConnectionCore } from "./core.ts";
import { type EventLoop, loopFor } from "./event_loop.ts";
import { Group, type GroupOwner } from "./group.ts";
import { checkHandlers, checkListenOptions } from "./options.ts";
import { writeListenRequest } from "./requests.ts";
import { applySocketOptions, readAddress } from "./settings.ts";
import type { Acceptor, ConnectionTable } from "./table.ts";
import type { Connection, ListenOptions, SocketHandlers } from "./types.ts";

/** The address listened at when none is given: every IPv4 address, as Bun does. */
const hostnameDefault = "0.0.0.0";

/** Where a listener stands. `"closing"`: it accepts no more, the kernel is yet to let go. */
export type ListenerState = "listening" | "paused" | "closing" | "closed";

/**
 * Listens for TCP connections. The address is bound when this returns.
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
  readonly #group: Group<D>;
  readonly #tag: number;
  readonly #id: number;
  readonly #connectionsMax: number;
  readonly #queue: AcceptedQueue<D>;
  readonly #gone = Promise.withResolvers<void>();
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.stop();
  /** Whether the library was told, when the listener was bound, to begin without reading. */
  readonly #startPaused: boolean;
  #state: ListenerState = "listening";
  #count = 0;
  /** Why accepting is paused: the application, the limit of connections, the queue of the iteration. */
  #pausedBy = 0;
  #referenced = true;

  /** Use {@linkcode listen}. @internal */
  constructor(loop: EventLoop, options: ListenOptions<D>) {
    this.#loop = loop;
    this.#engine = loop.engine;
    this.#table = loop.table;
    this.#group = new Group<D>(loop, loop.engine, loop.table, options);
    this.#group.owner = this.#owner();
    this.#connectionsMax = options.connections ?? Infinity;
    this.#startPaused = this.#group.handlers.data === undefined;
    this.#tag = this.#table.nextTag();
    this.#id = bindListener(this.#engine, this.#tag, options, { paused: this.#startPaused });
    this.#queue = new AcceptedQueue<D>((full) => this.#pauseFor(pausedByQueue, full));
    try {
      applySocketOptions(this.#engine, this.#id, "listen", options);
      this.address = readAddress(this.#engine, this.#id, "local");
    } catch (error) {
      this.#engine.submit(Operation.close, this.#id);
      throw error;
    }
    this.#table.addAcceptor(this.#tag, this.#acceptor());
    this.#engine.ref();
    this.#signal = options.signal;
    this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** The address bound, as text. */
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

  /** Connections open now. */
  get connectionCount(): number {
    return this.#count;
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
    if (this.#state === "listening" || this.#state === "paused") {
      this.#state = "closing";
      this.#signal?.removeEventListener("abort", this.#onAbort);
      this.#engine.submit(Operation.close, this.#id);
      this.#queue.end();
    }
    if (!closeActiveConnections) return;
    for (const connection of this.connections()) connection.abort();
  }

  /** The connections open now, in no particular order. */
  connections(): Connection<D>[] {
    return this.#table.connectionsOf(this.#group);
  }

  /** Accepts no more, for good; resolves when the address is free again. Connections stay. */
  close(): Promise<void> {
    this.stop();
    return this.#gone.promise;
  }

  /** Takes other handlers, for the connections there are as well. */
  reload(options: { socket: SocketHandlers<D> }): void {
    if (typeof options !== "object" || options === null) {
      throw new OptionError("reload", "options", "options must be an object with socket");
    }
    checkHandlers("reload", options.socket);
    this.#group.handlers = options.socket;
    this.#group.handled = true;
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

  #acceptor(): Acceptor {
    return {
      number: this.#id,
      accepted: (id) => this.#accept(id),
      stop: () => this.stop(),
      left: () => this.#left(),
    };
  }

  #owner(): GroupOwner<D> {
    return {
      left: () => {
        this.#count -= 1;
        if (this.#count === this.#connectionsMax - 1) this.#pauseFor(pausedByLimit, false);
        this.#loop.release();
      },
    };
  }

  #accept(id: number): void {
    // Accepted in the same turn in which the listener stopped or the limit was reached.
    if (this.#state === "closing" || this.#state === "closed" || this.#count >= this.#connectionsMax) {
      this.#engine.submit(Operation.abort, id);
      return;
    }
    this.#loop.retain();
    this.#count += 1;
    const connection = new ConnectionCore<D>(this.#group, id);
    this.#table.add(connection as unknown as ConnectionCore);
    if (this.#count >= this.#connectionsMax) this.#pauseFor(pausedByLimit, true);
    const given = !this.#group.handled || this.#queue.active;
    connection.opened(this.#startPaused, given);
    if (given) this.#queue.push(connection);
  }

  #pauseFor(reason: number, on: boolean): void {
    const before = this.#pausedBy;
    this.#pausedBy = on ? before | reason : before & ~reason;
    if (this.#state === "closing" || this.#state === "closed") return;
    if (before === 0 && this.#pausedBy !== 0) this.#engine.submit(Operation.pause, this.#id);
    if (before !== 0 && this.#pausedBy === 0) this.#engine.submit(Operation.resumeReading, this.#id);
  }

  #left(): void {
    this.#table.removeAcceptor(this.#tag);
    this.#state = "closed";
    this.unref();
    this.#gone.resolve();
    this.#loop.release();
  }
}

/** Binds a listener and returns its id; throws where the system refuses. */
export function bindListener(
  engine: Engine,
  tag: number,
  options: BindOptions,
  { paused = false, handOver = false }: { paused?: boolean; handOver?: boolean },
): number {
  const hostname = options.hostname ?? hostnameDefault;
  const port = options.port ?? 0;
  const address = parseAddress(hostname === "localhost" ? "127.0.0.1" : hostname);
  if (address === undefined) {
    throw new OptionError(
      "listen",
      "hostname",
      `option "hostname" must be an IP address or "localhost", not ${JSON.stringify(hostname)}`,
    );
  }
  const { segments } = engine;
  const segment = writeListenRequest(segments, {
    address,
    port,
    backlog: options.backlog ?? BACKLOG_DEFAULT,
    ipv6Only: options.ipv6Only ?? false,
    reusePort: options.reusePort ?? false,
    noDelay: options.noDelay ?? true,
    paused,
    handOver,
  });
  try {
    return engine.listenNow(segment, LISTEN_REQUEST_SIZE, tag, formatHostAndPort(hostname, port));
  } finally {
    segments.release(segment, 0, LISTEN_REQUEST_SIZE);
  }
}

/** Where and how to bind. */
export type BindOptions = Pick<
  ListenOptions,
  "hostname" | "port" | "backlog" | "ipv6Only" | "reusePort" | "noDelay"
>;

const pausedByApplication = 1;
const pausedByLimit = 2;
const pausedByQueue = 4;
